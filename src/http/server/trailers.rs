//! What is told behind the body of an answer.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Error;
use crate::http::proto;
use crate::threads::sync::Mutex;

/// Fields that follow the body of an answer: what is known only when all of it was written, such as
/// a hash of it.
///
/// They can be set until the body is finished, from any thread. Only a body in chunks has a place
/// for them: where the length was told before it, and for a client of HTTP/1.0, they are dropped. A
/// clone sets the same ones.
#[derive(Clone, Default)]
pub struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    /// Sets a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no name, or no
    /// value, and for a field that has no business behind a body, such as those that tell where it
    /// ends.
    pub fn set<N, V>(&self, name: N, value: V) -> Result<&Self, Error>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = super::field::field(name, value)?;
        if !proto::is_trailer(&name) {
            return Err(super::field::refused(&name, "has no place behind a body"));
        }
        self.0.lock().insert(name, value);
        Ok(self)
    }

    pub(in crate::http) fn take(&self) -> HeaderMap {
        std::mem::take(&mut *self.0.lock())
    }
}

impl fmt::Debug for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trailers").field(&*self.0.lock()).finish()
    }
}
