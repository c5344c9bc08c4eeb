//! The format and the rules alone, with no socket.
//!
//! `PROPTEST_CASES=100000 cargo test --test it wire` looks further. The fuzz target runs the same
//! properties.

use std::env;
use std::io;

use highwater::wire::{
    CAUSE_BYTES_MAX, DATA_BYTES_MAX, Frame, FrameDecoder, Receiving, Role, Sending,
};
use highwater::{Bytes, Error, ErrorKind, HighWaterMark};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::wire::{Side, any as holds_for, comes_back, hear, script};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_comes_cutting_does_not_show(bytes in vec(any::<u8>(), 0..200)) {
        holds_for(&bytes);
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

#[test]
fn the_property_reaches_every_frame_and_most_refusals() {
    // Kinds, in the order of `script`, with one byte behind each.
    let order = |kinds: &[u8]| -> Vec<u8> {
        let frames = kinds.iter().flat_map(|kind| [*kind, 1, 2, 3]);
        std::iter::once(0).chain(frames).collect()
    };
    let writer = hear(Side::Writer, &script(&order(&[0, 1, 4])), &[]);
    assert_eq!(writer.data, [1, 2, 3, 1, 2, 3]);
    assert_eq!(writer.said.len(), 4, "{writer:?}");
    assert_eq!(writer.refused, None);
    let behind = hear(Side::Writer, &script(&order(&[3, 0])), &[]);
    assert!(behind.refused.is_some(), "{behind:?}");

    let mut reads = order(&[5, 6, 7]);
    reads[0] = 1;
    let reader = hear(Side::Reader, &script(&reads), &[]);
    assert_eq!((reader.said.len(), reader.refused), (4, None));
}

#[test]
fn every_error_comes_back_as_it_was() {
    let io = io::Error::from(io::ErrorKind::StorageFull);
    comes_back(&Error::from(io).during("write to", "out.bin").at(8192));
    let told = io::Error::new(io::ErrorKind::InvalidData, "not in the format");
    comes_back(&Error::from(told).at(u64::MAX));
    comes_back(&Error::other("a text of a user's own"));
    comes_back(
        &Error::new(ErrorKind::Panicked, "panicked: größer").during("transform in", "Größe"),
    );
    let deep = Error::other(Error::other(io::Error::other("below")));
    comes_back(&Error::other(Chain(3)));
    comes_back(&deep);
    comes_back(&Error::enough());
}

/// A cause of causes.
#[derive(Debug)]
struct Chain(usize);

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} more below", self.0)
    }
}

impl std::error::Error for Chain {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        const CHAINS: [Chain; 3] = [Chain(0), Chain(1), Chain(2)];
        let below = self.0.checked_sub(1)?;
        let chains: &'static [Self] = &CHAINS;
        chains.get(below.min(2)).map(|chain| chain as _)
    }
}

#[test]
fn an_error_that_says_too_much_is_cut_and_still_one() {
    let long = "ä".repeat(5_000);
    let error = Error::other(Chain(40)).during("read from", &long).at(7);
    let mut out = Vec::new();
    Frame::Hello(Role::Writer).encode(&mut out);
    Frame::Fail(error).encode(&mut out);
    Frame::Fail(Error::new(ErrorKind::Failed, format!("a{long}"))).encode(&mut out);
    assert!(out.len() < CAUSE_BYTES_MAX);
    let mut decoder = FrameDecoder::new();
    let mut input = Bytes::from(out);
    decoder.decode(&mut input).unwrap();
    let Some(Frame::Fail(cut)) = decoder.decode(&mut input).unwrap() else {
        panic!("it is a failure");
    };
    assert_eq!(cut.stage(), Some(&*"ä".repeat(512)));
    assert_eq!(
        (cut.offset(), cut.operation()),
        (Some(7), Some("read from"))
    );
    let Some(Frame::Fail(cut)) = decoder.decode(&mut input).unwrap() else {
        panic!("it is a failure");
    };
    assert_eq!(cut.to_string(), format!("a{}", "ä".repeat(511)));
}

#[test]
fn credit_is_given_again_at_the_low_mark_and_not_for_each_chunk() {
    let mut state = Receiving::new(HighWaterMark::bytes(100));
    assert_eq!(state.grant(), Some(100));
    assert_eq!(state.grant(), None);
    let mut grants = 0;
    for round in 0..100 {
        let frame = [Frame::Data(10), Frame::Body(Bytes::from_static(&[0; 10]))];
        frame
            .iter()
            .for_each(|frame| state.on_frame(frame, 0).unwrap());
        assert!(state.owed() >= 50 - 10, "round {round}: a writer starves");
        state.take(10);
        if let Some(credit) = state.grant() {
            assert_eq!(credit, 50);
            grants += 1;
        }
        assert!(state.owed() <= 100);
    }
    assert_eq!((grants, state.received()), (20, 1000));
}

#[test]
fn a_mark_of_nothing_has_room_for_one_frame_and_the_next_when_it_is_taken() {
    let mut state = Receiving::new(HighWaterMark::bytes(0));
    let frame = u32::try_from(DATA_BYTES_MAX).unwrap();
    assert_eq!(state.grant(), Some(frame));
    state.on_frame(&Frame::Data(frame), 0).unwrap();
    state.take(DATA_BYTES_MAX - 1);
    assert_eq!(state.grant(), None);
    state.take(DATA_BYTES_MAX); // and no more than has come
    assert_eq!(state.grant(), Some(frame));
}

#[test]
fn an_oversized_chunk_is_cut_by_credit_and_by_the_frame() {
    let mut state = Sending::new();
    assert_eq!(state.spend(1_000), 0);
    state.on_frame(Frame::Credit(100_000), 0).unwrap();
    assert_eq!(state.spend(1_000_000), 65_536);
    assert_eq!(state.spend(1_000_000), 100_000 - 65_536);
    assert_eq!((state.spend(1), state.credit()), (0, 0));
}
