//! What goes through a transform, and how much of it stands in front of one and behind.

use bytes::Bytes;
use highwater::stage::apply;
use highwater::stage::operators::{PassThrough, flat_map, map, try_map};
use highwater::{Duplex, Error, ErrorKind, HighWaterMark, Out, Transform};
use serde_json::{Value, json};

use crate::node::parts::{Log, Logged, bytes, filler, kaboom};
use crate::support::{Gate, in_time, until};

// test-stream2-transform.js: "Verify writable side consumption", ten writes of 1 to 10 bytes at a
// mark of 10. In Node 10 bytes are transformed, the fifth chunk is held, and the rest is queued
// above the mark; here the rest is held to the mark too, so that the last three are not taken.
#[test]
fn of_ten_chunks_that_nobody_reads_ten_bytes_are_transformed_and_the_rest_waits() {
    in_time(|| {
        let log = Log::default();
        let told = log.clone();
        let stage = move |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
            let len = chunk.len();
            told.note(format!("begin {len}"));
            out.push(chunk)?;
            told.note(format!("done {len}"));
            Ok(())
        };
        let mark = HighWaterMark::bytes(10);
        let mut tx = Duplex::over(stage, mark, mark);
        let nothing = tx.readable().try_next().unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        for len in 1..=5 {
            tx.write(filler(len)).unwrap();
            until("it is begun", || log.count(&format!("begin {len}")) == 1);
        }
        assert!(!tx.write(filler(6)).unwrap().reached());
        assert!(tx.write(filler(7)).unwrap().reached());
        for len in 8..=10 {
            let refused = tx.writable().try_write(filler(len)).unwrap_err();
            assert_eq!(refused.into_chunk().len(), len);
        }
        let transformed = (1..=10).filter(|len| log.count(&format!("done {len}")) == 1);
        assert_eq!(transformed.sum::<usize>(), 10);
        assert_eq!(log.count("begin 5"), 1, "the fifth one is held");
        assert_eq!(log.count("begin 6"), 0);
        assert_eq!(tx.readable().len(), 10);
        assert_eq!(tx.writable().len(), 6 + 7);

        tx.end();
        assert_eq!(tx.readable().read_n(100).unwrap().unwrap(), filler(28));
        assert_eq!(tx.readable().read_n(1).unwrap(), None);
        assert!(tx.readable().peak() < 10 + 7);
    });
}

/// What comes out of a stage, by fives, when words were written to it.
fn by_fives(stage: impl Transform<Bytes, Bytes> + 'static, words: &[&'static str]) -> Vec<Bytes> {
    let mark = HighWaterMark::bytes(64);
    let mut stream = Duplex::over(stage, mark, mark);
    for word in words {
        stream.write(bytes(word)).unwrap();
    }
    stream.end();
    let read = std::iter::from_fn(|| stream.readable().read_n(5).unwrap()).collect();
    assert!(stream.readable().peak() <= 64);
    read
}

const WORDS: [&str; 4] = ["foog", "bark", "bazy", "kuel"];

// test-stream2-transform.js: "Verify passthrough behavior", "simple transform", and "facade".
#[test]
fn what_is_passed_on_is_read_in_whatever_pieces_are_asked_for() {
    let same = by_fives(PassThrough, &WORDS);
    assert_eq!(same, ["foogb", "arkba", "zykue", "l"]);
    let xs = by_fives(map(|chunk: Bytes| filler(chunk.len())), &WORDS);
    assert_eq!(xs, ["xxxxx", "xxxxx", "xxxxx", "x"]);

    let mark = HighWaterMark::bytes(64);
    let mut facade = Duplex::over(PassThrough, mark, mark);
    for word in WORDS {
        facade.write(bytes(word)).unwrap();
        assert_eq!(facade.next().unwrap().unwrap(), word, "as it was written");
    }
    facade.end();
    assert!(facade.next().is_none());
    assert_eq!(facade.readable().peak(), 4);
}

// test-stream2-transform.js: "Verify async passthrough".
#[test]
fn a_transform_that_takes_its_time_loses_nothing() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let mark = HighWaterMark::bytes(64);
        let mut stream = Duplex::over(Logged::new(&log).gated(&gate), mark, mark);
        for word in WORDS {
            stream.write(bytes(word)).unwrap();
        }
        assert_eq!(stream.writable().len(), 16);
        stream.end();
        gate.open(4 + 1);
        for five in ["foogb", "arkba", "zykue", "l"] {
            assert_eq!(stream.readable().read_n(5).unwrap().unwrap(), five);
        }
        assert_eq!(stream.readable().read_n(5).unwrap(), None);
        assert_eq!(log.count("transform"), 4);
        assert!(stream.readable().peak() <= 16);
    });
}

/// Passes on the first byte of each three chunks, and of what is left.
#[derive(Default)]
struct Firsts(Vec<u8>);

impl Transform<Bytes, Bytes> for Firsts {
    fn transform(&mut self, chunk: Bytes, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        self.0.extend(chunk.first());
        if self.0.len() == 3 {
            self.flush(out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, Bytes>) -> Result<(), Error> {
        out.push(std::mem::take(&mut self.0).into())
    }
}

// test-stream2-transform.js: "Verify asymmetric transform", one that expands and one that
// compresses.
#[test]
fn more_or_less_may_come_out_than_went_in() {
    let twice = by_fives(flat_map(|chunk: Bytes| [chunk.clone(), chunk]), &WORDS);
    let expected = ["foogf", "oogba", "rkbar", "kbazy", "bazyk", "uelku", "el"];
    assert_eq!(twice, expected);

    let letters = ["aaaa", "bbbb", "cccc", "dddd", "eeee"];
    let words: Vec<&str> = letters.into_iter().cycle().take(14).collect();
    assert_eq!(
        by_fives(Firsts::default(), &words),
        ["abcde", "abcde", "abcd"]
    );
    let firsts = apply(&mut Firsts::default(), words.into_iter().map(bytes)).unwrap();
    assert_eq!(firsts, ["abc", "dea", "bcd", "eab", "cd"]);
}

// test-stream2-transform.js: "Verify object passthrough behavior", "Verify simple object
// transform". Here `null` is one more item.
#[test]
fn an_item_that_is_false_or_empty_or_null_is_an_item() {
    let items = [
        json!(1),
        json!(true),
        json!(false),
        json!(0),
        json!("foo"),
        json!(""),
        json!({ "a": "b" }),
        Value::Null,
    ];
    let texts = [
        "1",
        "true",
        "false",
        "0",
        "\"foo\"",
        "\"\"",
        "{\"a\":\"b\"}",
        "null",
    ];
    let mark = HighWaterMark::items(8);
    let mut same = Duplex::over(PassThrough, mark, mark);
    let mut text = Duplex::over(map(|item: Value| item.to_string()), mark, mark);
    for item in &items {
        same.write(item.clone()).unwrap();
        text.write(item.clone()).unwrap();
    }
    same.end();
    text.end();
    assert!(same.by_ref().map(Result::unwrap).eq(items));
    assert!(text.by_ref().map(Result::unwrap).eq(texts));
    assert!(same.readable().peak() <= 8 && text.readable().peak() <= 8);
}

// test-stream2-transform.js: "Verify object transform", JSON that is parsed, and is none.
#[test]
fn a_transform_that_cannot_make_anything_of_a_chunk_fails_its_stream() {
    let parse = |text: String| serde_json::from_str::<Value>(&text).map_err(Error::other);
    let mark = HighWaterMark::items(1);
    let mut stream = Duplex::over(try_map(parse), mark, mark);
    let nested = json!({ "nested": { "things": [{ "foo": "bar" }, 100, "string"] } });
    for item in [json!({ "foo": "bar" }), json!(100), json!("string"), nested] {
        stream.write(item.to_string()).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), item);
    }
    stream.write("{".to_owned()).unwrap();
    let failure = stream.next().unwrap().unwrap_err();
    assert_eq!(failure.stage(), Some("map"));
    assert!(stream.next().is_none());
    assert_eq!(stream.readable().peak(), 1);
    let refused = stream.writable().wait_finish().unwrap_err();
    assert!(refused.is_same(&failure), "{refused}");
}

// test-stream2-transform.js: "Verify complex transform behavior", which stalled.
#[test]
fn a_transform_that_keeps_a_chunk_for_the_next_one_does_not_stall_a_full_stream() {
    in_time(|| {
        let (mut count, mut saved) = (0, None);
        let stage = move |chunk: Bytes, out: &mut Out<'_, Bytes>| -> Result<(), Error> {
            count += 1;
            if count == 2 {
                saved = Some(chunk);
                return Ok(());
            }
            saved.take().map_or(Ok(()), |saved| out.push(saved))?;
            out.push(chunk)
        };
        let mark = HighWaterMark::bytes(3);
        let mut stream = Duplex::over(stage, mark, mark);
        assert!(
            stream.readable().try_next().is_err(),
            "there is nothing yet"
        );
        for chunk in ["abc", "d", "ef"] {
            stream.write(bytes(chunk)).unwrap();
        }
        stream.end();
        assert_eq!(stream.readable().read_n(6).unwrap().unwrap(), "abcdef");
        assert_eq!(stream.readable().read_n(1).unwrap(), None);
        assert!(stream.readable().peak() < 3 + 3);
    });
}

// test-stream-transform-destroy.js: no 'end', no 'finish', the error once, and `_destroy` has it.
#[test]
fn a_destroyed_transform_is_not_flushed_and_both_its_ends_tell_why() {
    in_time(|| {
        let (log, gate) = (Log::default(), Gate::new());
        let mark = HighWaterMark::items(2);
        let mut stream = Duplex::over(Logged::new(&log).gated(&gate), mark, mark);
        assert!(
            stream.readable().try_next().is_err(),
            "there is nothing yet"
        );
        stream.write(1).unwrap();
        gate.until_arrived(1);
        stream.write(2).unwrap();
        assert!(stream.writable().len() <= 2);
        let cause = kaboom();
        stream.destroy(cause.clone());
        stream.destroy(Error::other("kaboom 2"));
        gate.open(9);
        assert!(stream.next().unwrap().unwrap_err().is_same(&cause));
        assert!(stream.next().is_none());
        assert!(stream.writable().error().unwrap().is_same(&cause));
        assert_eq!(stream.write(3).unwrap_err().into_chunk(), 3);
        drop(stream);
        assert_eq!(
            log.entries(),
            ["transform", "fail: kaboom", "stage dropped"]
        );
    });
}
