//! A folder, and what is found in it for a request.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
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
use super::path::{Relative, file_name};
use super::plan::{Plan, Representation, plan};
use crate::error::{Error, ErrorKind};

/// A folder whose files are served.
///
/// A request gets a regular file that lies beneath the folder, or nothing. The kernel holds it to
/// that (`openat2` where there is one), so neither dots nor links lead out of it, also while
/// somebody renames what is in it.
///
/// It answers `GET` and `HEAD`, and `OPTIONS` with what it answers: ranges, and conditions on a
/// time or an entity tag. A type goes by
/// the extension of a name ([`mime`]).
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, Method, StatusCode};
/// use highwater::http::files::Folder;
/// use highwater::http::files::plan::Body;
///
/// let folder = Folder::open(env!("CARGO_MANIFEST_DIR"))?.listing(true);
/// let mut headers = HeaderMap::new();
/// headers.insert("range", "bytes=0-8".parse().unwrap());
///
/// let uri = "/Cargo.toml".parse().unwrap();
/// let found = folder.prepare(&Method::GET, &uri, &headers)?;
/// assert_eq!(found.plan.status, StatusCode::PARTIAL_CONTENT);
/// assert_eq!(found.plan.body, Body::Range(0..9));
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Debug)]
pub struct Folder {
    beneath: Beneath,
    name: String,
    prefix: Option<Relative>,
    index: Option<OsString>,
    links: Links,
    gzip: bool,
    listing: bool,
    hidden: bool,
    cache_control: Option<HeaderValue>,
}

/// What a request is answered with, and the file that its bytes come from.
#[derive(Debug)]
pub struct Prepared {
    /// The answer.
    pub plan: Plan,
    /// The file, if bytes of one are to be sent.
    pub file: Option<File>,
}

impl Folder {
    /// Opens a folder. It is the same folder from then on, also if it is moved.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being opened, with the path.
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
            links: Links::Refused,
            gzip: false,
            listing: false,
            hidden: false,
            cache_control: None,
        })
    }

    /// Serves the folder at this path, such as `/static`. Any other is not found.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if no request can have such a path.
    pub fn prefix(mut self, path: &str) -> Result<Self, Error> {
        let refused =
            |error| Error::caused(ErrorKind::InvalidInput, "no such prefix", Box::new(error));
        self.prefix = Some(Relative::decode(path).map_err(refused)?);
        Ok(self)
    }

    /// Answers a request for a folder with this file in it. Without, it is `index.html`.
    #[must_use]
    pub fn index(mut self, name: impl Into<OsString>) -> Self {
        self.index = Some(name.into());
        self
    }

    /// Answers a request for a folder as if there was no index in it.
    #[must_use]
    pub fn no_index(mut self) -> Self {
        self.index = None;
        self
    }

    /// Shows what is in a folder that has no index. Without, it is not found.
    ///
    /// The page has no more than 10,000 names, in the order of their bytes, with the size of each
    /// file and when it was changed.
    #[must_use]
    pub const fn listing(mut self, shown: bool) -> Self {
        self.listing = shown;
        self
    }

    /// Sends the file with `.gz` behind its name, if it is there and the client takes gzip.
    ///
    /// One that is older than the file itself was forgotten, and is left alone.
    #[must_use]
    pub const fn gzip(mut self, sent: bool) -> Self {
        self.gzip = sent;
        self
    }

    /// Follows symbolic links that stay in the folder. Those that lead out of it, or that begin with
    /// a slash, are not followed either way.
    ///
    /// Where there is no `openat2`, that is before Linux 5.6 and on other systems, none are.
    #[must_use]
    pub const fn symlinks(mut self, followed: bool) -> Self {
        self.links = if followed {
            Links::Followed
        } else {
            Links::Refused
        };
        self
    }

    /// Serves what begins with a dot too. Without, only `.well-known` is, where RFC 8615 has it.
    #[must_use]
    pub const fn hidden(mut self, served: bool) -> Self {
        self.hidden = served;
        self
    }

    /// Says with each file, in `Cache-Control`, how long whom may keep it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if it cannot be the value of a header.
    pub fn cache_control(mut self, value: &str) -> Result<Self, Error> {
        let refused = |error| {
            let what = "no value for `cache-control`";
            Error::caused(ErrorKind::InvalidInput, what, Box::new(error))
        };
        self.cache_control = Some(HeaderValue::from_str(value).map_err(refused)?);
        Ok(self)
    }

    /// Finds what a request asks for, opens it, and decides how to answer. Nothing is sent.
    ///
    /// It waits for the file system, and for nobody else.
    ///
    /// # Errors
    ///
    /// Whatever the file system fails with, other than that there is no such file or that it may
    /// not be read, which are answers.
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
                Err(errno) => refusal(errno).ok_or_else(|| self.failed(&path, errno))?,
            },
            Err(status) => status,
        };
        Ok(Plan::of_status(status).into())
    }

    /// The path beneath the folder, or why there is none.
    fn relative(&self, uri: &Uri) -> Result<Relative, StatusCode> {
        let path = Relative::decode(uri.path()).map_err(|_| StatusCode::BAD_REQUEST)?;
        let path = match &self.prefix {
            Some(prefix) => path.below(prefix).ok_or(StatusCode::NOT_FOUND)?,
            None => path,
        };
        if path.is_hidden() && !self.hidden {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(path)
    }

    fn failed(&self, path: &Relative, errno: Errno) -> Error {
        let name = format!("{}/{}", self.name, path.as_path().display());
        Error::from(io::Error::from(errno)).during("open", &name)
    }

    fn find(
        &self,
        path: &Relative,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Prepared, Errno> {
        if !path.is_folder() {
            let path = path.as_bytes();
            return match self.look(path)? {
                Lookup::File(file) => Ok(self.serve(path, file, method, headers)),
                Lookup::Folder(_) => Ok(moved(uri)),
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

    /// Opens a path, and looks what it is. What is looked at is what was opened.
    fn look(&self, path: &[u8]) -> Result<Lookup, Errno> {
        let file = self.beneath.open(path, self.links)?;
        let metadata = file.metadata().map_err(|error| errno(&error))?;
        let stamp = Stamp::from(&metadata);
        Ok(if metadata.is_file() {
            Lookup::File(Opened { file, stamp })
        } else if metadata.is_dir() {
            Lookup::Folder(Opened { file, stamp })
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

    /// The file beside it that holds the same with gzip.
    fn compressed(&self, path: &[u8], plain: &Opened) -> Option<Opened> {
        // Whatever is wrong with it, there is still the plain one.
        let Ok(Lookup::File(compressed)) = self.look(&[path, b".gz"].concat()) else {
            return None;
        };
        let is_current = seconds(&compressed.stamp) >= seconds(&plain.stamp);
        is_current.then_some(compressed)
    }

    fn list(&self, path: &Relative) -> Result<Prepared, Errno> {
        let Lookup::Folder(folder) = self.look(path.as_bytes())? else {
            return Err(Errno::NOTDIR);
        };
        let look = |name: &OsStr| match self.look(&join(path.as_bytes(), name)) {
            Ok(Lookup::File(found)) => Shown::File(Some(Facts::of(&found.stamp))),
            Ok(Lookup::Folder(found)) => Shown::Folder(Some(Facts::of(&found.stamp))),
            Ok(Lookup::Other) | Err(_) => Shown::Nothing,
        };
        let listing = Listing::read(folder.file, self.hidden, look)?;
        let page = listing.page(path.as_bytes());
        Ok(Plan::of_page(page, self.cache_control.as_ref()).into())
    }
}

impl From<Plan> for Prepared {
    fn from(plan: Plan) -> Self {
        Self { plan, file: None }
    }
}

/// What is behind a path.
enum Lookup {
    File(Opened),
    Folder(Opened),
    /// A pipe, a device, a socket.
    Other,
}

struct Opened {
    file: File,
    stamp: Stamp,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            // Every Unix knows it.
            modified: metadata.modified().unwrap_or(UNIX_EPOCH),
            inode: metadata.ino(),
        }
    }
}

/// Archives keep a time in whole seconds, so a copy out of one can seem to be older by less.
fn seconds(stamp: &Stamp) -> Option<u64> {
    let since = stamp.modified.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

fn join(folder: &[u8], name: &OsStr) -> Vec<u8> {
    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    [folder, slash, name.as_bytes()].concat()
}

/// Sends a client to the same path with a slash behind it, so that links in the page are right.
fn moved(uri: &Uri) -> Prepared {
    let (question, query) = uri.query().map_or(("", ""), |query| ("?", query));
    let mut plan = Plan::of_status(StatusCode::MOVED_PERMANENTLY);
    // It begins with one slash and not with two, which would name another host: a path with an empty
    // segment has been refused.
    plan.set(LOCATION, format!("{}/{question}{query}", uri.path()));
    plan.into()
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// What a client is told about a path that cannot be opened. None if that is no fault of the path.
fn refusal(errno: Errno) -> Option<StatusCode> {
    Some(match errno {
        errno if is_missing(errno) => StatusCode::NOT_FOUND,
        Errno::ACCESS | Errno::PERM => StatusCode::FORBIDDEN,
        // It may be otherwise a moment later.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => return None,
    })
}

/// Says whether there is nothing of that name, for one who may not leave the folder: a link is as
/// nothing, and so is a socket.
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

/// A number that nobody can foretell, whatever they have seen: each time with keys of its own.
fn boundary() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0_u8));
    half() << 64 | half()
}
