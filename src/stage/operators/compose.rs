//! Two transforms that are one.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use crate::error::Error;
use crate::stage::transform::{Out, Transform};

/// What the second of two transforms takes is counted in.
const ITEM: &str = "item";

/// Makes one transform out of two, with no queue between: what the first one pushes, the second
/// one has at once. Node's `compose`, of transforms, on one thread.
///
/// At the end the first one is flushed, then the second, which has seen everything by then.
///
/// # Examples
///
/// ```
/// use highwater::stage::apply;
/// use highwater::stage::operators::{compose, map, take};
///
/// let mut stage = compose(map(|n: u32| n * n), take(2));
/// assert_eq!(apply(&mut stage, 1..)?, [1, 4]); // the third was never asked for
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn compose<I, M, O, A: Transform<I, M>, B: Transform<M, O>>(
    first: A,
    second: B,
) -> Compose<A, B, M> {
    Compose {
        first,
        second,
        passed: 0,
        between: PhantomData,
    }
}

/// See [`compose`].
pub struct Compose<A, B, M> {
    first: A,
    second: B,
    /// How many items have gone from one to the other: the place of the second.
    passed: u64,
    /// The type of the chunks between them, which is in neither of their types.
    between: PhantomData<fn(M)>,
}

impl<A, B, M> Compose<A, B, M> {
    /// Has the first do something, and gives what it pushes to the second.
    fn call<I, O>(
        &mut self,
        out: &mut Out<'_, O>,
        work: impl FnOnce(&mut A, &mut Out<'_, M>) -> Result<(), Error>,
    ) -> Result<(), Error>
    where
        A: Transform<I, M>,
        B: Transform<M, O>,
    {
        let Self {
            first,
            second,
            passed,
            ..
        } = self;
        let mut push = |chunk| {
            let outcome = second.transform(chunk, out);
            outcome.map_err(|error| error.of_stage(&second.name(), *passed, ITEM))?;
            *passed += 1;
            Ok(())
        };
        let outcome = work(first, &mut Out::new(&mut push));
        outcome.map_err(|error| error.of_first(&first.name()))
    }
}

impl<I, M, O, A: Transform<I, M>, B: Transform<M, O>> Transform<I, O> for Compose<A, B, M> {
    #[inline]
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error> {
        self.call(out, |first, out| first.transform(chunk, out))
    }

    fn idle(&mut self, out: &mut Out<'_, O>) -> Result<(), Error> {
        self.call(out, |first: &mut A, out| first.idle(out))?;
        let outcome = self.second.idle(out);
        outcome.map_err(|error| error.of_stage(&self.second.name(), self.passed, ITEM))
    }

    fn flush(&mut self, out: &mut Out<'_, O>) -> Result<(), Error> {
        match self.call(out, |first: &mut A, out| first.flush(out)) {
            // What is behind may have needed no more, and ends well all the same.
            Err(error) if !error.is_enough() => return Err(error),
            _ => {}
        }
        let outcome = self.second.flush(out);
        outcome.map_err(|error| error.of_stage(&self.second.name(), self.passed, ITEM))
    }

    fn fail(&mut self, cause: &Error) {
        self.first.fail(cause);
        self.second.fail(cause);
    }

    fn is_done(&self) -> bool {
        self.first.is_done() || self.second.is_done()
    }

    fn is_light(&self) -> bool {
        self.first.is_light() && self.second.is_light()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{} | {}", self.first.name(), self.second.name()))
    }
}

impl<A: fmt::Debug, B: fmt::Debug, M> fmt::Debug for Compose<A, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compose")
            .field("first", &self.first)
            .field("second", &self.second)
            .field("passed", &self.passed)
            .finish_non_exhaustive()
    }
}
