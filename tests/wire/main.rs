//! A stream between two processes: what it promises, against every way in which it can break.

#![cfg(target_os = "linux")]

#[path = "../properties/wire.rs"]
mod properties;

mod kit;
#[path = "../support/watch.rs"]
mod watch;

mod causes;
mod credit;
mod ends;
mod formats;
mod processes;
mod refusals;
