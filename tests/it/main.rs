//! The integration tests, in one program: it is linked once.
//!
//! `cargo test --test it contract::marks` runs a part of them. A test that needs a process to itself
//! starts one: see [`support::alone`]. What needs a program that is not there says so on standard
//! error, and passes. `PROPTEST_CASES=100000 cargo test --test it` looks further in every property.

mod channel_properties;
mod contract;
mod copy;
mod descriptors;
mod endpoints;
mod gzip;
mod http;
mod http_clients;
mod http_files;
mod http_proto;
mod kernel;
mod lines;
mod net;
mod node;
mod process;
mod properties;
mod state_properties;
mod support;
mod tee;
mod tools;
mod web;
#[cfg(feature = "wire")]
mod wire;
