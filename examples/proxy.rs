//! Relays every connection to another place: TCP and Unix sockets, on either side.
//!
//! ```text
//! cargo run --release --example proxy -- --report 127.0.0.1:8080 unix:/run/app.sock
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/number.rs"]
mod number;
#[path = "shell/place.rs"]
mod place;
mod shell;

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use highwater::net::{Address, Connect, Connection, Listener, Relay, RelayMonitor, Server};
use highwater::{Error, ErrorKind, HighWaterMark};
use indicatif::HumanBytes;

use asked::asked;
use shell::{Interrupted, complain};

const HELP: &str = "\
Accepts connections on LISTEN and relays each to TARGET, both ways.

usage: proxy [options] LISTEN TARGET

LISTEN and TARGET are each one of
  HOST:PORT   TCP; port 0 of LISTEN takes a free one
  unix:PATH   a Unix socket

options
  --connections N            so many at once; others wait to be accepted [256]
  --high BYTES               what each direction of a connection holds at most [128K]
  --connect-timeout SECONDS  gives up connecting to TARGET [10]
  --idle-timeout SECONDS     ends a connection in which no byte has moved for so long
  --deadline SECONDS         ends a connection that has not ended within so long
  --limit BYTES              reads no more than so many bytes a second from each side
  --grace SECONDS            lets connections finish for so long after Ctrl-C [5]
  --progress                 says once a second how many are open, and what was moved in all
  --report                   says what each connection did, when it has ended
  --help, --version

BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may have
decimals: 64K, 1.5M, 10MB.

A connection that fails is told on standard error, and is the end of no other.

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP";

/// What the command line asks for.
struct Options {
    connections: usize,
    high: Option<usize>,
    connect_timeout: Duration,
    idle_timeout: Option<Duration>,
    deadline: Option<Duration>,
    limit: Option<u64>,
    grace: Duration,
    progress: bool,
    report: bool,
    listen: Address,
    target: Address,
}

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => Arc::new(options),
        Err(status) => return status,
    };
    match serve(&options) {
        Ok(signal) => signal.map_or(ExitCode::FAILURE, |signal| ExitCode::from(signal.status())),
        Err(error) => shell::end(&error, hint(&error).map(str::to_owned)),
    }
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut connections, mut high) = (256, None);
    let (mut connect_timeout, mut grace) = (Duration::from_secs(10), Duration::from_secs(5));
    let (mut idle_timeout, mut deadline, mut limit) = (None, None, None);
    let (mut progress, mut report) = (false, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("connections") => {
                connections = number::given(&mut args, "--connections", number::count)?
            }
            Long("high") => high = Some(number::given(&mut args, "--high", number::some_bytes)?),
            Long("connect-timeout") => {
                connect_timeout = number::given(&mut args, "--connect-timeout", number::seconds)?
            }
            Long("idle-timeout") => {
                idle_timeout = Some(number::given(&mut args, "--idle-timeout", number::seconds)?)
            }
            Long("deadline") => {
                deadline = Some(number::given(&mut args, "--deadline", number::seconds)?)
            }
            Long("limit") => limit = Some(number::given(&mut args, "--limit", number::some_bytes)?),
            Long("grace") => grace = number::given(&mut args, "--grace", number::seconds)?,
            Long("progress") => progress = true,
            Long("report") => report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(address(place)?),
            other => return Err(other.unexpected()),
        }
    }
    let [listen, target] = <[Address; 2]>::try_from(places)
        .map_err(|places| format!("LISTEN and TARGET are wanted, {} given", places.len()))?;
    Ok(Some(Options {
        connections,
        high,
        connect_timeout,
        idle_timeout,
        deadline,
        limit,
        grace,
        progress,
        report,
        listen,
        target,
    }))
}

fn address(text: OsString) -> Result<Address, String> {
    if let Some(address) = place::unix(&text) {
        return address;
    }
    let text = text.to_string_lossy();
    if !text.contains(':') {
        return Err(format!("`{text}` is neither HOST:PORT nor unix:PATH"));
    }
    // As the other tools write it.
    place::tcp(&text, text.strip_prefix("tcp://").unwrap_or(&text))
}

/// Serves until a signal comes and every connection has ended, and gives back which signal.
fn serve(options: &Arc<Options>) -> Result<Option<Interrupted>, Error> {
    let (tell, signals) = channel();
    let _handle = shell::on_signal(move |signal| {
        let _ = tell.send(signal);
    })?;
    let server = Server::on(Listener::on(options.listen.clone())?)
        .connections(options.connections)
        .grace(options.grace)
        .on_event(|event| {
            complain(format_args!("{event}"));
            if let Some(hint) = hint(event.error()) {
                complain(format_args!("  {hint}"));
            }
        });
    let place = match server.handle().local_addr() {
        Some(addr) => addr.to_string(),
        None => options.listen.to_string(),
    };
    complain(format_args!("listening on {place}"));
    let totals = Arc::new(Totals::default());
    let (shared, seen) = (Arc::clone(options), Arc::clone(&totals));
    let server = server.spawn(move |connection| pass(connection, &shared, &seen))?;
    let signal = loop {
        match signals.recv_timeout(SECOND) {
            // One that has ended by itself says why when it is stopped.
            Err(RecvTimeoutError::Timeout) if !server.is_finished() => {
                if options.progress {
                    totals.tell(server.counts().open);
                }
            }
            signal => break signal.ok(),
        }
    };
    let open = server.counts().open;
    if open > 0 {
        complain(format_args!("waiting for {open} connections"));
    }
    server.stop()?;
    Ok(signal)
}

/// How often the totals are told.
const SECOND: Duration = Duration::from_secs(1);

/// Connects on, and relays until both sides have ended. What fails is told as an event, and before
/// there is a relay the client is reset: it shall not take that for an empty answer.
fn pass(connection: Connection, options: &Options, totals: &Totals) -> Result<(), Error> {
    let (number, token) = (connection.number(), connection.token().clone());
    let target = Connect::to(options.target.clone())
        .timeout(options.connect_timeout)
        .cancel_with(&token)
        .open()?;
    let mut relay = Relay::new(connection.into_socket(), target).cancel_with(&token);
    if let Some(high) = options.high {
        relay = relay.high_water_mark(HighWaterMark::bytes(high));
    }
    if let Some(timeout) = options.idle_timeout {
        relay = relay.idle_timeout(timeout);
    }
    if let Some(within) = options.deadline {
        relay = relay.deadline(within);
    }
    if let Some(per_second) = options.limit {
        relay = relay.limit(per_second);
    }
    totals.begin(number, relay.monitor());
    let outcome = relay.run();
    totals.end(number);
    let report = outcome.as_ref().unwrap_or_else(|failure| &failure.report);
    if options.report {
        for line in report.to_string().lines() {
            complain(format_args!("{number}: {line}"));
        }
    }
    outcome.map(drop).map_err(Error::from)
}

/// What all connections have moved, those that have ended with them.
#[derive(Default)]
struct Totals(Mutex<Moved>);

#[derive(Default)]
struct Moved {
    open: HashMap<u64, RelayMonitor>,
    ended: u64,
    told: u64,
}

impl Totals {
    fn lock(&self) -> MutexGuard<'_, Moved> {
        // Counts are never left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, number: u64, monitor: RelayMonitor) {
        self.lock().open.insert(number, monitor);
    }

    fn end(&self, number: u64) {
        let mut moved = self.lock();
        if let Some(monitor) = moved.open.remove(&number) {
            moved.ended += monitor.snapshot().bytes();
        }
    }

    fn tell(&self, open: usize) {
        let mut moved = self.lock();
        let live = moved
            .open
            .values()
            .map(|monitor| monitor.snapshot().bytes());
        let bytes = moved.ended + live.sum::<u64>();
        let (all, now) = (HumanBytes(bytes), HumanBytes(bytes - moved.told));
        moved.told = bytes;
        complain(format_args!("{open} open, {all} moved, {now}/s"));
    }
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    use std::io::ErrorKind as Io;

    Some(match error.kind() {
        ErrorKind::Io(Io::ConnectionRefused | Io::NotFound) => "is somebody listening there?",
        ErrorKind::Io(Io::AddrInUse) => {
            "somebody listens there already; take another port, or remove a socket that is left over"
        }
        ErrorKind::Io(Io::PermissionDenied) => {
            "ports below 1024 need a right that you may not have"
        }
        ErrorKind::TimedOut => "see --connect-timeout",
        _ => return None,
    })
}
