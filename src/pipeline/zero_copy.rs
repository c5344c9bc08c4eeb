//! A pipeline of nothing but a source and a sink, whose bytes need not come by here.
//!
//! The two make the copy themselves, a slice at a time, on the thread that runs the pipeline.
//! Between slices everything holds that holds between chunks: progress, cancel, a limit. The
//! channel between them stays empty, and keeps the books. Where the copy goes no further the
//! pipeline goes on without it: the source reads on from its position.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::group::CancelGroup;
use super::monitor::Monitor;
use super::plan::{RunPlan, ThreadBody};
use super::upstream::Upstream;
use crate::cancel::Cancel;
use crate::channel::Channel;
use crate::channel::mark::BYTE;
use crate::error::Error;
use crate::stage::copy_path::{BufferedReason, CopyPath};
use crate::stage::drive::{Downstream, ToSink};
use crate::stage::offer::{CopyFailure, CopySide, CopyStep, SliceCopier, ZeroCopy};
use crate::stage::rate::RateLimit;
use crate::stage::sink::{HookedSink, Sink};

/// How much is moved at once, in bytes: between two slices the other side and cancels are checked.
/// From one socket to another a quarter of that takes 1.7 times as much of the processor.
pub(super) const SLICE_BYTES: usize = 1024 * 1024;

/// The least that may be on its way, in bytes: a page.
const ROOM_BYTES_MIN: usize = 4096;

/// How much may be on its way, given what the marks of the pipeline allow.
pub(super) fn room(room: usize) -> usize {
    room.clamp(ROOM_BYTES_MIN, SLICE_BYTES)
}

/// Has source and sink agree on a copy, if nothing stands between them.
pub(super) fn agree<T: Send + 'static, K: Sink<T>>(
    plan: &mut RunPlan<'_>,
    feed: &dyn Upstream<T>,
    sink: &mut K,
) -> Result<ZeroCopy<T>, BufferedReason> {
    if plan.in_buffers {
        return Err(BufferedReason::Asked);
    }
    if plan.bodies.is_empty() {
        return Err(BufferedReason::Source);
    }
    let channel = feed.channel().filter(|_| plan.bodies.len() == 1);
    let strategy = channel.ok_or(BufferedReason::Stage)?.strategy();
    let mut offer = plan.offer.take().ok_or(BufferedReason::Source)?;
    plan.wanted = offer.take_limits();
    if strategy.unit() != BYTE {
        return Err(BufferedReason::Unit);
    }
    // What is on its way between the two is one slice, and bounded by a mark as a buffer would be.
    sink.accept(offer.within(room(plan.room)))
}

/// A copy in the kernel, and what it is part of.
pub(super) struct CopyRun<'a, 'k, T, K> {
    pub(super) channel: &'a Arc<Channel<T>>,
    pub(super) downstream: &'a mut ToSink<'k, T, K>,
    pub(super) all: &'a CancelGroup,
    pub(super) monitor: &'a Monitor,
    pub(super) limit: Option<RateLimit>,
    /// How many bytes are still wanted, for each limit that was set.
    pub(super) wanted: Vec<Arc<AtomicU64>>,
}

/// How the kernel's part has ended.
enum Exit {
    /// There is nothing more, or nothing more is wanted.
    End,
    /// The rest has to be read and written.
    Refused(BufferedReason),
    Source(Error),
    Sink(Error),
}

impl<T: Send + 'static, K: Sink<T>> CopyRun<'_, '_, T, K> {
    /// Makes the copy, as far as it goes. Returns what is still to be run, which is nothing unless
    /// the kernel has refused, and which way the bytes went.
    pub(super) fn run<'b>(
        mut self,
        copy: ZeroCopy<T>,
        source: Vec<ThreadBody<'b>>,
    ) -> (Vec<ThreadBody<'b>>, CopyPath) {
        let mut copy = copy.0;
        let call = copy.call();
        let exit = self.slices(&mut *copy);
        let at = self.channel.stats().confirmed;
        let exit = self.deliver_held(&mut *copy, exit);
        // The descriptors that it has are not to be the last to be closed.
        drop(copy);
        let path = match exit {
            Exit::Refused(why) if at == 0 => CopyPath::Buffered(why),
            Exit::Refused(why) => CopyPath::Switched { call, at, why },
            exit => {
                if !self.end(exit) {
                    // It has nothing to read any more, and learns why.
                    for body in source {
                        self.all.run(body, self.monitor);
                    }
                } else {
                    self.monitor.ended(0);
                }
                return (Vec::new(), CopyPath::Kernel(call));
            }
        };
        (source, path)
    }

    /// Moves slice after slice, for as long as that goes well and is wanted.
    fn slices(&mut self, copy: &mut dyn SliceCopier<T>) -> Exit {
        while self.channel.is_open() {
            if self.downstream.is_done() {
                self.channel.satisfy();
                return Exit::End;
            }
            let most = self.most();
            if most == 0 {
                return Exit::End;
            }
            match copy.step(most).and_then(|step| self.take(copy, step)) {
                Ok(None) => {}
                Ok(Some(exit)) => return exit,
                Err(CopyFailure { side, error }) => {
                    return match side {
                        CopySide::Source => Exit::Source(error),
                        CopySide::Sink => Exit::Sink(error),
                    };
                }
            }
        }
        Exit::End
    }

    /// How much is to be moved now.
    fn most(&self) -> usize {
        let wanted = self.wanted.iter().map(|left| left.load(Ordering::Relaxed));
        let piece = self.limit.as_ref();
        let piece = piece.map_or(SLICE_BYTES, |limit| limit.piece_within(SLICE_BYTES));
        wanted.fold(piece, |most, left| {
            usize::try_from(left).map_or(most, |left| left.min(most))
        })
    }

    /// Does what a step asks for.
    fn take(
        &mut self,
        copy: &mut dyn SliceCopier<T>,
        step: CopyStep,
    ) -> Result<Option<Exit>, CopyFailure> {
        match step {
            CopyStep::Moved(bytes) => {
                self.channel.pass_by(bytes, copy.peak());
                count_down(&self.wanted, bytes);
                if let Err(error) = self.downstream.passed_by(bytes) {
                    return Ok(Some(Exit::Sink(error)));
                }
                let limit = self.limit.as_mut();
                if let Some(due) = limit.and_then(|limit| limit.pass(bytes as u64, Instant::now()))
                {
                    let hold = || self.channel.starve(|| self.channel.sleep_until(due));
                    self.monitor.measure(0, hold);
                }
            }
            CopyStep::Wait(side) => {
                let waited = match side {
                    CopySide::Source => {
                        let wait = || self.channel.starve(|| copy.wait(side));
                        self.monitor.measure(0, wait)
                    }
                    CopySide::Sink => self.channel.block(|| copy.wait(side)),
                };
                waited.map_err(|error| CopyFailure { side, error })?;
            }
            CopyStep::End => return Ok(Some(Exit::End)),
            CopyStep::Refused(why) => return Ok(Some(Exit::Refused(why))),
        }
        Ok(None)
    }

    /// Writes what the copy has read and not written, unless the sink cannot.
    fn deliver_held(&mut self, copy: &mut dyn SliceCopier<T>, exit: Exit) -> Exit {
        let mut rest = match copy.take_held() {
            Ok(rest) if rest.is_empty() => return exit,
            Ok(rest) => rest,
            Err(error) => return Exit::Sink(error.into()),
        };
        let mut exit = exit;
        if !matches!(exit, Exit::Sink(_)) && !self.channel.is_destroyed() {
            let (channel, wanted) = (self.channel, &self.wanted);
            let written = self.downstream.push_all(&mut rest, &mut |part| {
                channel.pass_by(part.weight, part.weight);
                count_down(wanted, part.weight);
                (!channel.is_destroyed()).then_some(0)
            });
            if let Err(error) = written {
                exit = Exit::Sink(error);
            }
        }
        self.channel.keep(rest);
        exit
    }

    /// Has the channel end as the copy has. Returns whether that is the end of the source.
    fn end(&mut self, exit: Exit) -> bool {
        match exit {
            Exit::Source(error) => {
                let name = self.monitor.stage(0).map_or("source", |stage| &stage.name);
                let error = error.during("read from", name);
                let error = self.channel.locate(error, self.channel.stats().weight);
                let _ = self.channel.fail(error);
            }
            Exit::Sink(error) => {
                let error = self.downstream.broke("write to", error);
                self.channel.abort(&error);
            }
            // A stop has ended it before.
            Exit::End | Exit::Refused(_) if self.channel.is_open() => {
                self.channel.end_producer();
                return true;
            }
            Exit::End | Exit::Refused(_) => {}
        }
        false
    }
}

/// This many bytes have arrived.
fn count_down(wanted: &[Arc<AtomicU64>], bytes: usize) {
    for left in wanted {
        left.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}
