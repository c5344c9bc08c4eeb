//! A header, as a handler sets it.
//!
//! Pure conversions of names and values: nothing is shared or locked, and nothing waits. The types of
//! the crate `http` ensure that neither a name nor a value contains a line break.

use http::{HeaderName, HeaderValue};

use crate::error::{Error, ErrorKind};

/// Converts a name and a value.
pub(in crate::http) fn field<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue), Error>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = name
        .try_into()
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "not a valid header name"))?;
    let value = value
        .try_into()
        .map_err(|_| invalid(&name, "has a value that is not valid in a header"))?;
    Ok((name, value))
}

/// The error for a header that was not accepted.
pub(in crate::http) fn invalid(name: &HeaderName, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("`{name}` {why}"))
}
