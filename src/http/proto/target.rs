//! The target of a request in its four forms, and the host.

use core::net::Ipv6Addr; // Of `core`: an address needs no network.

use bytes::Bytes;
use http::{Method, Uri};

use super::rejection::RejectionKind;

/// The form in which a target was given (RFC 9112 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`, as in nearly all requests.
    Origin,
    /// `http://host/path`, as to a proxy.
    Absolute,
    /// `host:port`, only with CONNECT.
    Authority,
    /// `*`, only with OPTIONS.
    Asterisk,
}

/// Reads a target, a slice of a head that `httparse` accepted.
pub(super) fn read(method: &Method, target: Bytes) -> Result<(Uri, TargetForm), RejectionKind> {
    // `Uri` would drop a fragment silently. Some programs read a backslash as a slash, others do not.
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
    // This is a server of HTTP and of no other scheme.
    if scheme != "http" && scheme != "https" {
        return Err(RejectionKind::Target);
    }
    // A user name before the host is a way to disguise a link (RFC 9110 4.2.4).
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
    // A tunnel has no default port (RFC 9110 9.3.6).
    let has_port = authority.port_u16().is_some_and(|port| port > 0);
    if !has_port || authority.host().is_empty() || !is_host(authority.as_str().as_bytes()) {
        return Err(RejectionKind::Target);
    }
    Ok(())
}

/// Returns whether this is `uri-host [":" port]` (RFC 9110 7.2), without a comma, which would make two
/// of one. The empty string is valid: a client sends it when its target has no host.
pub(super) fn is_host(text: &[u8]) -> bool {
    if let [b'[', rest @ ..] = text {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        return is_literal(&rest[..end]) && is_port(&rest[end + 1..]);
    }
    let colon = text.iter().position(|byte| *byte == b':');
    let (host, port) = text.split_at(colon.unwrap_or(text.len()));
    // A port without a host means nothing.
    is_name(host) && is_port(port) && (!host.is_empty() || port.is_empty())
}

/// Returns whether this may be between brackets: an IPv6 address, or one of a future version (RFC 3986
/// 3.2.2). An address with a zone may not: a zone is known only to the host that has it.
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

/// Returns whether this is empty, or a colon and a number that may be empty.
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
