//! The main job, through the program that a user runs, against tools that others wrote.
//!
//! What needs a tool that is not there says so on standard error, and passes.

#![cfg(target_os = "linux")]

mod faults;
mod files;
mod peers;
mod pipes;
mod signals;
mod sockets;
mod timing;
mod wrong;
