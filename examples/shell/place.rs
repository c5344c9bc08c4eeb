//! Places on a command line: files, standard streams, sockets.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use highwater::net::Address;

/// Where something comes from, or goes to.
#[derive(Default)]
pub(crate) enum Place {
    #[default]
    Standard,
    Path(PathBuf),
    Connect(Address),
    Listen(Address),
}

impl Place {
    /// Reads `-`, `tcp://HOST:PORT`, `tcp-listen://HOST:PORT`, `unix:PATH` or a path. A path is any
    /// bytes.
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        if let Some(address) = unix(&text) {
            return address.map(Self::Connect);
        }
        let shown = text.to_string_lossy();
        if shown == "-" {
            return Ok(Self::Standard);
        }
        let (scheme, rest) = match shown.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            _ if shown.starts_with("tcp:") || shown.starts_with("tcp-listen:") => {
                return Err(format!(
                    "`{shown}` is written with two slashes: tcp://HOST:PORT; a file of that name is ./{shown}"
                ));
            }
            _ => return Ok(Self::Path(text.into())),
        };
        match scheme {
            "tcp" => tcp(&shown, rest).map(Self::Connect),
            "tcp-listen" => tcp(&shown, rest).map(Self::Listen),
            "http" | "https" => Err(format!(
                "`{shown}`: no HTTP is spoken here; try `curl -s URL` on the other side of a pipe, \
                 or the example transfer; a file of that name is ./{shown}"
            )),
            _ => Err(format!(
                "`{shown}`: {scheme}:// is not known; tcp://, tcp-listen:// and unix: are; \
                 a file of that name is ./{shown}"
            )),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("-"),
            Self::Path(path) => path.display().fmt(f),
            Self::Connect(address) | Self::Listen(address) => address.fmt(f),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.chars().all(is_plain)
}

/// Reads `unix:PATH`. None if it is something else.
pub(crate) fn unix(text: &OsStr) -> Option<Result<Address, String>> {
    let path = text.as_bytes().strip_prefix(b"unix:")?;
    if path.is_empty() {
        return Some(Err("`unix:` names no path: unix:PATH".to_owned()));
    }
    let path = OsString::from_vec(path.to_owned());
    Some(Ok(Address::Unix(path.into())))
}

/// Reads `HOST:PORT`, which is all of a place, or the end of it. An address of IPv6 is in brackets.
pub(crate) fn tcp(place: &str, text: &str) -> Result<Address, String> {
    let wrong = |why: &str| {
        Err(format!(
            "`{place}` {why}: give HOST:PORT, such as localhost:8080 or [::1]:8080"
        ))
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => return wrong("names no port"),
    };
    if host.is_empty() {
        return wrong("names no host");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return wrong("names no port, or is an address of IPv6 without brackets");
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err() {
        return wrong("has an invalid port");
    }
    Ok(Address::Tcp(text.to_owned()))
}
