//! Whatever the bytes, a channel and its model answer alike.
//!
//! Run it with `cargo +nightly fuzz run channel_ops -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/channel/mod.rs"]
mod channel;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| channel::agrees_with_the_model(&channel::script(bytes)));
