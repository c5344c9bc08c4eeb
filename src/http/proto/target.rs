//! What a request is for: the four forms of a target, and the host.

use std::net::Ipv6Addr;

use bytes::Bytes;
use http::{Method, Uri};

use super::refusal::RejectionKind;

/// The form in which a target was given (RFC 9112 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`, as nearly all are.
    Origin,
    /// `http://host/path`, as to a proxy.
    Absolute,
    /// `host:port`, only with CONNECT.
    Authority,
    /// `*`, only with OPTIONS.
    Asterisk,
}

/// Reads a target, a slice of a head that `httparse` took.
pub(super) fn read(method: &Method, target: Bytes) -> Result<(Uri, TargetForm), RejectionKind> {
    // A URI would drop a fragment without a word; a backslash is a slash to some and not to others.
    if target
        .iter()
        .any(|byte| matches!(byte, b'#' | b'\\') || !byte.is_ascii_graphic())
    {
        return Err(RejectionKind::Target);
    }
    let form = match (&target[..], method) {
        (_, &Method::CONNECT) => TargetForm::Authority,
        ([b'/', ..], _) => TargetForm::Origin,
        (b"*", &Method::OPTIONS) => TargetForm::Asterisk,
        (b"*", _) => return Err(RejectionKind::TargetForm),
        _ => TargetForm::Absolute,
    };
    let uri = Uri::from_maybe_shared(target).map_err(|_| RejectionKind::Target)?;
    match form {
        TargetForm::Absolute => check_absolute(&uri)?,
        TargetForm::Authority => check_authority(&uri)?,
        TargetForm::Origin | TargetForm::Asterisk => {}
    }
    Ok((uri, form))
}

fn check_absolute(uri: &Uri) -> Result<(), RejectionKind> {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(RejectionKind::TargetForm);
    };
    // What another scheme asks for is not known here.
    if scheme != "http" && scheme != "https" {
        return Err(RejectionKind::Target);
    }
    // A user's name before the host is how a link hides where it goes (RFC 9110 4.2.4).
    if authority.host().is_empty() || !is_host(authority.as_str().as_bytes()) {
        return Err(RejectionKind::Target);
    }
    Ok(())
}

fn check_authority(uri: &Uri) -> Result<(), RejectionKind> {
    let Some(authority) = uri.authority() else {
        return Err(RejectionKind::TargetForm);
    };
    if uri.scheme().is_some() || uri.path_and_query().is_some() {
        return Err(RejectionKind::TargetForm);
    }
    // There is no port that a tunnel goes to by itself (RFC 9110 9.3.6).
    let has_port = authority.port_u16().is_some_and(|port| port > 0);
    if !has_port || authority.host().is_empty() || !is_host(authority.as_str().as_bytes()) {
        return Err(RejectionKind::Target);
    }
    Ok(())
}

/// Says whether this is `uri-host [":" port]` (RFC 9110 7.2), without the comma that would make two
/// of one. An empty one is: a client sends it when its target has no host.
pub(super) fn is_host(text: &[u8]) -> bool {
    if let [b'[', rest @ ..] = text {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        return is_literal(&rest[..end]) && is_port(&rest[end + 1..]);
    }
    let colon = text.iter().position(|byte| *byte == b':');
    let (host, port) = text.split_at(colon.unwrap_or(text.len()));
    // A port of no host is that of nothing.
    is_name(host) && is_port(port) && (!host.is_empty() || port.is_empty())
}

/// Says whether this stands between brackets: an IPv6 address, or one of a version that is not known
/// yet (RFC 3986 3.2.2). An address with a zone is none: a zone means something to its own host only.
fn is_literal(text: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = text {
        let dot = rest.iter().position(|byte| *byte == b'.');
        let (version, address) = rest.split_at(dot.unwrap_or(rest.len()));
        let is_known = |byte: &u8| is_name_byte(*byte) || *byte == b':';
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && address.len() > 1
            && address[1..].iter().all(is_known);
    }
    let text = std::str::from_utf8(text).ok();
    text.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_name(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_name_byte(*byte) => rest,
            _ => return false,
        };
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b';'
                | b'='
        )
}

/// Nothing, or a colon and a number that may be empty.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}
