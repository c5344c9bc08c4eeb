//! How much a copy may hold.

use highwater::Report;
use highwater::mark::READ_BYTES;
use highwater::zero_copy::CopyPath;

/// The most that the kernel moves between two looks at everything else.
pub(crate) const SLICE_BYTES: usize = 1 << 20;

/// No buffer has held more than its mark and a chunk, and the kernel no more than a slice.
#[track_caller]
pub(crate) fn bounded(report: &Report) {
    let buffers = report.stages().iter().filter_map(|stage| stage.buffer);
    for buffer in buffers {
        let most = match report.path() {
            Some(CopyPath::Kernel(_) | CopyPath::Switched { .. }) => SLICE_BYTES,
            _ => buffer.high_water_mark + READ_BYTES,
        };
        assert!(buffer.peak <= most, "{buffer:?} by {:?}", report.path());
    }
    for stage in report.stages() {
        // What it did and what it waited for is no more than the time that it had.
        let together = stage.busy + stage.starved + stage.blocked + stage.waiting;
        assert!(together <= report.elapsed(), "{stage:?}\n{report}");
    }
}
