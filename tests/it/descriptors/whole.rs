//! Every byte arrives, and the flags of what was handed in stay as they were.

use std::fs::File;
use std::io::{Read, Write};
use std::thread;

use highwater::CancelToken;

use crate::descriptors::kinds::{Kind, Way, flags};
use crate::descriptors::ways::{In, Out, case};
use crate::support::{pattern, watched};

/// More than a pipe, a socket or a terminal holds, several times over, and odd.
const BYTES: usize = 600_077;

/// Reads all of it in small pieces, and gives the other side time to find no room.
pub(crate) fn eat(mut peer: File, bytes: usize) -> Vec<u8> {
    let mut got = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        thread::yield_now();
        let most = bytes.min(filled + 3000);
        match peer.read(&mut got[filled..most]) {
            Ok(0) | Err(_) => break,
            Ok(read) => filled += read,
        }
    }
    got.truncate(filled);
    got
}

#[test]
fn every_kind_takes_every_byte_and_keeps_its_flags() {
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for out in Out::ALL.into_iter().filter(|out| out.is_for(kind)) {
                let case = case(Way::Out, kind, blocks, out);
                let (ours, peer) = kind.pair(Way::Out, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let eaten = thread::spawn(move || eat(peer, BYTES));
                let written = watched(move || out.write(kind, ours, BYTES, &CancelToken::new()));
                assert_eq!(written.expect(&case), BYTES as u64, "{case}");
                assert_eq!(flags(&shared), before, "{case}");
                let got = eaten.join().unwrap();
                assert!(got == pattern(BYTES), "{case}: {} arrived", got.len());
            }
        }
    }
}

#[test]
fn every_kind_gives_every_byte_and_keeps_its_flags() {
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for from in In::ALL.into_iter().filter(|from| from.is_for(kind)) {
                let case = case(Way::In, kind, blocks, from);
                let (ours, mut peer) = kind.pair(Way::In, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let fed = thread::spawn(move || {
                    for piece in pattern(BYTES).chunks(3000) {
                        thread::yield_now();
                        peer.write_all(piece).unwrap();
                    }
                    peer
                });
                let got = watched(move || from.read(kind, ours, BYTES, &CancelToken::new()));
                let got = got.expect(&case);
                assert!(got == pattern(BYTES), "{case}: {} arrived", got.len());
                assert_eq!(flags(&shared), before, "{case}");
                drop(fed.join().unwrap());
            }
        }
    }
}

#[test]
fn devices_give_and_take_what_they_have_or_say_what_is_wrong() {
    use std::io::ErrorKind as Io;

    use highwater::fs::FileSink;
    use highwater::stream::take_bytes;
    use highwater::{ErrorKind, Writable, fs as ends, pipeline};

    let open = |path| File::options().read(true).write(true).open(path).unwrap();
    for by_path in [true, false] {
        let sink = |path| match by_path {
            true => ends::append(path).unwrap(),
            false => FileSink::from(open(path)),
        };
        let source = |path| match by_path {
            true => ends::read(path).unwrap(),
            false => open(path).into(),
        };
        for path in ["/dev/null", "/dev/zero"] {
            let run = pipeline(pattern(BYTES)).to(sink(path));
            let report = watched(move || run.run().unwrap());
            assert_eq!(report.bytes(), BYTES as u64, "{path}");
            crate::support::bounded(&report);
        }
        let run = pipeline(pattern(BYTES)).to(sink("/dev/full"));
        let failure = watched(move || run.run().unwrap_err());
        assert_eq!(failure.error.kind(), ErrorKind::Io(Io::StorageFull));
        assert_eq!(failure.report.bytes(), 0);

        for (path, bytes) in [
            ("/dev/null", 0),
            ("/dev/zero", BYTES),
            ("/dev/urandom", BYTES),
        ] {
            let some = take_bytes(source(path), BYTES as u64);
            let run = pipeline(some).to(Vec::new());
            let (report, got) = watched(move || run.run_into().unwrap());
            assert_eq!(got.into_inner().len(), bytes, "{path}");
            crate::support::bounded(&report);
        }
    }
    let mut out = Writable::to(open("/dev/full"), highwater::HighWaterMark::bytes(64));
    let _ = out.write(pattern(100).into());
    let error = watched(move || out.finish().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Io(Io::StorageFull));
}
