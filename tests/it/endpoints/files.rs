//! Files: ranges, what is there and what is not, and files that change while they are read.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound::{Excluded, Included, Unbounded};

use highwater::{ErrorKind, HighWaterMark, Source, fs as ends, pipeline};

use crate::support::{Folder, bounded, pattern, watched};

#[test]
fn a_range_gives_what_a_slice_gives() {
    let folder = Folder::new();
    let bytes = pattern(1000);
    let path = folder.file("file", &bytes);
    let cases = [
        ((Unbounded, Unbounded), 0..1000),
        ((Included(0), Excluded(0)), 0..0),
        ((Included(1000), Unbounded), 1000..1000),
        ((Included(1000), Excluded(1000)), 1000..1000),
        ((Included(999), Included(999)), 999..1000),
        ((Excluded(998), Excluded(1000)), 999..1000),
        ((Included(100), Excluded(900)), 100..900),
        ((Unbounded, Included(0)), 0..1),
    ];
    for (range, slice) in cases {
        let source = ends::read(&path).unwrap().range(range).unwrap();
        assert_eq!(source.len_hint(), Some(slice.len() as u64), "{range:?}");
        let source = source.chunk_bytes(64);
        let mark = HighWaterMark::bytes(128);
        let run = pipeline(source).high_water_mark(mark).to(Vec::new());
        let (report, got) = run.run_into().unwrap();
        assert_eq!(got.into_inner(), bytes[slice], "{range:?}");
        bounded(&report);
    }
}

#[test]
fn a_range_that_is_not_there_is_refused_before_anything_is_read() {
    let folder = Folder::new();
    let path = folder.file("file", &pattern(1000));
    let fifo = folder.fifo("fifo");
    for range in [
        (Included(0), Excluded(1001)),
        (Included(1001), Unbounded),
        (Included(0), Included(1000)),
        (Included(5), Excluded(3)),
        (Included(u64::MAX), Included(u64::MAX)),
        (Excluded(u64::MAX), Unbounded),
    ] {
        let error = ends::read(&path).unwrap().range(range).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{range:?}");
        assert!(
            error.to_string().contains("within its 1000 bytes"),
            "{error}"
        );
        assert!(error.to_string().contains("/file`"), "{error}");
    }
    for path in [fifo, "/dev/zero".into()] {
        let refused = watched(move || ends::read(path).unwrap().range(0..1).unwrap_err());
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(
            refused.to_string().contains("only a regular file"),
            "{refused}"
        );
    }
}

/// Reads a file that is cut to nothing after the first chunk was written.
fn read_while_cut(range: bool) -> Result<u64, (highwater::Error, u64)> {
    let folder = Folder::new();
    let path = folder.file("file", &pattern(1 << 20));
    let mut source = ends::read(&path).unwrap().chunk_bytes(1024);
    if range {
        source = source.range(..).unwrap();
    }
    let cut = OpenOptions::new().write(true).open(&path).unwrap();
    let outcome = pipeline(source)
        .high_water_mark(HighWaterMark::bytes(4096))
        .progress(move |_| cut.set_len(0).unwrap())
        .to(Vec::new())
        .run_into();
    match outcome {
        Ok((report, got)) => {
            bounded(&report);
            assert!(pattern(1 << 20).starts_with(&got.into_inner()));
            Ok(report.bytes())
        }
        Err(failure) => {
            bounded(&failure.report);
            Err((failure.error, failure.report.bytes()))
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_an_error_only_if_a_range_was_promised() {
    let bytes = read_while_cut(false).unwrap();
    assert!((1024..=8192).contains(&bytes), "{bytes}");
    let (error, bytes) = read_while_cut(true).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Io(io::ErrorKind::UnexpectedEof),
        "{error:#}"
    );
    assert!(error.to_string().contains("failed to read from"), "{error}");
    assert!((1024..=8192).contains(&bytes), "{bytes}");
    assert_eq!(error.offset(), Some(bytes), "what was read was delivered");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_its_new_end() {
    let folder = Folder::new();
    let path = folder.file("file", &pattern(8 << 10));
    let source = ends::read(&path).unwrap().chunk_bytes(1024);
    let more = OpenOptions::new().append(true).open(&path).unwrap();
    let mut grown = false;
    let (report, got) = pipeline(source)
        .high_water_mark(HighWaterMark::bytes(1024))
        .progress(move |_| {
            if !std::mem::replace(&mut grown, true) {
                io::Write::write_all(&mut &more, b"more").unwrap();
            }
        })
        .to(Vec::new())
        .run_into()
        .unwrap();
    assert_eq!(got.into_inner(), [&*pattern(8 << 10), b"more"].concat());
    bounded(&report);
}

#[test]
fn creating_emptying_and_appending_are_three_things() {
    let folder = Folder::new();
    let path = folder.path("file");
    let write = |sink, bytes: &'static [u8]| pipeline(bytes).to(sink).run().unwrap().bytes();
    assert_eq!(write(ends::create_new(&path).unwrap(), b"new"), 3);
    let error = ends::create_new(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::AlreadyExists));
    assert!(error.to_string().contains("/file`"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"new");

    write(ends::append(&path).unwrap().sync(), b" and more");
    assert_eq!(fs::read(&path).unwrap(), b"new and more");
    write(ends::create(&path).unwrap().sync(), b"again");
    assert_eq!(fs::read(&path).unwrap(), b"again");
    write(ends::append(folder.path("other")).unwrap(), b"first");
    assert_eq!(fs::read(folder.path("other")).unwrap(), b"first");
    let fifo = folder.fifo("fifo");
    let error = watched(move || ends::create_new(fifo).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::AlreadyExists));
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let missing = folder.path("no/file");
    let errors = [
        ends::read(&missing).unwrap_err(),
        ends::create(&missing).unwrap_err(),
        ends::append(&missing).unwrap_err(),
        ends::create_new(&missing).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::NotFound));
        assert_eq!(error.stage(), missing.to_str());
    }
    let folder_error = ends::read(folder.path("")).unwrap_err();
    assert_eq!(
        folder_error.kind(),
        ErrorKind::Io(io::ErrorKind::IsADirectory)
    );
    let twice = ends::create(folder.path("")).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Io(io::ErrorKind::IsADirectory));
}

#[test]
fn a_read_that_the_disk_refuses_is_an_error_behind_what_was_read() {
    // The one page that no process has.
    let source = ends::read("/proc/self/mem").unwrap();
    let failure = pipeline(source).to(Vec::new()).run().unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("failed to read from `/proc/self/mem`"),
        "{failure}"
    );
    assert!(format!("{:#}", failure.error).contains("Input/output error"));
}

#[test]
fn a_full_disk_gives_back_what_it_did_not_take() {
    let mark = HighWaterMark::bytes(64 << 10);
    let failure = pipeline(pattern(1 << 20))
        .high_water_mark(mark)
        .to(ends::create("/dev/full").unwrap())
        .run()
        .unwrap_err();
    assert_eq!(
        failure.error.kind(),
        ErrorKind::Io(io::ErrorKind::StorageFull)
    );
    assert_eq!(
        (failure.report.bytes(), failure.error.offset()),
        (0, Some(0))
    );
    let first = failure.undelivered.iter().next().unwrap();
    assert!(pattern(1 << 20).starts_with(first));
    bounded(&failure.report);
}

#[test]
fn a_fifo_waits_for_who_comes_and_ends_with_him() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    let (reads, writes) = (fifo.clone(), fifo);
    let reader = std::thread::spawn(move || {
        let run = pipeline(ends::read(reads).unwrap()).to(Vec::new());
        run.run_into()
    });
    let report = watched(move || {
        let sink = ends::create(writes).unwrap();
        pipeline(pattern(1 << 20)).to(sink).run().unwrap()
    });
    assert_eq!(report.bytes(), 1 << 20);
    bounded(&report);
    let (report, got) = reader.join().unwrap().unwrap();
    assert!(got.into_inner() == pattern(1 << 20));
    bounded(&report);
}

#[test]
fn a_std_file_is_an_end_too() {
    let folder = Folder::new();
    let from = File::open(folder.file("from", &pattern(300_000))).unwrap();
    let to = File::create(folder.path("to")).unwrap();
    let report = pipeline(from).to(to).run().unwrap();
    bounded(&report);
    assert!(fs::read(folder.path("to")).unwrap() == pattern(300_000));
}
