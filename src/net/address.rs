//! The address of a socket, and how it is resolved.

use std::ffi::OsStr;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr};

use crate::error::{Error, ErrorKind};

/// The address of a socket: what [`Connect`](super::Connect) connects to, and
/// [`Listen`](super::Listen) listens on.
///
/// # Examples
///
/// ```
/// use highwater::net::Address;
///
/// assert_eq!(Address::Tcp("localhost:80".into()).to_string(), "tcp://localhost:80");
/// assert_eq!(Address::unix("/run/app.sock").to_string(), "unix:/run/app.sock");
/// assert_eq!(Address::unix("@app"), Address::Abstract("app".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`. The host is resolved when the address is used.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// The name of a Unix socket without a file. Linux only; the name is free once the last socket
    /// that has it is closed.
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

/// A socket address and its address family.
pub(crate) type Resolved = (Domain, SockAddr);

impl Address {
    /// The address of a Unix socket: a path, or an abstract name after an `@`. For a file whose name
    /// begins with `@`, write `./@name`.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match path.to_str().and_then(|path| path.strip_prefix('@')) {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Unix(path.to_owned()),
        }
    }

    /// Resolves the address: to one socket address, or to several of one host. Blocks while the
    /// operating system looks up the name of the host; nothing ends that wait.
    pub(crate) fn resolve(&self) -> Result<Vec<Resolved>, Error> {
        match self {
            Self::Tcp(host) => tcp(host.to_socket_addrs()?.collect()),
            Self::Unix(path) => {
                if path.as_os_str().as_bytes().contains(&0) {
                    return Err(invalid("a path has no byte of value 0"));
                }
                // The zero byte that ends a path must fit too.
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

/// The size of `sun_path`: 108 bytes on Linux, 104 on the BSDs and on Apple's systems.
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
