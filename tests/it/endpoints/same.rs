//! A file that is read and written at once, or written twice, by whatever names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use highwater::stream::{concat, merge, take_bytes};
use highwater::zero_copy::FileId;
use highwater::{
    Bytes, Error, ErrorKind, Failure, HighWaterMark, Readable, Sink, Source, fs as ends, lines,
    pipeline,
};

use crate::support::{Folder, bounded, pattern, watched};

/// A file by four names, and what is in it.
fn one_file(folder: &Folder) -> ([PathBuf; 4], Vec<u8>) {
    let bytes = pattern(300_000);
    let path = folder.file("file", &bytes);
    let (hard, soft) = (folder.path("hard"), folder.path("soft"));
    fs::hard_link(&path, &hard).unwrap();
    symlink(&path, &soft).unwrap();
    let roundabout = folder.path("./file");
    ([path, hard, soft, roundabout], bytes)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Failure<Bytes>>, reads: bool) {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidInput);
    let said = failure.error.to_string();
    let why = if reads {
        "which is read"
    } else {
        "which is written too"
    };
    assert!(
        said.contains("the same file as `") && said.contains(why),
        "{said}"
    );
    assert_eq!(failure.report.bytes(), 0);
    for stage in failure.report.stages() {
        assert_eq!(stage.bytes, 0, "{stage:?}");
    }
    bounded(&failure.report);
}

#[test]
fn a_pipeline_that_writes_what_it_reads_is_refused_and_the_file_stays_as_it_was() {
    let folder = Folder::new();
    let (names, bytes) = one_file(&folder);
    for name in &names {
        for append in [false, true] {
            let source = || ends::read(&names[0]).unwrap();
            let sink = || {
                if append {
                    ends::append(name)
                } else {
                    ends::create(name)
                }
                .unwrap()
            };
            // By the kernel, through buffers, and with stages between.
            refused(pipeline(source()).to(sink()).run(), true);
            refused(pipeline(source()).in_buffers().to(sink()).run(), true);
            let cut = pipeline(source()).through_with(lines::lines(), lines::mark(4096));
            refused(cut.through(lines::append_end("\n")).to(sink()).run(), true);
            // As the second sink, and behind one that has nothing to do with it.
            refused(pipeline(source()).tee(sink()).to(Vec::new()).run(), true);
            let other = ends::create(folder.path("other")).unwrap();
            refused(pipeline(source()).tee(other).to(sink()).run(), true);
            // In whatever wraps them.
            refused(pipeline(take_bytes(source(), 10)).to(sink()).run(), true);
            let boxed: Box<dyn Source<Bytes>> = Box::new(source());
            let boxed_sink: Box<dyn Sink<Bytes>> = Box::new(sink());
            refused(pipeline(boxed).to(boxed_sink).run(), true);
            let first = ends::read("Cargo.toml").unwrap();
            refused(pipeline(concat([first, source()])).to(sink()).run(), true);
        }
        assert!(fs::read(&names[0]).unwrap() == bytes, "{}", name.display());
    }
    assert_eq!(fs::read(folder.path("other")).unwrap(), b"");
}

#[test]
fn what_a_stream_is_read_from_is_known_through_whatever_it_goes() {
    let folder = Folder::new();
    let (names, bytes) = one_file(&folder);
    let source = || ends::read(&names[0]).unwrap();
    let sink = || ends::create(&names[1]).unwrap();
    let mark = HighWaterMark::bytes(4096);
    let readable = || Readable::from_source(source(), mark);
    refused(pipeline(readable()).to(sink()).run(), true);
    refused(readable().into_pipeline().to(sink()).run(), true);
    refused(
        pipeline(readable().flow().map(|chunk| chunk))
            .to(sink())
            .run(),
        true,
    );
    refused(
        pipeline(readable().flow().take(1).filter(|_| true))
            .to(sink())
            .run(),
        true,
    );
    let other = || ends::read("Cargo.toml").unwrap();
    refused(
        pipeline(merge([other(), source()], mark)).to(sink()).run(),
        true,
    );
    let inner = pipeline(source()).filter(|_| true).readable();
    refused(pipeline(inner).to(sink()).run(), true);
    assert!(fs::read(&names[0]).unwrap() == bytes);
}

#[test]
fn one_file_is_not_written_by_two_sinks_of_a_pipeline() {
    let folder = Folder::new();
    let (names, bytes) = one_file(&folder);
    for name in &names {
        let run = pipeline(&b"new"[..]).tee(ends::create(&names[0]).unwrap());
        refused(run.to(ends::create(name).unwrap()).run(), false);
        let run = pipeline(&b"new"[..]).tee(ends::append(&names[0]).unwrap());
        let run = run.tee(ends::append(name).unwrap());
        refused(run.to(Vec::new()).run(), false);
    }
    assert!(fs::read(&names[0]).unwrap() == bytes);
}

#[test]
fn a_stream_of_such_a_pipeline_fails_at_its_first_read() {
    let folder = Folder::new();
    let (names, bytes) = one_file(&folder);
    let read = pipeline(ends::read(&names[0]).unwrap()).tee(ends::create(&names[1]).unwrap());
    let error: Error = read.readable().to_bytes(1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(fs::read(&names[0]).unwrap() == bytes);
}

#[test]
fn a_fifo_that_would_be_fed_to_itself_is_refused_and_a_device_is_not() {
    let folder = Folder::new();
    let fifo = folder.fifo("fifo");
    let outcome = watched(move || {
        let source = ends::read(&fifo).unwrap();
        pipeline(source).to(ends::create(&fifo).unwrap()).run()
    });
    refused(outcome, true);
    let sink = || ends::create("/dev/null").unwrap();
    let source = ends::read("/dev/null").unwrap();
    pipeline(source).tee(sink()).to(sink()).run().unwrap();
}

#[test]
fn what_was_in_a_file_goes_with_the_first_byte_or_at_the_end() {
    let folder = Folder::new();
    let path = folder.file("file", &pattern(5000));
    let small = folder.file("small", b"small");
    let sink = || ends::create(&path).unwrap();
    drop(sink());
    assert!(
        fs::read(&path).unwrap() == pattern(5000),
        "nothing was written"
    );
    let failing = highwater::ReadSource::new(Broken, "broken");
    pipeline(failing).to(sink()).run().unwrap_err();
    assert!(
        fs::read(&path).unwrap() == pattern(5000),
        "nothing was read"
    );

    bounded(
        &pipeline(ends::read(&small).unwrap())
            .to(sink())
            .run()
            .unwrap(),
    );
    assert_eq!(fs::read(&path).unwrap(), b"small", "copied by the kernel");
    fs::write(&path, pattern(5000)).unwrap();
    let run = pipeline(ends::read(&small).unwrap())
        .in_buffers()
        .to(sink());
    bounded(&run.run().unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"small");
    fs::write(&path, pattern(5000)).unwrap();
    pipeline(&b""[..]).to(sink()).run().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

#[test]
fn an_identity_is_that_of_the_file_and_not_of_its_name() {
    let folder = Folder::new();
    let (names, _) = one_file(&folder);
    let ids = names.map(|name| FileId::of(&fs::metadata(name).unwrap()));
    assert!(ids.iter().all(|id| id.is_some() && *id == ids[0]));
    let other = folder.file("other", b"");
    assert_ne!(FileId::of(&fs::metadata(other).unwrap()), ids[0]);
    assert_eq!(FileId::of(&fs::metadata(folder.path(".")).unwrap()), None);
}
