//! What a copy is asked for.

use std::time::Duration;

use highwater::{HighWaterMark, InBytes};

use crate::number;
use crate::place::Place;

pub(crate) const HELP: &str = "\
Copies SRC to DST, holding no more in memory than the high-water mark and one chunk.

usage: copy [options] SRC DST

SRC and DST are each one of
  PATH                    a file, a pipe or a device
  -                       standard input, standard output
  tcp://HOST:PORT         connects
  unix:PATH               connects to a Unix socket
  tcp-listen://HOST:PORT  waits for one peer to connect; port 0 takes a free one

options
  --high BYTES               high-water mark: where reading waits for writing [256K]
  --low BYTES                low-water mark: where reading goes on [half of high]
  --limit BYTES              reads no more than so many in a second
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
  --help, --version

BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may have
decimals: 64K, 1.5M, 10MB.

exit status: 0 if DST has confirmed everything, 1 if it has not, 2 for a wrong call,
130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 141 if the reader of standard
output has gone";

/// What the command line asks for.
pub(crate) struct Options {
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

pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut high, mut low) = (None, None);
    let (mut limit, mut connect_timeout, mut idle_timeout) = (None, None, None);
    let (mut stable, mut append, mut sync) = (false, false, false);
    let (mut buffered, mut progress, mut report) = (false, false, false);
    let mut places = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("high") => high = Some(number::given(&mut args, "--high", number::bytes)?),
            Long("low") => low = Some(number::given(&mut args, "--low", number::bytes)?),
            Long("limit") => limit = Some(number::given(&mut args, "--limit", number::some_bytes)?),
            Long("connect-timeout") => {
                connect_timeout = Some(number::given(
                    &mut args,
                    "--connect-timeout",
                    number::seconds,
                )?)
            }
            Long("idle-timeout") => {
                idle_timeout = Some(number::given(&mut args, "--idle-timeout", number::seconds)?)
            }
            Long("stable") => stable = true,
            Long("buffered") => buffered = true,
            Long("append") => append = true,
            Long("sync") => sync = true,
            Long("progress") => progress = true,
            Long("report") => report = true,
            Long("help") | Short('h') => return Ok(None),
            Value(place) => places.push(Place::parse(place)?),
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
