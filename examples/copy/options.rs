//! The command line of a copy.

use std::process::ExitCode;
use std::time::Duration;

use highwater::HighWaterMark;
use highwater::mark::InBytes;

use crate::shell::cli::{Cli, SECONDS, bytes, some_bytes, two};
use crate::shell::place::Place;

/// What the command line asks for.
#[derive(Default)]
pub(crate) struct Options {
    high: Option<usize>,
    low: Option<usize>,
    pub(crate) mark: HighWaterMark<InBytes>,
    pub(crate) limit: Option<u64>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) stable: bool,
    pub(crate) buffered: bool,
    pub(crate) append: bool,
    pub(crate) sync: bool,
    pub(crate) progress: bool,
    pub(crate) report: bool,
    pub(crate) from: Place,
    pub(crate) to: Place,
}

pub(crate) fn run(work: impl FnOnce(Options) -> ExitCode) -> ExitCode {
    let finish = |mut options: Options, others| {
        [options.from, options.to] = two("SRC and DST", others, Place::parse)?;
        // One that was not asked for is left to the library, which then may copy in the kernel with
        // more than that on the way.
        options.mark = match options.high {
            Some(high) => HighWaterMark::bytes(high),
            None => HighWaterMark::default(),
        };
        if let Some(low) = options.low {
            let mark = options.mark.low(low);
            options.mark = mark.map_err(|error| error.to_string())?;
        }
        Ok(options)
    };
    cli().run(finish, work)
}

fn cli() -> Cli<Options> {
    let summary =
        "Copies SRC to DST, holding no more in memory than the high-water mark and one chunk.";
    Cli::<Options>::new(summary, "[options] SRC DST")
        .about(
            "SRC and DST are each one of
  PATH                    a file, a pipe or a device
  -                       standard input, standard output
  tcp://HOST:PORT         connects
  unix:PATH               connects to a Unix socket
  tcp-listen://HOST:PORT  waits for one peer to connect; port 0 takes a free one",
        )
        .value(
            "--high",
            bytes(),
            "high-water mark: where reading waits for writing [256K]",
            |it, high| it.high = Some(high),
        )
        .value(
            "--low",
            bytes(),
            "low-water mark: where reading goes on [half of high]",
            |it, low| it.low = Some(low),
        )
        .value(
            "--limit",
            some_bytes(),
            "reads no more than this many bytes in a second",
            |it, limit| it.limit = Some(limit),
        )
        .value(
            "--connect-timeout",
            SECONDS,
            "gives up connecting after this time",
            |it, timeout| it.connect_timeout = Some(timeout),
        )
        .value(
            "--idle-timeout",
            SECONDS,
            "gives up when a peer, a pipe, a terminal or a device moves no byte for this time",
            |it, timeout| it.idle_timeout = Some(timeout),
        )
        .flag(
            "--stable",
            "promises that SRC does not change meanwhile, so that the kernel may send it as it is, \
             which takes less processor time",
            |it| it.stable = true,
        )
        .flag(
            "--buffered",
            "reads and writes, also where the kernel could copy by itself",
            |it| it.buffered = true,
        )
        .flag("--append", "writes behind what is in DST", |it| {
            it.append = true
        })
        .flag("--sync", "finishes only when DST is on the disk", |it| {
            it.sync = true
        })
        .progress(|it| it.progress = true)
        .flag(
            "--report",
            "prints to standard error what each stage did, and how the bytes were copied",
            |it| it.report = true,
        )
        .status("0 if DST has confirmed everything, 1 if it has not, 2 for a wrong call")
}
