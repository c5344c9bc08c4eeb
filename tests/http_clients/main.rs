//! The HTTP server and clients that are not ours: those that everybody uses, and crowds.
//!
//! A client that is not there is skipped, with a line that says so.

#![cfg(all(target_os = "linux", feature = "http"))]

mod attackers;
mod crowd;
mod curl;
mod node;
mod python;
mod site;

#[allow(dead_code, reason = "what other tests share")]
#[path = "../support/alone.rs"]
mod alone;
#[allow(dead_code, reason = "what other tests share")]
#[path = "../support/watch.rs"]
mod watch;
