//! Panics, made errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Error;

/// Runs a user's code, and makes a panic of it an error.
pub(crate) fn guard<R>(work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    // Unwind safe: what a panic leaves unfinished is dropped, and never used again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(caught(payload)))
}

/// The error of a panic.
pub(crate) fn caught(payload: Box<dyn Any + Send>) -> Error {
    let error = Error::panicked(&*payload);
    // It is of a user's type, and may panic when it is dropped. That second panic is ignored.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
    error
}
