//! Whatever the bytes, and however they are cut, neither side of a wire panics, cutting does not
//! show, no credit is exceeded, and errors come back as they were.
//!
//! Run it with `cargo +nightly fuzz run wire -s none -- -max_len=512`.

#![no_main]

#[path = "../../tests/it/properties/wire.rs"]
mod wire;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wire::any(bytes));
