//! Every pair of ends, every size that could matter, and files with holes and ranges.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::thread;

use highwater::{Bytes, Sink, Source, fs as ends, pipeline};

use crate::kernel::ends::{Place, path};
use crate::support::{Folder, SLICE_BYTES, alone, bounded, pattern, watched};

/// Nothing, something, a page and its neighbours, a slice and its neighbours, and several.
const SIZES: [usize; 8] = [
    0,
    1,
    4095,
    4096,
    4097,
    SLICE_BYTES,
    SLICE_BYTES + 1,
    3 * SLICE_BYTES + 17,
];

/// What a copy between these two is made with.
fn expected(from: Place, to: Place) -> &'static str {
    match (from, to) {
        (Place::File, Place::File) => "copy_file_range",
        (Place::File, Place::Tcp | Place::Unix) => "sendfile",
        _ => "splice",
    }
}

#[test]
fn every_pair_brings_the_same_bytes_whatever_their_number() {
    for from in Place::ALL {
        for to in Place::ALL {
            for size in SIZES {
                let bytes = pattern(size);
                let folder = Folder::new();
                let source = from.source(&folder, &bytes);
                let (sink, arrived) = to.sink(&folder, size);
                let run = pipeline(source).to(sink);
                let report = watched(move || run.run().unwrap());
                let case = format!("{size} bytes from {from:?} to {to:?}");
                assert_eq!(report.bytes(), size as u64, "{case}");
                assert_eq!(report.stages()[0].bytes, size as u64, "{case}");
                assert!(arrived.bytes() == bytes, "{case}");
                bounded(&report);
                if size == 0 && from == Place::File {
                    let empty = "buffered: the kernel found nothing to copy";
                    assert_eq!(path(&report), empty, "{case}");
                } else {
                    assert_eq!(path(&report), expected(from, to), "{case}");
                }
                assert!(!report.was_stopped(), "{case}");
            }
        }
    }
}

#[test]
fn a_file_with_holes_arrives_with_its_zeros() {
    let folder = Folder::new();
    let from = folder.path("sparse");
    let mut file = File::create(&from).unwrap();
    file.set_len(8 << 20).unwrap();
    file.seek(SeekFrom::Start(5_000_001)).unwrap();
    file.write_all(b"in the middle").unwrap();
    drop(file);
    let bytes = fs::read(&from).unwrap();
    for to in Place::ALL {
        let inner = Folder::new();
        let source = ends::read(&from).unwrap().stable();
        let (sink, arrived) = to.sink(&inner, bytes.len());
        let run = pipeline(source).to(sink);
        let report = watched(move || run.run().unwrap());
        assert!(arrived.bytes() == bytes, "to {to:?}");
        assert_eq!(path(&report), expected(Place::File, to));
        bounded(&report);
    }
}

#[test]
fn a_range_is_copied_and_nothing_beside_it() {
    let folder = Folder::new();
    let bytes = pattern(3 * SLICE_BYTES);
    let from = folder.file("whole", &bytes);
    let most = bytes.len() as u64;
    for (start, end) in [(0, 1), (1, most), (4097, 2_000_000), (most - 1, most)] {
        for to in Place::ALL {
            let inner = Folder::new();
            let slice = &bytes[start as usize..end as usize];
            let source = ends::read(&from).unwrap().range(start..end).unwrap();
            let (sink, arrived) = to.sink(&inner, slice.len());
            let run = pipeline(source.stable()).to(sink);
            let report = watched(move || run.run().unwrap());
            assert_eq!(report.bytes(), slice.len() as u64);
            assert!(arrived.bytes() == slice, "{start}..{end} to {to:?}");
            assert_eq!(path(&report), expected(Place::File, to));
            bounded(&report);
        }
    }
}

#[test]
fn a_copy_runs_on_the_callers_thread_and_on_no_other() {
    alone(|| {
        let folder = Folder::new();
        let from = folder.file("from", &pattern(3 * SLICE_BYTES));
        let sink = ends::create(folder.path("to")).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let run = pipeline(ends::read(from).unwrap())
            .progress(move |_| {
                let threads = fs::read_dir("/proc/self/task").unwrap();
                let ours = threads.filter(|thread| {
                    let name = thread.as_ref().unwrap().path().join("comm");
                    let name = fs::read_to_string(name).unwrap_or_default();
                    name.starts_with("highwater-0")
                });
                tell.send((thread::current().id(), ours.count())).unwrap();
            })
            .to(sink);
        let report = run.run().unwrap();
        assert_eq!(path(&report), "copy_file_range");
        bounded(&report);
        let seen: Vec<_> = told.iter().collect();
        assert!(seen.len() >= 3);
        assert!(seen.iter().all(|seen| *seen == (thread::current().id(), 0)));
    });
}

/// A source of somebody else's that passes on what it wraps.
struct Wrapped<S>(S);

impl<S: Source<Bytes>> Source<Bytes> for Wrapped<S> {
    fn read(&mut self) -> Result<Option<Bytes>, highwater::Error> {
        self.0.read()
    }

    fn hooks(&mut self) -> Option<&mut dyn highwater::stage::SourceHooks<Bytes>> {
        self.0.hooks()
    }
}

impl<K: Sink<Bytes>> Sink<Bytes> for Wrapped<K> {
    fn write(&mut self, batch: &mut highwater::Batch<Bytes>) -> Result<(), highwater::Error> {
        self.0.write(batch)
    }

    fn hooks(&mut self) -> Option<&mut dyn highwater::stage::SinkHooks<Bytes>> {
        self.0.hooks()
    }
}

#[test]
fn wrappers_of_both_ends_keep_it() {
    let folder = Folder::new();
    let bytes = pattern(SLICE_BYTES + 5);
    let from = folder.file("from", &bytes);
    let source = Wrapped(ends::read(from).unwrap());
    let (sink, arrived) = Place::File.sink(&folder, bytes.len());
    let report = pipeline(source).to(Wrapped(sink)).run().unwrap();
    assert_eq!(path(&report), "copy_file_range");
    assert!(arrived.bytes() == bytes);
    bounded(&report);
}
