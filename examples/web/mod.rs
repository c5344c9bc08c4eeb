//! What every one of these servers needs: to be stopped by a signal, and to tell what it does.

pub(crate) mod log;

use std::io::ErrorKind as Io;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use highwater::http::files::Prepared;
use highwater::http::{Method, Request, Response, Server};
use highwater::net::{ServerEvent, ServerHandle};
use highwater::{Error, ErrorKind};

use crate::shell::{self, Interrupted};
pub(crate) use log::{Answered, tell};

/// Serves until a signal comes. At the first one what is being answered may finish; at the second
/// it is broken off. `what` is served, and each request has a line if they are `logged`.
pub(crate) fn run(
    server: Server,
    what: &str,
    logged: bool,
    answer: impl Fn(Request, Response) -> Result<Answered, Error> + Send + Sync + 'static,
) -> Result<Option<Interrupted>, Error> {
    let answer = move |request: Request, response: Response| {
        let entry = logged.then(|| log::Entry::of(&request));
        // Of an answer that has failed there is an event.
        let answered = answer(request, response)?;
        if let Some(entry) = entry {
            entry.answered(&answered);
        }
        Ok(())
    };
    let running = server.on_event(tell_event).spawn(answer)?;
    let first = Arc::new(OnceLock::new());
    let handle = running.handle().clone();
    let seen = Arc::clone(&first);
    let signals = shell::on_signal(move |signal| match seen.set(signal) {
        Ok(()) => stop(&handle),
        Err(again) => handle.abort(again),
    })?;
    if let Some(addr) = running.local_addr() {
        tell(format_args!("serving {what} at http://{addr}/"));
    }
    let counts = running.join();
    signals.close();
    let counts = counts?;
    if counts.aborted > 0 {
        let cut = connections(counts.aborted);
        tell(format_args!("{cut} had not finished in time"));
    }
    Ok(first.get().copied())
}

/// Sends what was prepared.
pub(crate) fn send(
    prepared: Prepared,
    method: &Method,
    response: Response,
) -> Result<Answered, Error> {
    let status = prepared.status();
    let bytes = match *method {
        Method::HEAD => 0,
        _ => prepared.body_len(),
    };
    prepared.send(response)?;
    Ok(Answered { status, bytes })
}

/// Where to listen: `HOST:PORT`, or a port alone, for this machine.
pub(crate) fn place(text: &str) -> Result<String, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = match text.rsplit_once(':') {
        _ if is_number => text,
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
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "`{port}` is no port, which is a number up to 65535"
        )),
    }
}

fn stop(server: &ServerHandle) {
    server.stop();
    let open = server.counts().open;
    if open > 0 {
        tell(format_args!("waiting for {}", connections(open)));
    }
}

fn connections(count: impl TryInto<u64>) -> String {
    match count.try_into() {
        Ok(1) => "1 connection".to_owned(),
        Ok(count) => format!("{count} connections"),
        Err(_) => "connections".to_owned(),
    }
}

/// What went wrong with a connection: it is the end of no other one.
fn tell_event(event: &ServerEvent) {
    tell(format_args!("{event}"));
}

/// Tells the error, with what to try, and makes the exit status of it or of the signal.
pub(crate) fn exit_code(outcome: Result<Option<Interrupted>, Error>) -> ExitCode {
    match outcome {
        Ok(signal) => signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signal.status())),
        Err(error) => shell::end(&error, hint(&error).map(str::to_owned)),
    }
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    let listens = error
        .operation()
        .is_some_and(|operation| operation == "listen on");
    Some(match error.kind() {
        ErrorKind::Io(Io::AddrInUse) => {
            "somebody listens there already; see --listen, or take port 0"
        }
        ErrorKind::Io(Io::PermissionDenied) if listens => {
            "ports below 1024 need a right that you may not have"
        }
        ErrorKind::Io(Io::PermissionDenied) => "you may not use that folder as this user",
        ErrorKind::Io(Io::AddrNotAvailable) => {
            "this machine has no such address; 127.0.0.1 is its own, 0.0.0.0 all that it has"
        }
        ErrorKind::Io(Io::NotFound) => "is the folder there?",
        ErrorKind::Io(Io::NotADirectory) => "name the folder that it is in",
        _ => return None,
    })
}
