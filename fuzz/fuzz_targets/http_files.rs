//! Whatever is asked for, a path goes down from its folder, a range is of bytes that are there, and
//! no answer sends more than the file.
//!
//! Run it with `cargo +nightly fuzz run http_files -s none -- -max_len=128`.

#![no_main]

#[path = "../../tests/it/properties/http_files.rs"]
mod http_files;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    http_files::goes_down(bytes);
    http_files::sends_what_was_asked_for(bytes);
    http_files::holds_together(bytes);
});
