//! Relays every connection to another place: TCP and Unix sockets, on either side.
//!
//! ```text
//! cargo run --release --example proxy -- --report 127.0.0.1:8080 unix:/run/app.sock
//! ```

#[expect(dead_code, reason = "a bar is for one stream, and here are many")]
mod shell;

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use highwater::net::{Address, Connect, Listener, Relay, Socket};
use highwater::{CancelToken, Error, ErrorKind, HighWaterMark, IntoSink};
use indicatif::HumanBytes;

use shell::complain;

const HELP: &str = "\
Accepts connections on LISTEN and relays each to TARGET, both ways.

usage: proxy [options] LISTEN TARGET

LISTEN and TARGET are each one of
  HOST:PORT   TCP; port 0 of LISTEN takes a free one
  unix:PATH   a Unix socket

options
  --connections N            so many at once; others wait to be accepted [256]
  --high BYTES               what each direction of a connection holds at most [131072]
  --connect-timeout SECONDS  gives up connecting to TARGET [10]
  --idle-timeout SECONDS     ends a connection in which no byte has moved for so long
  --deadline SECONDS         ends a connection that has not ended within so long
  --grace SECONDS            lets connections finish for so long after Ctrl-C [5]
  --progress                 says once a second how far each connection is
  --report                   says what each connection did, when it has ended
  --help

A connection that fails is told on standard error, and is the end of no other.

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM";

/// For how long accepting rests after a failure, which is seldom gone at once.
const PAUSE: Duration = Duration::from_millis(200);

/// What the command line asks for.
struct Options {
    connections: usize,
    high: Option<usize>,
    connect_timeout: Duration,
    idle_timeout: Option<Duration>,
    deadline: Option<Duration>,
    grace: Duration,
    progress: bool,
    report: bool,
    listen: Address,
    target: Address,
}

fn main() -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => Arc::new(options),
        Ok(None) => return help(),
        Err(error) => {
            complain(format_args!("{error} (see --help)"));
            return ExitCode::from(2);
        }
    };
    match serve(&options) {
        Ok(signal) => ExitCode::from(shell::signal_status(&signal).unwrap_or(1)),
        Err(error) => {
            complain(format_args!("{error:#}"));
            if let Some(hint) = hint(&error) {
                complain(format_args!("  {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Not with `println`, which panics if nobody reads it.
fn help() -> ExitCode {
    match writeln!(stdout(), "{HELP}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("failed to write to `stdout`: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut connections, mut high) = (256, None);
    let (mut connect_timeout, mut grace) = (Duration::from_secs(10), Duration::from_secs(5));
    let (mut idle_timeout, mut deadline) = (None, None);
    let (mut progress, mut report) = (false, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("connections") => connections = args.value()?.parse_with(count)?,
            Long("high") => high = Some(args.value()?.parse_with(count)?),
            Long("connect-timeout") => connect_timeout = args.value()?.parse_with(seconds)?,
            Long("idle-timeout") => idle_timeout = Some(args.value()?.parse_with(seconds)?),
            Long("deadline") => deadline = Some(args.value()?.parse_with(seconds)?),
            Long("grace") => grace = args.value()?.parse_with(seconds)?,
            Long("progress") => progress = true,
            Long("report") => report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(address(&place.string()?)?),
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
        grace,
        progress,
        report,
        listen,
        target,
    }))
}

fn address(text: &str) -> Result<Address, String> {
    match text.strip_prefix("unix:") {
        Some("") => Err("`unix:` names no path".to_owned()),
        Some(path) => Ok(Address::Unix(path.into())),
        None if text.contains(':') => Ok(Address::Tcp(text.to_owned())),
        None => Err(format!("`{text}` is neither HOST:PORT nor unix:PATH")),
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at 0 nothing would ever move".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err(format!("`{text}` is no number")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}`: {error}"))
}

/// Serves until a signal comes, and gives back which.
fn serve(options: &Arc<Options>) -> Result<Error, Error> {
    let (accepting, running) = (CancelToken::new(), CancelToken::new());
    let signals = shell::cancel_on_signal(&accepting).map_err(Error::from)?;
    let listener = Listener::on(options.listen.clone())?.cancel_with(&accepting);
    let place = match listener.local_addr() {
        Ok(addr) => addr.to_string(),
        Err(_) => options.listen.to_string(),
    };
    complain(format_args!("listening on {place}"));
    let mut crowd = Crowd::new(options.connections);
    let mut number = 0;
    while crowd.has_room(&accepting) {
        match listener.accept() {
            Ok(client) => {
                number += 1;
                let connection = Connection {
                    number,
                    options: Arc::clone(options),
                    token: running.clone(),
                };
                crowd.start(connection, client);
            }
            Err(_) if accepting.is_cancelled() => break,
            // Too many descriptors, say: those that are here go on, and it is tried again.
            Err(error) => {
                complain(format_args!("{error:#}"));
                thread::park_timeout(PAUSE);
            }
        }
    }
    drop(listener);
    crowd.leave(options.grace, &running);
    signals.close();
    Ok(accepting.cause().unwrap_or_else(Error::interrupted))
}

/// The threads of the connections, of which there is a bounded number.
struct Crowd {
    max: usize,
    threads: Vec<(u64, JoinHandle<()>)>,
    /// The numbers of the connections that have ended.
    ended: Receiver<u64>,
    end: Sender<u64>,
}

/// How often it is looked for a signal while there is no room.
const TICK: Duration = Duration::from_millis(50);

impl Crowd {
    fn new(max: usize) -> Self {
        let (end, ended) = channel();
        Self {
            max,
            threads: Vec::new(),
            ended,
            end,
        }
    }

    /// Waits until one more may be let in, or not when the token was used.
    fn has_room(&mut self, accepting: &CancelToken) -> bool {
        loop {
            while let Ok(number) = self.ended.try_recv() {
                self.join(number);
            }
            if accepting.is_cancelled() || self.threads.len() < self.max {
                return !accepting.is_cancelled();
            }
            if let Ok(number) = self.ended.recv_timeout(TICK) {
                self.join(number);
            }
        }
    }

    fn start(&mut self, connection: Connection, client: Socket) {
        let (number, end) = (connection.number, self.end.clone());
        let relay = move || {
            connection.run(client);
            // The crowd may have stopped to listen: it joins everybody anyway.
            let _ = end.send(number);
        };
        match Builder::new().name(format!("relay-{number}")).spawn(relay) {
            Ok(thread) => self.threads.push((number, thread)),
            Err(error) => complain(format_args!("{number}: failed to start a thread: {error}")),
        }
    }

    fn join(&mut self, number: u64) {
        let ended = self.threads.iter().position(|(other, _)| *other == number);
        if let Some(at) = ended {
            let _ = self.threads.swap_remove(at).1.join();
        }
    }

    /// Waits for everybody, and for no longer than `grace` for those that do not end by themselves.
    fn leave(mut self, grace: Duration, running: &CancelToken) {
        let until = Instant::now().checked_add(grace);
        if !self.threads.is_empty() {
            let number = self.threads.len();
            complain(format_args!("waiting for {number} connections"));
        }
        while !self.threads.is_empty() {
            let left = until.map_or(Duration::MAX, |at| {
                at.saturating_duration_since(Instant::now())
            });
            match self.ended.recv_timeout(left) {
                Ok(number) => self.join(number),
                Err(_) => break,
            }
        }
        running.abort("the time to finish is over");
        for (_, thread) in self.threads {
            let _ = thread.join();
        }
    }
}

/// One client, and what is done for it.
struct Connection {
    number: u64,
    options: Arc<Options>,
    token: CancelToken,
}

impl Connection {
    fn run(self, client: Socket) {
        let number = self.number;
        let name = client.name().to_owned();
        let target = match self.connect() {
            Ok(target) => target,
            Err(error) => {
                complain(format_args!("{number}: {name}: {error:#}"));
                if let Some(hint) = hint(&error) {
                    complain(format_args!("{number}:   {hint}"));
                }
                // An unfinished sink resets: the client shall not take this for an empty answer.
                drop(client.into_sink());
                return;
            }
        };
        let outcome = self.relay(client, target).run();
        let report = match &outcome {
            Ok(report) => report,
            Err(failure) => {
                complain(format_args!("{number}: {name}: {:#}", failure.error));
                &failure.report
            }
        };
        if self.options.report {
            for line in report.to_string().lines() {
                complain(format_args!("{number}: {line}"));
            }
        }
    }

    fn connect(&self) -> Result<Socket, Error> {
        Connect::to(self.options.target.clone())
            .timeout(self.options.connect_timeout)
            .cancel_with(&self.token)
            .open()
    }

    fn relay(&self, client: Socket, target: Socket) -> Relay {
        let options = &self.options;
        let mut relay = Relay::new(client, target).cancel_with(&self.token);
        if let Some(high) = options.high {
            relay = relay.high_water_mark(HighWaterMark::bytes(high));
        }
        if let Some(timeout) = options.idle_timeout {
            relay = relay.idle_timeout(timeout);
        }
        if let Some(within) = options.deadline {
            relay = relay.deadline(within);
        }
        if options.progress {
            let number = self.number;
            relay = relay.progress_every(Duration::from_secs(1), move |progress| {
                complain(format_args!(
                    "{number}: {} so far",
                    HumanBytes(progress.bytes)
                ));
            });
        }
        relay
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
