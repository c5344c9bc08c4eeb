//! The network, for real: loopback, Unix sockets, and namespaces where packets vanish.

#![cfg(target_os = "linux")]

mod blocked;
mod calls;
mod connect;
mod crowd;
mod faults;
mod journey;
mod names;
mod options;
mod proxy;
mod relay;
mod scene;
mod server;
mod server_faults;
mod server_panics;
mod server_stops;
mod stopped;
mod told;
mod traced;
mod vanished;
