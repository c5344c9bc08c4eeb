//! What stands between a source and a sink.

use std::borrow::Cow;

use crate::error::Error;

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
///
/// The types of a closure's arguments have to be named, as above. A closure that returns a chunk is
/// no transform; it is for [`Pipeline::map`](crate::Pipeline::map):
///
/// ```compile_fail,E0593
/// use highwater::{Bytes, pipeline};
///
/// let shout = |chunk: Bytes| Bytes::from(chunk.to_ascii_uppercase());
/// pipeline("quiet").through(shout).to(Vec::new()).run();
/// ```
///
/// ```
/// use highwater::{Bytes, pipeline};
///
/// let shout = |chunk: Bytes| Bytes::from(chunk.to_ascii_uppercase());
/// let (_, loud) = pipeline("quiet").map(shout).to(Vec::new()).run_into()?;
/// assert_eq!(loud.into_inner(), b"QUIET");
/// # Ok::<(), highwater::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transform of `{I}` into `{O}`",
    label = "does not implement `Transform<{I}, {O}>`",
    note = "a closure is one if it is `|chunk: {I}, out: &mut Out<'_, {O}>| -> Result<(), Error>`, with the types written out",
    note = "a closure that returns a chunk is for `map` or `try_map`; one that returns several is for `flat_map`",
    note = "a stage that passes on anything but `Bytes` is for `through_with(stage, mark)`"
)]
pub trait Transform<I, O>: Send {
    /// Takes a chunk and pushes what comes of it.
    ///
    /// # Errors
    ///
    /// Any error ends the stream. Those of [`Out::push`] end it in any case.
    fn transform(&mut self, chunk: I, out: &mut Out<'_, O>) -> Result<(), Error>;

    /// Pushes what it has held back to collect more, because nothing more is queued now. More may
    /// come soon, or only after a long time.
    ///
    /// # Errors
    ///
    /// As [`transform`](Self::transform).
    fn idle(&mut self, out: &mut Out<'_, O>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// Pushes what is left, after the last chunk.
    ///
    /// # Errors
    ///
    /// As [`transform`](Self::transform).
    fn flush(&mut self, out: &mut Out<'_, O>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// Called with the cause if nothing more will come in, right before it is dropped without
    /// [`flush`](Self::flush).
    fn fail(&mut self, cause: &Error) {
        let _ = cause;
    }

    /// Returns whether it will push nothing more, for any input. Called before each chunk: after
    /// `true` no more is read for it, the stream ends well, and everything upstream is stopped.
    fn is_done(&self) -> bool {
        false
    }

    /// Returns whether its work for a chunk is so small that its own thread would cost more. In a
    /// [pipeline](crate::pipeline) it then runs on the thread of the next stage, with no buffer
    /// between. A transform that blocks, or computes much, is not light.
    fn is_light(&self) -> bool {
        false
    }

    /// What errors and reports call it.
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("transform")
    }
}

#[diagnostic::do_not_recommend]
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
    /// The first cause, if what is behind the transform is gone; [`Error::enough`] if that needs no
    /// more. Either is to be passed on.
    pub fn push(&mut self, chunk: O) -> Result<(), Error> {
        (self.0)(chunk)
    }
}

impl<O> std::fmt::Debug for Out<'_, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out(..)")
    }
}

/// Runs a transform over some chunks and to its end, with no thread at all, and collects what comes
/// out: for tests, and for what is in memory anyway.
///
/// # Errors
///
/// That of the transform. What had come out before is dropped.
///
/// # Examples
///
/// ```
/// use highwater::{Error, Out};
/// use highwater::stage::apply;
///
/// let mut twice = |n: u32, out: &mut Out<'_, u32>| -> Result<(), Error> {
///     out.push(n)?;
///     out.push(n)
/// };
/// assert_eq!(apply(&mut twice, [1, 2])?, [1, 1, 2, 2]);
/// # Ok::<(), highwater::Error>(())
/// ```
pub fn apply<I, O>(
    transform: &mut impl Transform<I, O>,
    input: impl IntoIterator<Item = I>,
) -> Result<Vec<O>, Error> {
    let mut collected = Vec::new();
    let mut push = |chunk| {
        collected.push(chunk);
        Ok(())
    };
    let mut out = Out::new(&mut push);
    for chunk in input {
        if transform.is_done() {
            break;
        }
        match transform.transform(chunk, &mut out) {
            Err(error) if error.is_enough() => break,
            outcome => outcome?,
        }
    }
    transform.flush(&mut out)?;
    Ok(collected)
}
