//! A wait that belongs to no stream and that a token ends: a connect, an accept, a relay.

use super::Waker;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};

/// A waker and the token that wakes it.
#[derive(Debug)]
pub(crate) struct CancellableWait {
    pub(crate) waker: Waker,
    token: Option<CancelToken>,
}

/// How a token was used.
pub(crate) enum CancelRequest {
    Stop,
    Abort(Error),
}

impl CancellableWait {
    /// Without a token nothing but its own end ends the wait.
    pub(crate) fn new(token: Option<&CancelToken>) -> Self {
        let waker = Waker::new();
        if let Some(token) = token {
            waker.register_with(token);
        }
        Self {
            waker,
            token: token.cloned(),
        }
    }

    /// Whether there is no token that could end the wait.
    pub(crate) const fn is_endless(&self) -> bool {
        self.token.is_none()
    }

    /// Fails once the token was used.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.token {
            Some(token) if token.is_cancelled() => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }

    /// How the token was used, after a wake. Once it was stopped it may still be aborted, which wakes
    /// again.
    pub(crate) fn take_request(&self) -> Option<CancelRequest> {
        let token = self.token.as_ref()?;
        // Cleared before the token is looked at, so that a use of it from now on wakes again.
        self.waker.clear();
        Some(match token.cause() {
            Some(cause) => CancelRequest::Abort(cause),
            None => CancelRequest::Stop,
        })
    }

    /// The error for the caller: of a cancel, its cause.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Cancelled {
            return error;
        }
        let cause = self.token.as_ref().and_then(CancelToken::cause);
        cause.unwrap_or_else(|| Error::new(ErrorKind::Cancelled, "stopped"))
    }
}
