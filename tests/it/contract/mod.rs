//! The contract, rule by rule, through the public interface alone.
//!
//! Each test names the rules that it holds the streams to. Nothing here sleeps: threads are
//! ordered by gates, or seen to be parked. Whatever moves data also says how much may be held.

mod borrows;
#[cfg(target_os = "linux")]
mod borrows_ends;
#[cfg(unix)]
mod bottlenecks;
mod bounds;
mod breaks;
mod broadcast;
mod broadcast_ends;
mod budget;
mod cancels;
mod confirms;
mod conversions;
mod cuts;
mod direct;
mod drains;
mod drops;
mod duplexes;
mod empties;
mod endpoints;
mod ends;
mod faces;
mod failing;
mod flows;
mod gather;
#[cfg(unix)]
mod idle;
mod last_words;
mod laws;
#[cfg(unix)]
mod limits;
mod lines;
mod marks;
mod operators;
mod panics;
mod parallel;
mod pipelines;
mod places;
mod producers;
mod readers;
mod reports;
mod sinks;
mod tees;
#[cfg(target_os = "linux")]
mod threads;
mod traffic;
mod unheard;
mod waits;
