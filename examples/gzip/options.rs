//! The command line: what is to be compressed, and how.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use crate::shell::cli::{Cli, Unit, WHOLE, bytes};

/// What the command line asks for.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) decompress: bool,
    pub(crate) test: bool,
    pub(crate) list: bool,
    pub(crate) level: u32,
    pub(crate) threads: usize,
    pub(crate) stdout: bool,
    pub(crate) keep: bool,
    pub(crate) force: bool,
    pub(crate) no_name: bool,
    pub(crate) recursive: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) suffix: OsString,
    pub(crate) format: Format,
    pub(crate) max_output: Option<u64>,
    pub(crate) ignore_trailing: bool,
    pub(crate) progress: bool,
    pub(crate) files: Vec<OsString>,
}

impl Options {
    /// Nothing is made of a file.
    pub(crate) const fn only_looks(&self) -> bool {
        self.test || self.list
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
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

pub(crate) fn run(work: impl FnOnce(Options) -> ExitCode) -> ExitCode {
    let finish = |mut options: Options, files| {
        if options.threads != 1 && options.format != Format::Gzip {
            return Err("several threads write gzip only".to_owned());
        }
        if options.suffix.is_empty() {
            options.suffix = options.format.suffix().into();
        }
        options.decompress |= options.only_looks();
        options.files = files;
        if options.files.is_empty() {
            options.files.push("-".into());
        }
        Ok(options)
    };
    cli().run(finish, work)
}

fn cli() -> Cli<Options> {
    let summary = "Replaces each FILE by FILE.gz, or with -d each FILE.gz by FILE. Without FILE, or where it is -, it \
                   goes from standard input to standard output.";
    let begun = Cli::<Options>::new(summary, "[options] [FILE...]");
    let status = "0 if all went well; 1 if something has not, and then that FILE is as it was and nothing is left of the \
                  other; 2 if a FILE was left as it is, or for a wrong call";
    how(which(what(begun))).status(status)
}

fn what(cli: Cli<Options>) -> Cli<Options> {
    cli.flag("-d, --decompress", "decompresses", |it| {
        it.decompress = true
    })
    .hidden("--uncompress", |it| it.decompress = true)
    .flag(
        "-t, --test",
        "decompresses to nowhere, to see whether it can be",
        |it| it.test = true,
    )
    .flag(
        "-l, --list",
        "decompresses to nowhere, and prints both sizes",
        |it| it.list = true,
    )
    .digits(
        "-1 to -9",
        "from fastest (--fast) to smallest (--best)",
        |it, level| it.level = level,
    )
    .default("6")
    .hidden("--fast", |it| it.level = 1)
    .hidden("--best", |it| it.level = 9)
    .value(
        "-p, --threads",
        WHOLE,
        "compresses on N threads, 0 for as many as there are processors",
        |it, threads| it.threads = threads,
    )
    .default("1")
}

fn which(cli: Cli<Options>) -> Cli<Options> {
    cli.flag(
        "-c, --stdout",
        "writes to standard output, and keeps FILE",
        |it| it.stdout = true,
    )
    .hidden("--to-stdout", |it| it.stdout = true)
    .flag("-k, --keep", "keeps FILE", |it| it.keep = true)
    .flag(
        "-f, --force",
        "overwrites, takes links, and writes compressed data to a terminal",
        |it| it.force = true,
    )
    .flag(
        "-n, --no-name",
        "leaves the name and the time of FILE out of the compressed data",
        |it| it.no_name = true,
    )
    .flag(
        "-r, --recursive",
        "takes every file in a FILE that is a directory",
        |it| it.recursive = true,
    )
    .value(
        "-S, --suffix",
        SUFFIX,
        "the end of the names of compressed files, in place of .gz",
        |it, suffix| it.suffix = suffix,
    )
}

fn how(cli: Cli<Options>) -> Cli<Options> {
    cli.flag(
        "-q, --quiet",
        "does not print which files are left as they are",
        |it| it.quiet = true,
    )
    .flag("-v, --verbose", "prints what became of each FILE", |it| {
        it.verbose = true
    })
    .flag("--zlib", "zlib in place of gzip, FILE.zz", |it| {
        it.format = Format::Zlib
    })
    .flag(
        "--raw",
        "deflate alone in place of gzip, FILE.deflate",
        |it| it.format = Format::Raw,
    )
    .value(
        "--max-output",
        bytes(),
        "gives up if more comes out, for data that is not trusted",
        |it, bytes| it.max_output = Some(bytes),
    )
    .flag(
        "--ignore-trailing",
        "ignores what stands behind the compressed data",
        |it| it.ignore_trailing = true,
    )
    .flag(
        "--progress",
        "prints both sizes of each FILE; a terminal shows a bar in any case",
        |it| it.progress = true,
    )
}

const SUFFIX: Unit<OsString> = Unit::new("SUFFIX", |text| {
    if text.is_empty() || text.as_bytes().contains(&b'/') {
        return Err(format!("`{}` is no end of a name", text.display()));
    }
    Ok(text.to_owned())
});
