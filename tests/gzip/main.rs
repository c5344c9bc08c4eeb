//! Compression and decompression: by property, against the tools and libraries that others wrote, in
//! pipelines that fail, and through the program that a user runs.
//!
//! `PROPTEST_CASES=100000 cargo test --test gzip any` looks further. The fuzz target `gzip` runs the
//! same properties.

#![cfg(all(feature = "gzip", target_os = "linux"))]

#[path = "../properties/gzip.rs"]
mod properties;

mod cuttings;
