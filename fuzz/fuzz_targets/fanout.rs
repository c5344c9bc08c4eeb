//! Whatever the bytes, a fan-out and its model answer alike.
//!
//! Run it with `cargo +nightly fuzz run fanout -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/fanout/mod.rs"]
mod fanout;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fanout::agrees_with_the_model(&fanout::script(bytes)));
