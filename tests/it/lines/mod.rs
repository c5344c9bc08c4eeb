//! Lines, frames and text: against models, against limits, and against tools that others wrote.

mod limits;
mod models;
#[cfg(target_os = "linux")]
mod tool;
