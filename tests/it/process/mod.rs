//! Child processes as ends and as stages of streams: real ones, in peace and under faults.

#![cfg(target_os = "linux")]

mod cancel;
mod data;
mod enough;
mod failing;
mod held;
mod kin;
mod left;
mod pipes;
mod stage;
mod stderr;
mod via;
