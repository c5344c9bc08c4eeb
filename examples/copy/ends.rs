//! The ends of a copy, opened.

use std::time::Duration;

use highwater::fs::{FileSink, FileSource};
use highwater::mark::READ_BYTES;
use highwater::net::{Address, Connect, Listener, Socket};
use highwater::{Bytes, CancelToken, Error, IntoSink, IntoSource, Sink, Source, fs};

use crate::options::Options;
use crate::shell::place::Place;
use crate::shell::{self, note};

/// How long a peer that has got everything may take to close the connection, before it is left.
const SILENCE: Duration = Duration::from_secs(1);

/// Boxes one of several ends, which have different types.
fn boxed_source(source: impl Source<Bytes> + 'static) -> Box<dyn Source<Bytes>> {
    Box::new(source)
}

fn boxed_sink(sink: impl Sink<Bytes> + 'static) -> Box<dyn Sink<Bytes>> {
    Box::new(sink)
}

pub(crate) fn open_source(
    options: &Options,
    token: &CancelToken,
) -> Result<Box<dyn Source<Bytes>>, Error> {
    let socket = match &options.from {
        Place::Standard => {
            shell::note_terminal();
            return Ok(boxed_source(file_source(fs::stdin()?, options)));
        }
        Place::Path(path) => return Ok(boxed_source(file_source(fs::read(path)?, options))),
        Place::Connect(address) => connect(address, options, token)?,
        Place::Listen(address) => accept(address, options, token)?,
    };
    // The whole socket: the other half, dropped unfinished, would reset the connection.
    Ok(boxed_source(
        socket.into_source().chunk_bytes(chunk_bytes(options)),
    ))
}

fn file_source(file: FileSource, options: &Options) -> FileSource {
    let mut file = file.chunk_bytes(chunk_bytes(options));
    if let Some(timeout) = options.idle_timeout {
        file = file.idle_timeout(timeout);
    }
    if options.stable { file.stable() } else { file }
}

pub(crate) fn open_sink(
    options: &Options,
    token: &CancelToken,
) -> Result<Box<dyn Sink<Bytes>>, Error> {
    let socket = match &options.to {
        Place::Standard => return Ok(boxed_sink(file_sink(fs::stdout()?, options))),
        Place::Path(path) => {
            let file = if options.append {
                fs::append(path)?
            } else {
                fs::create(path)?
            };
            return Ok(boxed_sink(file_sink(file, options)));
        }
        Place::Connect(address) => connect(address, options, token)?,
        Place::Listen(address) => accept(address, options, token)?,
    };
    Ok(boxed_sink(socket.into_sink().linger(SILENCE)))
}

fn file_sink(mut file: FileSink, options: &Options) -> FileSink {
    if let Some(timeout) = options.idle_timeout {
        file = file.idle_timeout(timeout);
    }
    if options.sync { file.sync() } else { file }
}

/// No more than the mark at once, and under a limit no more than a tenth of a second's worth; but
/// a page at least, or most of the time would go into system calls.
fn chunk_bytes(options: &Options) -> usize {
    let paced = options.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit / 10).unwrap_or(usize::MAX)
    });
    READ_BYTES
        .min(options.mark.high_water_mark())
        .min(paced)
        .max(4096)
}

fn connect(address: &Address, options: &Options, token: &CancelToken) -> Result<Socket, Error> {
    let mut connect = Connect::to(address.clone()).cancel_with(token);
    if let Some(timeout) = options.connect_timeout {
        connect = connect.timeout(timeout);
    }
    if let Some(timeout) = options.idle_timeout {
        connect = connect.idle_timeout(timeout);
    }
    connect.open()
}

fn accept(address: &Address, options: &Options, token: &CancelToken) -> Result<Socket, Error> {
    let mut listener = Listener::on(address.clone())?.cancel_with(token);
    if let Some(timeout) = options.idle_timeout {
        listener = listener.idle_timeout(timeout);
    }
    note(format_args!(
        "listening on tcp://{}",
        listener.local_addr()?
    ));
    listener.accept()
}
