//! Where the kernel is not asked, or says no: the same bytes by the other way, and why.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use highwater::zero_copy::{BufferedReason, CopyPath, KernelCall};
use highwater::{Bytes, ErrorKind, HighWaterMark, IntoSink, fs as ends, pipeline, pipeline_of};

use crate::kernel::ends::{Place, pair, path, taker};
use crate::support::{Folder, SLICE_BYTES, alone, bounded, pattern, watched};

/// Too much for one slice, and odd.
const BYTES: usize = 2 * SLICE_BYTES + 11;

#[test]
fn a_file_that_was_not_promised_to_be_stable_is_read() {
    let folder = Folder::new();
    let bytes = pattern(BYTES);
    let from = folder.file("from", &bytes);
    for to in [Place::Tcp, Place::Unix, Place::Pipe] {
        let inner = Folder::new();
        let (sink, arrived) = to.sink(&inner, bytes.len());
        let run = pipeline(ends::read(&from).unwrap()).to(sink);
        let report = watched(move || run.run().unwrap());
        assert!(arrived.bytes() == bytes);
        assert_eq!(path(&report), "buffered: the source may change");
        assert_eq!(
            report.path(),
            Some(CopyPath::Buffered(BufferedReason::MayChange))
        );
        bounded(&report);
    }
}

#[test]
fn a_socket_that_blocks_is_read_and_written_as_ever() {
    const BLOCKS: &str = "buffered: a call on a socket would block";
    let folder = Folder::new();
    let bytes = pattern(BYTES);
    let (ours, mut peer) = pair();
    ours.set_nonblocking(false).unwrap();
    let sent = bytes.clone();
    let fed = thread::spawn(move || peer.write_all(&sent).unwrap());
    let (sink, arrived) = Place::File.sink(&folder, bytes.len());
    let run = pipeline(ours).to(sink);
    let report = watched(move || run.run().unwrap());
    fed.join().unwrap();
    assert!(arrived.bytes() == bytes);
    assert_eq!(path(&report), BLOCKS);
    bounded(&report);

    let (ours, peer) = pair();
    ours.set_nonblocking(false).unwrap();
    let arrived = taker(peer);
    let run = pipeline(Place::File.source(&folder, &bytes)).to(ours.into_sink());
    let report = watched(move || run.run().unwrap());
    assert!(arrived.join().unwrap() == bytes);
    assert_eq!(path(&report), BLOCKS);
    bounded(&report);
}

#[test]
fn whatever_looks_at_the_bytes_gets_them() {
    let folder = Folder::new();
    let bytes = pattern(BYTES);
    let from = folder.file("from", &bytes);
    let read = || pipeline(ends::read(&from).unwrap().stable());
    let stage = "buffered: a stage looks at the bytes";
    let to = || ends::create(folder.path("to")).unwrap();

    let report = read().map(|chunk: Bytes| chunk).to(to()).run().unwrap();
    assert_eq!(path(&report), stage);
    let report = read().tee(Vec::new()).to(to()).run().unwrap();
    assert_eq!(path(&report), stage);
    let mark = HighWaterMark::bytes(4096);
    let report = read().buffered(mark).to(to()).run().unwrap();
    assert_eq!(path(&report), stage);
    assert!(fs::read(folder.path("to")).unwrap() == bytes);

    let report = read().in_buffers().to(to()).run().unwrap();
    assert_eq!(path(&report), "buffered: as was asked for");
    let (report, got) = read().to(Vec::new()).run_into().unwrap();
    assert!(got.into_inner() == bytes);
    let sink = "buffered: the sink is no file, pipe or socket";
    assert_eq!(path(&report), sink);
    let report = pipeline(bytes.clone()).to(to()).run().unwrap();
    let source = "buffered: the source is no file, pipe or socket";
    assert_eq!(path(&report), source);
    let items = HighWaterMark::items(4);
    let report = pipeline_of(ends::read(&from).unwrap(), items)
        .to(to())
        .run();
    let unit = "buffered: chunks are not counted in bytes";
    assert_eq!(path(&report.unwrap()), unit);
    assert!(fs::read(folder.path("to")).unwrap() == bytes);
}

#[test]
fn files_that_say_they_are_empty_are_read() {
    let folder = Folder::new();
    let mounts = fs::read("/proc/filesystems").unwrap();
    assert!(!mounts.is_empty());
    for to in [Place::File, Place::Tcp, Place::Pipe] {
        let inner = Folder::new();
        let (sink, arrived) = to.sink(&inner, mounts.len());
        let source = ends::read("/proc/filesystems").unwrap().stable();
        let run = pipeline(source).to(sink);
        let report = watched(move || run.run().unwrap());
        assert!(arrived.bytes() == mounts, "to {to:?} by {}", path(&report));
        assert_eq!(report.bytes(), mounts.len() as u64);
        bounded(&report);
    }
    let report = pipeline(ends::read("/proc/filesystems").unwrap())
        .to(ends::create(folder.path("to")).unwrap())
        .run()
        .unwrap();
    assert!(path(&report).starts_with("buffered: "), "{report}");
}

#[test]
fn a_file_that_is_appended_to_gets_everything_once() {
    let bytes = pattern(BYTES);
    for (from, errno) in [
        (Place::File, rustix::io::Errno::BADF),
        // What was in the pipe by then is not lost.
        (Place::Tcp, rustix::io::Errno::INVAL),
        (Place::Pipe, rustix::io::Errno::INVAL),
    ] {
        let folder = Folder::new();
        let to = folder.file("to", b"before ");
        let source = from.source(&folder, &bytes);
        let run = pipeline(source).to(ends::append(&to).unwrap());
        let report = watched(move || run.run().unwrap());
        let got = fs::read(&to).unwrap();
        assert!(got[7..] == bytes && got.starts_with(b"before "), "{from:?}");
        assert_eq!(report.bytes(), bytes.len() as u64);
        let why = BufferedReason::Refused(errno.raw_os_error());
        assert_eq!(report.path(), Some(CopyPath::Buffered(why)), "{from:?}");
        let error = io::Error::from(errno).to_string();
        let said = format!("buffered: the kernel refused: {error}");
        assert_eq!(path(&report), said);
        bounded(&report);
    }
}

#[test]
fn from_one_file_system_to_another() {
    let memory = Path::new("/dev/shm");
    let (here, there) = (Folder::new(), Folder::below(memory));
    let bytes = pattern(BYTES);
    let from = here.file("from", &bytes);
    let to = there.path("to");
    let report = pipeline(ends::read(&from).unwrap())
        .to(ends::create(&to).unwrap())
        .run()
        .unwrap();
    assert!(fs::read(&to).unwrap() == bytes);
    assert_eq!(report.bytes(), bytes.len() as u64);
    let device = |path| fs::metadata(path).unwrap().dev();
    if device(&from) != device(&to) {
        let why = BufferedReason::Refused(rustix::io::Errno::XDEV.raw_os_error());
        assert_eq!(report.path(), Some(CopyPath::Buffered(why)));
    }
    bounded(&report);
}

#[test]
fn a_device_is_written_and_fails_as_it_does() {
    let folder = Folder::new();
    for from in [Place::File, Place::Tcp] {
        let source = from.source(&folder, &pattern(100));
        let run = pipeline(source).to(ends::create("/dev/full").unwrap());
        let failure = watched(move || run.run().unwrap_err());
        let full = ErrorKind::Io(io::ErrorKind::StorageFull);
        assert_eq!(failure.error.kind(), full);
        let said = "failed to write to `/dev/full` at byte 0";
        assert_eq!(failure.to_string(), said);
        assert_eq!(failure.undelivered.weight(), 100);
        assert_eq!(failure.report.bytes(), 0);
    }
}

#[test]
fn a_reader_that_leaves_a_pipe_with_all_there_is_is_no_failure() {
    // For what other tests start has the reader too, for a moment: between its fork and its program.
    alone(|| {
        let folder = Folder::new();
        let fifo = folder.fifo("to");
        let held = File::options().read(true).write(true).open(&fifo).unwrap();
        let source = Place::File.source(&folder, b"all of it");
        let mut held = Some(held);
        // Gone once everything has come, and before the copy looks for more.
        let run = pipeline(source)
            .progress(move |_| drop(held.take()))
            .to(ends::create(&fifo).unwrap());
        let report = watched(move || run.run().unwrap());
        assert_eq!(report.bytes(), 9);
        let broken = BufferedReason::Refused(rustix::io::Errno::PIPE.raw_os_error());
        let path = CopyPath::Switched {
            call: KernelCall::Splice,
            at: 9,
            why: broken,
        };
        assert_eq!(report.path(), Some(path));
    });
}

#[test]
fn every_way_and_every_reason_has_words() {
    let switched = CopyPath::Switched {
        call: KernelCall::Sendfile,
        at: 4096,
        why: BufferedReason::Refused(rustix::io::Errno::INVAL.raw_os_error()),
    };
    assert_eq!(
        switched.to_string(),
        "sendfile up to byte 4096, then buffered: the kernel refused: \
         Invalid argument (os error 22)"
    );
    let calls = [
        (KernelCall::Sendfile, "sendfile"),
        (KernelCall::Splice, "splice"),
        (KernelCall::CopyFileRange, "copy_file_range"),
    ];
    for (call, words) in calls {
        assert_eq!(CopyPath::Kernel(call).to_string(), words);
    }
}
