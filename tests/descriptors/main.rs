//! Descriptors of every kind, handed in and opened, that block or not, in every way in and out.

#![cfg(target_os = "linux")]

mod closes;
mod kinds;
mod stalled;
mod tools;
mod ways;
mod whole;

#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/prepared.rs"]
mod prepared;
#[path = "../support/watch.rs"]
mod watch;
