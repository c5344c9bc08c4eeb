//! Any list of operations leads the state machines and their models to the same answers.
//!
//! `PROPTEST_CASES=100000 cargo test --test it state_properties` looks further. The fuzz targets run
//! the same properties.

use std::env;
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::{fanout, readable, relay, writable};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_writable_agrees_with_the_model(script in any_script(writable::script)) {
        writable::agrees_with_the_model(&script);
    }

    #[test]
    fn a_readable_agrees_with_the_model(script in any_script(readable::script)) {
        readable::agrees_with_the_model(&script);
    }

    #[test]
    fn a_fan_out_agrees_with_the_model(script in any_script(fanout::script)) {
        fanout::agrees_with_the_model(&script);
    }

    #[test]
    fn a_relay_agrees_with_the_model(script in any_script(relay::script)) {
        relay::agrees_with_the_model(&script);
    }
}

/// Shrinks the bytes, as the fuzzer does, and shows what they mean.
fn any_script<S: Debug>(script: fn(&[u8]) -> S) -> impl Strategy<Value = S> {
    vec(any::<u8>(), 0..200).prop_map(move |bytes| script(&bytes))
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig {
        // What is found belongs in a test of its own, not in a list of seeds.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 2_000;
    }
    config
}
