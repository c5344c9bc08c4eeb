//! Files, pipes and sockets as ends of streams: what they promise, in peace and under faults.

#![cfg(target_os = "linux")]

mod cancel;
mod files;
mod left;
mod same;

mod sockets;
