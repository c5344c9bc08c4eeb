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
#[allow(dead_code, reason = "what other tests share")]
#[path = "../contract/support.rs"]
mod support;
mod told;
mod traced;
mod vanished;

#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/tool.rs"]
mod tool;
#[path = "../support/watch.rs"]
mod watch;
