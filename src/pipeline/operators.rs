//! The operators, as methods of a pipeline.

use std::sync::Arc;
use std::thread;

use super::upstream::Fused;
use super::{Pipeline, ReadyPipeline, natural};
use crate::channel::mark::HighWaterMark;
use crate::error::Error;
use crate::stage::drive::{Counts, Through};
use crate::stage::operators;
use crate::stage::par_map::{InOrder, Submit, SubmitUnordered, slots};
use crate::stage::sink::{ForEach, Sink};
use crate::stage::worker_pool::Halt;

/// # Operators
///
/// What they pass on is counted in bytes if it is [`Bytes`](bytes::Bytes), and in items if it is
/// anything else; [`buffered`](Self::buffered) and [`through_with`](Self::through_with) set
/// another unit.
impl<'a, T: Send + 'static> Pipeline<'a, T> {
    /// Makes something else of each chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{pipeline_of, HighWaterMark, Readable};
    /// use highwater::stage::Fold;
    ///
    /// let mark = HighWaterMark::items(16);
    /// let numbers = Readable::from_iter(1..=10, mark);
    /// let (_, sum) = pipeline_of(numbers, mark)
    ///     .filter(|n| n % 2 == 0)
    ///     .map(|n: u64| n * n)
    ///     .to(Fold::new(0, |sum, n| sum + n))
    ///     .run_into()?;
    /// assert_eq!(sum.into_inner(), 4 + 16 + 36 + 64 + 100);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn map<U: Send + 'static>(self, make: impl FnMut(T) -> U + Send + 'a) -> Pipeline<'a, U> {
        self.then(operators::map(make), natural())
    }

    /// Makes something else of each chunk, or fails the pipeline.
    pub fn try_map<U: Send + 'static>(
        self,
        make: impl FnMut(T) -> Result<U, Error> + Send + 'a,
    ) -> Pipeline<'a, U> {
        self.then(operators::try_map(make), natural())
    }

    /// Passes on the chunks for which `keep` returns true.
    pub fn filter(self, keep: impl FnMut(&T) -> bool + Send + 'a) -> Self {
        let measure = Arc::clone(&self.measure);
        self.then(operators::filter(keep), measure)
    }

    /// Passes on everything that `make` makes of each chunk, one at a time.
    #[doc(alias = "flatMap")]
    pub fn flat_map<L: IntoIterator<Item: Send + 'static>>(
        self,
        make: impl FnMut(T) -> L + Send + 'a,
    ) -> Pipeline<'a, L::Item> {
        self.then(operators::flat_map(make), natural())
    }

    /// Calls `look` with each chunk, and passes it on.
    ///
    /// # Examples
    ///
    /// A hash of what went through, taken on the way:
    ///
    /// ```
    /// use highwater::pipeline;
    /// use sha2::{Digest, Sha256};
    ///
    /// let mut hash = Sha256::new();
    /// pipeline(&b"abc"[..])
    ///     .inspect(|chunk| hash.update(chunk))
    ///     .to(Vec::new())
    ///     .run()?;
    /// assert_eq!(hash.finalize()[..4], [0xba, 0x78, 0x16, 0xbf]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn inspect(self, look: impl FnMut(&T) + Send + 'a) -> Self {
        let measure = Arc::clone(&self.measure);
        let total = self.settings.total;
        let mut shown = self.then(operators::inspect(look), measure);
        shown.settings.total = total;
        shown
    }

    /// Lets the first `count` chunks through and ends the pipeline, which is no failure. No stage
    /// on the same thread makes a chunk more than that; what is before the next buffer may.
    pub fn take(self, count: u64) -> Self {
        let measure = Arc::clone(&self.measure);
        self.then(operators::take(count), measure)
    }

    /// Passes over the first `count` chunks: Node's `drop`.
    #[doc(alias = "drop")]
    pub fn skip(self, count: u64) -> Self {
        let measure = Arc::clone(&self.measure);
        self.then(operators::skip(count), measure)
    }

    /// Passes chunks on `count` at a time, and what is left at the end.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn chunks_of(self, count: usize) -> Pipeline<'a, Vec<T>> {
        self.then(operators::chunks_of(count), natural())
    }

    /// Gives each chunk to `each`, on the thread that runs the pipeline.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::pipeline;
    ///
    /// let mut bytes = 0;
    /// pipeline(&b"some bytes"[..]).for_each(|chunk| bytes += chunk.len()).run()?;
    /// assert_eq!(bytes, 10);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[doc(alias = "forEach")]
    pub fn for_each<F>(self, mut each: F) -> ReadyPipeline<'a, T, impl Sink<T>>
    where
        F: FnMut(T) + Send,
    {
        let each = move |chunk| {
            each(chunk);
            Ok(())
        };
        ReadyPipeline::new(self, ForEach(each, "for_each"))
    }

    /// Gives each chunk to `each`, on the thread that runs the pipeline, up to the first error.
    ///
    /// # Errors
    ///
    /// What `each` fails with ends the pipeline.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{Error, ErrorKind, pipeline};
    ///
    /// let refuse = |_| Err(Error::new(ErrorKind::InvalidInput, "refused"));
    /// let failure = pipeline(&b"some bytes"[..]).try_for_each(refuse).run().unwrap_err();
    /// assert_eq!(failure.error.kind(), ErrorKind::InvalidInput);
    /// ```
    pub fn try_for_each<F>(self, each: F) -> ReadyPipeline<'a, T, impl Sink<T>>
    where
        F: FnMut(T) -> Result<(), Error> + Send,
    {
        ReadyPipeline::new(self, ForEach(each, "try_for_each"))
    }

    /// Makes something else of each chunk, on at most `threads` threads, and passes the results on
    /// in order, each as soon as it and those before it are there.
    ///
    /// A thread starts when there is an item that no other one is free for: so of many threads only
    /// those start that the work keeps busy. Where the operating system gives no more, those that
    /// there are do the work; without a first one the pipeline fails.
    ///
    /// It holds at most `2 * threads + 2` items and results, or as many more as weigh no more
    /// together than the mark of what comes in: items that take next to no time are handed over
    /// several at a time. The first error, or panic, ends the pipeline behind the results of the
    /// items before it; what was not begun by then is not. A cancel waits for what is being worked
    /// on. With 0 threads there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::{HighWaterMark, Readable, pipeline_of};
    /// use highwater::stage::Collect;
    ///
    /// let mark = HighWaterMark::items(16);
    /// let (_, squares) = pipeline_of(Readable::from_iter(1..=4, mark), mark)
    ///     .par_map(2, |n: u64| Ok(n * n))
    ///     .to(Collect::at_most(100))
    ///     .run_into()?;
    /// assert_eq!(squares.into_vec(), [1, 4, 9, 16]);
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn par_map<U: Send + 'static>(
        self,
        threads: usize,
        make: impl Fn(T) -> Result<U, Error> + Send + Sync + 'a,
    ) -> Pipeline<'a, U> {
        let measure = Arc::clone(&self.measure);
        self.grow(natural(), move |feed, _, plan| {
            let taken = measure(plan.mark);
            let halt = Halt::new();
            plan.channels.push(Arc::new(halt.clone()));
            let counts = Arc::<Counts>::default();
            let counted = Arc::clone(&counts);
            let slots = HighWaterMark::slots(slots(threads)).strategy();
            let before = plan.stage("par_map", feed, slots, move |feed, downstream| {
                thread::scope(|scope| {
                    let mut submit = Submit::new(scope, threads, taken, &halt, counted, make);
                    feed.drive(&mut Through::new(&mut submit, taken, downstream))
                })
            });
            plan.count_last(counts, measure(plan.mark).unit());
            Box::new(Fused {
                before,
                strategy: slots,
                stage: InOrder,
            })
        })
    }

    /// Makes something else of each chunk, on at most `threads` threads, and passes each result on
    /// as soon as it is there, in any order.
    ///
    /// What it holds is beside the buffer behind it. Otherwise as [`par_map`](Self::par_map).
    pub fn par_map_unordered<U: Send + 'static>(
        self,
        threads: usize,
        make: impl Fn(T) -> Result<U, Error> + Send + Sync + 'a,
    ) -> Pipeline<'a, U> {
        let measure = Arc::clone(&self.measure);
        self.grow(natural(), move |feed, strategy, plan| {
            let output = plan.channel(strategy);
            let filled = Arc::clone(&output);
            let taken = measure(plan.mark);
            let halt = Halt::new();
            plan.channels.push(Arc::new(halt.clone()));
            plan.stage_into("par_map", feed, output, move |feed, downstream| {
                thread::scope(|scope| {
                    let mut submit =
                        SubmitUnordered::new(scope, threads, taken, &halt, make, filled);
                    feed.drive(&mut Through::new(&mut submit, taken, downstream))
                })
            })
        })
    }
}
