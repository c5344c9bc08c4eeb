//! The HTTP server and clients that are not ours: those that everybody uses, and crowds.
//!
//! A client that is not there is skipped, with a line that says so.

#![cfg(all(target_os = "linux", feature = "files"))]

mod attackers;
mod browser;
mod crowd;
mod curl;
mod idle;
mod lingering;
mod node;
mod python;
mod readers;
mod refused;
mod site;

#[allow(dead_code, reason = "what other tests share")]
#[path = "../support/alone.rs"]
mod alone;
#[allow(dead_code, reason = "what other tests share")]
#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/prepared.rs"]
mod prepared;
#[allow(dead_code, reason = "what other tests share")]
#[path = "../support/watch.rs"]
mod watch;
