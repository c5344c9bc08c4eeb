//! Whatever the bytes, the writable's machine and its model answer alike.
//!
//! Run it with `cargo +nightly fuzz run writable_state -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/writable/mod.rs"]
mod writable;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| writable::agrees_with_the_model(&writable::script(bytes)));
