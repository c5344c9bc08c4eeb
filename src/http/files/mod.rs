//! Files of a folder, served: types, ranges, conditions, and no way out of the folder.
//!
//! What is answered is decided by pure modules, which need neither a socket nor a file: a path is
//! read by [`path`], a range by [`range`], and [`plan`] puts it all together. A [`Folder`] finds
//! the file.

mod beneath;
pub mod coding;
pub mod conditional;
pub mod etag;
mod folder;
mod listing;
pub mod mime;
pub mod multipart;
pub mod path;
pub mod plan;
pub mod range;
mod send;

pub use folder::{Folder, Prepared};
