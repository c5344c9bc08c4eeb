//! What every one of these servers needs: options, an end by a signal, and a log.

#![allow(dead_code, reason = "each server uses a part of what is here")]

pub(crate) mod log;
pub(crate) mod watch;

use std::ffi::OsStr;
use std::io::ErrorKind as Io;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use highwater::http::files::Prepared;
use highwater::http::{Method, Request, Response, Server};
use highwater::net::{self, ServerHandle};
use highwater::{Error, ErrorKind};

use crate::shell::cli::{COUNT, Cli, SECONDS, Unit};
use crate::shell::{self, Interrupted};
pub(crate) use log::{Logged, print};
use watch::Watch;

/// The options that every server has.
#[derive(Default)]
pub(crate) struct Common {
    listen: String,
    connections: usize,
    grace: Duration,
    is_silent: bool,
    progress: bool,
}

/// Declares them: `common` is where they are kept, and so many connections are allowed without
/// `--connections`.
pub(crate) fn with_common<O: Default + 'static>(
    cli: Cli<O>,
    connections: &'static str,
    common: fn(&mut O) -> &mut Common,
) -> Cli<O> {
    let listen = "the address, or a port of this machine alone; port 0 takes a free one";
    let progress = "prints once a second how far each response and each upload is, and its speed";
    cli.value("--listen", LISTEN, listen, move |it, listen| {
        common(it).listen = listen;
    })
    .default("127.0.0.1:8080")
    .value(
        "--connections",
        COUNT,
        "this many at once; others wait to be accepted",
        move |it, count| common(it).connections = count,
    )
    .default(connections)
    .value(
        "--grace",
        SECONDS,
        "lets responses finish for this time after Ctrl-C",
        move |it, grace| common(it).grace = grace,
    )
    .default("5")
    .flag("--progress", progress, move |it| common(it).progress = true)
    .flag(
        "--no-log",
        "no line on standard error for each request",
        move |it| common(it).is_silent = true,
    )
    .about("The line of a request has the common log format of web servers.")
    .status("1 if it cannot listen, 2 for a wrong call")
}

const LISTEN: Unit<String> = Unit::new("HOST:PORT", listen);

impl Common {
    /// The server, which listens from now on.
    pub(crate) fn bind(&self) -> Result<Server, Error> {
        let server = net::Server::bind(self.listen.as_str())?
            .connections(self.connections)
            .grace(self.grace);
        Ok(Server::on(server))
    }

    /// Serves until a signal comes. At the first one the responses on their way may finish; at the
    /// second they are aborted. `what` is served.
    pub(crate) fn run(
        &self,
        server: Server,
        what: &str,
        respond: impl Fn(Request, Response) -> Result<Logged, Error> + Send + Sync + 'static,
    ) -> Result<Option<Interrupted>, Error> {
        let is_logged = !self.is_silent;
        let watch = Watch::start(self.progress)?;
        let handle = move |request: Request, response: Response| {
            let _watched = watch.begin(&request);
            let entry = is_logged.then(|| log::Entry::of(&request));
            // A response that fails is an event.
            let logged = respond(request, response)?;
            if let Some(entry) = entry {
                entry.print(&logged);
            }
            Ok(())
        };
        // What goes wrong with a connection ends no other connection.
        let server = server.on_event(|event| print(format_args!("{event}")));
        let running = server.spawn(handle)?;
        let first = Arc::new(OnceLock::new());
        let handle = running.handle().clone();
        let seen = Arc::clone(&first);
        let signals = shell::on_signal(move |signal| match seen.set(signal) {
            Ok(()) => stop(&handle),
            Err(again) => handle.abort(again),
        })?;
        if let Some(addr) = running.local_addr() {
            print(format_args!("serving {what} at http://{addr}/"));
        }
        let counts = running.join();
        signals.close();
        let counts = counts?;
        if counts.aborted > 0 {
            let cut = connections(counts.aborted);
            print(format_args!("{cut} had not finished in time"));
        }
        Ok(first.get().copied())
    }
}

/// Sends what was prepared.
pub(crate) fn send(
    prepared: Prepared,
    method: &Method,
    response: Response,
) -> Result<Logged, Error> {
    let status = prepared.status();
    let bytes = match *method {
        Method::HEAD => 0,
        _ => prepared.body_len(),
    };
    prepared.send(response)?;
    Ok(Logged { status, bytes })
}

/// Where to listen: `HOST:PORT`, or a port alone, for this machine.
fn listen(text: &OsStr) -> Result<String, String> {
    let text = text.to_string_lossy();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = match text.rsplit_once(':') {
        _ if is_number => &text,
        Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
            return Err(format!(
                "`{text}` has an address without brackets: [::1]:8080"
            ));
        }
        Some((host, port)) if !host.is_empty() => port,
        Some(_) => {
            return Err(format!(
                "`{text}` has no host: 127.0.0.1{text} is for this machine alone, 0.0.0.0{text} for \
                 all that reach it"
            ));
        }
        None => return Err(format!("`{text}` has no port: HOST:PORT, or a port alone")),
    };
    match port.parse::<u16>() {
        Ok(port) if is_number => Ok(format!("127.0.0.1:{port}")),
        Ok(_) => Ok(text.into_owned()),
        Err(_) => Err(format!(
            "`{port}` is no port, which is a number up to 65535"
        )),
    }
}

fn stop(server: &ServerHandle) {
    server.stop();
    let open = server.counts().open;
    if open > 0 {
        print(format_args!("waiting for {}", connections(open)));
    }
}

fn connections(count: impl TryInto<u64>) -> String {
    match count.try_into() {
        Ok(1) => "1 connection".to_owned(),
        Ok(count) => format!("{count} connections"),
        Err(_) => "connections".to_owned(),
    }
}

/// Prints an error, with what to try, and makes the exit status of it or of the signal.
pub(crate) fn exit_code(outcome: Result<Option<Interrupted>, Error>) -> ExitCode {
    match outcome {
        Ok(signal) => signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signal.status())),
        Err(error) => shell::failure(&error, hint(&error).map(str::to_owned)),
    }
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    let listens = error.operation() == Some("listen on");
    Some(match error.kind() {
        ErrorKind::Io(Io::AddrInUse) => {
            "a server listens there already: see --listen, or take port 0"
        }
        ErrorKind::Io(Io::PermissionDenied) if !listens => {
            "this user has no right to use that directory"
        }
        ErrorKind::Io(Io::AddrNotAvailable) => {
            "this machine has no such address; 127.0.0.1 is its own, 0.0.0.0 all that it has"
        }
        ErrorKind::Io(Io::NotFound) => "is the directory there?",
        ErrorKind::Io(Io::NotADirectory) => "name the directory that it is in",
        _ => return None,
    })
}
