//! Copies from one place to another: files, standard streams, TCP and Unix sockets.
//!
//! ```text
//! cargo run --release --example copy -- --report Cargo.toml /tmp/copy
//! ```

mod shell;

use std::env;
use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use highwater::fs::FileSource;
use highwater::net::{Address, Connect, Listener, Socket};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, HighWaterMark, InBytes, IntoSink, IntoSource, Progress,
    READ_BYTES, Report, Sink, Source, fs, pipeline,
};
use indicatif::HumanBytes;

use shell::complain;

const HELP: &str = "\
Copies SRC to DST, holding no more in memory than the high-water mark and one chunk.

usage: copy [options] SRC DST

SRC and DST are each one of
  PATH                    a file, a pipe or a device
  -                       standard input, standard output
  tcp://HOST:PORT         connects
  unix:PATH               connects to a Unix socket
  tcp-listen://HOST:PORT  waits for one peer to connect; port 0 takes a free one

options
  --high BYTES               high-water mark: where reading waits for writing [262144]
  --low BYTES                low-water mark: where reading goes on [half of high]
  --limit BYTES_PER_SECOND   reads no faster
  --connect-timeout SECONDS  gives up connecting
  --idle-timeout SECONDS     gives up on a peer that moves no byte for so long
  --stable                   promises that nobody changes SRC meanwhile, so that the kernel may
                             send it as it is, which takes less of the processor
  --buffered                 reads and writes, also where the kernel could copy by itself
  --append                   writes behind what is in DST
  --sync                     finishes only when DST is on the disk
  --progress                 shows a bar, if standard error is a terminal
  --report                   says what each stage did, and which way the bytes took, on
                             standard error
  --help

BYTES may end in K, M or G (1024, 1024^2, 1024^3).

exit status: 0 if DST has confirmed everything, 1 if it has not, 2 for a wrong call,
130 after Ctrl-C, 143 after SIGTERM";

/// For how long a peer that has got everything may say nothing, before it is left without its end.
const SILENCE: Duration = Duration::from_secs(1);

/// What the command line asks for.
struct Options {
    mark: HighWaterMark<InBytes>,
    limit: Option<u64>,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    stable: bool,
    buffered: bool,
    append: bool,
    sync: bool,
    progress: bool,
    report: bool,
    from: Place,
    to: Place,
}

enum Place {
    Standard,
    Path(PathBuf),
    Connect(Address),
    Listen(Address),
}

impl Place {
    fn parse(text: OsString) -> Self {
        let Some(utf8) = text.to_str() else {
            return Self::Path(text.into());
        };
        let tcp = |host: &str| Address::Tcp(host.to_owned());
        if utf8 == "-" {
            Self::Standard
        } else if let Some(host) = utf8.strip_prefix("tcp://") {
            Self::Connect(tcp(host))
        } else if let Some(host) = utf8.strip_prefix("tcp-listen://") {
            Self::Listen(tcp(host))
        } else if let Some(path) = utf8.strip_prefix("unix:") {
            Self::Connect(Address::Unix(path.into()))
        } else {
            Self::Path(text.into())
        }
    }
}

fn main() -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return help(),
        Err(error) => {
            complain(format_args!("{error} (see --help)"));
            return ExitCode::from(2);
        }
    };
    let token = CancelToken::new();
    let signals = match shell::cancel_on_signal(&token) {
        Ok(signals) => signals,
        Err(error) => {
            complain(format_args!("failed to handle signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = copy(&options, &token);
    signals.close();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error:#}"));
            for other in error.others() {
                complain(format_args!("  and then: {other:#}"));
            }
            if let Some(hint) = hint(&error) {
                complain(format_args!("  {hint}"));
            }
            shell::signal_status(&error).map_or(ExitCode::FAILURE, ExitCode::from)
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

    let (mut high, mut low) = (None, None);
    let (mut limit, mut connect_timeout, mut idle_timeout) = (None, None, None);
    let (mut stable, mut append, mut sync) = (false, false, false);
    let (mut buffered, mut progress, mut report) = (false, false, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("high") => high = Some(args.value()?.parse_with(bytes)?),
            Long("low") => low = Some(args.value()?.parse_with(bytes)?),
            Long("limit") => limit = Some(args.value()?.parse_with(rate)?),
            Long("connect-timeout") => connect_timeout = Some(args.value()?.parse_with(seconds)?),
            Long("idle-timeout") => idle_timeout = Some(args.value()?.parse_with(seconds)?),
            Long("stable") => stable = true,
            Long("buffered") => buffered = true,
            Long("append") => append = true,
            Long("sync") => sync = true,
            Long("progress") => progress = true,
            Long("report") => report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(Place::parse(place)),
            other => return Err(other.unexpected()),
        }
    }
    let [from, to] = <[Place; 2]>::try_from(places)
        .map_err(|places| format!("SRC and DST are wanted, {} given", places.len()))?;
    let mut mark = high.map_or_else(HighWaterMark::default, HighWaterMark::bytes);
    if let Some(low) = low {
        mark = mark.low(low).map_err(|error| error.to_string())?;
    }
    Ok(Some(Options {
        mark,
        limit,
        connect_timeout,
        idle_timeout,
        stable,
        buffered,
        append,
        sync,
        progress,
        report,
        from,
        to,
    }))
}

fn bytes(text: &str) -> Result<usize, String> {
    let (digits, factor) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 1 << 10),
        Some(digits) if text.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (text, 1),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| format!("`{text}` is no number of bytes"))?;
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

fn rate(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        0 => Err("at a limit of 0 nothing would ever move".to_owned()),
        rate => Ok(rate as u64),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}`: {error}"))
}

fn copy(options: &Options, token: &CancelToken) -> Result<(), Error> {
    // The source first: if it is not there, the destination stays as it was.
    let source = open_source(options, token)?;
    refuse_same_file(&options.from, &options.to)?;
    let sink = open_sink(options, token)?;
    let total = source.len_hint();
    let bar = shell::bar(options.progress, total);
    let moved = bar.clone();

    let mut pipeline = pipeline(source)
        .high_water_mark(options.mark)
        .cancel_with(token)
        .progress(move |progress: &Progress| moved.set_position(progress.bytes));
    if let Some(limit) = options.limit {
        pipeline = pipeline.limit(limit);
    }
    if options.buffered {
        pipeline = pipeline.in_buffers();
    }
    let outcome = pipeline.to(sink).run();
    bar.finish_and_clear();
    let (report, error) = match outcome {
        Ok(report) => (report, None),
        Err(failure) => (failure.report, Some(failure.error)),
    };
    if options.report {
        tell(&report);
    }
    match error {
        None => Ok(()),
        Some(error) => {
            complain(format_args!(
                "{} bytes were confirmed by {}",
                report.bytes(),
                sink_name(&report)
            ));
            Err(error)
        }
    }
}

fn sink_name(report: &Report) -> &str {
    report.stages().last().map_or("the sink", |sink| &sink.name)
}

/// To copy a file onto itself would empty it, and to append it to itself would never end.
fn refuse_same_file(from: &Place, to: &Place) -> Result<(), Error> {
    let path = |place: &Place, standard: &str| match place {
        Place::Standard => Some(PathBuf::from(standard)),
        Place::Path(path) => Some(path.clone()),
        Place::Connect(_) | Place::Listen(_) => None,
    };
    let file = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        let identity = (metadata.dev(), metadata.ino());
        metadata.is_file().then_some(identity)
    };
    match (path(from, "/dev/stdin"), path(to, "/dev/stdout")) {
        (Some(from), Some(to)) if file(&from).is_some() && file(&from) == file(&to) => {
            let said = format!("it is the same file as `{}`", from.display());
            let error = Error::new(ErrorKind::InvalidInput, said);
            Err(error.during("open", &to.display().to_string()))
        }
        _ => Ok(()),
    }
}

/// Boxes one of several ends, which are of different types.
fn boxed_source(source: impl Source<Bytes> + 'static) -> Box<dyn Source<Bytes>> {
    Box::new(source)
}

fn boxed_sink(sink: impl Sink<Bytes> + 'static) -> Box<dyn Sink<Bytes>> {
    Box::new(sink)
}

fn open_source(options: &Options, token: &CancelToken) -> Result<Box<dyn Source<Bytes>>, Error> {
    let socket = match &options.from {
        Place::Standard => return Ok(boxed_source(file_source(fs::stdin()?, options))),
        Place::Path(path) => return Ok(boxed_source(file_source(fs::read(path)?, options))),
        Place::Connect(address) => connect(address, options, token)?,
        Place::Listen(address) => accept(address, options, token)?,
    };
    // Not one half of it: the other one, dropped unfinished, would reset the connection.
    Ok(boxed_source(
        socket.into_source().chunk_bytes(chunk_bytes(options)),
    ))
}

fn file_source(file: FileSource, options: &Options) -> FileSource {
    let file = file.chunk_bytes(chunk_bytes(options));
    if options.stable { file.stable() } else { file }
}

fn open_sink(options: &Options, token: &CancelToken) -> Result<Box<dyn Sink<Bytes>>, Error> {
    let socket = match &options.to {
        Place::Standard => return Ok(boxed_sink(fs::stdout()?)),
        Place::Path(path) => {
            let file = if options.append {
                fs::append(path)?
            } else {
                fs::create(path)?
            };
            return Ok(boxed_sink(if options.sync { file.sync() } else { file }));
        }
        Place::Connect(address) => connect(address, options, token)?,
        Place::Listen(address) => accept(address, options, token)?,
    };
    Ok(boxed_sink(socket.into_sink().linger(SILENCE)))
}

/// No more than the mark at once, and under a limit no more than a tenth of a second's worth; but
/// a page, or system calls would be all there is.
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
    complain(format_args!(
        "listening on tcp://{}",
        listener.local_addr()?
    ));
    listener.accept()
}

fn tell(report: &Report) {
    let _ = writeln!(stderr(), "{report}");
    if let Some(path) = report.path() {
        let _ = writeln!(stderr(), "path: {path}");
    }
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<String> {
    use std::io::ErrorKind as Io;

    let ErrorKind::Io(kind) = error.kind() else {
        return None;
    };
    Some(match kind {
        Io::NotFound => {
            let here = env::current_dir().ok()?;
            format!("paths are taken from {}", here.display())
        }
        Io::IsADirectory => "a folder cannot be copied; name a file in it".to_owned(),
        Io::ConnectionRefused => "is somebody listening there?".to_owned(),
        Io::StorageFull => {
            let missing = "make room, then copy again";
            error.offset().map_or_else(
                || missing.to_owned(),
                |at| format!("{} were written; {missing}", HumanBytes(at)),
            )
        }
        _ => return None,
    })
}
