//! Files of a folder, served: what is decided, in tables; what is found, on a real file system.

#![cfg(all(target_os = "linux", feature = "files", feature = "testing"))]

mod clients;
mod codings;
mod conditions;
mod escapes;
mod found;
mod kit;
mod listings;
mod models;
mod nginx;
mod paths;
mod plans;
mod ranges;
mod sent;
mod site;
mod swapped;
mod types;
