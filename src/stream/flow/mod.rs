//! The operators on anything that is read, on the reading thread.

mod adapters;
mod readable;
mod reads;

use std::borrow::Cow;
use std::fmt;

use super::readable::Readable;
use crate::cancel::{CancelToken, Interrupt};
use crate::channel::mark::{HighWaterMark, Unit};
use crate::error::Error;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SourceHooks;
use crate::stage::source::Source;

/// The items of something that is read, with operators on them: it is to `Result<T, Error>` what
/// an [`Iterator`] is to items.
///
/// [`Readable::flow`] makes one of a stream, and [`flow`] one of anything that is read as an
/// iterator over results. The operators have the names and the meaning that they have in std: the
/// closures get the items, and an error goes through all of them, behind what was read before it.
/// They run when it is read: nothing is read ahead of that, and nothing is buffered.
///
/// A `for` loop over it gives the results one by one, errors included. It is no iterator itself,
/// because the methods of an iterator over results would bear the same names and give the closures
/// the results. What it is made of is dropped with it, so if it ends early, the next write of the
/// stream's writer fails.
///
/// | method | Node's | reads up to |
/// | --- | --- | --- |
/// | [`map`](Self::map), [`try_map`](Self::try_map), [`filter`](Self::filter), [`inspect`](Self::inspect) | `map`, `filter` | as far as it is read |
/// | [`flat_map`](Self::flat_map) | `flatMap` | as far as it is read |
/// | [`take`](Self::take), [`skip`](Self::skip) | `take`, `drop` | the last item that is taken |
/// | [`chunks_of`](Self::chunks_of) | | as far as it is read |
/// | [`for_each`](Self::for_each), [`try_for_each`](Self::try_for_each) | `forEach` | the end, or the first error |
/// | [`fold`](Self::fold), [`try_fold`](Self::try_fold) | `reduce` | the end, or the first error |
/// | [`any`](Self::any), [`all`](Self::all), [`find`](Self::find) | `some`, `every`, `find` | the item that decides |
/// | [`to_vec`](Self::to_vec), [`to_bytes`](Self::to_bytes) | `toArray` | the end, or the limit |
/// | [`buffered`](Self::buffered) | | the mark of the [`Readable`] that it makes |
#[must_use = "a flow reads nothing before it is read"]
pub struct Flow<I> {
    items: I,
    /// Wakes its reader when that waits for the underlying stream.
    interrupt: Option<Interrupt>,
    /// The files that are read for it, where they are known.
    files: Vec<FileId>,
    /// Has what it is made of abort a stream.
    aborts: Option<Aborts>,
}

type Aborts = Box<dyn Fn(&CancelToken) + Send>;

impl<I> Flow<I> {
    /// The same with something done to its items.
    fn with<J>(self, change: impl FnOnce(I) -> J) -> Flow<J> {
        Flow {
            items: change(self.items),
            interrupt: self.interrupt,
            files: self.files,
            aborts: self.aborts,
        }
    }
}

/// Puts the operators of a [`Flow`] on anything that is read as an iterator over results.
///
/// # Examples
///
/// ```
/// use highwater::Error;
/// use highwater::stream::flow;
///
/// let words = ["one", "two", "three"].map(Ok::<_, Error>);
/// let long = flow(words).filter(|word| word.len() > 3).to_vec(10)?;
/// assert_eq!(long, ["three"]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn flow<T, I: IntoIterator<Item = Result<T, Error>>>(items: I) -> Flow<I::IntoIter> {
    Flow {
        items: items.into_iter(),
        interrupt: None,
        files: Vec::new(),
        aborts: None,
    }
}

/// The results, one by one.
impl<I: Iterator> IntoIterator for Flow<I> {
    type Item = I::Item;
    type IntoIter = I;

    fn into_iter(self) -> I {
        self.items
    }
}

impl<T, I: Iterator<Item = Result<T, Error>>> Flow<I> {
    /// Reads ahead from here on, up to a mark, on a thread of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::HighWaterMark;
    /// use highwater::stream::flow;
    ///
    /// let numbers = flow((1..=3).map(Ok)).map(|n| 2 * n); // runs on that thread
    /// let ahead = numbers.buffered(HighWaterMark::items(4));
    /// assert_eq!(ahead.to_vec(10)?, [2, 4, 6]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn buffered<U: Unit<T>>(self, mark: HighWaterMark<U>) -> Readable<T>
    where
        T: Send + 'static,
        I: Send + 'static,
    {
        Readable::from_source(self, mark)
    }
}

/// As the source of a stream it is read on that stream's thread.
impl<T, I: Iterator<Item = Result<T, Error>> + Send> Source<T> for Flow<I> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        self.items.next().transpose()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.interrupt.clone()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("flow")
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        Some(self)
    }
}

impl<T, I: Iterator<Item = Result<T, Error>> + Send> SourceHooks<T> for Flow<I> {
    fn aborts(&mut self, stream: &CancelToken) {
        if let Some(aborts) = &self.aborts {
            aborts(stream);
        }
    }

    fn files(&mut self) -> Vec<FileId> {
        self.files.clone()
    }
}

impl<I> fmt::Debug for Flow<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow(..)")
    }
}
