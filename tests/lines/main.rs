//! Lines, frames and text: against models, against limits, and against tools that others wrote.

#[path = "../properties/lines.rs"]
mod properties;

mod limits;
mod models;
#[cfg(unix)]
mod tool;
