//! The head of a request that is in order: what is asked for, and what comes behind it.

use bytes::Bytes;
use http::header::{EXPECT, HOST, UPGRADE};
use http::{HeaderMap, Method, Uri, Version};

use super::framing::{self, BodyFraming};
use super::refusal::{Refusal, RefusalKind};
use super::target::{self, TargetForm};

/// The longest method that is taken. The longest that is registered has 17 letters.
const METHOD_MAX: usize = 32;

/// The head of a request.
///
/// All rules have been applied to it: it has one host, one framing, and names that are names.
///
/// # Examples
///
/// ```
/// use highwater::http::{Version, proto::{BodyFraming, HeadParser, Limits, TargetForm}};
///
/// let input = b"POST /in HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n";
/// let (head, _) = HeadParser::new(Limits::default().head()).push(input)?.unwrap();
/// assert_eq!(head.form(), TargetForm::Origin);
/// assert_eq!(head.version(), Version::HTTP_11);
/// assert_eq!(head.headers()["host"], "a:80");
/// assert_eq!(head.framing(), BodyFraming::Chunked);
/// assert!(head.keep_alive() && !head.expects_continue() && !head.wants_upgrade());
/// # Ok::<(), highwater::http::proto::Refusal>(())
/// ```
#[derive(Clone, Debug)]
pub struct Head {
    line: Line,
    headers: HeaderMap,
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
    ) -> Result<Self, Refusal> {
        let method = request.method.unwrap_or_default();
        let target = request.path.unwrap_or_default();
        if method.len() > METHOD_MAX {
            return Err(Refusal::new(RefusalKind::MethodTooLong, METHOD_MAX));
        }
        let at = method.len() + 1;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Refusal::new(RefusalKind::Method, 0))?;
        let (uri, form) = target::read(&method, bytes.slice(at..at + target.len()))
            .map_err(|kind| Refusal::new(kind, at))?;
        let version = match request.version {
            Some(0) => Version::HTTP_10,
            Some(1) => Version::HTTP_11,
            _ => return Err(Refusal::new(RefusalKind::Version, at + target.len() + 1)),
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
    pub(super) fn new(line: Line, headers: HeaderMap) -> Result<Self, Refusal> {
        let whole = |kind| Refusal::new(kind, 0);
        check_host(&headers, line.version).map_err(whole)?;
        let framing = framing::of_request(&line.method, line.version, &headers).map_err(whole)?;
        let expects = expects_continue(&headers, line.version).map_err(whole)?;
        let wishes = framing::wishes(line.version, &headers);
        Ok(Self {
            wants_upgrade: wishes.upgrade && headers.contains_key(UPGRADE),
            keep_alive: wishes.keep_alive,
            expects_continue: expects && framing != BodyFraming::None,
            framing,
            line,
            headers,
        })
    }

    /// What is to be done.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.line.method
    }

    /// The target, as it was sent: a path and a query, for the most part.
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

    /// The headers, in the order in which each name came first.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How the end of the body is known.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Says whether the connection may bring another request, as far as the client says
    /// (RFC 9112 9.3).
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Says whether the client waits for a `100 Continue` before it sends the body.
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Says whether the client would speak another protocol behind this request: one of
    /// [`upgrades`](Self::upgrades).
    #[must_use]
    pub const fn wants_upgrade(&self) -> bool {
        self.wants_upgrade
    }

    /// The protocols that the client would change to, the dearest first. There are none unless
    /// `Connection` names them, or in HTTP/1.0 (RFC 9110 7.8).
    ///
    /// ```
    /// use highwater::http::proto::{HeadParser, Limits};
    ///
    /// let input = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b/2, c\r\n\r\n";
    /// let (head, _) = HeadParser::new(Limits::default().head()).push(input)?.unwrap();
    /// assert!(head.upgrades().eq(["b/2", "c"]));
    /// # Ok::<(), highwater::http::proto::Refusal>(())
    /// ```
    pub fn upgrades(&self) -> impl Iterator<Item = &str> {
        let named = self.wants_upgrade.then(|| self.headers.get_all(UPGRADE));
        framing::list(named.into_iter().flatten())
            .filter_map(|protocol| std::str::from_utf8(protocol).ok())
    }

    /// The host, with its port if it was given: of the target if that has one, else of the `Host`
    /// header.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.line.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.headers.get(HOST)?.to_str().ok(),
        }
    }

    /// Gives the parts away.
    #[must_use]
    pub fn into_parts(self) -> (Method, Uri, Version, HeaderMap) {
        (
            self.line.method,
            self.line.uri,
            self.line.version,
            self.headers,
        )
    }
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), RefusalKind> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(RefusalKind::HostMissing),
        (Some(_), Some(_)) => Err(RefusalKind::HostTwice),
        (Some(host), None) if target::is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(RefusalKind::Host),
    }
}

/// There is one expectation. HTTP/1.0 has none, and what it sends is not looked at.
fn expects_continue(headers: &HeaderMap, version: Version) -> Result<bool, RefusalKind> {
    if version == Version::HTTP_10 {
        return Ok(false);
    }
    let mut expects = false;
    for expectation in framing::list(headers.get_all(EXPECT).iter()) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(RefusalKind::Expectation);
        }
        expects = true;
    }
    Ok(expects)
}
