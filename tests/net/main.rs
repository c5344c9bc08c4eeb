//! Sockets under load, and what becomes of what is written to them.

#![cfg(target_os = "linux")]

mod journey;
#[expect(dead_code, reason = "what other tests share")]
#[path = "../contract/support.rs"]
mod support;
mod traced;
