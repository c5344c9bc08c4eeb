//! Copies one source to any number of files and sockets at once, and takes its hash on the way.
//!
//! ```text
//! cargo run --release --example tee -- Cargo.lock target/one.copy target/two.copy
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/hash.rs"]
mod hash;
#[path = "shell/place.rs"]
mod place;
mod shell;
#[path = "shell/sum.rs"]
mod sum;

use std::fs::File;
use std::io::stdout;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use highwater::fs::FileSource;
use highwater::net::{Address, Connect};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, FileId, IntoSink, Sink, Source, fs, pipeline,
};

use asked::asked;
use hash::hashed;
use place::Place;
use shell::complain;
use sum::sum_line;

const HELP: &str = "\
Copies SRC to every DST at once, and writes its SHA-256 to standard output, as sha256sum does.

usage: tee [options] SRC DST [DST...]

SRC is a file, or - for standard input. DST is a file, tcp://HOST:PORT or unix:PATH. The slowest of
them paces all; a failure of one is a failure of the whole, and says which. No DST may be the same
file as SRC, or as another DST.

options
  --append    writes behind what is in a file
  --progress  shows a bar, if standard error is a terminal
  --report    says at the end what each stage did, and which one held the others up
  --help, --version

exit status: 0 if every DST has everything, 1 after an error, 2 for a wrong call, 130 after Ctrl-C,
143 after SIGTERM, 129 after SIGHUP, 141 if the reader of standard
output has gone";

/// What the command line asks for.
struct Options {
    append: bool,
    progress: bool,
    report: bool,
    from: Place,
    to: Vec<To>,
}

/// A destination.
enum To {
    File(PathBuf),
    Socket(Address),
}

/// For how long a peer that has got everything may be silent before its socket is closed.
const SILENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let token = CancelToken::new();
    let outcome = shell::cancel_on_signal(&token)
        .map_err(Error::from)
        .and_then(|signals| {
            let outcome = tee(&options, &token);
            signals.close();
            outcome
        });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    shell::end(&error, hint(&error).map(str::to_owned))
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut append, mut progress, mut report) = (false, false, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("append") => append = true,
            Long("progress") => progress = true,
            Long("report") => report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(Place::parse(place)?),
            other => return Err(other.unexpected()),
        }
    }
    if places.len() < 2 {
        return Err(format!("SRC and a DST are wanted, {} given", places.len()).into());
    }
    let from = match places.remove(0) {
        place @ (Place::Standard | Place::Path(_)) => place,
        Place::Connect(address) | Place::Listen(address) => {
            return Err(
                format!("SRC is a file or -, not {address}: copy {address} - | tee - DST").into(),
            );
        }
    };
    let to = places.into_iter().map(to).collect::<Result<_, _>>()?;
    Ok(Some(Options {
        append,
        progress,
        report,
        from,
        to,
    }))
}

fn to(place: Place) -> Result<To, String> {
    match place {
        Place::Path(path) => Ok(To::File(path)),
        Place::Connect(address) => Ok(To::Socket(address)),
        Place::Standard => Err(
            "standard output gets the hash, and is no DST; a file of that name is ./-".to_owned(),
        ),
        Place::Listen(address) => Err(format!("{address}: a DST is connected to, not listened on")),
    }
}

fn tee(options: &Options, token: &CancelToken) -> Result<(), Error> {
    // The source first: if it is not there, no destination is touched.
    let source = match &options.from {
        Place::Path(path) => fs::read(path)?,
        _ => {
            shell::mention_terminal();
            fs::stdin()?
        }
    };
    let bar = shell::bar(options.progress, source.len_hint());
    let (tell, hash) = mpsc::channel();
    let sinks: Result<Vec<_>, _> = options
        .to
        .iter()
        .map(|to| open(to, options, token))
        .collect();
    let mut sinks = sinks?;
    refuse_hash_in(&source, &sinks)?;
    let last = sinks.pop();
    let mut begun = hashed(pipeline(source).cancel_with(token), tell);
    for sink in sinks {
        begun = begun.tee(sink);
    }
    let moved = bar.clone();
    let outcome = begun
        .progress_every(Duration::from_millis(50), move |progress| {
            moved.set_position(progress.bytes);
        })
        .to(last.ok_or_else(|| Error::other("no destination"))?)
        .run();
    bar.finish_and_clear();
    let report = outcome?;
    if options.report {
        complain(format_args!("\n{report}"));
    }
    if let Ok(hash) = hash.recv() {
        let name = match &options.from {
            Place::Path(path) => path.as_os_str(),
            _ => "-".as_ref(),
        };
        shell::say(&sum_line(&hash, name))?;
    }
    Ok(())
}

/// The hash would be written into what was copied. That sinks and source are not the same file is seen
/// by the pipeline.
fn refuse_hash_in(source: &FileSource, sinks: &[Box<dyn Sink<Bytes>>]) -> Result<(), Error> {
    let stdout = File::from(stdout().as_fd().try_clone_to_owned()?).metadata()?;
    let id = FileId::of(&stdout).filter(|_| stdout.is_file());
    let sinks = sinks.iter().map(|sink| (sink.file(), sink.name()));
    let files = source.files().into_iter().map(Some);
    for (file, name) in files.map(|file| (file, source.name())).chain(sinks) {
        if id.is_some() && file == id {
            let said = format!("it gets the hash, and is the same file as `{name}`");
            return Err(Error::new(ErrorKind::InvalidInput, said).during("write to", "stdout"));
        }
    }
    Ok(())
}

fn open(to: &To, options: &Options, token: &CancelToken) -> Result<Box<dyn Sink<Bytes>>, Error> {
    Ok(match to {
        To::File(path) if options.append => Box::new(fs::append(path)?),
        To::File(path) => Box::new(fs::create(path)?),
        To::Socket(address) => {
            let socket = Connect::to(address.clone()).cancel_with(token).open()?;
            Box::new(socket.into_sink().linger(SILENCE))
        }
    })
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    use std::io::ErrorKind as Io;

    Some(match error.kind() {
        ErrorKind::Io(Io::ConnectionRefused) => "is somebody listening there?",
        ErrorKind::Io(Io::IsADirectory) => "that is a folder: name a file in it",
        ErrorKind::Io(Io::StorageFull) => "make room, then try again",
        _ => return None,
    })
}
