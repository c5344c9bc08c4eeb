//! A field of a header, as a handler gives it.

use http::{HeaderName, HeaderValue};

use crate::error::{Error, ErrorKind};

/// Makes a field of a name and a value. Neither can break out of its line.
pub(in crate::http) fn field<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue), Error>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = name.try_into().map_err(|_| {
        let message = "that is no name of a header field";
        Error::new(ErrorKind::InvalidInput, message)
    })?;
    let value = value
        .try_into()
        .map_err(|_| refused(&name, "has a value that no header field can have"))?;
    Ok((name, value))
}

/// Says of a field why it was not taken.
pub(in crate::http) fn refused(name: &HeaderName, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("`{name}` {why}"))
}
