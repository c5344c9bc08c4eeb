//! Finds where a head ends, and parses it once it is complete.

use std::mem::{self, MaybeUninit};

use bytes::Bytes;
use memchr::memchr;

use super::diagnosis;
use super::fields::HEADERS_MAX;
use super::head::{Head, Line};
use super::limits::HeadLimits;
use super::rejection::{Rejection, RejectionKind};
use super::syntax::is_token_byte;

/// How many empty lines may precede a request: old clients end a body with one.
const EMPTY_LINES_MAX: usize = 2;

/// How many headers are parsed without an allocation.
const HEADERS_INLINE: usize = 100;

/// Parses the heads of requests, one after another.
///
/// It holds no bytes: the caller keeps what was received of a head, and pushes all of it each time. A
/// byte is scanned once in the search for the end, and once more when the head is complete, however
/// small the pieces are.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{Method, proto::{HeadParser, Limits}};
///
/// let input = b"GET /a?b HTTP/1.1\r\nHost: c\r\n\r\nwhat follows";
/// let mut parser = HeadParser::new(Limits::default().head());
/// assert!(parser.push(&input[..20])?.is_none());
/// let (head, len) = parser.push(input)?.unwrap();
/// assert_eq!(&input[len..], b"what follows");
/// assert_eq!((head.method(), head.host()), (&Method::GET, Some("c")));
/// # }
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct HeadParser {
    limits: HeadLimits,
    search: Search,
}

/// How far the search for the end is.
#[derive(Debug, Default)]
struct Search {
    /// Where the request line begins, after empty lines.
    start: usize,
    /// How many empty lines precede it.
    empty_lines: usize,
    /// Where the first header line begins, once the request line is complete.
    headers: Option<usize>,
    /// Whether the request line was checked before the head was complete.
    line_checked: bool,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// The end of that line is not before this.
    scanned: usize,
}

impl HeadParser {
    /// Creates a parser of heads within `limits`.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            search: Search::default(),
        }
    }

    /// Takes all that was received of a head, from its first byte on. Returns the head and how many of
    /// the bytes belong to it, or `None` if it is not complete. After a head the parser is ready for
    /// the next one.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: of the request line as soon as that is complete, of the headers when all of
    /// them are, of a line end or a limit at the byte that breaks the rule. What was pushed before that
    /// byte is within the limits.
    pub fn push(&mut self, buffer: &[u8]) -> Result<Option<(Head, usize)>, Rejection> {
        let found = self.search.find_end(buffer, &self.limits);
        if matches!(found, Ok(Some(_))) {
            return self.read(buffer, found?.unwrap_or_default()).map(Some);
        }
        // An error in the request line comes first, however much of the rest was received: the outcome
        // must not depend on how the input is cut.
        if let (Some(headers), false) = (self.search.headers, self.search.line_checked) {
            let start = self.search.start;
            check_line(&buffer[start..headers])
                .map_err(|rejection| rejection.after(start as u64))?;
            self.search.line_checked = true;
        }
        found.map(|_| None)
    }

    /// Returns whether a byte of a head was received, so that the client has to send the rest.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use highwater::http::proto::{HeadParser, Limits};
    ///
    /// let mut parser = HeadParser::new(Limits::default().head());
    /// parser.push(b"\r\n")?;
    /// assert!(!parser.is_within()); // an empty line does not belong to it
    /// parser.push(b"\r\nG")?;
    /// assert!(parser.is_within());
    /// # }
    /// # Ok::<(), highwater::Error>(())
    /// ```
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.search.scanned > self.search.start
    }

    fn read(&mut self, buffer: &[u8], end: usize) -> Result<(Head, usize), Rejection> {
        let start = mem::take(&mut self.search).start;
        let head = read_head(&buffer[start..end], &self.limits)
            .map_err(|rejection| rejection.after(start as u64))?;
        Ok((head, end))
    }
}

impl Search {
    /// Searches for the empty line that ends the head, from where the last search ended.
    fn find_end(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Rejection> {
        loop {
            if self.headers.is_none() {
                self.check_start(buffer)?;
            }
            let (bound, too_long) = self.bound(limits);
            let searched = buffer.len().min(bound);
            let Some(found) = memchr(b'\n', &buffer[self.scanned.min(searched)..searched]) else {
                self.scanned = searched;
                if buffer.len() >= bound {
                    return Err(self.over(buffer, bound, too_long));
                }
                return Ok(None);
            };
            let lf = self.scanned + found;
            if lf == self.line || buffer[lf - 1] != b'\r' {
                return Err(Rejection::new(RejectionKind::BareLf, lf));
            }
            let is_empty = lf == self.line + 1;
            self.line = lf + 1;
            self.scanned = lf + 1;
            match (self.headers, is_empty) {
                (Some(_), true) => return Ok(Some(self.line)),
                (Some(_), false) => {}
                (None, true) => self.skip_empty_line()?,
                (None, false) => self.headers = Some(self.line),
            }
        }
    }

    /// Rejects at the first byte what cannot be a request: a line of it may never be complete.
    fn check_start(&self, buffer: &[u8]) -> Result<(), Rejection> {
        match buffer.get(self.start..).unwrap_or_default() {
            [] | [b'\r'] | [b'\r', b'\n', ..] => Ok(()),
            [b'\r', ..] => Err(Rejection::new(RejectionKind::BareCr, self.start)),
            [b'\n', ..] => Err(Rejection::new(RejectionKind::BareLf, self.start)),
            [first, ..] if is_token_byte(*first) => Ok(()),
            _ => Err(Rejection::new(RejectionKind::Method, self.start)),
        }
    }

    fn skip_empty_line(&mut self) -> Result<(), Rejection> {
        self.empty_lines += 1;
        if self.empty_lines > EMPTY_LINES_MAX {
            return Err(Rejection::new(RejectionKind::EmptyLines, self.start));
        }
        self.start = self.line;
        Ok(())
    }

    /// Where the search must have ended, and the rule that is broken if it has not.
    fn bound(&self, limits: &HeadLimits) -> (usize, RejectionKind) {
        let head = self.start.saturating_add(limits.bytes);
        let line = self
            .start
            .saturating_add(limits.line_bytes)
            .saturating_add(2);
        if self.headers.is_none() && line < head {
            (line, RejectionKind::RequestLineTooLong)
        } else {
            (head, RejectionKind::HeadTooLarge)
        }
    }

    fn over(&self, buffer: &[u8], bound: usize, kind: RejectionKind) -> Rejection {
        let line = &buffer[self.start..bound];
        let method = line.iter().take_while(|byte| is_token_byte(**byte)).count();
        // Either all of it is an unknown method, or it is no request at all.
        match line.get(method) {
            _ if self.headers.is_some() => Rejection::new(kind, bound),
            None => Rejection::new(RejectionKind::MethodTooLong, bound),
            Some(b' ') => Rejection::new(kind, bound),
            Some(_) => Rejection::new(RejectionKind::Method, self.start + method),
        }
    }
}

/// Checks a request line, with its line end, before the head is complete.
fn check_line(line: &[u8]) -> Result<(), Rejection> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse(line) {
        Ok(_) => Line::read(&request, &Bytes::copy_from_slice(line)).map(|_| ()),
        Err(error) => Err(diagnosis::of_line(line, error)),
    }
}

/// Parses a complete head, with the empty line that ends it.
fn read_head(bytes: &[u8], limits: &HeadLimits) -> Result<Head, Rejection> {
    // A header line is longer than a byte, so there is room for all.
    let most = limits.headers.min(HEADERS_MAX).min(bytes.len());
    if most > HEADERS_INLINE {
        return read_into(bytes, &mut vec![MaybeUninit::uninit(); most]);
    }
    read_into(
        bytes,
        &mut [const { MaybeUninit::uninit() }; HEADERS_INLINE][..most],
    )
}

/// Why `httparse` did not accept a complete head, all of whose lines end with CR LF.
fn why_rejected(head: &[u8], error: httparse::Error) -> Rejection {
    let line = memchr(b'\n', head).map_or(head.len(), |lf| lf + 1);
    match check_line(&head[..line]) {
        Ok(()) => diagnosis::of_headers(&head[line..], error).after(line as u64),
        Err(rejection) => rejection,
    }
}

fn read_into<'a>(
    bytes: &'a [u8],
    headers: &mut [MaybeUninit<httparse::Header<'a>>],
) -> Result<Head, Rejection> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, headers) {
        Ok(httparse::Status::Complete(len)) if len == bytes.len() => {}
        Ok(_) => return Err(Rejection::new(RejectionKind::RequestLine, 0)),
        Err(error) => return Err(why_rejected(bytes, error)),
    }
    // The target and the headers are slices of this one copy, so that the read buffer is free for the
    // next request.
    let copy = Bytes::copy_from_slice(bytes);
    let line = Line::read(&request, &copy)?;
    Head::read(line, (bytes, copy), request.headers)
}
