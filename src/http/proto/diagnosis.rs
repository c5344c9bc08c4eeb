//! Finds what is wrong with a head that `httparse` did not accept, and at which byte.
//!
//! `httparse` returns neither the byte nor the exact rule. This runs only before a rejection, so it may
//! scan every byte again.

use super::rejection::{Rejection, RejectionKind};
use super::syntax::is_token_byte;

/// A request line, with its line end.
pub(super) fn of_line(line: &[u8], error: httparse::Error) -> Rejection {
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    let Some(method) = text.iter().position(|byte| !is_token_byte(*byte)) else {
        return Rejection::new(RejectionKind::RequestLine, text.len());
    };
    match text[method] {
        b'\r' => return Rejection::new(RejectionKind::BareCr, method),
        b' ' if method > 0 => {}
        b'\t' => return Rejection::new(RejectionKind::RequestLine, method),
        _ => return Rejection::new(RejectionKind::Method, method),
    }
    let target = method + 1;
    let rest = &text[target..];
    let len = rest
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(rest.len());
    if let Some(bad) = rest[..len]
        .iter()
        .position(|byte| !matches!(byte, 0x21..=0x7e))
    {
        let kind = match rest[bad] {
            b'\r' => RejectionKind::BareCr,
            b'\t' => RejectionKind::RequestLine,
            _ => RejectionKind::Target,
        };
        return Rejection::new(kind, target + bad);
    }
    if len == 0 || len == rest.len() {
        return Rejection::new(RejectionKind::RequestLine, target + len);
    }
    let version = target + len + 1;
    match &text[version..] {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Rejection::new(RejectionKind::Version, version)
        }
        after if after.contains(&b'\r') => Rejection::new(RejectionKind::BareCr, version),
        _ if error == httparse::Error::Token => Rejection::new(RejectionKind::Target, target),
        _ => Rejection::new(RejectionKind::RequestLine, version),
    }
}

/// Header lines, or trailers, with the empty line that ends them.
pub(super) fn of_headers(lines: &[u8], error: httparse::Error) -> Rejection {
    if error == httparse::Error::TooManyHeaders {
        return Rejection::new(RejectionKind::TooManyHeaders, lines.len());
    }
    let mut at = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if let Some(rejection) = of_header(line.strip_suffix(b"\r\n").unwrap_or(line), at == 0) {
            return rejection.after(at as u64);
        }
        at += line.len();
    }
    let kind = match error {
        httparse::Error::HeaderValue => RejectionKind::HeaderValue,
        _ => RejectionKind::HeaderName,
    };
    Rejection::new(kind, 0)
}

fn of_header(line: &[u8], is_first: bool) -> Option<Rejection> {
    if line.is_empty() {
        return None;
    }
    if matches!(line[0], b' ' | b'\t') && !is_first {
        return Some(Rejection::new(RejectionKind::HeaderFold, 0));
    }
    let name = line.iter().position(|byte| !is_token_byte(*byte));
    let Some(colon) = name.filter(|at| *at > 0 && line[*at] == b':') else {
        let at = name.unwrap_or(line.len());
        let kind = match line.get(at) {
            Some(b'\r') => RejectionKind::BareCr,
            _ => RejectionKind::HeaderName,
        };
        return Some(Rejection::new(kind, at));
    };
    let value = &line[colon + 1..];
    let is_bad = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    let bad = value.iter().position(is_bad)?;
    let kind = match value[bad] {
        b'\r' => RejectionKind::BareCr,
        _ => RejectionKind::HeaderValue,
    };
    Some(Rejection::new(kind, colon + 1 + bad))
}
