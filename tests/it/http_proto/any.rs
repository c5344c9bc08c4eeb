//! Whatever the bytes: cutting does not show, what is encoded comes back, and what is taken is in
//! order.

use std::env;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::properties::http as properties;

pub(crate) fn config() -> ProptestConfig {
    let mut config = ProptestConfig {
        // What is found belongs in a test of its own, not in a list of seeds.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1_000;
    }
    config
}

/// Pieces of which most heads are made, and some that break them.
const HEAD: [&str; 40] = [
    "GET ",
    "POST ",
    "CONNECT ",
    "OPTIONS ",
    "/",
    "*",
    "http://b/c",
    "b:1",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/2.0\r\n",
    "Host: a\r\n",
    "Host: a\r\n",
    "Host: b, c\r\n",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "Content-Length: 5\r\n",
    "Content-Length: 05\r\n",
    "Content-Length: +5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: a\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n",
    "X : y\r\n",
    ": y\r\n",
    "hello",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
];

const BODY: [&str; 24] = [
    "0",
    "1",
    "5",
    "5",
    "a",
    "F",
    "\r\n",
    "\r\n",
    "\r\n",
    "\r",
    "\n",
    ";a",
    ";a=b",
    ";a=\"b\"",
    ";",
    " ",
    "hello",
    "hello\r\n",
    "x\r\n",
    "1\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "X: y\r\n",
    "Host: a\r\n",
];

fn out_of(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_head_is_the_same_however_it_is_cut(bytes in out_of(&HEAD), with: [u8; 2]) {
        properties::any_head(&[&with[..], &bytes].concat());
    }

    #[test]
    fn any_body_is_the_same_however_it_is_cut(bytes in out_of(&BODY), with: [u8; 2]) {
        properties::any_body(&[&with[..], &bytes].concat());
    }

    #[test]
    fn any_chunks_come_back_with_extensions_and_trailers(
        chunks in vec(vec(any::<u8>(), 0..300), 0..6),
        extension in select(&["", ";a", ";a=b", " ; a = \"b;\\\"c\"", ";a;b;c=d"][..]),
        pairs in vec(("[a-zA-Z-]{1,16}", vec(any::<u8>(), 0..20)), 0..6),
        cuts in vec(1usize..40, 0..5),
    ) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        properties::comes_back(&chunks, extension, &properties::headers(&pairs), &cuts);
    }
}
