//! The reading end of a stream, and the thread that brings in what is read.

mod parts;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::std_io::ReadSource;
use super::writable::Writable;
use crate::cancel::{Cancel, CancelToken};
use crate::channel::mark::{HighWaterMark, InBytes, Unit};
use crate::channel::{Channel, Wait};
use crate::error::Error;
use crate::stage::file_id::FileId;
use crate::stage::source;
use crate::stage::source::{FromFn, HookedSource, Iter, Source};
use crate::threads::worker::Worker;

/// The reading end of a stream: Node's `Readable`.
///
/// It is an [`Iterator`] over `Result<T, Error>`, and for bytes also a [`Read`](io::Read) and a
/// [`BufRead`](io::BufRead); all three may be mixed. [`flow`](Self::flow) has the operators over
/// its items. What is read comes from a writer, if this is
/// one end of a [`channel`](crate::channel), or from a source, which a thread of this handle's own
/// reads ahead, up to the high-water mark and no further. That thread starts with the first read.
///
/// # Ending
///
/// Every chunk comes in order, then the end at every further call. An error comes once from the
/// iterator, behind what was written before it, and then nothing more does, so that a loop that
/// ignores errors comes to an end; the other reads return it every time. After a handle was
/// dropped early, the next write fails with [`Closed`](crate::ErrorKind::Closed).
///
/// # Examples
///
/// ```
/// use highwater::{HighWaterMark, Readable};
///
/// let numbers = Readable::from_iter(1..=4, HighWaterMark::items(2));
/// let sum: Result<u32, _> = numbers.sum();
/// assert_eq!(sum?, 10);
/// # Ok::<(), highwater::Error>(())
/// ```
pub struct Readable<T> {
    channel: Arc<Channel<T>>,
    /// What is left of a chunk that was read in part, by way of `Read` or `BufRead`.
    current: Option<T>,
    /// The iterator has returned the error.
    failed: bool,
    /// Brings the chunks in. Gone if they come from a writer.
    worker: Worker<()>,
    /// What a token acts on, if that is more than the channel.
    whole: Option<Arc<dyn Cancel>>,
    /// The files that it is read from, where they are known.
    files: Vec<FileId>,
}

impl<T: Send + 'static> Readable<T> {
    /// Makes a stream that is read from `source`.
    pub fn from_source<U: Unit<T>>(
        mut source: impl Source<T> + 'static,
        mark: HighWaterMark<U>,
    ) -> Self {
        let channel = Arc::new(Channel::new(mark.strategy()));
        channel.attach_source(source.interrupt());
        source.aborts(&channel.token());
        let files = source.files();
        let name = format!("highwater-read {}", source.name());
        let brought_to = Arc::clone(&channel);
        let worker = Worker::new(name, move || {
            // The error stays with the stream, and its reader gets it.
            let _ = source::run(&*brought_to, source);
        });
        Self::of(channel, worker, None).reading(files)
    }

    /// Makes a stream out of an iterator, which runs on a thread of the stream's own.
    pub fn from_iter<U: Unit<T>>(
        items: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
        mark: HighWaterMark<U>,
    ) -> Self {
        Self::from_source(Iter(items.into_iter()), mark)
    }

    /// Makes a stream out of a closure, which is called for each chunk until it returns `None`.
    pub fn from_fn<U: Unit<T>>(
        next: impl FnMut() -> Result<Option<T>, Error> + Send + 'static,
        mark: HighWaterMark<U>,
    ) -> Self {
        Self::from_source(FromFn(next), mark)
    }
}

impl Readable<Bytes> {
    /// Makes a stream of bytes that is read from any [`io::Read`].
    ///
    /// A blocked read of it cannot be interrupted, except for the types listed at [`ReadSource`],
    /// so dropping the stream waits for the read. The ends in [`fs`](crate::fs) and
    /// [`net`](crate::net) can be interrupted.
    pub fn from_read(reader: impl io::Read + Send + 'static, mark: HighWaterMark<InBytes>) -> Self {
        Self::from_source(ReadSource::new(reader, "reader"), mark)
    }
}

impl<T> Readable<T> {
    /// The reading end of a channel.
    pub(crate) const fn of_channel(channel: Arc<Channel<T>>) -> Self {
        Self::of(channel, Worker::Gone, None)
    }

    /// The end of a channel that `worker` fills. `whole` is what a token acts on, if that is more
    /// than the channel.
    pub(crate) const fn of(
        channel: Arc<Channel<T>>,
        worker: Worker<()>,
        whole: Option<Arc<dyn Cancel>>,
    ) -> Self {
        Self {
            channel,
            current: None,
            failed: false,
            worker,
            whole,
            files: Vec::new(),
        }
    }

    /// The same, read from these files.
    pub(crate) fn reading(mut self, files: Vec<FileId>) -> Self {
        self.files = files;
        self
    }

    /// What is behind it.
    pub(crate) const fn channel(&self) -> &Arc<Channel<T>> {
        &self.channel
    }

    /// What a token acts on.
    pub(crate) fn target(&self) -> Arc<dyn Cancel>
    where
        T: Send + 'static,
    {
        match &self.whole {
            Some(whole) => Arc::clone(whole),
            None => self.channel.clone(),
        }
    }

    /// Takes the next chunk if one is there. `None` is the end. Never waits.
    ///
    /// With a mark of 0 a chunk is there only for a reader that waits for it: there is none for
    /// this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) if none is there yet, or the first
    /// cause if the stream has failed.
    pub fn try_next(&mut self) -> Result<Option<T>, Error> {
        self.next_within(Wait::No)
    }

    /// Takes the next chunk, waiting for at most `timeout`. `None` is the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) when time is up, or the first cause if
    /// the stream has failed.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<T>, Error> {
        self.next_within(Wait::at_most(timeout))
    }

    #[inline]
    pub(crate) fn next_within(&mut self, wait: Wait) -> Result<Option<T>, Error> {
        if self.current.is_some() {
            return Ok(self.current.take());
        }
        if self.worker.is_idle() {
            self.start()?;
        }
        self.channel.next(wait)
    }

    /// Starts what brings the chunks in, if it has not started.
    #[cold]
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        self.worker.start().map_err(|error| {
            let error = Error::from(error).during("start the thread of", "readable");
            drop(self.channel.destroy(error.clone()));
            error
        })
    }

    /// Puts a chunk back, to be the next one that is read: Node's `unshift`. Does not wait, and
    /// does not count against the mark: the reader holds it.
    ///
    /// # Errors
    ///
    /// The chunk, if the end was read or the stream is gone.
    pub fn unshift(&mut self, chunk: T) -> Result<(), T> {
        if let Some(current) = self.current.take() {
            if let Err(current) = self.channel.unshift(current) {
                self.current = Some(current);
                return Err(chunk);
            }
        }
        self.channel.unshift(chunk)
    }

    /// Takes in no more until [`resume`](Self::resume), even if there is room: the source is not
    /// read, and writers wait. What is buffered can still be read.
    pub fn pause(&mut self) {
        self.channel.pause();
    }

    /// Takes in again after a [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.channel.resume();
    }

    /// Tears the stream down at once, with an error for both sides.
    ///
    /// A source that is blocked in the kernel is woken, if it can be. On a stream that has ended
    /// already it does nothing: the first cause stays.
    pub fn destroy(&mut self, error: impl Into<Error>) {
        drop(self.channel.destroy(error.into()));
    }

    /// Aborts a token with the cause when this stream is torn down, by a destroy, an abort or a
    /// cut, even if the thread that reads it is in another call by then.
    ///
    /// A pipeline and [`pipe_to`](Self::pipe_to) do that for what they write to. A thread that reads
    /// the stream in a loop and writes to something else puts that under the token.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{CancelToken, Error, HighWaterMark, channel};
    ///
    /// let (mut writer, mut reader) = channel::<u32, _>(HighWaterMark::items(4));
    /// let token = CancelToken::new();
    /// reader.aborts(&token);
    /// drop(writer.destroy(Error::other("torn down")));
    /// assert!(token.cause().unwrap().is_same(&writer.error().unwrap()));
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn aborts(&mut self, token: &CancelToken) {
        self.channel.aborts(token);
    }

    /// The files that it is read from, where they are known.
    pub(crate) fn files_read(&self) -> Vec<FileId> {
        self.files.clone()
    }

    /// Puts the stream under a token: Node's `signal`.
    pub fn cancel_with(&self, token: &CancelToken)
    where
        T: Send + 'static,
    {
        token.register(Arc::downgrade(&self.target()));
    }
}

impl<T: Send + 'static> Readable<T> {
    /// Writes everything that is read to `dest`, ends it, and gives back its sink: Node's `pipe`,
    /// with errors that go both ways.
    ///
    /// The wait ends when all has arrived, or when either stream has failed.
    ///
    /// # Errors
    ///
    /// The first cause. An error of this stream travels to `dest` behind the data, and a destroy of
    /// this stream destroys `dest` at once; an error of `dest` destroys this one.
    pub fn pipe_to<S: Send + 'static>(self, dest: Writable<T, S>) -> Result<S, Error> {
        pipe(self, dest, |readable, error| readable.destroy(error))
    }
}

/// Writes everything that is read to `dest`, ends it, and gives back its sink. An error of `dest`
/// is what `destroy` is called with.
pub(crate) fn pipe<T, S, R>(
    mut from: R,
    mut dest: Writable<T, S>,
    destroy: impl FnOnce(&mut R, Error),
) -> Result<S, Error>
where
    T: Send + 'static,
    S: Send + 'static,
    R: Source<T> + Iterator<Item = Result<T, Error>>,
{
    let broken_off = CancelToken::new();
    dest.cancel_with(&broken_off);
    from.aborts(&broken_off);
    while let Some(chunk) = from.next() {
        match chunk.map(|chunk| dest.write(chunk)) {
            Ok(Ok(_)) => {}
            Ok(Err(refused)) => {
                let error = Error::from(refused);
                destroy(&mut from, error.clone());
                return Err(error);
            }
            Err(error) => {
                dest.fail(error.clone());
                // For what was written before it, which is still to arrive.
                let _ = dest.wait_finish();
                return Err(error);
            }
        }
    }
    dest.finish()
}

impl<T> Iterator for Readable<T> {
    type Item = Result<T, Error>;

    /// Waits for the next chunk. `None` is the end, and stays the result from then on.
    ///
    /// The wait ends with a chunk, with the end of the stream, or with a cancel. If there is no
    /// thread that could write one it is a [`Deadlock`](crate::ErrorKind::Deadlock).
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_within(Wait::Forever);
        self.failed = next.is_err();
        next.transpose()
    }
}
