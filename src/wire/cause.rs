//! An error as bytes.

use bytes::{Buf, BufMut, Bytes};

use super::kinds;
use crate::error::{Error, ErrorParts};

/// Two numbers for the kind, the flags, and how many causes there are.
pub(super) const BYTES_MIN: usize = 4;

/// The longest text, in bytes. A longer one is cut where a character ends.
const TEXT_BYTES_MAX: usize = 1024;

/// How many causes are sent, the nearest first.
const SOURCES_MAX: usize = 8;

const HAS_OFFSET: u8 = 1;
const HAS_MESSAGE: u8 = 2;
const HAS_STAGE: u8 = 4;

/// Writes an error, in at most [`CAUSE_BYTES_MAX`](super::CAUSE_BYTES_MAX).
pub(super) fn encode(error: &Error) -> Vec<u8> {
    let parts = error.parts();
    let mut out = Vec::new();
    let (kind, io) = if parts.enough {
        (kinds::ENOUGH, 0)
    } else {
        kinds::codes(parts.kind)
    };
    out.put_slice(&[kind, io, flags(&parts)]);
    if let Some((offset, unit)) = &parts.offset {
        out.put_u64(*offset);
        put_text(&mut out, unit);
    }
    if let Some(message) = &parts.message {
        put_text(&mut out, message);
    }
    if let Some((doing, stage)) = &parts.during {
        put_text(&mut out, doing);
        put_text(&mut out, stage);
    }
    let sources = &parts.sources[..parts.sources.len().min(SOURCES_MAX)];
    out.put_u8(u8::try_from(sources.len()).unwrap_or(0));
    for source in sources {
        put_text(&mut out, source);
    }
    out
}

fn flags(parts: &ErrorParts) -> u8 {
    let flag = |there: bool, flag: u8| if there { flag } else { 0 };
    flag(parts.offset.is_some(), HAS_OFFSET)
        | flag(parts.message.is_some(), HAS_MESSAGE)
        | flag(parts.during.is_some(), HAS_STAGE)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    out.put_u16(u16::try_from(text.len()).unwrap_or(0));
    out.put_slice(text.as_bytes());
}

/// Reads an error, or returns why the bytes are not one.
pub(super) fn decode(mut body: Bytes) -> Result<Error, &'static str> {
    let codes = (get_u8(&mut body)?, get_u8(&mut body)?);
    let flags = get_u8(&mut body)?;
    if flags & !(HAS_OFFSET | HAS_MESSAGE | HAS_STAGE) != 0 {
        return Err("an error with flags that are not known");
    }
    let mut parts = ErrorParts {
        kind: kinds::kind(codes.0, codes.1),
        enough: codes.0 == kinds::ENOUGH,
        message: None,
        during: None,
        offset: None,
        sources: Vec::new(),
    };
    if flags & HAS_OFFSET != 0 {
        let offset = body.try_get_u64().map_err(|_| SHORT)?;
        parts.offset = Some((offset, get_text(&mut body)?));
    }
    if flags & HAS_MESSAGE != 0 {
        parts.message = Some(get_text(&mut body)?);
    }
    if flags & HAS_STAGE != 0 {
        parts.during = Some((get_text(&mut body)?, get_text(&mut body)?));
    }
    let sources = usize::from(get_u8(&mut body)?);
    if sources > SOURCES_MAX {
        return Err("an error with more than 8 causes");
    }
    for _ in 0..sources {
        parts.sources.push(get_text(&mut body)?);
    }
    if !body.is_empty() {
        return Err("an error that is shorter than its frame");
    }
    Ok(Error::from_parts(parts))
}

const SHORT: &str = "an error that is longer than its frame";

fn get_u8(body: &mut Bytes) -> Result<u8, &'static str> {
    body.try_get_u8().map_err(|_| SHORT)
}

fn get_text(body: &mut Bytes) -> Result<String, &'static str> {
    let len = usize::from(body.try_get_u16().map_err(|_| SHORT)?);
    if len > TEXT_BYTES_MAX {
        return Err("an error with a text of more than 1024 bytes");
    }
    if len > body.len() {
        return Err(SHORT);
    }
    let text = body.split_to(len);
    let text = std::str::from_utf8(&text).map_err(|_| "an error whose text is not UTF-8")?;
    Ok(text.to_owned())
}
