//! What an error is printed as, and what becomes one.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::{Error, ErrorKind};
use crate::state::{Cut, InvalidMarks, Misuse};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match (&inner.message, &inner.operation, &inner.stage) {
            (Some(message), None, _) => write!(f, "{message}")?,
            (Some(message), Some(operation), Some(stage)) => {
                write!(f, "failed to {operation} `{stage}`: {message}")?;
            }
            (None, Some(operation), Some(stage)) => write!(f, "failed to {operation} `{stage}`")?,
            _ => f.write_str(match inner.kind {
                ErrorKind::Io(_) => "a system call failed",
                _ => "the stream failed",
            })?,
        }
        if let Some((offset, unit)) = &inner.offset {
            write!(f, " at {unit} {offset}")?;
        }
        if f.alternate() {
            let mut cause = self.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("operation", &inner.operation)
            .field("stage", &inner.stage)
            .field("offset", &inner.offset)
            .field("cause", &inner.cause)
            .field("others", &self.others().count())
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn StdError + 'static))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // An error of ours that went through `Read` or `Write` comes back as what it was.
        let kind = error.kind();
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::build(ErrorKind::Io(kind), Some(Box::new(error))),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Io(kind) => kind,
            ErrorKind::PrematureClose => io::ErrorKind::UnexpectedEof,
            ErrorKind::Closed | ErrorKind::Ended => io::ErrorKind::BrokenPipe,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::WouldBlock => io::ErrorKind::WouldBlock,
            ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
            ErrorKind::Deadlock => io::ErrorKind::Deadlock,
            // Not `Interrupted`, which callers retry for ever.
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        match misuse {
            Misuse::WriteAfterEnd => Self::ended(),
            other => Self::new(ErrorKind::Ended, other.to_string()),
        }
    }
}

impl From<Cut> for Error {
    fn from(cut: Cut) -> Self {
        let (kind, offset, unit) = match cut {
            Cut::Behind { offset, unit, .. } => (ErrorKind::LimitExceeded, offset, unit),
            Cut::Slow { offset, unit, .. } => (ErrorKind::TimedOut, offset, unit),
        };
        Self::new(kind, cut.to_string()).at_unit(offset, unit)
    }
}

impl From<InvalidMarks> for Error {
    fn from(marks: InvalidMarks) -> Self {
        Self::new(ErrorKind::InvalidInput, marks.to_string())
    }
}
