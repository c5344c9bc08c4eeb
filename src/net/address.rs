//! Where a socket is.

use std::ffi::OsStr;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr};

use crate::error::{Error, ErrorKind};

/// Where a socket is, or shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`, looked up when it is used.
    Tcp(String),
    /// A path.
    Unix(PathBuf),
    /// A Unix socket with a name that is no file: Linux keeps it for as long as somebody has it.
    Abstract(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

/// A socket address, and what kind of socket it takes.
pub(crate) type Resolved = (Domain, SockAddr);

impl Address {
    /// A path; or, behind an `@`, an abstract name. A file whose name begins so is `./@name`.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match path.to_str().and_then(|path| path.strip_prefix('@')) {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Unix(path.to_owned()),
        }
    }

    /// Looks the address up: one socket address, or several of one host. Looking up the name of a
    /// host is waited for.
    pub(crate) fn resolve(&self) -> Result<Vec<Resolved>, Error> {
        match self {
            Self::Tcp(host) => tcp(host.to_socket_addrs()?.collect()),
            Self::Unix(path) => {
                if path.as_os_str().as_bytes().contains(&0) {
                    return Err(invalid("a path has no byte of value 0"));
                }
                // The byte that ends it has to fit as well.
                unix(path, path.as_os_str().len(), UNIX_BYTES - 1)
            }
            Self::Abstract(name) => {
                if !cfg!(any(target_os = "linux", target_os = "android")) {
                    return Err(invalid("only Linux has abstract names"));
                }
                if name.is_empty() {
                    return Err(invalid("an abstract name is not empty"));
                }
                let bytes = [b"\0", name.as_bytes()].concat();
                unix(
                    Path::new(OsStr::from_bytes(&bytes)),
                    name.len(),
                    UNIX_BYTES - 1,
                )
            }
        }
    }
}

/// What `sun_path` holds: 108 bytes on Linux, 104 where BSD was first.
const UNIX_BYTES: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    108
} else {
    104
};

fn unix(path: &Path, len: usize, max: usize) -> Result<Vec<Resolved>, Error> {
    if len > max {
        return Err(invalid(format!(
            "a name of {len} bytes is too long: that of a Unix socket has at most {max}"
        )));
    }
    Ok(vec![(Domain::UNIX, SockAddr::unix(path)?)])
}

/// The addresses of a host.
pub(crate) fn tcp(found: Vec<SocketAddr>) -> Result<Vec<Resolved>, Error> {
    if found.is_empty() {
        return Err(invalid("the host has no address"));
    }
    let with_domain = |addr| (Domain::for_address(addr), addr.into());
    Ok(found.into_iter().map(with_domain).collect())
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
