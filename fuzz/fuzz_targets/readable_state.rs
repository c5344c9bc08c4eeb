//! Whatever the bytes, the readable's machine and its model answer alike.
//!
//! Run it with `cargo +nightly fuzz run readable_state -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/readable/mod.rs"]
mod readable;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| readable::agrees_with_the_model(&readable::script(bytes)));
