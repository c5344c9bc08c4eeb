//! Who serves which connection: a thread each while there is something to do, and none while it is idle.
#![allow(dead_code, reason = "what is served by it stands further down")]

mod guest;

#[allow(unused_imports)]
pub(crate) use guest::{Duty, Guest, Stay, Why};
