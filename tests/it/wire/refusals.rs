//! What a peer may not say: refused by its kind and at its byte, and the peer is told.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use highwater::wire::{DATA_BYTES_MAX, Frame, FrameDecoder, Role, WireSink, WireSource};
use highwater::{Bytes, Error, ErrorKind, HighWaterMark, pipeline};

use crate::support::watched;
use crate::wire::kit::tcp;

const INVALID: ErrorKind = ErrorKind::Io(io::ErrorKind::InvalidData);
const UNSUPPORTED: ErrorKind = ErrorKind::Io(io::ErrorKind::Unsupported);

const HELLO_OF_A_WRITER: &[u8] = b"\x8Ahwire\x01\x01";
const HELLO_OF_A_READER: &[u8] = b"\x8Ahwire\x01\x02";

fn said(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out
}

/// Says some bytes to a source or a sink with a mark or a data of 100 bytes. Gives its error, and
/// the one that it told.
fn refused(to: Role, bytes: Vec<u8>) -> (Error, Option<Error>) {
    let (ours, mut theirs) = tcp();
    watched(move || {
        theirs.write_all(&bytes).unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        let error = match to {
            Role::Reader => {
                let source = WireSource::new(ours.into(), HighWaterMark::bytes(100));
                pipeline(source).to(Vec::new()).run().unwrap_err().error
            }
            Role::Writer => {
                let run = pipeline(vec![7; 100]).to(WireSink::new(ours.into()));
                run.run().unwrap_err().error
            }
        };
        let mut answer = Vec::new();
        // What was not read is a reset behind the answer.
        let _ = theirs.read_to_end(&mut answer);
        let (mut decoder, mut input) = (FrameDecoder::new(), Bytes::from(answer));
        let mut told = None;
        while let Some(frame) = decoder.decode(&mut input).unwrap() {
            if let Frame::Fail(error) | Frame::Closed(error) = frame {
                told = Some(error);
            }
        }
        (error, told)
    })
}

#[track_caller]
fn is_refused(to: Role, hello: &[u8], rest: &[u8], kind: ErrorKind, says: &str, at: u64) {
    let (error, told) = refused(to, [hello, rest].concat());
    assert_eq!(error.kind(), kind, "{error:#}");
    assert_eq!(error.offset(), Some(at), "{error:#}");
    assert!(error.to_string().contains(says), "{error}");
    let told = told.expect("the peer is told");
    assert_eq!(format!("{told:#}"), format!("{error:#}"));
}

#[test]
fn a_stranger_is_refused_with_his_first_wrong_byte() {
    for to in [Role::Reader, Role::Writer] {
        is_refused(to, b"GET / HTTP/1.1\r\n", b"", INVALID, "something else", 0);
        is_refused(to, b"\x8Ahw1re", b"", INVALID, "something else", 3);
        is_refused(to, b"\x8Ahwire\x02\x01", b"", UNSUPPORTED, "version 2", 6);
        is_refused(to, b"\x8Ahwire\x01\x03", b"", INVALID, "a role", 7);
    }
    let reader = (Role::Reader, HELLO_OF_A_READER);
    is_refused(reader.0, reader.1, b"", INVALID, "both sides only read", 0);
    let writer = (Role::Writer, HELLO_OF_A_WRITER);
    is_refused(writer.0, writer.1, b"", INVALID, "both sides only write", 0);
}

#[test]
fn a_writer_may_not_say_what_is_not_his_to_say() {
    let is = |rest: &[u8], kind, says, at| {
        is_refused(Role::Reader, HELLO_OF_A_WRITER, rest, kind, says, at);
    };
    is(b"\x09\0\0\0", INVALID, "not known: 9", 8);
    is(b"\x01\0\0\0", INVALID, "1 at least", 8);
    is(
        b"\x01\x01\0\x01",
        ErrorKind::LimitExceeded,
        "may have 65536",
        8,
    );
    is(
        b"\x01\xFF\xFF\xFF",
        ErrorKind::LimitExceeded,
        "16777215 bytes",
        8,
    );
    is(b"\x02\0\0\x01\0", ErrorKind::LimitExceeded, "may have 0", 8);
    is(
        b"\x03\0\x40\x01",
        ErrorKind::LimitExceeded,
        "may have 16384",
        8,
    );
    is(b"\x03\0\0\x04\x0B\0\x08\0", INVALID, "flags", 8);
    is(
        b"\x03\0\0\x04\x0B\0\0\x09",
        INVALID,
        "more than 8 causes",
        8,
    );
    is(
        b"\x03\0\0\x04\x0B\0\x02\0",
        INVALID,
        "longer than its frame",
        8,
    );
    is(
        b"\x03\0\0\x05\x0B\0\0\0\0",
        INVALID,
        "shorter than its frame",
        8,
    );
    is(
        b"\x03\0\0\x07\x0B\0\x02\0\x01\xFF\0",
        INVALID,
        "not UTF-8",
        8,
    );
    is(
        b"\x03\0\0\x06\x0B\0\x02\x04\x01\0",
        INVALID,
        "more than 1024",
        8,
    );
    is(
        &said(&[Frame::Fail(Error::enough())]),
        INVALID,
        "that is none",
        8,
    );
    is(&said(&[Frame::Credit(1)]), INVALID, "may not send now", 8);
    is(&said(&[Frame::Done]), INVALID, "may not send now", 8);
}

#[test]
fn data_beyond_the_credit_is_refused_before_it_has_come() {
    // The first byte of 101 is one too many, and so is the second of two frames.
    let is = |rest: Vec<u8>, at| {
        let limit = ErrorKind::LimitExceeded;
        is_refused(
            Role::Reader,
            HELLO_OF_A_WRITER,
            &rest,
            limit,
            "with a credit of",
            at,
        );
    };
    is(said(&[Frame::Data(101)]), 8);
    is(
        said(&[Frame::Data(u32::try_from(DATA_BYTES_MAX).unwrap())]),
        8,
    );
    let hundred = Frame::Body(Bytes::from_static(&[7; 100]));
    is(said(&[Frame::Data(100), hundred, Frame::Data(100)]), 112);
}

#[test]
fn a_reader_may_not_say_what_is_not_his_to_say() {
    let is = |rest: &[u8], kind, says, at| {
        is_refused(Role::Writer, HELLO_OF_A_READER, rest, kind, says, at);
    };
    is(b"\x04\0\0\x03", INVALID, "4 at least", 8);
    is(
        &said(&[Frame::Credit(0)]),
        INVALID,
        "a credit of nothing",
        8,
    );
    is(&said(&[Frame::Done]), INVALID, "may not send now", 8);
    is(&said(&[Frame::End]), INVALID, "may not send now", 8);
    is(&said(&[Frame::Data(1)]), INVALID, "may not send now", 8);
    let much = [Frame::Credit(1 << 31), Frame::Credit(1)];
    is(&said(&much), ErrorKind::LimitExceeded, "2147483648", 16);
}
