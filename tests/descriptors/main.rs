//! Descriptors of every kind, handed in and opened, that block or not, in every way in and out.

#![cfg(target_os = "linux")]

mod closes;
mod kinds;
mod stalled;
mod standard;
mod stderr;
mod tools;
mod ways;
mod whole;

#[path = "../support/alone.rs"]
#[allow(dead_code)] // It lists what a process has, too.
mod alone;
#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/prepared.rs"]
mod prepared;
#[path = "../support/watch.rs"]
mod watch;
