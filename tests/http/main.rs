//! The HTTP server, by its sockets: what is sent to it, and what must come back.

#![cfg(all(target_os = "linux", feature = "http"))]

mod answers;
mod bodies;
mod bounds;
mod checklist;
mod failing;
mod kit;
mod load;
mod persistence;
mod upgrades;

#[path = "../support/alone.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod alone;
