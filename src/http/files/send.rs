//! Sends a prepared response.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::VARY;

use super::folder::Folder;
use super::multipart::{Multipart, Part};
use super::plan::Content;
use super::prepared::Prepared;
use crate::channel::mark::{HighWaterMark, READ_BYTES};
use crate::error::{Error, ErrorKind};
use crate::http::server::request::Request;
use crate::http::server::response::Response;
use crate::http::server::response_body::Sent;
use crate::stage::source::{read_chunk, read_pool};
use crate::stream::writable::Writable;

impl Folder {
    /// Sends the response to a request for a file: the file, or the status for why not.
    ///
    /// Headers that `response` has already are sent as well. Waits for the file system, and for room in the
    /// socket as [`Response::send_file`] does.
    ///
    /// # Errors
    ///
    /// - Those of [`prepare`](Self::prepare). Nothing was sent then, and the response becomes a 500.
    /// - Those of [`Response::send_file`]. If the file becomes shorter while it is sent, the connection is
    ///   reset, so that the client can tell; if it grows, the length at the start is sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// use highwater::http::Server;
    /// use highwater::http::files::Folder;
    ///
    /// let folder = Folder::open(env!("CARGO_MANIFEST_DIR"))?;
    /// let server = Server::bind("127.0.0.1:0")?
    ///     .spawn(move |request, response| folder.respond(&request, response))?;
    ///
    /// let mut client = TcpStream::connect(server.local_addr().unwrap())?;
    /// client.write_all(
    ///     b"GET /Cargo.toml HTTP/1.1\r\nHost: a\r\nRange: bytes=0-8\r\nConnection: close\r\n\r\n",
    /// )?;
    /// let mut received = String::new();
    /// client.read_to_string(&mut received)?;
    /// assert!(received.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{received}");
    /// assert!(received.ends_with("\r\n\r\n[package]"), "{received}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn respond(&self, request: &Request, response: Response) -> Result<(), Error> {
        self.prepare(request.method(), request.uri(), request.headers())?
            .send(response)
    }
}

impl Prepared {
    /// Sends the response. Headers that `response` has already are sent as well.
    ///
    /// Waits for the file system, and for room in the socket as [`Response::send_file`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Response::send_file`].
    pub fn send(self, response: Response) -> Result<(), Error> {
        let Self { plan, file } = self;
        let mut response = response.status(plan.status);
        merge(response.headers_mut(), plan.headers);
        match (plan.body, file) {
            (Content::None, _) => response.send(Bytes::new()),
            (Content::Text(text), _) => response.send(text),
            (Content::Range(range), Some(file)) => response.send_file(&file, range),
            (Content::Parts(parts), Some(file)) => send_parts(&parts, &file, response),
            (Content::Range(_) | Content::Parts(_), None) => Err(Error::new(
                ErrorKind::InvalidInput,
                "there is no file to send a range of",
            )),
        }
    }
}

/// Adds headers to those of a handler. Both `Vary` headers are sent.
fn merge(own: &mut HeaderMap, mut headers: HeaderMap) {
    if let Some(vary) = headers.remove(VARY) {
        own.append(VARY, vary);
    }
    own.extend(headers);
}

fn send_parts(parts: &Multipart, file: &File, response: Response) -> Result<(), Error> {
    let mark = HighWaterMark::bytes(READ_BYTES);
    let mut out = response.length(parts.len()).writable(mark);
    // Small parts are sent together.
    let _cork = out.cork();
    for part in parts.parts() {
        put(&mut out, part.head.clone())?;
        send_part(part, file, &mut out)?;
    }
    put(&mut out, parts.tail().clone())?;
    out.finish().map(drop)
}

fn put(out: &mut Writable<Bytes, Sent>, chunk: Bytes) -> Result<(), Error> {
    // The pressure needs no check: the next write waits.
    out.write(chunk)?;
    Ok(())
}

fn send_part(part: &Part, file: &File, out: &mut Writable<Bytes, Sent>) -> Result<(), Error> {
    let pool = read_pool(READ_BYTES);
    let (mut at, end) = (part.range.start, part.range.end);
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let read = read_chunk(&pool, |room| {
            let most = room.len().min(left);
            file.read_at(&mut room[..most], at)
        });
        let read = match read {
            Ok(Some(chunk)) => Ok(chunk),
            Ok(None) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Err(error) => Err(error),
        };
        let named = |error| Error::from(error).during("read from", "the file").at(at);
        let chunk = read.map_err(named)?;
        at += chunk.len() as u64;
        put(out, chunk)?;
    }
    Ok(())
}
