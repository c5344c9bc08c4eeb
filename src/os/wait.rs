//! A wait of no stream's, such as a connect or an accept, that a token ends.

use std::sync::Arc;

use super::{WakeOnCancel, Waker};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};

/// A wait that a token ends.
#[derive(Debug)]
pub(crate) struct CancellableWait {
    pub(crate) waker: Waker,
    token: Option<CancelToken>,
    /// What the token reaches the waker by.
    _registered: Arc<WakeOnCancel>,
}

impl CancellableWait {
    pub(crate) fn new(token: Option<&CancelToken>) -> Self {
        let waker = Waker::new();
        let registered = WakeOnCancel::new(&waker);
        if let Some(token) = token {
            token.register(registered.target());
        }
        Self {
            waker,
            token: token.cloned(),
            _registered: registered,
        }
    }

    /// Says whether nothing can end the wait.
    pub(crate) const fn is_endless(&self) -> bool {
        self.token.is_none()
    }

    /// Says no once the token was used.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.token {
            Some(token) if token.is_cancelled() => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }

    /// Makes of an error what the caller is to be told: of a cancel, its cause.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Cancelled {
            return error;
        }
        let cause = self.token.as_ref().and_then(CancelToken::cause);
        cause.unwrap_or_else(|| Error::new(ErrorKind::Cancelled, "stopped"))
    }
}
