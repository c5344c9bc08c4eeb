//! What is written behind a cork goes out as one.

use bytes::Bytes;
use highwater::{HighWaterMark, Writable};

use crate::node::parts::{Keeper, Log, bytes};

// test-stream-writev.js: with one cork or two, taken back by hand or by the end.
#[test]
fn what_was_corked_is_written_in_one_call_in_order() {
    for uncorks in [true, false] {
        for twice in [true, false] {
            let log = Log::default();
            let sink = Keeper::new(&log).taking_all();
            let kept = sink.kept();
            let mut out = Writable::from_sink(sink, HighWaterMark::bytes(64));
            let expected = [
                bytes("hello, "),
                bytes("world"),
                bytes("!"),
                bytes("\nand then..."),
                Bytes::from_static(b"\xfa\xce\xbe\xa7\xde\xad\xbe\xef\xde\xca\xfb\xad"),
            ];

            let cork = out.cork();
            out.write(expected[0].clone()).unwrap();
            out.write(expected[1].clone()).unwrap();
            let inner = twice.then(|| out.cork());
            out.write(expected[2].clone()).unwrap();
            out.write(expected[3].clone()).unwrap();
            drop(inner);
            out.write(expected[4].clone()).unwrap();
            assert_eq!(out.len(), 37, "all is held back, and counts");
            assert!(log.entries().is_empty());
            let cork = (!uncorks).then_some(cork);

            drop(out.finish().unwrap());
            drop(cork);
            assert_eq!(kept.batches(), [expected.to_vec()]);
            let all = ["write", "written", "finish", "finished", "sink dropped"];
            assert_eq!(log.entries(), all);
        }
    }
}

// test-stream-writableState-uncorked-bufferedRequestCount.js: two corks, and one that is left in.
#[test]
fn corks_nest_and_the_end_takes_all_of_them_back() {
    let log = Log::default();
    let sink = Keeper::new(&log).taking_all();
    let kept = sink.kept();
    let mut out = Writable::from_sink(sink, HighWaterMark::items(4));

    let first = out.cork();
    assert_eq!((out.corked(), out.len()), (1, 0));
    let second = out.cork();
    assert_eq!(out.corked(), 2);
    out.write("first chunk").unwrap();
    assert_eq!(out.len(), 1);
    drop(first);
    assert_eq!(
        (out.corked(), out.len()),
        (1, 1),
        "the first one does nothing"
    );
    out.write("second chunk").unwrap();
    assert_eq!((out.corked(), out.len()), (1, 2));
    assert!(log.entries().is_empty());

    drop(second);
    assert_eq!(out.corked(), 0);
    out.flush().unwrap();
    assert_eq!(out.len(), 0);

    let left = out.cork();
    out.write("third chunk").unwrap();
    assert_eq!(out.len(), 1);
    out.end();
    assert_eq!(out.corked(), 0);
    let _ = out.finish().unwrap();
    drop(left);
    let expected = [vec!["first chunk", "second chunk"], vec!["third chunk"]];
    assert_eq!(kept.batches(), expected);
}
