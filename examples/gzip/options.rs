//! What is to be compressed, and how.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::number;

pub(crate) const HELP: &str = "\
Replaces each FILE by FILE.gz, or with -d each FILE.gz by FILE. Without FILE, or where it is -, it goes
from standard input to standard output.

usage: gzip [options] [FILE...]

  -d, --decompress      decompresses
  -t, --test            decompresses to nowhere, to see whether it can be
  -l, --list            decompresses to nowhere, and says how much became how much
  -1 to -9              from fastest (--fast) to smallest (--best) [6]
  -p, --threads N       compresses on N threads, 0 for as many as there are processors [1]
  -c, --stdout          writes to standard output, and keeps FILE
  -k, --keep            keeps FILE
  -f, --force           overwrites, takes links, and writes compressed data to a terminal
  -n, --no-name         leaves the name and the time of FILE out of the compressed data
  -r, --recursive       takes every file in a FILE that is a folder
  -S, --suffix SUFFIX   in place of .gz
  -q, --quiet           does not say what it leaves as it is
  -v, --verbose         says what became of each FILE
  --zlib                zlib in place of gzip, FILE.zz
  --raw                 deflate alone in place of gzip, FILE.deflate
  --max-output BYTES    gives up if more comes out, for data that is not trusted
  --ignore-trailing     ignores what stands behind the compressed data
  --progress            says how much became how much; a terminal shows a bar in any case
  --help, --version

BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may have
decimals: 64K, 1.5M, 10MB.

exit status: 0 if all went well; 1 if something has not, and then that FILE is as it was and nothing is
left of the other; 2 if a FILE was left as it is, or for a wrong call; 130 after Ctrl-C, 143 after
SIGTERM, 129 after SIGHUP, 141 if the reader of standard output has gone";

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

pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        level: 6,
        threads: 1,
        ..Options::default()
    };
    let mut suffix = None;
    while let Some(arg) = args.next()? {
        match arg {
            Short('d') | Long("decompress" | "uncompress") => options.decompress = true,
            Short('t') | Long("test") => options.test = true,
            Short('l') | Long("list") => options.list = true,
            Short(level @ '1'..='9') => options.level = level.to_digit(10).unwrap_or(6),
            Long("fast") => options.level = 1,
            Long("best") => options.level = 9,
            Short('p') | Long("threads") => {
                options.threads = number::given(&mut args, "--threads", number::whole)?
            }
            Short('c') | Long("stdout" | "to-stdout") => options.stdout = true,
            Short('k') | Long("keep") => options.keep = true,
            Short('f') | Long("force") => options.force = true,
            Short('n') | Long("no-name") => options.no_name = true,
            Short('r') | Long("recursive") => options.recursive = true,
            Short('q') | Long("quiet") => options.quiet = true,
            Short('v') | Long("verbose") => options.verbose = true,
            Short('S') | Long("suffix") => suffix = Some(args.value()?),
            Long("zlib") => options.format = Format::Zlib,
            Long("raw") => options.format = Format::Raw,
            Long("max-output") => {
                options.max_output = Some(number::given(&mut args, "--max-output", number::bytes)?)
            }
            Long("ignore-trailing") => options.ignore_trailing = true,
            Long("progress") => options.progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(file) => options.files.push(file),
            other => return Err(other.unexpected()),
        }
    }
    if options.threads != 1 && options.format != Format::Gzip {
        return Err("several threads write gzip only".into());
    }
    options.suffix = suffix.unwrap_or_else(|| options.format.suffix().into());
    if options.suffix.is_empty() || options.suffix.as_bytes().contains(&b'/') {
        let suffix = options.suffix.display();
        return Err(format!("--suffix: `{suffix}` is no end of a name").into());
    }
    options.decompress |= options.only_looks();
    if options.files.is_empty() {
        options.files.push("-".into());
    }
    Ok(Some(options))
}
