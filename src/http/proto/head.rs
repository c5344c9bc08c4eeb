//! The head of a request that was accepted: what is requested, and what follows it.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use memchr::memchr;

use super::fields;
use super::fields::Notes;
use super::framing;
use super::framing::BodyFraming;
use super::rejection::{Rejection, RejectionKind};
use super::syntax::list;
use super::target;
use super::target::TargetForm;

/// The longest method that is accepted. The longest registered one has 17 letters.
const METHOD_MAX: usize = 32;

/// The longest target that the crate `http` accepts, under any limits.
const TARGET_MAX: usize = u16::MAX as usize - 1;

/// The head of a request that keeps all rules: it has one host, one framing, and valid names.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use highwater::http::{Version, proto::{BodyFraming, HeadParser, Limits, TargetForm}};
///
/// let input = b"POST /in HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n";
/// let (head, _) = HeadParser::new(Limits::default().head()).push(input)?.unwrap();
/// assert_eq!(head.form(), TargetForm::Origin);
/// assert_eq!(head.version(), Version::HTTP_11);
/// assert_eq!(head.to_headers()["host"], "a:80");
/// assert_eq!(head.framing(), BodyFraming::Chunked);
/// assert!(head.keep_alive() && !head.expects_continue() && !head.wants_upgrade());
/// # }
/// # Ok::<(), highwater::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Head {
    line: Line,
    /// The whole head, as it was received.
    bytes: Bytes,
    count: usize,
    host: Option<Range<usize>>,
    framing: BodyFraming,
    keep_alive: bool,
    expects_continue: bool,
    wants_upgrade: bool,
}

/// A request line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    method: Method,
    uri: Uri,
    form: TargetForm,
    version: Version,
}

impl Line {
    /// Reads what `httparse` found in `bytes`.
    pub(super) fn read(
        request: &httparse::Request<'_, '_>,
        bytes: &Bytes,
    ) -> Result<Self, Rejection> {
        let method = request.method.unwrap_or_default();
        let target = request.path.unwrap_or_default();
        if method.len() > METHOD_MAX {
            return Err(Rejection::new(RejectionKind::MethodTooLong, METHOD_MAX));
        }
        let at = method.len() + 1;
        if target.len() > TARGET_MAX {
            return Err(Rejection::new(
                RejectionKind::RequestLineTooLong,
                TARGET_MAX,
            ));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Rejection::new(RejectionKind::Method, 0))?;
        let (uri, form) = target::read(&method, bytes.slice(at..at + target.len()))
            .map_err(|kind| Rejection::new(kind, at))?;
        let version = match request.version {
            Some(0) => Version::HTTP_10,
            Some(1) => Version::HTTP_11,
            _ => {
                return Err(Rejection::new(
                    RejectionKind::Version,
                    at + target.len() + 1,
                ));
            }
        };
        Ok(Self {
            method,
            uri,
            form,
            version,
        })
    }
}

impl Head {
    /// Applies the rules to the headers that `httparse` found in `bytes`. `copy` holds the same bytes.
    pub(super) fn read(
        line: Line,
        (bytes, copy): (&[u8], Bytes),
        headers: &[httparse::Header<'_>],
    ) -> Result<Self, Rejection> {
        let notes = Notes::of(headers).map_err(|kind| Rejection::new(kind, 0))?;
        let reject = |kind| {
            let blamed = notes.blamed(kind);
            Rejection::new(
                kind,
                blamed.map_or(bytes.len(), |value| offset(bytes, value)),
            )
        };
        let host = check_host(&notes, line.version).map_err(reject)?;
        let framing = framing::of_request(&line.method, line.version, &notes).map_err(reject)?;
        // HTTP/1.0 has no expectations, so the header is ignored there.
        let is_11 = line.version == Version::HTTP_11;
        if is_11 && notes.expectation.is_some() {
            return Err(reject(RejectionKind::Expectation));
        }
        Ok(Self {
            host: host.map(|host| {
                let at = offset(bytes, host);
                at..at + host.len()
            }),
            framing,
            keep_alive: !notes.close && (is_11 || notes.keep_alive),
            expects_continue: is_11 && notes.expects_continue && framing != BodyFraming::None,
            wants_upgrade: is_11 && notes.upgrade && notes.has_upgrade,
            line,
            bytes: copy,
            count: headers.len(),
        })
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.line.method
    }

    /// The target, as it was sent: in most cases a path and a query.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.line.uri
    }

    /// The form of the target.
    #[must_use]
    pub const fn form(&self) -> TargetForm {
        self.line.form
    }

    /// HTTP/1.1 or HTTP/1.0.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.line.version
    }

    /// Builds a map of the headers, in the order in which each name came first.
    ///
    /// That costs as much again as parsing the head, and many handlers look at nothing but the path,
    /// so it is not done before it is asked for.
    #[must_use]
    pub fn to_headers(&self) -> HeaderMap {
        // All lines were checked when the head was parsed, so that this cannot fail.
        let lines = self.bytes.slice(self.lines_at()..);
        fields::read(&lines, self.count).unwrap_or_default()
    }

    /// Where the first header line begins.
    fn lines_at(&self) -> usize {
        memchr(b'\n', &self.bytes).map_or(self.bytes.len(), |lf| lf + 1)
    }

    /// How the end of the body is found.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Returns whether the client allows another request on the connection (RFC 9112 9.3).
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Returns whether the client waits for a `100 Continue` before it sends the body.
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Returns whether the client asks for another protocol after this request: one of
    /// [`upgrades`](Self::upgrades).
    #[must_use]
    pub const fn wants_upgrade(&self) -> bool {
        self.wants_upgrade
    }

    /// The protocols in the `Upgrade` header, most preferred first. There are none in HTTP/1.0, and none
    /// unless `Connection` names `upgrade` (RFC 9110 7.8).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use highwater::http::proto::{HeadParser, Limits};
    ///
    /// let input = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b/2, c\r\n\r\n";
    /// let (head, _) = HeadParser::new(Limits::default().head()).push(input)?.unwrap();
    /// assert!(head.upgrades().eq(["b/2", "c"]));
    /// # }
    /// # Ok::<(), highwater::Error>(())
    /// ```
    pub fn upgrades(&self) -> impl Iterator<Item = &str> {
        let lines = self.wants_upgrade.then(|| &self.bytes[self.lines_at()..]);
        let values = lines
            .into_iter()
            .flat_map(|lines| fields::values(lines, "upgrade"));
        values
            .flat_map(list)
            .filter_map(|protocol| std::str::from_utf8(protocol).ok())
    }

    /// The host, with its port if it has one: from the target if that has one, else from the `Host`
    /// header.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.line.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => std::str::from_utf8(&self.bytes[self.host.clone()?]).ok(),
        }
    }

    /// The whole head, as it was received.
    pub(in crate::http) fn raw(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Takes the head apart.
    #[must_use]
    pub fn into_parts(self) -> (Method, Uri, Version, HeaderMap) {
        let headers = self.to_headers();
        (self.line.method, self.line.uri, self.line.version, headers)
    }
}

fn check_host<'a>(notes: &Notes<'a>, version: Version) -> Result<Option<&'a [u8]>, RejectionKind> {
    match notes.host.value {
        _ if notes.host.is_repeated => Err(RejectionKind::HostTwice),
        Some(host) if !target::is_host(host) => Err(RejectionKind::Host),
        None if version == Version::HTTP_11 => Err(RejectionKind::HostMissing),
        host => Ok(host),
    }
}

/// Where a part of `whole` begins in it.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}
