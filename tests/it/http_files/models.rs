//! Properties of what is read out of a request, over thousands of requests.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::http_files::{goes_down, holds_together, sends_what_was_asked_for};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_path_leads_anywhere_but_down(bytes in vec(any::<u8>(), 0..24)) {
        goes_down(&bytes);
    }

    #[test]
    fn the_bytes_that_are_sent_are_those_that_were_asked_for(bytes in vec(any::<u8>(), 0..32)) {
        sends_what_was_asked_for(&bytes);
    }

    #[test]
    fn every_plan_holds_together(bytes in vec(prop_oneof![3 => 0_u8..=0xfe, 1 => Just(0xff)], 0..48)) {
        holds_together(&bytes);
    }
}
