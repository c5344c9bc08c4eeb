//! Copies inside the kernel: the same contract as through buffers, and the same bytes.

#![cfg(target_os = "linux")]

mod ends;
mod faults;
mod full;
mod injected;
mod pairs;
mod refusals;
mod slices;
mod waits;
mod wrapped;
