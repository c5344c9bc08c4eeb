//! Sends what one URL gives to another one, with the client ureq.
//!
//! ```text
//! cargo run --release --example transfer -- http://127.0.0.1:8080/big http://127.0.0.1:8081/big
//! ```

mod shell;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, ReadSource, pipeline};
use ureq::http::header::{CONTENT_LENGTH, EXPECT, LOCATION};
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, SendBody};

use shell::Interrupted;
use shell::cli::{Cli, bytes, some_bytes, two};
use shell::hash::{hashed, sum_line};

/// What the command line asks for.
#[derive(Default)]
struct Options {
    high: usize,
    limit: Option<u64>,
    progress: bool,
    from: Uri,
    to: Uri,
}

fn main() -> ExitCode {
    let read = |place: OsString| url(&place.to_string_lossy());
    let finish = |mut options: Options, others| {
        [options.from, options.to] = two("FROM and TO", others, read)?;
        Ok(options)
    };
    cli().run(finish, work)
}

fn work(options: Options) -> ExitCode {
    let token = CancelToken::new();
    let Err(error) = run(options, &token) else {
        return ExitCode::SUCCESS;
    };
    let status = shell::failure(&error, None);
    // An error that a signal caused may be of any kind.
    let signal = token.cause().and_then(|cause| shell::signal_status(&cause));
    signal.map_or(status, ExitCode::from)
}

fn cli() -> Cli<Options> {
    let summary = "Gets FROM and puts it to TO, both http:// URLs, and writes its SHA-256 to standard output.";
    Cli::<Options>::new(summary, "[options] FROM TO")
        .about(
            "Nothing is kept but what is on its way: FROM is read as fast as TO takes it. FROM may redirect. TO \
             may too, by a 307 or 308 before it has taken anything; another redirection is an error.",
        )
        .value("--high", bytes(), "what is on its way at most", |it, high| it.high = high)
        .default("1M")
        .value(
            "--limit",
            some_bytes(),
            "no more than this many bytes in a second",
            |it, limit| it.limit = Some(limit),
        )
        .progress(|it| it.progress = true)
        .status("0 if TO has confirmed it, 1 after an error, 2 for a wrong call")
}

/// How a transfer ends.
enum End {
    Done(Result<(), Error>),
    Signal(Interrupted),
}

/// Transfers on a thread of its own: a server that does not respond keeps it waiting where nothing
/// can interrupt it, and a signal has to end the tool all the same.
fn run(options: Options, token: &CancelToken) -> Result<(), Error> {
    const TO_END: Duration = Duration::from_millis(500);

    let token = token.clone();
    let from = options.from.to_string();
    let (end, ended) = channel();
    let (signal, aborted) = (end.clone(), token.clone());
    let signals = shell::on_signal(move |interrupted| {
        aborted.abort(interrupted);
        // The receiver has gone when it is over.
        let _ = signal.send(End::Signal(interrupted));
    })?;
    let worker = thread::Builder::new().name("transfer".to_owned());
    worker.spawn(move || {
        let _ = end.send(End::Done(transfer(&options, &token)));
    })?;
    let outcome = match ended.recv().map_err(Error::other)? {
        End::Done(outcome) => outcome,
        // Its own error names the byte it has come to, if it is not kept waiting.
        End::Signal(interrupted) => match ended.recv_timeout(TO_END) {
            Ok(End::Done(outcome)) => outcome,
            Ok(End::Signal(_)) | Err(_) => Err(Error::other(interrupted).during("transfer", &from)),
        },
    };
    signals.close();
    outcome
}

/// Reads a URL that this tool can ask.
fn url(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| Err(format!("`{text}` {why}"));
    let Ok(uri) = text.parse::<Uri>() else {
        return wrong(
            "is no URL such as http://HOST:PORT/PATH; what is no letter or digit is written as %XX",
        );
    };
    match uri.scheme_str() {
        Some("http") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        Some("https") => wrong(
            "wants TLS, which this tool has not: put a proxy with TLS before it, such as `socat TCP-LISTEN:8080,fork \
             OPENSSL:HOST:443`, and use http://",
        ),
        _ => wrong("does not begin with http:// and a host"),
    }
}

fn transfer(options: &Options, token: &CancelToken) -> Result<(), Error> {
    let agent = Agent::from(
        Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            // What becomes of a redirection depends on which it is, and a client that follows one
            // makes a GET of a PUT.
            .max_redirects(0)
            .http_status_as_error(false)
            .build(),
    );
    let response = get(&agent, &options.from)?;
    let length = response.body().content_length();
    let bar = shell::bar(options.progress, length);
    let moved = bar.clone();
    let source = ReadSource::new(response.into_body().into_reader(), options.from.to_string());
    let (tell, hash) = channel();
    let mut begun = hashed(pipeline(source), tell)
        .high_water_mark(HighWaterMark::bytes(options.high))
        .cancel_with(token)
        .progress_every(Duration::from_millis(50), move |progress| {
            moved.set_position(progress.bytes);
        });
    if let Some(limit) = options.limit {
        begun = begun.limit(limit);
    }
    let mut readable = begun.readable();
    let outcome = put(&agent, &options.to, length, &mut readable);
    bar.finish_and_clear();
    // If reading failed that is the cause, and the failure of sending follows from it.
    if let Some(cause) = readable.error() {
        return Err(cause);
    }
    outcome?;
    let hash = hash.recv().map_err(Error::other)?;
    shell::write_stdout(&sum_line(&hash, OsStr::new(&options.to.to_string())))
}

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a request may be sent on.
const REDIRECTIONS: usize = 10;

/// Gets a URL, and follows redirections: all of what there is, or an error.
fn get(agent: &Agent, from: &Uri) -> Result<Response<Body>, Error> {
    let mut place = from.clone();
    for _ in 0..=REDIRECTIONS {
        let response = agent.get(&place).call();
        let response = response.map_err(|error| failed(error, "get", &place))?;
        if let Some(next) = sent_on(&response, &place) {
            place = next.map_err(|why| refused(&why).during("get", &place.to_string()))?;
            continue;
        }
        let status = response.status();
        // A part, which was not asked for, would be taken for everything.
        if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
            return Err(failure(response).during("get", &place.to_string()));
        }
        return Ok(response);
    }
    Err(refused("it redirects without an end").during("get", &from.to_string()))
}

/// Puts what is read to a URL. Only a success of the server is one.
fn put(agent: &Agent, to: &Uri, length: Option<u64>, body: &mut impl Read) -> Result<(), Error> {
    let mut place = to.clone();
    let mut body = Counted { body, bytes: 0 };
    for _ in 0..=REDIRECTIONS {
        // Then a refusal, or a redirection, comes before the body has gone.
        let mut request = agent.put(&place).header(EXPECT, "100-continue");
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        let response = request.send(SendBody::from_reader(&mut body));
        let response = response.map_err(|error| failed(error, "put", &place))?;
        let status = response.status();
        let named = place.to_string();
        if status.is_success() {
            return match body.read(&mut [0])? {
                0 => Ok(()),
                _ => {
                    let message = format!("it has responded `{status}` before it had all of it");
                    Err(refused(&message).during("put", &named))
                }
            };
        }
        let Some(next) = sent_on(&response, &place) else {
            return Err(failure(response).during("put", &named));
        };
        let next = next.map_err(|why| refused(&why).during("put", &named))?;
        let why = match (status.as_u16(), body.bytes) {
            (307 | 308, 0) => {
                place = next;
                continue;
            }
            (307 | 308, _) => "a part of FROM was sent already",
            _ => "that may be taken for a GET",
        };
        let message = format!(
            "it has responded `{status}` and stored nothing: it redirects to `{next}`, but {why}; give \
             that URL as TO"
        );
        return Err(refused(&message).during("put", &named));
    }
    Err(refused("it redirects without an end").during("put", &to.to_string()))
}

/// A body, of which it is known whether something was read.
struct Counted<'a, R> {
    body: &'a mut R,
    bytes: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(room)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Where a redirection leads to, if it is one.
fn sent_on(response: &Response<Body>, place: &Uri) -> Option<Result<Uri, String>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let location = String::from_utf8_lossy(location.as_bytes());
    let next = resolved(&location, place);
    Some(url(&next).map_err(|why| format!("it redirects, and {why}")))
}

/// A URL that may be relative to another one.
fn resolved(location: &str, place: &Uri) -> String {
    let is_absolute = location.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    // A fragment, behind a `#`, is not sent to a server.
    let location = location.split('#').next().unwrap_or_default();
    let host = place.authority().map_or("", |authority| authority.as_str());
    let path = place.path();
    if is_absolute {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("http:{location}")
    } else if location.starts_with('/') {
        format!("http://{host}{location}")
    } else if location.starts_with('?') {
        format!("http://{host}{path}{location}")
    } else {
        let directory = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("http://{host}{directory}{location}")
    }
}

/// The failure that a response is, with the first line of its body.
fn failure(response: Response<Body>) -> Error {
    const LINE: u64 = 300;

    let status = response.status();
    let mut text = Vec::new();
    // It only explains: a body that cannot be read is left out.
    let _ = response
        .into_body()
        .into_reader()
        .take(LINE)
        .read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    let is_plain = !line.is_empty() && !line.starts_with('<') && !line.contains(char::is_control);
    if is_plain && line != status.to_string() {
        return refused(&format!("it has responded `{status}`: {line}"));
    }
    refused(&format!("it has responded `{status}`"))
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Failed, message)
}

/// An error of the client, with the host and the port.
fn failed(error: ureq::Error, operation: &'static str, place: &Uri) -> Error {
    let (host, port) = (
        place.host().unwrap_or_default(),
        place.port_u16().unwrap_or(80),
    );
    let about = |what: &dyn fmt::Display| format!("{host}:{port}: {what}");
    let error = match error {
        ureq::Error::Io(error) => Error::new(ErrorKind::Io(error.kind()), about(&error)),
        ureq::Error::HostNotFound => Error::new(
            ErrorKind::Io(io::ErrorKind::NotFound),
            about(&"there is no host of that name"),
        ),
        ureq::Error::Timeout(_) => {
            let message = format!("no connection within {} s", CONNECT.as_secs());
            Error::new(ErrorKind::TimedOut, about(&message))
        }
        other => Error::new(ErrorKind::Failed, about(&other)),
    };
    error.during(operation, &place.to_string())
}
