//! A peer that does nothing: an abort and a timeout end the wait, whatever it is.

use std::fs::File;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use highwater::fs::{FileSink, FileSource};
use highwater::{CancelToken, Error, ErrorKind, pipeline};

use crate::descriptors::kinds::{Kind, Way, flags};
use crate::descriptors::ways::{In, Out, case, tell};
use crate::support::{interrupted, pattern, watched};

/// Much more than whatever it is holds.
const BYTES: usize = 2 << 20;

/// Aborts a call once it waits in that function, and says how long it then took to come back.
fn aborted<R: Send + 'static>(
    function: &'static str,
    call: impl FnOnce(&CancelToken) -> Result<R, Error> + Send + 'static,
    case: &str,
) -> Duration {
    let (token, (say, said)) = (CancelToken::new(), channel());
    let held = token.clone();
    let outcome = interrupted(
        function,
        move || call(&held),
        || {
            say.send(Instant::now()).unwrap();
            token.abort("enough of it");
        },
    );
    let took = said.recv().unwrap().elapsed();
    let error = outcome.err().expect(case);
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{case}: {error:#}");
    took
}

#[test]
fn an_abort_ends_a_write_to_every_kind_that_is_not_read() {
    let mut times = Vec::new();
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for out in Out::ALL.into_iter().filter(|out| out.is_for(kind)) {
                let case = case(Way::Out, kind, blocks, out);
                let (ours, peer) = kind.pair(Way::Out, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                // The sink of a stream that is written by hand has a thread of its own.
                let function = if out == Out::Writable {
                    "futex"
                } else {
                    "poll"
                };
                let write = move |token: &CancelToken| out.write(kind, ours, BYTES, token);
                let took = aborted(function, write, &case);
                assert_eq!(flags(&shared), before, "{case}");
                times.push((took, case));
                drop(peer);
            }
        }
    }
    tell(times);
}

#[test]
fn an_abort_ends_a_read_of_every_kind_that_is_not_written() {
    let mut times = Vec::new();
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for from in In::ALL.into_iter().filter(|from| from.is_for(kind)) {
                let case = case(Way::In, kind, blocks, from);
                let (ours, peer) = kind.pair(Way::In, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                // A copy in the kernel waits on the caller's thread, and a source on its own.
                let in_kernel = matches!(kind, Kind::Pipe | Kind::Fifo)
                    && matches!(from, In::ToFile | In::ToPipe);
                let function = if in_kernel { "poll" } else { "futex" };
                let read = move |token: &CancelToken| from.read(kind, ours, BYTES, token);
                let took = aborted(function, read, &case);
                assert_eq!(flags(&shared), before, "{case}");
                times.push((took, case));
                drop(peer);
            }
        }
    }
    tell(times);
}

#[test]
fn an_abort_ends_a_read_of_a_terminal_that_was_just_made_by_its_path() {
    // Its other side is not open.
    let read = |token: &CancelToken| {
        let source = highwater::fs::read("/dev/ptmx")?;
        let run = pipeline(source).cancel_with(token).to(Vec::new());
        Ok(run.run()?)
    };
    aborted("futex", read, "/dev/ptmx");
}

#[test]
fn a_socket_cannot_be_opened_by_its_name_and_that_is_said() {
    use std::os::fd::AsRawFd;

    for kind in [Kind::Unix, Kind::Tcp] {
        let (ours, _peer) = kind.pair(Way::Out, true);
        let path = format!("/proc/self/fd/{}", ours.as_raw_fd());
        let reading = highwater::fs::read(&path).map(drop);
        let writing = highwater::fs::append(&path).map(drop);
        for error in [reading.unwrap_err(), writing.unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:#}");
            assert!(error.to_string().contains(&path), "{error:#}");
        }
    }
}

#[test]
fn an_idle_timeout_ends_a_wait_on_every_kind() {
    let idle = Duration::from_millis(30);
    for kind in Kind::ALL {
        for blocks in [true, false] {
            let (ours, peer) = kind.pair(Way::Out, blocks);
            let sink = FileSink::from(File::from(ours)).idle_timeout(idle);
            let run = pipeline(pattern(BYTES)).to(sink);
            let failure = watched(move || run.run().unwrap_err());
            assert_eq!(failure.error.kind(), ErrorKind::TimedOut, "{kind:?}");
            crate::support::bounded(&failure.report);
            drop(peer);

            let (ours, peer) = kind.pair(Way::In, blocks);
            let source = FileSource::from(File::from(ours)).idle_timeout(idle);
            let run = pipeline(source).to(Vec::new());
            let failure = watched(move || run.run().unwrap_err());
            assert_eq!(failure.error.kind(), ErrorKind::TimedOut, "{kind:?}");
            assert_eq!(failure.report.bytes(), 0);
            drop(peer);
        }
    }
}

#[test]
fn a_timeout_that_a_socket_was_given_holds_for_its_writer_and_its_reader() {
    use std::net::TcpStream;

    use highwater::{ReadSource, WriteSink};

    let pair = || {
        let (ours, peer) = Kind::Tcp.pair(Way::Out, true);
        let stream = TcpStream::from(ours);
        let idle = Some(Duration::from_millis(30));
        stream.set_write_timeout(idle).unwrap();
        stream.set_read_timeout(idle).unwrap();
        (stream, peer)
    };
    let (stream, peer) = pair();
    let run = pipeline(pattern(BYTES)).to(WriteSink::new(stream, "peer"));
    let failure = watched(move || run.run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    crate::support::bounded(&failure.report);
    drop(peer);
    let (stream, peer) = pair();
    let run = pipeline(ReadSource::new(stream, "peer")).to(Vec::new());
    let failure = watched(move || run.run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert_eq!(failure.report.bytes(), 0);
    drop(peer);
}

#[test]
fn a_fifo_whose_writers_have_gone_ends_also_when_it_was_not_looked_at_before() {
    use std::io::Write;

    for blocks in [true, false] {
        let (ours, mut peer) = Kind::Fifo.pair(Way::In, blocks);
        peer.write_all(&pattern(5000)).unwrap();
        drop(peer);
        let run = pipeline(FileSource::from(File::from(ours))).to(Vec::new());
        let (report, got) = watched(move || run.run_into().unwrap());
        assert!(got.into_inner() == pattern(5000));
        crate::support::bounded(&report);
    }
}
