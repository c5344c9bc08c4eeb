//! However a stream is cut into chunks, the same comes out.
//!
//! `PROPTEST_CASES=100000 cargo test --test it lines` looks further. The fuzz target runs the same
//! property.

use std::env;

use highwater::lines::Prefix;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::lines::{agrees_with_the_model, comes_back, script};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_splitting_of_a_stream_gives_what_the_model_says(bytes in vec(any::<u8>(), 0..160)) {
        agrees_with_the_model(&script(&bytes));
    }

    #[test]
    fn what_is_joined_and_split_comes_back(
        frames in vec(vec(any::<u8>(), 0..200), 0..5),
        cuts in vec(0_usize..3000, 2..4),
        wide in any::<bool>(),
    ) {
        for prefix in [Prefix::U8, Prefix::U16Le, Prefix::U32Be, Prefix::U64Le, Prefix::Varint] {
            // Frames on both sides of what is copied and of what is passed by reference.
            let frames: Vec<_> = frames
                .iter()
                .map(|frame| if wide && prefix != Prefix::U8 { frame.repeat(40) } else { frame.clone() })
                .collect();
            comes_back(prefix, &frames, &cuts);
        }
    }
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
