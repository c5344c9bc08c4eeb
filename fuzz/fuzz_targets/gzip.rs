//! Whatever the bytes, decompression does not panic, cutting does not show, flate2 agrees, and what
//! was compressed comes back.
//!
//! Run it with `cargo +nightly fuzz run gzip -s none -- -max_len=4096`.

#![no_main]

#[path = "../../tests/it/properties/gzip.rs"]
mod gzip;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gzip::any(bytes));
