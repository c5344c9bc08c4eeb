//! A directory, and what is found in it for a request.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use rustix::io::Errno;

use super::beneath::{Beneath, Links};
use super::coding::prefers_gzip;
use super::etag::Stamp;
use super::listing::{Facts, Listing, Shown};
use super::mime;
use super::path::{RequestPath, file_name};
use super::plan::{Plan, Representation, plan};
use super::prepared::Prepared;
use crate::error::{Error, ErrorKind};

/// A directory whose files are served.
///
/// A request gets a regular file beneath the directory, or nothing. The kernel enforces that (`openat2`
/// where it exists): neither dots nor links lead out of the directory, also while entries are renamed.
///
/// `GET`, `HEAD` and `OPTIONS` are supported, with ranges and conditions; see the [module](super) for the
/// responses. [`respond`](Self::respond) does all in one call; [`prepare`](Self::prepare) and
/// [`Prepared::send`] are its two halves, for a handler that looks at the response before it is sent.
///
/// # Examples
///
/// ```
/// use highwater::http::files::Folder;
/// use highwater::http::{HeaderMap, HeaderValue, Method, StatusCode};
///
/// let folder = Folder::open(env!("CARGO_MANIFEST_DIR"))?.cache_control("max-age=60")?;
/// let mut headers = HeaderMap::new();
/// headers.insert("range", HeaderValue::from_static("bytes=0-8"));
///
/// let uri = "/Cargo.toml".parse().unwrap();
/// let found = folder.prepare(&Method::GET, &uri, &headers)?;
/// assert_eq!(found.status(), StatusCode::PARTIAL_CONTENT);
/// assert_eq!(found.headers()["cache-control"], "max-age=60");
/// assert_eq!(found.body_len(), 9);
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct Folder {
    beneath: Beneath,
    name: String,
    prefix: Option<RequestPath>,
    index: Option<OsString>,
    links: Links,
    gzip: bool,
    listing: bool,
    hidden: bool,
    cache_control: Option<HeaderValue>,
}

impl Folder {
    /// Opens a directory. It stays the same directory, also if it is renamed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be opened or is not a directory; the error names the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let beneath =
            Beneath::new(path).map_err(|error| Error::from(error).during("open", &name))?;
        Ok(Self {
            beneath,
            name,
            prefix: None,
            index: Some("index.html".into()),
            links: Links::Ignored,
            gzip: false,
            listing: false,
            hidden: false,
            cache_control: None,
        })
    }

    /// Serves the directory at this path, such as `/static`. Any other path is 404.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if no request can have such a path: see [`PathError`](super::PathError).
    pub fn prefix(mut self, path: &str) -> Result<Self, Error> {
        let invalid = |error| {
            Error::caused(
                ErrorKind::InvalidInput,
                "the prefix is invalid",
                Box::new(error),
            )
        };
        self.prefix = Some(RequestPath::decode(path).map_err(invalid)?);
        Ok(self)
    }

    /// Sets the file that is sent for a directory. It is `index.html` by default.
    #[must_use]
    pub fn index(mut self, name: impl Into<OsString>) -> Self {
        self.index = Some(name.into());
        self
    }

    /// Ignores index files.
    #[must_use]
    pub fn no_index(mut self) -> Self {
        self.index = None;
        self
    }

    /// Sends a listing for a directory without an index. By default that is 404.
    ///
    /// The page has at most 10,000 names, in the order of their bytes, with the size and the time of the
    /// last modification of each file.
    #[must_use]
    pub const fn listing(mut self, shown: bool) -> Self {
        self.listing = shown;
        self
    }

    /// Sends the file with `.gz` after its name, if it exists and the client accepts gzip. Off by default.
    ///
    /// A `.gz` file that is older than the file itself is out of date, and is not sent.
    #[must_use]
    pub const fn gzip(mut self, sent: bool) -> Self {
        self.gzip = sent;
        self
    }

    /// Follows symbolic links that stay in the directory. Off by default. Links that lead out of it, or
    /// begin with a slash, are never followed.
    ///
    /// Without `openat2`, that is before Linux 5.6 and on other operating systems, no link is followed.
    #[must_use]
    pub const fn symlinks(mut self, followed: bool) -> Self {
        self.links = if followed {
            Links::Followed
        } else {
            Links::Ignored
        };
        self
    }

    /// Serves names that begin with a dot as well. By default they are 404, except `.well-known` at the top
    /// (RFC 8615).
    #[must_use]
    pub const fn hidden(mut self, served: bool) -> Self {
        self.hidden = served;
        self
    }

    /// Sets the `Cache-Control` header of each file and listing. There is none by default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if it is not a valid value of a header.
    pub fn cache_control(mut self, value: &str) -> Result<Self, Error> {
        let invalid = |error| {
            let message = "the value of `cache-control` is invalid";
            Error::caused(ErrorKind::InvalidInput, message, Box::new(error))
        };
        self.cache_control = Some(HeaderValue::from_str(value).map_err(invalid)?);
        Ok(self)
    }

    /// Finds what a request asks for, opens it, and decides the response. Nothing is sent.
    ///
    /// Waits for the file system only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file system fails; the error names the path. A file that does not exist or
    /// may not be read is no error, but a response of 404 or 403.
    pub fn prepare(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Prepared, Error> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Ok(Plan::of_method(method, "GET, HEAD, OPTIONS").into());
        }
        let status = match self.relative(uri) {
            Ok(path) => match self.find(&path, method, uri, headers) {
                Ok(prepared) => return Ok(prepared),
                Err(errno) => status_of(errno).ok_or_else(|| self.failed(&path, errno))?,
            },
            Err(status) => status,
        };
        Ok(Plan::of_status(status).into())
    }

    /// The path beneath the directory, or the status if there is none.
    fn relative(&self, uri: &Uri) -> Result<RequestPath, StatusCode> {
        let path = RequestPath::decode(uri.path()).map_err(|_| StatusCode::BAD_REQUEST)?;
        let path = match &self.prefix {
            Some(prefix) => path.below(prefix).ok_or(StatusCode::NOT_FOUND)?,
            None => path,
        };
        if path.is_hidden() && !self.hidden {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(path)
    }

    fn failed(&self, path: &RequestPath, errno: Errno) -> Error {
        let name = format!("{}/{}", self.name, path.as_path().display());
        Error::from(io::Error::from(errno)).during("open", &name)
    }

    fn find(
        &self,
        path: &RequestPath,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Prepared, Errno> {
        if !path.is_directory() {
            let path = path.as_bytes();
            return match self.look(path)? {
                Lookup::File(file) => Ok(self.serve(path, file, method, headers)),
                Lookup::Directory(_) => Ok(moved(uri)),
                Lookup::Other => Err(Errno::NOENT),
            };
        }
        if let Some(index) = &self.index {
            let index = join(path.as_bytes(), index);
            match self.look(&index) {
                Ok(Lookup::File(file)) => return Ok(self.serve(&index, file, method, headers)),
                Err(errno) if !is_missing(errno) => return Err(errno),
                Ok(_) | Err(_) => {}
            }
        }
        if self.listing {
            self.list(path)
        } else {
            Err(Errno::NOENT)
        }
    }

    /// Opens a path, and finds what it is: the metadata is that of the open file.
    fn look(&self, path: &[u8]) -> Result<Lookup, Errno> {
        let file = self.beneath.open(path, self.links)?;
        let metadata = file.metadata().map_err(|error| errno(&error))?;
        let stamp = Stamp::from(&metadata);
        Ok(if metadata.is_file() {
            Lookup::File(Opened { file, stamp })
        } else if metadata.is_dir() {
            Lookup::Directory(Opened { file, stamp })
        } else {
            Lookup::Other
        })
    }

    fn serve(&self, path: &[u8], plain: Opened, method: &Method, headers: &HeaderMap) -> Prepared {
        let compressed = self.gzip.then(|| self.compressed(path, &plain)).flatten();
        let varies = compressed.is_some();
        let compressed = compressed.filter(|_| prefers_gzip(headers));
        let is_gzip = compressed.is_some();
        let Opened { file, stamp } = compressed.unwrap_or(plain);
        let representation = Representation {
            stamp,
            content_type: mime::of(file_name(path)),
            is_gzip,
            varies,
            cache_control: self.cache_control.clone(),
        };
        let now = SystemTime::now();
        let plan = plan(method, headers, &representation, now, boundary);
        Prepared {
            plan,
            file: Some(file),
        }
    }

    /// The file with the same content in gzip.
    fn compressed(&self, path: &[u8], plain: &Opened) -> Option<Opened> {
        // If it cannot be opened, the plain one is sent.
        let Ok(Lookup::File(compressed)) = self.look(&[path, b".gz"].concat()) else {
            return None;
        };
        let is_current = seconds(&compressed.stamp) >= seconds(&plain.stamp);
        is_current.then_some(compressed)
    }

    fn list(&self, path: &RequestPath) -> Result<Prepared, Errno> {
        let Lookup::Directory(directory) = self.look(path.as_bytes())? else {
            return Err(Errno::NOTDIR);
        };
        let look = |name: &OsStr| match self.look(&join(path.as_bytes(), name)) {
            Ok(Lookup::File(found)) => Shown::File(Some(Facts::of(&found.stamp))),
            Ok(Lookup::Directory(found)) => Shown::Directory(Some(Facts::of(&found.stamp))),
            Ok(Lookup::Other) | Err(_) => Shown::Nothing,
        };
        let listing = Listing::read(directory.file, self.hidden, look)?;
        let page = listing.page(path.as_bytes());
        Ok(Plan::of_page(page, self.cache_control.as_ref()).into())
    }
}

/// What a path leads to.
enum Lookup {
    File(Opened),
    Directory(Opened),
    /// A pipe, a device, a socket.
    Other,
}

struct Opened {
    file: File,
    stamp: Stamp,
}

/// Archives store times in whole seconds, so that an extracted file can seem older by a fraction.
fn seconds(stamp: &Stamp) -> Option<u64> {
    let since = stamp.modified.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

fn join(directory: &[u8], name: &OsStr) -> Vec<u8> {
    let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
    [directory, slash, name.as_bytes()].concat()
}

/// Redirects to the same path with a slash at the end, so that relative links in the page work.
fn moved(uri: &Uri) -> Prepared {
    let (question, query) = uri.query().map_or(("", ""), |query| ("?", query));
    let mut plan = Plan::of_status(StatusCode::MOVED_PERMANENTLY);
    // It cannot begin with two slashes, which would name another host: paths with an empty segment were
    // rejected.
    plan.set(LOCATION, format!("{}/{question}{query}", uri.path()));
    plan.into()
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// The status for a path that cannot be opened. `None` if the file system has failed.
fn status_of(errno: Errno) -> Option<StatusCode> {
    Some(match errno {
        errno if is_missing(errno) => StatusCode::NOT_FOUND,
        Errno::ACCESS | Errno::PERM => StatusCode::FORBIDDEN,
        // A later request may succeed.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => return None,
    })
}

/// Returns whether nothing can be served under that name: it does not exist, or it is a link or a socket.
fn is_missing(errno: Errno) -> bool {
    [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::NAMETOOLONG,
        Errno::LOOP,
        Errno::MLINK,
        Errno::XDEV,
        Errno::NXIO,
        Errno::NODEV,
    ]
    .contains(&errno)
}

/// An unpredictable number: each hasher has random keys.
fn boundary() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0_u8));
    half() << 64 | half()
}
