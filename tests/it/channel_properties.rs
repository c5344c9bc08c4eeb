//! Any list of operations leads a channel and its model to the same answers, and any traffic
//! between two threads arrives.
//!
//! `PROPTEST_CASES=100000 cargo test --test it channel_properties` looks further. The fuzz target
//! `channel_ops` runs the first property.

use std::env;
use std::thread;

use highwater::{Bytes, HighWaterMark, channel};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::channel::{Script, agrees_with_the_model, script};

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_channel_agrees_with_the_model(script in any_script()) {
        agrees_with_the_model(&script);
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn what_one_thread_writes_another_reads(
        sizes in vec(0..100_usize, 0..200),
        high in 0..200_usize,
        low in 0..200_usize,
        frame in 1..300_usize,
    ) {
        let low = if high == 0 { 0 } else { low % high };
        let mark = HighWaterMark::bytes(high).low(low).expect("valid marks");
        let (mut writer, mut reader) = channel(mark);
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let bytes: usize = sizes.iter().sum();
        let producer = thread::spawn(move || {
            let mut at = 0;
            for size in sizes {
                let chunk: Vec<u8> = (at..at + size).map(|place| place as u8).collect();
                at += size;
                writer.write(Bytes::from(chunk)).expect("it is read");
            }
            writer.finish()
        });
        let mut at = 0;
        while let Some(chunk) = reader.read_n(frame).expect("it ends well") {
            let expected = |(n, byte): (usize, &u8)| *byte == (at + n) as u8;
            prop_assert!(chunk.iter().enumerate().all(expected));
            at += chunk.len();
            prop_assert!(chunk.len() == frame || at == bytes);
        }
        prop_assert_eq!(at, bytes);
        prop_assert!(producer.join().is_ok_and(|finished| finished.is_ok()));
        prop_assert!(reader.peak() <= high.saturating_sub(1) + largest);
    }
}

/// Shrinks the bytes, as the fuzzer does, and shows what they mean.
fn any_script() -> impl Strategy<Value = Script> {
    vec(any::<u8>(), 0..200).prop_map(|bytes| script(&bytes))
}

fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        // What is found belongs in a test of its own, not in a list of seeds.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}
