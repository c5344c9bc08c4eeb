//! Descriptors of every kind, handed in and opened, that block or not, in every way in and out.

#![cfg(target_os = "linux")]

mod closes;
mod kinds;
mod stalled;
mod standard;
mod stderr;
mod tools;
mod ways;
mod whole;
