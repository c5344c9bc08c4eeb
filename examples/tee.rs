//! Copies one source to any number of files and sockets at once, and takes its hash on the way.
//!
//! ```text
//! cargo run --release --example tee -- Cargo.lock target/one.copy target/two.copy
//! ```

mod shell;

use std::ffi::OsString;
use std::fs::File;
use std::io::stdout;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use highwater::fs::FileSource;
use highwater::net::{Address, Connect};
use highwater::zero_copy::FileId;
use highwater::{Bytes, CancelToken, Error, ErrorKind, IntoSink, Sink, Source, fs, pipeline};

use shell::cli::Cli;
use shell::hash::{hashed, sum_line};
use shell::note;
use shell::place::Place;

/// What the command line asks for.
#[derive(Default)]
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

/// How long a peer that has got everything may take to close the connection, before it is left.
const SILENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    cli().run(places, |options| {
        match shell::under_signals(|token| tee(&options, token)).flatten() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => shell::failure(&error, hint(&error)),
        }
    })
}

fn cli() -> Cli<Options> {
    let summary = "Copies SRC to every DST at once, and writes its SHA-256 to standard output, as sha256sum does.";
    Cli::<Options>::new(summary, "[options] SRC DST [DST...]")
        .about(
            "SRC is a file, or - for standard input. DST is a file, tcp://HOST:PORT or unix:PATH. The \
             slowest of them paces all; if one fails all fail, and the error names it. No DST may be the \
             same file as SRC, or as another DST.",
        )
        .flag("--append", "writes behind what is in a file", |it| it.append = true)
        .progress(|it| it.progress = true)
        .flag(
            "--report",
            "prints at the end what each stage did, and which one held the others up",
            |it| it.report = true,
        )
        .status("0 if every DST has everything, 1 after an error, 2 for a wrong call")
}

fn places(mut options: Options, others: Vec<OsString>) -> Result<Options, String> {
    if others.len() < 2 {
        return Err(format!("SRC and a DST are wanted, {} given", others.len()));
    }
    let mut places = others.into_iter().map(Place::parse);
    options.from = match places.next().transpose()?.unwrap_or_default() {
        place @ (Place::Standard | Place::Path(_)) => place,
        Place::Connect(address) | Place::Listen(address) => {
            return Err(format!(
                "SRC is a file or -, not {address}: copy {address} - | tee - DST"
            ));
        }
    };
    options.to = places.map(|place| to(place?)).collect::<Result<_, _>>()?;
    Ok(options)
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
    let mut source = match &options.from {
        Place::Path(path) => fs::read(path)?,
        _ => {
            shell::note_terminal();
            fs::stdin()?
        }
    };
    let bar = shell::bar(options.progress, source.len_hint());
    let (done, hash) = mpsc::channel();
    let sinks: Result<Vec<_>, _> = options
        .to
        .iter()
        .map(|to| open(to, options, token))
        .collect();
    let mut sinks = sinks?;
    refuse_hash_in(&mut source, &mut sinks)?;
    let last = sinks.pop();
    let mut begun = hashed(pipeline(source).cancel_with(token), done);
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
        note(format_args!("\n{report}"));
    }
    if let Ok(hash) = hash.recv() {
        let name = match &options.from {
            Place::Path(path) => path.as_os_str(),
            _ => "-".as_ref(),
        };
        shell::write_stdout(&sum_line(&hash, name))?;
    }
    Ok(())
}

/// Refuses to write the hash into what was copied. That sinks and source are not the same file is
/// checked by the pipeline.
fn refuse_hash_in(
    source: &mut FileSource,
    sinks: &mut [Box<dyn Sink<Bytes>>],
) -> Result<(), Error> {
    let stdout = File::from(stdout().as_fd().try_clone_to_owned()?).metadata()?;
    let id = FileId::of(&stdout).filter(|_| stdout.is_file());
    let read = source.hooks().map_or_else(Vec::new, |hooks| hooks.files());
    let read = read.into_iter().map(|file| (Some(file), source.name()));
    let written = sinks.iter_mut().map(|sink| {
        let file = sink.hooks().and_then(|hooks| hooks.file());
        (file, (**sink).name())
    });
    for (file, name) in read.chain(written) {
        if id.is_some() && file == id {
            let message = format!("it gets the hash, and is the same file as `{name}`");
            return Err(Error::new(ErrorKind::InvalidInput, message).during("write to", "stdout"));
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
fn hint(error: &Error) -> Option<String> {
    let is_directory = error.kind() == ErrorKind::Io(std::io::ErrorKind::IsADirectory);
    is_directory.then(|| "that is a directory: name a file in it".to_owned())
}
