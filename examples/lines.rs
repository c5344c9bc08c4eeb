//! Counts and filters the lines of files and of standard input.
//!
//! ```text
//! cargo run --release --example lines -- --count --matching bytes Cargo.toml
//! ```

mod shell;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::fs::FileSource;
use highwater::mark::DEFAULT_BYTES;
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, Sink, Source, WriteSink, fs, lines, pipeline,
};
use memchr::memmem::Finder;

use shell::cli::{self, Cli};
use shell::{UNREAD, note};

/// What the command line asks for.
#[derive(Default)]
struct Options {
    matching: Vec<u8>,
    count: bool,
    max: usize,
    progress: bool,
    files: Vec<OsString>,
}

const NONE_FOUND: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let finish = |mut options: Options, files| {
        options.files = files;
        if options.files.is_empty() {
            options.files.push("-".into());
        }
        Ok(options)
    };
    cli().run(finish, |options| {
        let outcome = shell::under_signals(|token| filter_all(&options, token)).flatten();
        ExitCode::from(outcome.unwrap_or_else(|error| failed(None, &error)))
    })
}

fn cli() -> Cli<Options> {
    let summary = "Writes the lines of each FILE, or of standard input, and holds a few hundred kilobytes of them.";
    Cli::<Options>::new(summary, "[options] [FILE...]")
        .about("A FILE of - is standard input. Lines end with \\n or \\r\\n, and are written with \\n.")
        .value(
            "--matching",
            cli::text("TEXT"),
            "only lines that contain TEXT",
            |it, text| it.matching = text.into_encoded_bytes(),
        )
        .flag(
            "--count",
            "how many lines there are in all, and not the lines",
            |it| it.count = true,
        )
        .value(
            "--max",
            cli::bytes(),
            "the longest that a line may be; a longer one is an error",
            |it, max| it.max = max,
        )
        .default("1M")
        .progress(|it| it.progress = true)
        .status("0 if there was such a line, 1 if there was none, 2 after an error or for a wrong call")
}

/// Takes each file through the pipeline, and gives the exit status.
fn filter_all(options: &Options, token: &CancelToken) -> Result<u8, Error> {
    let found = Arc::new(AtomicU64::new(0));
    let mut worst = None;
    for file in &options.files {
        if let Err(error) = filter(file, options, &found, token) {
            let status = failed(Some(file), &error);
            worst = Some(status);
            if status != FAILED {
                break;
            }
        }
    }
    let found = found.load(Ordering::Relaxed);
    let status = worst.unwrap_or(if found == 0 { NONE_FOUND } else { 0 });
    if options.count && status <= FAILED {
        shell::write_stdout(format!("{found}\n").as_bytes())?;
    }
    Ok(status)
}

/// Takes one file through the pipeline.
fn filter(
    file: &OsString,
    options: &Options,
    found: &Arc<AtomicU64>,
    token: &CancelToken,
) -> Result<(), Error> {
    let source = open(file)?;
    // A count is written when all was read.
    let sink: Box<dyn Sink<Bytes>> = if options.count {
        Box::new(WriteSink::new(io::sink(), "nowhere"))
    } else {
        Box::new(fs::stdout()?)
    };
    let bar = shell::bar(options.progress, source.len_hint());
    let text = Finder::new(&options.matching).into_owned();
    let (found, count_only) = (Arc::clone(found), options.count);
    let (moving, weighed) = (bar.clone(), lines::mark(DEFAULT_BYTES));
    let outcome = pipeline(source)
        .cancel_with(token)
        .inspect(move |chunk| moving.inc(chunk.len() as u64))
        .through_with(lines::lines().max_bytes(options.max), weighed)
        .filter(move |line| text.find(line).is_some())
        .filter(move |_| {
            found.fetch_add(1, Ordering::Relaxed);
            !count_only
        })
        .through(lines::append_end("\n"))
        .to(sink)
        .run();
    bar.finish_and_clear();
    outcome?;
    Ok(())
}

fn open(file: &OsString) -> Result<FileSource, Error> {
    if file == "-" {
        shell::note_terminal();
        fs::stdin()
    } else {
        fs::read(Path::new(file))
    }
}

/// Prints what failed, and of which file, and gives the exit status of it.
fn failed(file: Option<&OsString>, error: &Error) -> u8 {
    let status = match (shell::signal_status(error), error.kind()) {
        (Some(status), _) => status,
        // Only the reader of standard output can cause that: files and pipes that are read cannot.
        (None, ErrorKind::Io(io::ErrorKind::BrokenPipe)) => UNREAD,
        _ => FAILED,
    };
    let name = file.map(|file| file.to_string_lossy());
    match name.filter(|name| name != "-" && error.stage() != Some(&**name)) {
        // That reader needs no more, as `head`.
        _ if status == UNREAD => {}
        Some(name) => note(format_args!("{name}: {error:#}")),
        None => note(format_args!("{error:#}")),
    }
    status
}
