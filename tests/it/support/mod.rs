//! What the tests share: processes and directories of their own, watchdogs, gates, chunks that count.

mod alone;
#[cfg(target_os = "linux")]
mod bounds;
mod census;
#[cfg(target_os = "linux")]
pub(crate) mod child;
#[cfg(target_os = "linux")]
mod folder;
mod gate;
pub(crate) mod hostile;
#[cfg(all(feature = "http", target_os = "linux"))]
mod nginx;
#[cfg(target_os = "linux")]
pub(crate) mod outcome;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod program;
pub(crate) mod stages;
#[cfg(target_os = "linux")]
mod transcript;
mod wait;

pub(crate) use alone::{Alone, alone, own_threads};
#[cfg(target_os = "linux")]
pub(crate) use alone::{alone_in_network, alone_with, once_more};
#[cfg(target_os = "linux")]
pub(crate) use bounds::{SLICE_BYTES, bounded};
pub(crate) use census::{Census, Counted};
#[cfg(target_os = "linux")]
pub(crate) use folder::Folder;
pub(crate) use gate::Gate;
#[cfg(all(feature = "http", target_os = "linux"))]
pub(crate) use nginx::Nginx;
#[cfg(target_os = "linux")]
pub(crate) use process::{held, listed, memory_kib, raise_descriptors};
#[cfg(target_os = "linux")]
pub(crate) use program::{Running, Tool, call, example, have, skip};
#[cfg(target_os = "linux")]
pub(crate) use transcript::Transcript;
#[cfg(target_os = "linux")]
pub(crate) use wait::{PATIENCE, interrupted, watched};
pub(crate) use wait::{Task, in_time, task, until, until_still};

use std::env;

use proptest::prelude::ProptestConfig;

/// So many cases of a property, unless `PROPTEST_CASES` says otherwise.
pub(crate) fn cases(default: u32) -> ProptestConfig {
    let cases =
        env::var("PROPTEST_CASES").map_or(default, |cases| cases.parse().expect("a number"));
    ProptestConfig {
        // What is found belongs in a test of its own, not in a list of seeds.
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

/// Bytes in which a lost, doubled or moved piece shows.
#[cfg(target_os = "linux")]
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    // Eight at a time: without optimisation a step for each byte would cost more than the tests.
    let mut bytes = Vec::with_capacity(len + 8);
    let mut word = 0_u64;
    while bytes.len() < len {
        bytes.extend_from_slice(&word.to_be_bytes());
        word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    }
    bytes.truncate(len);
    bytes
}
