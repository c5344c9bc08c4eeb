//! HTTP/1.1 with no socket: the checklist of what a server must refuse, by property, and against
//! the parsers of others.
//!
//! `PROPTEST_CASES=100000 cargo test --test it http_proto` looks further. The fuzz targets
//! `http_head` and `http_body` run the same properties. What needs Node says so on standard error if
//! that is not there, and passes.

#![cfg(all(unix, feature = "http", feature = "testing"))]

mod answers;
mod any;
mod bodies;
#[cfg(target_os = "linux")]
mod corpus;
mod heads;
mod limits;
#[cfg(target_os = "linux")]
mod node;
mod table;
mod targets;
