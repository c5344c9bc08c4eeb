//! Whatever the bytes, and however they are cut into chunks, a decoder and its model answer alike.
//!
//! Run it with `cargo +nightly fuzz run lines -s none -- -max_len=256`.

#![no_main]

#[path = "../../tests/it/properties/lines/mod.rs"]
mod lines;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let script = lines::script(bytes);
    lines::agrees_with_the_model(&script);
    if let lines::Job::Frames(prefix) = script.job {
        // Frames that any prefix can say.
        let frames: Vec<Vec<u8>> = script.input.chunks(17).map(<[u8]>::to_vec).collect();
        lines::comes_back(prefix, &frames, &script.cuts);
    }
});
