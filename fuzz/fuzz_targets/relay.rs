//! Whatever the bytes, the two ways of a relay and their models answer alike.
//!
//! Run it with `cargo +nightly fuzz run relay -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/relay.rs"]
mod relay;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| relay::agrees_with_the_model(&relay::script(bytes)));
