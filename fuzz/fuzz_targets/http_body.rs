//! Whatever the bytes, chunked bodies are read the same however they are cut, within their limits; what
//! is encoded comes back.
//!
//! Run it with `cargo +nightly fuzz run http_body -s none -- -max_len=512`.

#![no_main]

#[path = "../../tests/it/properties/http.rs"]
#[allow(dead_code)]
mod http;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| http::any_body(bytes));
