//! The standard streams of the standard library, handed to a stream as they are.

use std::io::{self, Read, Write, stdin, stdout};
use std::thread;

use highwater::{ErrorKind, HighWaterMark, ReadSource, Readable, Writable, WriteSink, pipeline};

use crate::descriptors::kinds::{Kind, Way, flags};
use crate::descriptors::ways::case;
use crate::support::{alone, bounded, pattern, watched};

/// More than whatever it is holds.
const BYTES: usize = 600_077;

#[test]
fn standard_output_takes_every_byte_behind_what_was_printed_before() {
    alone(|| {
        let old = rustix::stdio::stdout().try_clone_to_owned().unwrap();
        for kind in Kind::ALL {
            for blocks in [true, false] {
                let case = case(Way::Out, kind, blocks, "stdout");
                let (ours, peer) = kind.pair(Way::Out, blocks);
                let before = flags(&ours);
                stdout().flush().unwrap();
                rustix::stdio::dup2_stdout(&ours).unwrap();
                let eaten =
                    thread::spawn(move || crate::descriptors::whole::eat(peer, 2 * BYTES + 5));
                // It has no end of line, and stays in a buffer until there is one.
                stdout().write_all(b"first").unwrap();
                let written = watched(|| {
                    let mut out = Writable::to(stdout(), HighWaterMark::bytes(64 * 1024));
                    out.write_all(&pattern(BYTES))?;
                    out.finish()?;
                    let sink = WriteSink::new(stdout(), "stdout");
                    let report = pipeline(pattern(BYTES)).to(sink).run();
                    report.map_err(highwater::Error::from)
                });
                let got = watched(move || eaten.join().unwrap());
                rustix::stdio::dup2_stdout(&old).unwrap();
                bounded(&written.expect(&case));
                assert_eq!(flags(&ours), before);
                let all = [b"first".to_vec(), pattern(BYTES), pattern(BYTES)].concat();
                assert!(got == all, "{case}: {} arrived", got.len());
            }
        }
    });
}

#[test]
fn standard_input_gives_every_byte_behind_what_was_read_before() {
    alone(|| {
        for kind in [Kind::Pipe, Kind::Fifo, Kind::Unix, Kind::Tcp] {
            for blocks in [true, false] {
                let case = case(Way::In, kind, blocks, "stdin");
                let (ours, mut peer) = kind.pair(Way::In, blocks);
                let before = flags(&ours);
                rustix::stdio::dup2_stdin(&ours).unwrap();
                peer.write_all(b"a line\n").unwrap();
                peer.write_all(&pattern(1000)).unwrap();
                // It has read ahead, and does not tell what.
                let mut line = String::new();
                stdin().read_line(&mut line).unwrap();
                assert_eq!(line, "a line\n");
                let fed = thread::spawn(move || {
                    for piece in pattern(BYTES)[1000..].chunks(3000) {
                        thread::yield_now();
                        peer.write_all(piece).unwrap();
                    }
                });
                let (report, got) = watched(|| {
                    let run = pipeline(ReadSource::new(stdin(), "stdin")).to(Vec::new());
                    run.run_into().unwrap()
                });
                fed.join().unwrap();
                assert!(got.into_inner() == pattern(BYTES), "{case}");
                bounded(&report);
                assert_eq!(flags(&ours), before);
            }
        }
    });
}

#[test]
fn a_reader_without_a_known_descriptor_that_would_block_is_an_error() {
    struct Never;

    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    let mut reader = Readable::from_read(Never, HighWaterMark::default());
    let error = watched(move || reader.next().unwrap().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Io(io::ErrorKind::WouldBlock));
}
