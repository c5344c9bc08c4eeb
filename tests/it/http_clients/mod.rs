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
