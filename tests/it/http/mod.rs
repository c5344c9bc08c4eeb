//! The HTTP server, by its sockets: what is sent to it, and what must come back.

#![cfg(all(target_os = "linux", feature = "http"))]

mod answers;
mod bodies;
mod bodiless;
mod bounds;
mod checklist;
mod events;
mod failing;
mod kit;
mod load;
mod persistence;
mod room;
mod unread;
mod upgrades;
