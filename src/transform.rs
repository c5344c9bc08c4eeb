//! What stands between a source and a sink.

use std::borrow::Cow;

use crate::channel::{Join, Wait};
use crate::error::Error;
use crate::worker::guard;

/// A stage: chunks in, any number of chunks out. Node's `_transform` and `_flush`.
///
/// A closure `FnMut(I, &mut Out<'_, O>) -> Result<(), Error>` is one, with nothing to flush.
///
/// # Examples
///
/// ```
/// use highwater::{Bytes, Error, HighWaterMark, Out, Readable, pipeline};
///
/// let shout = |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
///     out.push(chunk.to_ascii_uppercase().into())
/// };
/// let report = pipeline(&b"quiet"[..]).through(shout).to(Vec::new()).run()?;
/// assert_eq!(report.bytes(), 5);
/// # Ok::<(), highwater::Error>(())
/// ```
pub trait Transform<I, O>: Send {
    /// Takes a chunk and pushes what comes of it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from going on, and those of [`Out::push`], which end it in any case.
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error>;

    /// Pushes what is left, after the last chunk.
    ///
    /// # Errors
    ///
    /// As [`transform`](Self::transform).
    fn flush(&mut self, out: &mut Out<'_, O>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// What errors and reports call it.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("transform")
    }
}

impl<I, O, F> Transform<I, O> for F
where
    F: FnMut(I, &mut Out<'_, O>) -> Result<(), Error> + Send,
{
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error> {
        self(chunk, out)
    }
}

/// Where a [`Transform`] pushes to.
pub struct Out<'a, O>(&'a mut dyn FnMut(O) -> Result<(), Error>);

impl<'a, O> Out<'a, O> {
    /// Makes one out of a closure, to run a transform with no thread at all.
    pub fn new(push: &'a mut dyn FnMut(O) -> Result<(), Error>) -> Self {
        Self(push)
    }

    /// Passes a chunk on, waiting for room first: however many come of one chunk, no more of them
    /// are held than the mark allows.
    ///
    /// The wait ends with room, with the end of the stream, or with a cancel.
    ///
    /// # Errors
    ///
    /// The first cause, if what is behind the transform is gone.
    pub fn push(&mut self, chunk: O) -> Result<(), Error> {
        (self.0)(chunk)
    }
}

impl<O> std::fmt::Debug for Out<'_, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out(..)")
    }
}

/// Takes what is written to one join through a transform into another, until the end. Ends both,
/// in every case.
///
/// # Errors
///
/// The first cause, if the stream did not end well.
pub(crate) fn run<I, O>(
    input: &Join<I>,
    transform: &mut impl Transform<I, O>,
    output: &Join<O>,
) -> Result<(), Error> {
    let mut push = |chunk| match output.write(chunk, Wait::Forever) {
        Ok(_) => Ok(()),
        Err(refused) => {
            // It was on its way, and is among what was not delivered.
            let (chunk, error) = refused.into_parts();
            output.give_back(chunk);
            Err(error)
        }
    };
    let mut out = Out::new(&mut push);
    loop {
        let outcome = match input.next(Wait::Forever) {
            Ok(Some(chunk)) => guard(|| transform.transform(chunk, &mut out)).map(|()| true),
            Ok(None) => guard(|| transform.flush(&mut out)).map(|()| false),
            // Not the transform's own: it travels on, behind what came of the data before it.
            Err(error) => return Err(output.fail(error)),
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                output.end_producer();
                return Ok(());
            }
            Err(error) => {
                let error = error.during("transform in", &transform.name());
                let error = output.fail(input.locate(error, input.tally().confirmed));
                drop(input.destroy(error.clone()));
                return Err(error);
            }
        }
    }
}
