//! Rule 16: threads that start with the first byte, have a name, and outlive nothing.

use bytes::Bytes;
use highwater::stream::ReceiverSource;
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, Readable, Writable, pipeline};

use crate::support::hostile::{Pattern, Scripted, Step};
use crate::support::{alone, alone_with, in_time, own_threads, task, until};

fn chunk() -> Bytes {
    Bytes::from_static(b"0123456789")
}

#[test]
fn threads_start_with_the_first_byte_and_end_with_their_handle() {
    alone(|| {
        in_time(|| {
            assert!(own_threads().is_empty());
            let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(8));
            let endless = Pattern::new(usize::MAX, [Step::Move(10)]);
            let mut reader = Readable::from_read(endless, HighWaterMark::bytes(8));
            assert!(own_threads().is_empty(), "nothing was moved yet");

            out.write(chunk()).unwrap();
            // A thread gives itself its name.
            until("there is one to write", || {
                own_threads() == ["highwater-write\n"]
            });
            let _ = reader.next().unwrap().unwrap();
            until("there is one to read", || own_threads().len() == 2);
            assert!(reader.peak() < 8 + 10);

            // Of each end, the good one and the bad ones.
            drop(reader);
            assert_eq!(own_threads().len(), 1, "{:?}", own_threads());
            out.finish().unwrap();
            assert!(own_threads().is_empty(), "{:?}", own_threads());
            for way in 0..4 {
                let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(8));
                out.write(chunk()).unwrap();
                match way {
                    0 => drop(out.destroy(Error::other("enough"))),
                    1 => out.end(),
                    2 => out.fail(Error::other("enough")),
                    _ => {}
                }
                drop(out);
                assert!(own_threads().is_empty(), "{way}: {:?}", own_threads());
            }
        });
    });
}

#[test]
fn a_pipeline_leaves_no_thread_behind_however_it_ends() {
    alone(|| {
        in_time(|| {
            for way in 0..5 {
                let token = CancelToken::new();
                let (sender, receiver) = crossbeam_channel::bounded(4);
                sender.send(chunk()).unwrap();
                let sink = match way {
                    0 => Scripted::until(3, Step::Fail(std::io::ErrorKind::StorageFull)),
                    1 => Scripted::until(3, Step::Panic),
                    _ => Scripted::new([Step::Move(4)]),
                };
                let same = |chunk, out: &mut highwater::Out<'_, Bytes>| out.push(chunk);
                let ready = pipeline(ReceiverSource::new(receiver))
                    .cancel_with(&token)
                    .through(same)
                    .through(same)
                    .to(highwater::WriteSink::new(sink, "sink"));
                let running = task(move || ready.run().map(|report| report.bytes()));
                if way > 1 {
                    until("its stages run", || own_threads().len() == 3);
                    running.until_parked();
                }
                match way {
                    2 => token.stop(),
                    3 => token.abort("enough"),
                    4 => drop(sender),
                    _ => {}
                }
                let ended = running.join();
                assert_eq!(ended.is_ok(), way == 2 || way == 4, "{way}: {ended:?}");
                assert!(own_threads().is_empty(), "{way}: {:?}", own_threads());
            }
        });
    });
}

/// No thread can be given a stack so large.
const NO_THREADS: [(&str, &str); 1] = [("RUST_MIN_STACK", "70368744177664")];

// Rules 7, 12 and 14.
#[test]
fn a_thread_that_cannot_be_started_is_the_error_of_its_stream() {
    let body = || {
        let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(8));
        let refused = out.write(chunk()).unwrap_err();
        let error = refused.cause().unwrap().clone();
        assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
        assert_eq!(error.operation(), Some("start the thread of"));
        assert_eq!(refused.into_chunk(), chunk());
        assert!(
            out.write(chunk())
                .unwrap_err()
                .cause()
                .unwrap()
                .is_same(&error)
        );
        assert!(out.wait_drain().unwrap_err().is_same(&error));
        assert!(out.wait_finish().unwrap_err().is_same(&error));
        assert!(out.is_closed() && !out.is_finished());
        assert!(out.finish().unwrap_err().is_same(&error));

        let mut reader = Readable::from_iter(0..9, HighWaterMark::items(2));
        let error = reader.next().unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error:?}");
        assert!(reader.next().is_none());
        assert!(reader.try_next().unwrap_err().is_same(&error));

        let failure = pipeline(&b"nothing moves"[..])
            .to(Vec::new())
            .run()
            .unwrap_err();
        assert!(
            matches!(failure.error.kind(), ErrorKind::Io(_)),
            "{failure}"
        );
        assert_eq!(failure.error.stage(), Some("memory"));
        assert_eq!((failure.report.bytes(), failure.undelivered.len()), (0, 0));
        assert!(own_threads().is_empty());
    };
    alone_with(&NO_THREADS, body);
}
