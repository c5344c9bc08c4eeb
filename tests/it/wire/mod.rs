//! A stream between two processes: what it promises, against every way in which it can break.

#![cfg(target_os = "linux")]

mod kit;

mod causes;
mod credit;
mod ends;
mod formats;
mod processes;
mod refusals;
