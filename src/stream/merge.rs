//! Many sources, one stream: as they come, or one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{self, Builder};

use super::into::IntoSource;
use super::readable::Readable;
use crate::cancel::{CancelToken, Interrupt};
use crate::channel::Channel;
use crate::channel::mark::{HighWaterMark, Unit};
use crate::error::Error;
use crate::stage::file_id::FileId;
use crate::stage::hooks::SourceHooks;
use crate::stage::source;
use crate::stage::source::{HookedSource, Source};
use crate::threads::worker::Worker;

/// Reads from all sources at once, and gives their chunks as they come.
///
/// Each source is read by its own thread, into one buffer; the order of one source's chunks is
/// kept. [`concat`](fn@concat) reads one after the other. The stream ends when all have ended, and fails with the first that does: the others are
/// then read no more. Beside the buffer each source may hold one chunk.
///
/// # Examples
///
/// ```
/// use highwater::{HighWaterMark, Readable};
/// use highwater::stream::merge;
///
/// let mark = HighWaterMark::items(4);
/// let sources = (0..3).map(|n| Readable::from_iter((0..10).map(move |i| 10 * n + i), mark));
/// let mut all = merge(sources, mark).to_vec(100)?;
/// all.sort_unstable();
/// assert_eq!(all, Vec::from_iter(0..30));
/// # Ok::<(), highwater::Error>(())
/// ```
#[must_use]
pub fn merge<T, S, U>(sources: impl IntoIterator<Item = S>, mark: HighWaterMark<U>) -> Readable<T>
where
    T: Send + 'static,
    S: IntoSource<T, Source: 'static>,
    U: Unit<T>,
{
    let mut sources: Vec<_> = sources.into_iter().map(S::into_source).collect();
    let files = sources.iter_mut().flat_map(S::Source::files).collect();
    let channel = Arc::new(Channel::new(mark.strategy()));
    let token = channel.token();
    sources.iter_mut().for_each(|source| source.aborts(&token));
    let interrupt = Interrupt::all(sources.iter().filter_map(Source::interrupt));
    channel.attach_source(interrupt.clone());
    let filled = Arc::clone(&channel);
    let worker = Worker::new("highwater-merge".to_owned(), move || {
        read_all(&filled, sources, interrupt.as_ref());
    });
    Readable::of(channel, worker, None).reading(files)
}

/// Reads every source on its own thread, until all have ended.
fn read_all<T: Send, S: Source<T>>(
    channel: &Channel<T>,
    sources: Vec<S>,
    interrupt: Option<&Interrupt>,
) {
    thread::scope(|scope| {
        for (index, source) in sources.into_iter().enumerate() {
            channel.add_producer();
            let read = move || {
                // The error stays with the stream, and its reader gets it. The others are not read
                // on, because their chunks could not be delivered.
                if let (Err(_), Some(interrupt)) = (source::run(channel, source), interrupt) {
                    interrupt.wake();
                }
            };
            let name = format!("highwater-merge-{index}");
            if let Err(error) = Builder::new().name(name).spawn_scoped(scope, read) {
                let _ = channel.fail(Error::from(error).during("start the threads of", "merge"));
                return;
            }
        }
        // So far the channel was kept open by this.
        channel.end_producer();
    });
}

/// Reads one source after the other, each to its end: what [`chain`](Iterator::chain) is for
/// iterators. [`merge`] reads all of them at once.
///
/// A source that [confirms](SourceHooks::confirms) is kept, and finished after the end of the last one.
/// An error fails all sources that were not dropped yet.
///
/// # Examples
///
/// ```
/// use highwater::pipeline;
/// use highwater::stream::concat;
///
/// let (_, both) = pipeline(concat([&b"one"[..], &b"two"[..]])).to(Vec::new()).run_into()?;
/// assert_eq!(both.into_inner(), b"onetwo");
/// # Ok::<(), highwater::Error>(())
/// ```
#[doc(alias = "chain")]
pub fn concat<T, S: IntoSource<T>>(sources: impl IntoIterator<Item = S>) -> Concat<S::Source> {
    Concat {
        sources: sources.into_iter().map(S::into_source).collect(),
        ended: Vec::new(),
        part: 0,
        stream: None,
    }
}

/// See [`concat`](fn@concat).
#[derive(Debug)]
pub struct Concat<S> {
    /// The one that is read, and those that are not yet. One that has ended is dropped at once,
    sources: VecDeque<S>,
    /// unless it confirms: then it waits for the end of the last one.
    ended: Vec<S>,
    /// How many have ended, with the parts of those that had any.
    part: usize,
    /// What the one that is read aborts, if it is torn down.
    stream: Option<CancelToken>,
}

impl<T, S: Source<T>> Source<T> for Concat<S> {
    fn read(&mut self) -> Result<Option<T>, Error> {
        while let Some(current) = self.sources.front_mut() {
            if let Some(chunk) = current.read()? {
                return Ok(Some(chunk));
            }
            self.part += current.part() + 1;
            let confirms = current.confirms();
            let ended = self.sources.pop_front();
            self.ended.extend(ended.filter(|_| confirms));
            if let (Some(next), Some(stream)) = (self.sources.front_mut(), &self.stream) {
                next.aborts(stream);
            }
        }
        Ok(None)
    }

    fn fail(&mut self, cause: &Error) {
        for source in self.ended.iter_mut().chain(&mut self.sources) {
            source.fail(cause);
        }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        Interrupt::all(self.sources.iter().filter_map(Source::interrupt))
    }

    fn name(&self) -> Cow<'_, str> {
        let current = self.sources.front();
        current.map_or(Cow::Borrowed("concat"), Source::name)
    }

    fn len_hint(&self) -> Option<u64> {
        self.sources.iter().map(Source::len_hint).sum()
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<T>> {
        Some(self)
    }
}

impl<T, S: Source<T>> SourceHooks<T> for Concat<S> {
    fn confirms(&mut self) -> bool {
        !self.ended.is_empty()
    }

    fn finish(&mut self) {
        self.ended.iter_mut().for_each(S::finish);
    }

    fn aborts(&mut self, stream: &CancelToken) {
        if let Some(first) = self.sources.front_mut() {
            first.aborts(stream);
        }
        self.stream = Some(stream.clone());
    }

    fn part(&mut self) -> usize {
        self.part + self.sources.front_mut().map_or(0, S::part)
    }

    fn set_chunk_bytes(&mut self, most: usize) {
        for source in &mut self.sources {
            source.set_chunk_bytes(most);
        }
    }

    fn files(&mut self) -> Vec<FileId> {
        self.sources.iter_mut().flat_map(S::files).collect()
    }
}
