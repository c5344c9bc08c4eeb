//! Compression and decompression: by property, against the tools and libraries that others wrote, in
//! pipelines that fail, and through the program that a user runs.
//!
//! `PROPTEST_CASES=100000 cargo test --test gzip any` looks further. The fuzz target `gzip` runs the
//! same properties. What needs a tool that is not there says so on standard error, and passes.

#![cfg(all(feature = "gzip", target_os = "linux"))]

#[path = "../properties/gzip.rs"]
mod properties;

// What other tests have made for themselves, of which this one uses a part.
#[path = "../contract/hostile.rs"]
#[allow(dead_code)]
mod hostile;
#[path = "../copy/outcome.rs"]
#[allow(dead_code)]
mod outcome;
#[path = "../contract/stages.rs"]
#[allow(dead_code)]
mod stages;
#[path = "../contract/support.rs"]
#[allow(dead_code)]
mod support;
#[path = "../copy/tool.rs"]
#[allow(dead_code)]
mod tool;

mod bombs;
mod cuttings;
mod damage;
mod flushes;
mod many;
mod owners;
mod peers;
mod pipelines;
mod program;
