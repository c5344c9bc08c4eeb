//! Compresses files, or decompresses them, as `gzip` does: with progress, on several threads.
//!
//! ```text
//! cargo run --release --example gzip -- -k -p 2 Cargo.lock
//! ```

mod messages;
mod options;
mod output;
#[path = "../shell/mod.rs"]
mod shell;
mod stage;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{IsTerminal, stdin, stdout};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use highwater::gzip::Corrupt;
use highwater::{Bytes, CancelToken, Error, ErrorKind, Sink, WriteSink, fs};

use messages::{Ratio, Table, frame_bytes};
use options::Options;
use output::{Output, stem, target, with_suffix};
use shell::note;
use stage::{Moved, through};

fn main() -> ExitCode {
    options::run(
        |options| match shell::under_signals(|token| take_all(&options, token)) {
            Ok(status) => status,
            Err(error) => shell::failure(&error, None),
        },
    )
}

/// Takes one file after the other, and gives the exit status.
fn take_all(options: &Options, token: &CancelToken) -> ExitCode {
    let mut work = Work {
        options,
        token: token.clone(),
        table: Table::default(),
        status: None,
    };
    let taken = options.files.iter().try_for_each(|file| work.take(file));
    let outcome = taken.and_then(|()| {
        let ended = work.table.end(options);
        ended.map_err(|error| work.failed("stdout", &error).unwrap_or(ExitCode::FAILURE))
    });
    match outcome {
        Ok(()) => ExitCode::from(work.status.unwrap_or(0)),
        Err(status) => status,
    }
}

/// Why nothing was made of a file.
pub(crate) enum Trouble {
    /// It was left as it is, which is a warning. The message names it.
    Ignored(String),
    /// It was compressed before, and is as it should be.
    Unchanged(String),
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A file was left as it is.
const IGNORED: u8 = 2;
/// A file could not be done.
const FAILED: u8 = 1;

/// One file after the other.
struct Work<'a> {
    options: &'a Options,
    token: CancelToken,
    table: Table,
    /// The worst so far: what has failed, before what was ignored.
    status: Option<u8>,
}

impl Work<'_> {
    /// Takes a file of the command line, and prints a failure. One that ends everything is a status.
    fn take(&mut self, name: &OsStr) -> Result<(), ExitCode> {
        if name == "-" {
            let outcome = self.standard();
            return self.print("stdin", outcome);
        }
        let path = self.find(name.into());
        if path.is_dir() && self.options.recursive {
            return self.directory(&path);
        }
        let outcome = self.file(&path);
        self.print(&path.display().to_string(), outcome)
    }

    /// To decompress `name` also does `name.gz`.
    fn find(&self, path: PathBuf) -> PathBuf {
        let missing = self.options.decompress && std::fs::symlink_metadata(&path).is_err();
        let longer = with_suffix(self.options, &path);
        if missing && stem(self.options, &path).is_none() && longer.exists() {
            return longer;
        }
        path
    }

    /// Takes every file that is in a directory now, and in the directories in it.
    fn directory(&mut self, directory: &Path) -> Result<(), ExitCode> {
        let names = std::fs::read_dir(directory).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<Result<Vec<_>, _>>()
        });
        let mut paths = match names {
            Ok(paths) => paths,
            Err(error) => {
                return self.print(&directory.display().to_string(), Err(Trouble::from(error)));
            }
        };
        paths.sort();
        for path in paths {
            let is_link = path.is_symlink() && !self.options.force;
            if path.is_dir() && !is_link {
                self.directory(&path)?;
            } else if self.options.decompress == stem(self.options, &path).is_some() {
                // Others in a directory are left as they are, without a message for each.
                let outcome = self.file(&path);
                self.print(&path.display().to_string(), outcome)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, name: &str, outcome: Result<(), Trouble>) -> Result<(), ExitCode> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Trouble::Failed(error)) => self.failed(name, &error).map_or(Ok(()), Err),
            Err(Trouble::Ignored(message)) => {
                self.warn(&message);
                self.status.get_or_insert(IGNORED);
                Ok(())
            }
            Err(Trouble::Unchanged(message)) => {
                self.warn(&message);
                Ok(())
            }
        }
    }

    fn warn(&self, message: &str) {
        if !self.options.quiet {
            note(format_args!("{message}"));
        }
    }

    /// Prints a failure. Gives a status if it ends everything.
    fn failed(&mut self, name: &str, error: &Error) -> Option<ExitCode> {
        if shell::is_unread(error) {
            // The reader of standard output needs no more, as `head`.
            return Some(shell::status(error));
        }
        note(format_args!("{name}: {error:#}"));
        if let Some(hint) = hint(error) {
            note(format_args!("  {hint}"));
        }
        self.status = Some(FAILED);
        shell::signal_status(error).map(ExitCode::from)
    }

    /// From standard input to standard output.
    fn standard(&mut self) -> Result<(), Trouble> {
        let options = self.options;
        refuse_terminal(options, options.decompress && stdin().is_terminal())?;
        let sink = sink(options, None)?;
        shell::note_terminal();
        let moved = through(options, &self.token, None, fs::stdin()?, sink)?;
        let frame = frame_bytes(options, None);
        self.done("stdin", None, moved, frame, "stdout")
    }

    fn file(&mut self, file: &Path) -> Result<(), Trouble> {
        let options = self.options;
        if file.is_dir() {
            let name = file.display();
            let message = format!("{name} is a directory -- ignored: -r takes what is in it");
            return Err(Trouble::Ignored(message));
        }
        if options.only_looks() || options.stdout {
            let source = fs::read(file)?;
            let moved = through(
                options,
                &self.token,
                Some(file),
                source,
                sink(options, None)?,
            )?;
            let name = stem(options, file).map_or_else(|| file.to_owned(), |(stem, _)| stem);
            let frame = frame_bytes(options, Some(file));
            let plain = if options.list {
                &*name
            } else {
                Path::new("stdout")
            };
            return self.done(
                &file.display().to_string(),
                None,
                moved,
                frame,
                &plain.display().to_string(),
            );
        }
        let found = self.replaceable(file)?;
        let target = target(options, file)?;
        // The source first: if it cannot be read, nothing is made.
        let source = fs::read(file)?;
        let output = Output::create(target, options.force)?;
        let sink = sink(options, Some(&output))?;
        let moved = through(options, &self.token, Some(file), source, sink)?;
        let frame = frame_bytes(options, Some(file));
        output.take_after(&found)?;
        let made = output.keep(!options.keep)?;
        if !options.keep {
            std::fs::remove_file(file)?;
        }
        let became = if options.keep {
            "created"
        } else {
            "replaced with"
        };
        let made = made.display().to_string();
        self.done(
            &file.display().to_string(),
            Some(became),
            moved,
            frame,
            &made,
        )
    }

    /// Looks at a file that is to be replaced. There has to be no other way to it, which would stay
    /// when it is gone, nor anything about it that what is made of it cannot have.
    fn replaceable(&self, file: &Path) -> Result<Metadata, Trouble> {
        let options = self.options;
        let found = std::fs::symlink_metadata(file)
            .map_err(|error| Error::from(error).during("open", &file.display().to_string()))?;
        let found = if found.is_symlink() && options.force {
            std::fs::metadata(file)?
        } else {
            found
        };
        let (name, others) = (file.display(), found.nlink().saturating_sub(1));
        if found.is_file() && others > 0 && !options.keep && !options.force {
            let links = if others == 1 { "link" } else { "links" };
            return Err(Trouble::Ignored(format!(
                "{name} has {others} other {links} -- file ignored: -k keeps it, -f replaces it"
            )));
        }
        if found.is_file() {
            return Ok(found);
        }
        if found.is_symlink() {
            let message = "it is no regular file but a link, and not replaced; -f takes what it leads \
                to, -c writes to standard output";
            return Err(Error::new(ErrorKind::InvalidInput, message).into());
        }
        Err(Trouble::Ignored(format!(
            "{name} is not a directory or a regular file -- ignored: -c writes to standard output"
        )))
    }

    /// Prints what became of it, if that was asked for.
    fn done(
        &mut self,
        name: &str,
        became: Option<&str>,
        moved: Moved,
        frame: u64,
        made: &str,
    ) -> Result<(), Trouble> {
        let options = self.options;
        if options.list {
            self.table.add(options, moved, frame, made)?;
        } else if options.verbose {
            let line = match became {
                _ if options.test => format!("{name}:\t OK"),
                Some(became) => format!(
                    "{name}:\t{} -- {became} {made}",
                    Ratio::of(options, moved, frame)
                ),
                None => format!("{name}:\t{}", Ratio::of(options, moved, frame)),
            };
            shell::write_stderr(format!("{line}\n"));
        }
        Ok(())
    }
}

fn sink(options: &Options, output: Option<&Output>) -> Result<Box<dyn Sink<Bytes>>, Error> {
    if options.only_looks() {
        return Ok(Box::new(WriteSink::new(std::io::sink(), "nowhere")));
    }
    let Some(output) = output else {
        refuse_terminal(options, !options.decompress && stdout().is_terminal())?;
        return Ok(Box::new(fs::stdout()?));
    };
    Ok(Box::new(fs::create(&output.written)?))
}

fn refuse_terminal(options: &Options, compressed: bool) -> Result<(), Error> {
    if compressed && !options.force {
        let message = "compressed data is nothing for a terminal; -f writes it all the same";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(())
}

/// What to try, where that is clear.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match (error.kind(), Corrupt::of(error)) {
        (_, Some(Corrupt::Magic)) => "zlib has no such header, nor has deflate: --zlib, --raw",
        (_, Some(Corrupt::Trailing)) => "what is before it is whole: --ignore-trailing",
        (_, Some(Corrupt::Truncated)) => "it was cut off on its way here: get it again",
        (_, Some(_)) => "it was damaged on its way here: get it again",
        (ErrorKind::LimitExceeded, _) => "if you trust it, give more to --max-output",
        _ => return shell::hint(error),
    })
}
