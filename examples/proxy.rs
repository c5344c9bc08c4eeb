//! Relays every connection to another place: TCP and Unix sockets, on either side.
//!
//! ```text
//! cargo run --release --example proxy -- --report 127.0.0.1:8080 unix:/run/app.sock
//! ```

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

use shell::cli::{COUNT, Cli, SECONDS, some_bytes, two};
use shell::{Interrupted, note, place};

/// What the command line asks for.
#[derive(Default)]
struct Options {
    connections: usize,
    high: usize,
    connect_timeout: Duration,
    idle_timeout: Option<Duration>,
    deadline: Option<Duration>,
    limit: Option<u64>,
    grace: Duration,
    progress: bool,
    report: bool,
}

fn main() -> ExitCode {
    let finish = |options, others| Ok((options, two("LISTEN and TARGET", others, address)?));
    cli().run(finish, |(options, [listen, target])| {
        match serve(options, listen, target) {
            Ok(Some(signal)) => ExitCode::from(signal.status()),
            Ok(None) => ExitCode::FAILURE,
            Err(error) => shell::failure(&error, hint(&error).map(str::to_owned)),
        }
    })
}

fn cli() -> Cli<Options> {
    let summary = "Accepts connections on LISTEN and relays each to TARGET, in both directions.";
    Cli::<Options>::new(summary, "[options] LISTEN TARGET")
        .about(
            "LISTEN and TARGET are each one of
  HOST:PORT   TCP; port 0 of LISTEN takes a free one
  unix:PATH   a Unix socket",
        )
        .value(
            "--connections",
            COUNT,
            "this many at once; others wait to be accepted",
            |it, count| it.connections = count,
        )
        .default("256")
        .value(
            "--high",
            some_bytes(),
            "what each direction of a connection holds at most",
            |it, high| it.high = high,
        )
        .default("128K")
        .value(
            "--connect-timeout",
            SECONDS,
            "gives up connecting to TARGET",
            |it, timeout| it.connect_timeout = timeout,
        )
        .default("10")
        .value(
            "--idle-timeout",
            SECONDS,
            "ends a connection in which no byte has moved for this time",
            |it, timeout| it.idle_timeout = Some(timeout),
        )
        .value(
            "--deadline",
            SECONDS,
            "ends a connection that has not ended within this time",
            |it, within| it.deadline = Some(within),
        )
        .value(
            "--limit",
            some_bytes(),
            "reads no more than this many bytes a second from each side",
            |it, limit| it.limit = Some(limit),
        )
        .value(
            "--grace",
            SECONDS,
            "lets connections finish for this time after Ctrl-C",
            |it, grace| it.grace = grace,
        )
        .default("5")
        .flag(
            "--progress",
            "prints once a second how many are open, and what was moved in all",
            |it| it.progress = true,
        )
        .flag(
            "--report",
            "prints what each connection did, when it has ended",
            |it| it.report = true,
        )
        .about(
            "The error of a connection is printed to standard error, and ends no other connection.",
        )
        .status("1 if it cannot listen, 2 for a wrong call")
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
fn serve(options: Options, listen: Address, target: Address) -> Result<Option<Interrupted>, Error> {
    let (send, signals) = channel();
    let _handle = shell::on_signal(move |signal| {
        let _ = send.send(signal);
    })?;
    let server = Server::on(Listener::on(listen.clone())?)
        .connections(options.connections)
        .grace(options.grace)
        .on_event(|event| {
            note(format_args!("{event}"));
            if let Some(hint) = hint(event.error()) {
                note(format_args!("  {hint}"));
            }
        });
    let place = match server.handle().local_addr() {
        Some(addr) => addr.to_string(),
        None => listen.to_string(),
    };
    note(format_args!("listening on {place}"));
    let totals = Arc::new(Totals::default());
    let progress = options.progress;
    let seen = Arc::clone(&totals);
    let server =
        server.spawn(move |connection| pass(connection, target.clone(), &options, &seen))?;
    let signal = loop {
        match signals.recv_timeout(SECOND) {
            // A server that has ended by itself gives the reason when it is stopped.
            Err(RecvTimeoutError::Timeout) if !server.is_finished() => {
                if progress {
                    totals.print(server.counts().open);
                }
            }
            signal => break signal.ok(),
        }
    };
    let open = server.counts().open;
    if open > 0 {
        note(format_args!("waiting for {open} connections"));
    }
    server.stop()?;
    Ok(signal)
}

/// How often the totals are printed.
const SECOND: Duration = Duration::from_secs(1);

/// Connects to the target, and relays until both sides have ended. An error becomes an event. Before
/// there is a relay it resets the client, which would else take it for an empty response.
fn pass(
    connection: Connection,
    target: Address,
    options: &Options,
    totals: &Totals,
) -> Result<(), Error> {
    let (number, token) = (connection.number(), connection.token().clone());
    let target = Connect::to(target)
        .timeout(options.connect_timeout)
        .cancel_with(&token)
        .open()?;
    let mut relay = Relay::new(connection.into_socket(), target)
        .high_water_mark(HighWaterMark::bytes(options.high))
        .cancel_with(&token);
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
            note(format_args!("{number}: {line}"));
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
    /// What was moved when the totals were last printed.
    printed: u64,
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

    fn print(&self, open: usize) {
        let mut moved = self.lock();
        let live = moved
            .open
            .values()
            .map(|monitor| monitor.snapshot().bytes());
        let bytes = moved.ended + live.sum::<u64>();
        let (all, now) = (HumanBytes(bytes), HumanBytes(bytes - moved.printed));
        moved.printed = bytes;
        note(format_args!("{open} open, {all} moved, {now}/s"));
    }
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::Io(std::io::ErrorKind::NotFound) => "is that the path of the socket?",
        ErrorKind::TimedOut => "see --connect-timeout",
        _ => return shell::hint(error),
    })
}
