//! Compression and decompression: by property, against the tools and libraries that others wrote, in
//! pipelines that fail, and through the program that a user runs.
//!
//! `PROPTEST_CASES=100000 cargo test --test it gzip` looks further. The fuzz target `gzip` runs the
//! same properties. What needs a tool that is not there says so on standard error, and passes.

#![cfg(all(feature = "gzip", target_os = "linux"))]

mod bombs;
mod cuttings;
mod damage;
mod flushes;
mod many;
mod owners;
mod peers;
mod pipelines;
mod program;
