//! What converts into a source and a sink: rules 7, 9, 17 and 19.

use std::io::{BufRead, BufReader, Read};

use highwater::mark::READ_BYTES;
use highwater::stage::SourceHooks;
use highwater::{Bytes, HighWaterMark, IntoSink, IntoSource, ReadSource, Sink, Source, pipeline};

use crate::support::hostile::pattern;
use crate::support::in_time;

/// Reads it through a small buffer, to its end. No buffer has held more than its mark and a chunk.
fn all(source: impl IntoSource<Bytes>, chunk: usize) -> Vec<u8> {
    let mark = HighWaterMark::bytes(1024);
    let begun = pipeline(source).high_water_mark(mark);
    let (report, sink) = begun.to(Vec::new()).run_into().unwrap();
    for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
        assert!(buffer.peak <= 1024 + chunk, "{buffer:?}");
    }
    let bytes = sink.into_inner();
    assert_eq!(report.bytes(), bytes.len() as u64);
    bytes
}

#[test]
fn text_and_bytes_in_memory_are_sources() {
    in_time(|| {
        assert_eq!(all("some text", 9), b"some text");
        assert_eq!(all("some text".to_owned(), 9), b"some text");
        assert_eq!(all(b"some text", 9), b"some text");
        assert_eq!(all(&b"some text"[..], 9), b"some text");
        assert_eq!(all("", 0), b"");
        assert_eq!("some text".into_source().len_hint(), Some(9));
        let long = String::from_utf8(vec![b'x'; 3 * READ_BYTES + 1]).unwrap();
        assert!(all(long.clone(), READ_BYTES) == long.as_bytes());
    });
}

// Rule 9: what was read ahead comes first, and once.
#[test]
fn a_buffered_reader_keeps_what_it_has_buffered() {
    in_time(|| {
        let text = pattern(10_000);
        for capacity in [1, 16, 1_000, 20_000] {
            for read in [0, 1, 15, 999] {
                let inner = std::io::Cursor::new(text.clone());
                let mut reader = BufReader::with_capacity(capacity, inner);
                let mut head = vec![0; read];
                reader.read_exact(&mut head).unwrap();
                assert!(head == text[..read]);
                // It holds some, which its reader does not give again.
                let _ = reader.fill_buf().unwrap();
                assert!(!reader.buffer().is_empty());
                assert!(all(reader, READ_BYTES) == text[read..], "{capacity} {read}");
            }
        }
    });
}

#[test]
fn what_a_buffered_reader_has_buffered_comes_in_chunks_as_small_as_asked_for() {
    let mut reader = BufReader::with_capacity(100, &b"0123456789"[..]);
    let _ = reader.fill_buf().unwrap();
    let mut source: ReadSource<_> = reader.into_source();
    source.hooks().unwrap().set_chunk_bytes(4);
    let chunks: Vec<_> = std::iter::from_fn(|| source.read().unwrap()).collect();
    assert_eq!(chunks, ["0123", "4567", "89"]);
}

#[test]
fn standard_streams_convert_under_their_names() {
    let stdin = std::io::stdin().into_source();
    assert_eq!(stdin.name(), "stdin");
    let stdout = IntoSink::<Bytes>::into_sink(std::io::stdout());
    let stderr = IntoSink::<Bytes>::into_sink(std::io::stderr());
    assert_eq!(
        (stdout.name(), stderr.name()),
        ("stdout".into(), "stderr".into())
    );
}

// Rule 7: the finish closes the pipe, so the child comes to its end, also if the sink is kept.
#[cfg(unix)]
#[test]
fn pipes_of_a_child_are_ends_and_the_finish_closes_its_input() {
    use std::process::{Command, Stdio};

    use crate::support::task;

    in_time(|| {
        let mut cat = Command::new("sh");
        cat.args(["-c", "cat; echo done >&2"]);
        cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut cat = cat.stderr(Stdio::piped()).spawn().unwrap();
        let input = IntoSink::<Bytes>::into_sink(cat.stdin.take().unwrap());
        assert_eq!(input.name(), "child stdin");
        let output = cat.stdout.take().unwrap().into_source();
        assert_eq!(output.name(), "child stdout");
        let errors = cat.stderr.take().unwrap().into_source();
        assert_eq!(errors.name(), "child stderr");
        let text = pattern(300_000);
        let written = text.clone();
        let writer = task(move || pipeline(written).to(input).run_into().unwrap());
        assert!(all(output, READ_BYTES) == text);
        let (report, _kept) = writer.join();
        assert_eq!(report.bytes(), 300_000);
        assert_eq!(all(errors, READ_BYTES), b"done\n");
        assert!(cat.wait().unwrap().success());
    });
}

// The hooks of a wrapped source, by the wrappers of this library too.
#[test]
fn a_box_and_a_reference_pass_the_hooks_on() {
    let mut source = "0123456789".into_source();
    by_reference(&mut &mut source);
    let mut boxed: Box<dyn Source<Bytes>> = Box::new("0123456789".into_source());
    by_reference(&mut boxed);

    fn by_reference(source: &mut impl Source<Bytes>) {
        source.hooks().unwrap().set_chunk_bytes(3);
        assert_eq!(source.read().unwrap().unwrap(), "012");
        assert_eq!(source.hooks().map(SourceHooks::part), Some(0));
    }
}
