//! Compresses a file, or decompresses it, as `gzip` does: with progress, on several threads.
//!
//! ```text
//! cargo run --release --example gzip -- -k -p 2 Cargo.lock
//! ```

mod shell;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write, stdin, stdout};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use highwater::gzip::{self, Corrupt};
use highwater::{
    Bytes, CancelToken, Error, ErrorKind, Pipeline, Report, Sink, Source, WriteSink, fs, pipeline,
};
use indicatif::HumanBytes;

use shell::complain;

const HELP: &str = "\
Replaces FILE by FILE.gz, or with -d FILE.gz by FILE. Without FILE, or with -, it goes from standard
input to standard output.

usage: gzip [options] [FILE]

  -d, --decompress      decompresses
  -t, --test            decompresses to nowhere, to see whether it can be
  -1 to -9              from fastest to smallest [6]
  -p, --threads N       compresses on N threads, 0 for as many as there are processors [1]
  -c, --stdout          writes to standard output, and keeps FILE
  -k, --keep            keeps FILE
  -f, --force           overwrites, and writes compressed data to a terminal
  --zlib                zlib in place of gzip, FILE.zz
  --raw                 deflate alone in place of gzip, FILE.deflate
  --max-output BYTES    gives up if more comes out, for data that is not trusted
  --ignore-trailing     ignores what stands behind the compressed data
  --progress            says how much became how much; a terminal shows a bar in any case
  --help

exit status: 0 if all went well, 1 if it has not, and then FILE is as it was and nothing is left of
the other; 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    decompress: bool,
    test: bool,
    level: u32,
    threads: usize,
    stdout: bool,
    keep: bool,
    force: bool,
    format: Format,
    max_output: Option<u64>,
    ignore_trailing: bool,
    progress: bool,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Default)]
enum Format {
    #[default]
    Gzip,
    Zlib,
    Raw,
}

impl Format {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zlib => ".zz",
            Self::Raw => ".deflate",
        }
    }
}

fn main() -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        // Not with `println`, which panics if nobody reads it.
        Ok(None) => return ExitCode::from(u8::from(writeln!(stdout(), "{HELP}").is_err())),
        Err(error) => {
            complain(format_args!("{error} (see --help)"));
            return ExitCode::from(2);
        }
    };
    let token = CancelToken::new();
    let signals = shell::cancel_on_signal(&token).map_err(Error::from);
    let outcome = signals.and_then(|signals| {
        let outcome = run(&options, &token);
        signals.close();
        outcome
    });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let file = options.file.as_deref().map(Path::display);
    match file {
        Some(file) => complain(format_args!("{file}: {error:#}")),
        None => complain(format_args!("stdin: {error:#}")),
    }
    if let Some(hint) = hint(&error) {
        complain(format_args!("  {hint}"));
    }
    shell::signal_status(&error).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        level: 6,
        threads: 1,
        ..Options::default()
    };
    let mut files: Vec<OsString> = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Short('d') | Long("decompress") => options.decompress = true,
            Short('t') | Long("test") => options.test = true,
            Short(level @ '1'..='9') => options.level = level.to_digit(10).unwrap_or(6),
            Short('p') | Long("threads") => options.threads = args.value()?.parse()?,
            Short('c') | Long("stdout") => options.stdout = true,
            Short('k') | Long("keep") => options.keep = true,
            Short('f') | Long("force") => options.force = true,
            Long("zlib") => options.format = Format::Zlib,
            Long("raw") => options.format = Format::Raw,
            Long("max-output") => options.max_output = Some(args.value()?.parse()?),
            Long("ignore-trailing") => options.ignore_trailing = true,
            Long("progress") => options.progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(file) => files.push(file),
            other => return Err(other.unexpected()),
        }
    }
    if files.len() > 1 {
        return Err(format!("one FILE is wanted, {} given", files.len()).into());
    }
    if options.threads != 1 && !matches!(options.format, Format::Gzip) {
        return Err("several threads write gzip only".into());
    }
    options.decompress |= options.test;
    options.file = files.pop().filter(|file| file != "-").map(PathBuf::from);
    Ok(Some(options))
}

fn run(options: &Options, token: &CancelToken) -> Result<(), Error> {
    let Some(file) = &options.file else {
        refuse_terminal(options, options.decompress && stdin().is_terminal())?;
        let sink = sink(options, None)?;
        return through(options, token, fs::stdin()?, sink).map(drop);
    };
    // The source first: if it is not there, nothing is made.
    let source = fs::read(file)?;
    if options.test || options.stdout {
        return through(options, token, source, sink(options, None)?).map(drop);
    }
    // Not what a link leads to, which would stay when the link is gone.
    let found = std::fs::symlink_metadata(file)?;
    if !found.is_file() {
        let said = "it is no regular file, and not replaced; -c writes to standard output";
        return Err(Error::new(ErrorKind::InvalidInput, said));
    }
    let output = Output::create(target(options, file)?, options.force)?;
    through(options, token, source, sink(options, Some(&output))?)?;
    std::fs::set_permissions(&output.written, found.permissions())?;
    let made = File::options().write(true).open(&output.written)?;
    made.set_modified(found.modified()?)?;
    output.keep()?;
    if !options.keep {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

fn sink(options: &Options, output: Option<&Output>) -> Result<Box<dyn Sink<Bytes>>, Error> {
    if options.test {
        return Ok(Box::new(WriteSink::new(std::io::sink(), "nowhere")));
    }
    let Some(output) = output else {
        refuse_terminal(options, !options.decompress && stdout().is_terminal())?;
        return Ok(Box::new(fs::stdout()?));
    };
    let sink = fs::create(&output.written)?;
    // What replaces something is on the disk before that is removed.
    Ok(Box::new(if options.keep { sink } else { sink.sync() }))
}

fn refuse_terminal(options: &Options, compressed: bool) -> Result<(), Error> {
    if compressed && !options.force {
        let said = "compressed data is nothing for a terminal; -f does it all the same";
        return Err(Error::new(ErrorKind::InvalidInput, said));
    }
    Ok(())
}

fn target(options: &Options, file: &Path) -> Result<PathBuf, Error> {
    let suffix = options.format.suffix();
    let mut name = file.as_os_str().to_owned();
    if !options.decompress {
        name.push(suffix);
        return Ok(name.into());
    }
    let bytes = file.as_os_str().as_bytes();
    match bytes.strip_suffix(suffix.as_bytes()) {
        Some(stem) if file.file_name().is_some_and(|name| name != suffix) => {
            Ok(std::ffi::OsStr::from_bytes(stem).into())
        }
        _ => {
            let said = format!("its name does not end in `{suffix}`; -c writes to standard output");
            Err(Error::new(ErrorKind::InvalidInput, said))
        }
    }
}

/// A file that is gone unless it is kept.
struct Output {
    /// What is written. It takes the place of the target only when it is whole.
    written: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Creates a file that nobody else can read, until it gets the permissions of the other.
    fn create(target: PathBuf, force: bool) -> Result<Self, Error> {
        let mut written = target.clone().into_os_string();
        if force {
            written.push(format!(".{}", std::process::id()));
        }
        let written = PathBuf::from(written);
        let mut new = OpenOptions::new();
        let made = new.write(true).create_new(true).mode(0o600).open(&written);
        made.map_err(|error| Error::from(error).during("create", &written.display().to_string()))?;
        Ok(Self { written, target })
    }

    fn keep(mut self) -> Result<(), Error> {
        if self.written != self.target {
            std::fs::rename(&self.written, &self.target)?;
        }
        self.written.clear();
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // An empty path is that of nothing.
        let _ = std::fs::remove_file(&self.written);
    }
}

fn through(
    options: &Options,
    token: &CancelToken,
    source: impl Source<Bytes> + 'static,
    sink: Box<dyn Sink<Bytes>>,
) -> Result<Report, Error> {
    let bar = shell::bar(true, source.len_hint());
    let begun = pipeline(source).cancel_with(token);
    // Of what is read the length may be known. Of what is written it never is.
    let (monitor, moved) = (begun.monitor(), bar.clone());
    let report = stage(options, begun)
        .progress(move |_| {
            let report = monitor.snapshot();
            moved.set_position(report.stages().first().map_or(0, |source| source.bytes));
        })
        .to(sink)
        .run();
    bar.finish_and_clear();
    let report = report?;
    if options.progress {
        let read = report.stages().first().map_or(0, |source| source.bytes);
        let (read, written) = (HumanBytes(read), HumanBytes(report.bytes()));
        complain(format_args!(
            "{read} became {written}, in {:.1?}",
            report.elapsed()
        ));
    }
    Ok(report)
}

fn stage(options: &Options, begun: Pipeline<Bytes>) -> Pipeline<Bytes> {
    if options.decompress {
        let mut stage = match options.format {
            Format::Gzip => gzip::decompress(),
            Format::Zlib => gzip::decompress().zlib(),
            Format::Raw => gzip::decompress().raw(),
        };
        if let Some(bytes) = options.max_output {
            stage = stage.max_output(bytes);
        }
        if options.ignore_trailing {
            stage = stage.ignore_trailing();
        }
        return begun.through(stage);
    }
    let file = options.file.as_deref();
    let name = file.and_then(Path::file_name).unwrap_or_default();
    let modified = file.and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
    let modified = modified.unwrap_or(std::time::UNIX_EPOCH);
    if options.threads != 1 {
        let stage = gzip::compress_parallel(options.level, options.threads);
        return begun.through(stage.file_name(name.as_bytes()).modified(modified));
    }
    let stage = gzip::compress(options.level);
    begun.through(match options.format {
        Format::Gzip => stage.file_name(name.as_bytes()).modified(modified),
        Format::Zlib => stage.zlib(),
        Format::Raw => stage.raw(),
    })
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match (error.kind(), Corrupt::of(error)) {
        (_, Some(Corrupt::Magic)) => "zlib has no such header, nor has deflate: --zlib, --raw",
        (_, Some(Corrupt::Trailing)) => "what is before it is whole: --ignore-trailing",
        (_, Some(Corrupt::Truncated)) => "it was cut off on its way here: get it again",
        (_, Some(_)) => "it was damaged on its way here: get it again",
        (ErrorKind::LimitExceeded, _) => "if you trust it, give more to --max-output",
        (ErrorKind::Io(std::io::ErrorKind::AlreadyExists), _) => "-f overwrites it",
        (ErrorKind::Io(std::io::ErrorKind::StorageFull), _) => "make room, then try again",
        _ => return None,
    })
}
