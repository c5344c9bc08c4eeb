//! Sends what one URL gives to another one, with a client that others wrote.
//!
//! ```text
//! cargo run --release --example transfer -- http://127.0.0.1:8080/big http://127.0.0.1:8081/big
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/hash.rs"]
mod hash;
#[path = "shell/number.rs"]
mod number;
mod shell;
#[path = "shell/sum.rs"]
mod sum;

use std::ffi::OsStr;
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

use asked::asked;
use hash::hashed;
use number::given;
use shell::Interrupted;
use sum::sum_line;

const HELP: &str = "\
Gets FROM and puts it to TO, both http:// URLs, and writes its SHA-256 to standard output.

usage: transfer [options] FROM TO

Nothing is kept but what is on the way: FROM is read as fast as TO takes it. FROM may redirect. TO
may too, by a 307 or 308 before it has taken anything; another redirection is an error.

options
  --high BYTES     what is on the way at most [1M]
  --limit BYTES    no more than so many in a second
  --progress       shows a bar, if standard error is a terminal
  --help, --version

BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may have
decimals: 64K, 1.5M, 10MB.

exit status: 0 if TO has said that it has it, 1 after an error, 2 for a wrong call, 130 after
Ctrl-C, 143 after SIGTERM, 129 after SIGHUP";

/// What the command line asks for.
struct Options {
    high: usize,
    limit: Option<u64>,
    progress: bool,
    from: Uri,
    to: Uri,
}

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let token = CancelToken::new();
    let Err(error) = run(options, &token) else {
        return ExitCode::SUCCESS;
    };
    let status = shell::end(&error, hint(&error));
    // What a signal has broken off may have failed in any way.
    let signal = token.cause().and_then(|cause| shell::signal_status(&cause));
    signal.map_or(status, ExitCode::from)
}

/// How a transfer comes to its end.
enum End {
    Done(Result<(), Error>),
    Signal(Interrupted),
}

/// Transfers on a thread of its own: a server that does not answer keeps it waiting where nothing
/// can interrupt it, and a signal has to end the tool all the same.
fn run(options: Options, token: &CancelToken) -> Result<(), Error> {
    const TO_SAY_MORE: Duration = Duration::from_millis(500);

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
        // It says how far it has come, if it is not kept waiting.
        End::Signal(interrupted) => match ended.recv_timeout(TO_SAY_MORE) {
            Ok(End::Done(outcome)) => outcome,
            Ok(End::Signal(_)) | Err(_) => Err(Error::other(interrupted).during("transfer", &from)),
        },
    };
    signals.close();
    outcome
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut high, mut limit, mut progress) = (1 << 20, None, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("high") => high = given(&mut args, "--high", number::bytes)?,
            Long("limit") => limit = Some(given(&mut args, "--limit", number::some_bytes)?),
            Long("progress") => progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(place.to_string_lossy().into_owned()),
            other => return Err(other.unexpected()),
        }
    }
    let [from, to] = <[String; 2]>::try_from(places)
        .map_err(|places| format!("FROM and TO are wanted, {} given", places.len()))?;
    let (from, to) = (url(&from)?, url(&to)?);
    Ok(Some(Options {
        high,
        limit,
        progress,
        from,
        to,
    }))
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
            "wants TLS, which this tool has not: put a proxy that has it before, such as `socat TCP-LISTEN:8080,fork \
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
    let answer = get(&agent, &options.from)?;
    let length = answer.body().content_length();
    let bar = shell::bar(options.progress, length);
    let moved = bar.clone();
    let source = ReadSource::new(answer.into_body().into_reader(), options.from.to_string());
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
    // What has broken the reading is the cause, and that the sending broke off its echo.
    if let Some(cause) = readable.error() {
        return Err(cause);
    }
    outcome?;
    let hash = hash.recv().map_err(Error::other)?;
    shell::say(&sum_line(&hash, OsStr::new(&options.to.to_string())))
}

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a request may be sent on.
const REDIRECTIONS: usize = 10;

/// Gets a URL, wherever that leads: all of what there is, or an error.
fn get(agent: &Agent, from: &Uri) -> Result<Response<Body>, Error> {
    let mut place = from.clone();
    for _ in 0..=REDIRECTIONS {
        let answer = agent.get(&place).call();
        let answer = answer.map_err(|error| failed(error, "get", &place))?;
        if let Some(next) = sent_on(&answer, &place) {
            place = next.map_err(|why| refused(&why).during("get", &place.to_string()))?;
            continue;
        }
        let status = answer.status();
        // Nobody has asked for a part, which would be taken for everything.
        if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
            return Err(answered(answer).during("get", &place.to_string()));
        }
        return Ok(answer);
    }
    Err(refused("it redirects without an end").during("get", &from.to_string()))
}

/// Puts what is read to a URL. Only what has stored it has done it.
fn put(agent: &Agent, to: &Uri, length: Option<u64>, body: &mut impl Read) -> Result<(), Error> {
    let mut place = to.clone();
    let mut body = Counted { body, bytes: 0 };
    for _ in 0..=REDIRECTIONS {
        // Then a refusal, or a redirection, comes before the body has gone.
        let mut request = agent.put(&place).header(EXPECT, "100-continue");
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        let answer = request.send(SendBody::from_reader(&mut body));
        let answer = answer.map_err(|error| failed(error, "put", &place))?;
        let status = answer.status();
        let named = place.to_string();
        if status.is_success() {
            return match body.read(&mut [0])? {
                0 => Ok(()),
                _ => {
                    let said = format!("it has answered `{status}` before it had all of it");
                    Err(refused(&said).during("put", &named))
                }
            };
        }
        let Some(next) = sent_on(&answer, &place) else {
            return Err(answered(answer).during("put", &named));
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
        let said = format!(
            "it has answered `{status}` and stored nothing: it redirects to `{next}`, but {why}; give \
             that URL as TO"
        );
        return Err(refused(&said).during("put", &named));
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
fn sent_on(answer: &Response<Body>, place: &Uri) -> Option<Result<Uri, String>> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get(LOCATION)?;
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
    // What stands behind a `#` is for a reader, and not for a server.
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
        let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("http://{host}{folder}{location}")
    }
}

/// The failure that an answer is, with the first line of what it says.
fn answered(answer: Response<Body>) -> Error {
    const LINE: u64 = 300;

    let status = answer.status();
    let mut text = Vec::new();
    // It is only to explain: what cannot be read of it is not missed.
    let _ = answer
        .into_body()
        .into_reader()
        .take(LINE)
        .read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    let is_plain = !line.is_empty() && !line.starts_with('<') && !line.contains(char::is_control);
    if is_plain && line != status.to_string() {
        return refused(&format!("it has answered `{status}`: {line}"));
    }
    refused(&format!("it has answered `{status}`"))
}

fn refused(said: &str) -> Error {
    Error::new(ErrorKind::Failed, said)
}

/// An error of the client, with whom it is about.
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
            let said = format!("no connection within {} s", CONNECT.as_secs());
            Error::new(ErrorKind::TimedOut, about(&said))
        }
        other => Error::new(ErrorKind::Failed, about(&other)),
    };
    error.during(operation, &place.to_string())
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::Io(io::ErrorKind::ConnectionRefused) => {
            "does the server run, and is that its port?".to_owned()
        }
        _ => return None,
    })
}
