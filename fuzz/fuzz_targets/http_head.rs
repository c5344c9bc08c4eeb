//! Whatever the bytes, requests are read the same however they are cut, within their limits, and what
//! is taken is in order.
//!
//! Run it with `cargo +nightly fuzz run http_head -s none -- -max_len=512`.

#![no_main]

#[path = "../../tests/it/properties/http.rs"]
#[allow(dead_code)]
mod http;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| http::any_head(bytes));
