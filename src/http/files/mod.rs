//! Serves the files of a directory over HTTP: types, ranges, conditions, listings, and no path that
//! leads out of the directory. With the feature `files`.
//!
//! A [`Folder`] finds what a request asks for, and [responds](Folder::respond). Handlers that store files
//! use the same rules: [`RequestPath`] decodes a path, [`check_conditions`] applies `If-Match` and its
//! kind.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use highwater::http::Server;
//! use highwater::http::files::Folder;
//!
//! let folder = Folder::open(env!("CARGO_MANIFEST_DIR"))?.listing(true);
//! let server = Server::bind("127.0.0.1:0")?
//!     .spawn(move |request, response| folder.respond(&request, response))?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"GET /Cargo.toml HTTP/1.1\r\nHost: a\r\nRange: bytes=0-8\r\nConnection: close\r\n\r\n")?;
//! let mut received = String::new();
//! client.read_to_string(&mut received)?;
//! assert!(received.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{received}");
//! assert!(received.ends_with("\r\n\r\n[package]"), "{received}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | request | response |
//! | --- | --- |
//! | `GET`, `HEAD` of a file | 200, or 206 for a range; `Content-Type` by the extension, `ETag`, `Last-Modified` |
//! | with `If-None-Match`, `If-Modified-Since` of this state | 304 |
//! | with `If-Match`, `If-Unmodified-Since` of another state | 412 |
//! | with a range beyond the end | 416 |
//! | a directory | its [index](Folder::index), or a [listing](Folder::listing), or 404; 301 if the slash is missing |
//! | nothing there, hidden, a link that is not followed, a device | 404 |
//! | a file that the server may not read | 403 |
//! | a path with dots, an encoded slash, a control character | 400 |
//! | `OPTIONS` | 204 with `Allow` |
//! | another method | 405, or 501 if it is not one of HTTP |
//! | no descriptor or memory free | 503 |
//!
//! The file is sent by the kernel (`sendfile`), on the thread of the handler.

// The modules that decide are pure, and public only with the feature `testing`. What is written by hand
// here, and why not a crate:
//
// | what | ours or a crate | reason |
// | --- | --- | --- |
// | MIME types (mime) | ours | `mime_guess`: over 1,000 extensions, `unicase`, `mime`, a build script; a browser handles about 90, in one sorted table |
// | percent-encoding (path) | ours | `percent-encoding` decodes leniently (`%zz` stays); here it must reject, and see an encoded slash before it is decoded |
// | HTML escaping (listing) | ours | five characters in 12 lines; `html-escape` is a dependency for one call |
// | ranges (range) | ours | `http-range-header` rejects ranges that overlap, which have to be merged, and more than 100; `headers` neither merges nor bounds them |
// | entity tags and conditions (etag, conditional) | ours | `headers` parses and compares tags, but has no order of conditions, no tag from a file, and brings `base64`, `sha1`, `mime` |
// | `Accept-Encoding` (coding) | ours | `headers` does not parse weights |
// | `multipart/byteranges` (multipart) | ours | no crate writes it with a length that is known before |
// | dates | `httpdate` | a crate: three formats to parse, one to print, no dependency |
// | opening beneath a directory (beneath) | `rustix` | a crate for the call; the fallback without `openat2` is ours. `cap-std` replaces all of `std::fs` |

mod beneath;
mod check;
mod folder;
mod listing;
mod prepared;
mod send;

#[cfg(feature = "testing")]
pub mod coding;
#[cfg(feature = "testing")]
pub mod conditional;
#[cfg(feature = "testing")]
pub mod etag;
#[cfg(feature = "testing")]
pub mod mime;
#[cfg(feature = "testing")]
pub mod multipart;
#[cfg(feature = "testing")]
pub mod path;
#[cfg(feature = "testing")]
pub mod plan;
#[cfg(feature = "testing")]
pub mod range;

#[cfg(not(feature = "testing"))]
mod coding;
#[cfg(not(feature = "testing"))]
mod conditional;
#[cfg(not(feature = "testing"))]
mod etag;
#[cfg(not(feature = "testing"))]
mod mime;
#[cfg(not(feature = "testing"))]
mod multipart;
#[cfg(not(feature = "testing"))]
mod path;
#[cfg(not(feature = "testing"))]
mod plan;
#[cfg(not(feature = "testing"))]
mod range;

pub use check::check_conditions;
pub use folder::Folder;
pub use path::{PathError, RequestPath};
pub use prepared::Prepared;
