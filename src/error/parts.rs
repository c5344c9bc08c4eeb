//! An error as plain values, to be sent to another process.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::{Error, ErrorKind};

/// The content of an [`Error`] as values, without what failed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorParts {
    pub(crate) kind: ErrorKind,
    /// It is no failure: no more is needed.
    pub(crate) enough: bool,
    pub(crate) message: Option<String>,
    /// What was being done, and to what.
    pub(crate) during: Option<(String, String)>,
    /// With the unit that it is in.
    pub(crate) offset: Option<(u64, String)>,
    /// The text of each cause, the nearest first.
    pub(crate) sources: Vec<String>,
}

impl Error {
    /// Takes the values out of an error.
    pub(crate) fn parts(&self) -> ErrorParts {
        let inner = &*self.0;
        let during = inner.operation.as_deref().zip(inner.stage.as_deref());
        let sources = std::iter::successors(self.source(), |error| (*error).source());
        ErrorParts {
            kind: inner.kind,
            enough: inner.enough,
            message: inner.message.as_deref().map(str::to_owned),
            during: during.map(|(doing, stage)| (doing.to_owned(), stage.to_owned())),
            offset: inner
                .offset
                .as_ref()
                .map(|(offset, unit)| (*offset, unit.to_string())),
            sources: sources.map(ToString::to_string).collect(),
        }
    }

    /// Makes an equal error out of the values. Its causes are texts.
    pub(crate) fn from_parts(parts: ErrorParts) -> Self {
        if parts.enough {
            return Self::enough();
        }
        let sources = parts.sources.into_iter().rev();
        let cause = sources.fold(None, |source, text| {
            Some(Box::new(CauseText { text, source }))
        });
        let cause = match (cause, parts.kind) {
            // So that `io_error` finds one, with the same text and the same causes.
            (Some(cause), ErrorKind::Io(kind)) => Some(io::Error::new(kind, cause).into()),
            (Some(cause), _) => Some(cause as Box<dyn StdError + Send + Sync>),
            (None, _) => None,
        };
        Self::build(parts.kind, cause).edit(|inner| {
            inner.message = parts.message.map(String::into_boxed_str);
            if let Some((doing, stage)) = parts.during {
                inner.operation = Some(doing.into());
                inner.stage = Some(stage.into_boxed_str());
            }
            inner.offset = parts.offset.map(|(offset, unit)| (offset, unit.into()));
        })
    }
}

/// A cause whose type is known elsewhere.
#[derive(Debug)]
struct CauseText {
    text: String,
    source: Option<Box<Self>>,
}

impl fmt::Display for CauseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for CauseText {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
