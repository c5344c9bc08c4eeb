//! The ways to copy, and the copies that this program makes itself.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode};

use highwater::{Bytes, Error, IntoSink, IntoSource, Sink, Source, fs, net, pipeline};

/// A way to copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Ours, with the promise that the source does not change.
    Stable,
    /// Ours, as it comes.
    Default,
    /// Ours, never in the kernel.
    Buffered,
    /// Ours, both ways on one thread: for two sockets.
    Relay,
    IoCopy,
    /// Read and write in turn, with a buffer of so many KiB.
    Loop(usize),
    Node,
    Socat,
}

impl Way {
    pub(crate) const ALL: [Self; 9] = [
        Self::Stable,
        Self::Default,
        Self::Buffered,
        Self::Relay,
        Self::IoCopy,
        Self::Loop(64),
        Self::Loop(256),
        Self::Node,
        Self::Socat,
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Stable => "stable".to_owned(),
            Self::Default => "default".to_owned(),
            Self::Buffered => "buffered".to_owned(),
            Self::Relay => "relay".to_owned(),
            Self::IoCopy => "io::copy".to_owned(),
            Self::Loop(kib) => format!("loop-{kib}"),
            Self::Node => "node".to_owned(),
            Self::Socat => "socat".to_owned(),
        }
    }

    /// Says whether there is such a copy between these ends.
    pub(crate) const fn is_for(self, from_file: bool, to_file: bool) -> bool {
        match self {
            // Nothing else needs the promise.
            Self::Stable => from_file && !to_file,
            Self::Relay => !from_file && !to_file,
            _ => true,
        }
    }

    /// Says whether it surely copies through a buffer, and not in the kernel.
    pub(crate) const fn is_a_loop(self) -> bool {
        matches!(self, Self::Buffered | Self::Loop(_))
    }

    /// Says whether it is what others have.
    pub(crate) const fn is_of_others(self) -> bool {
        matches!(
            self,
            Self::IoCopy | Self::Loop(64) | Self::Node | Self::Socat
        )
    }

    /// The program that makes the copy, between two of `PATH` and `HOST:PORT`.
    pub(crate) fn command(self, from: &str, to: &str) -> Option<Command> {
        let is_here = |program: &str| {
            let path = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&path).any(|folder| folder.join(program).is_file())
        };
        Some(match self {
            Self::Node if is_here("node") => {
                let script = "const fs = require('fs'), s = require('stream'), n = require('net');
                    const host = (at) => at.startsWith('/') ? null : at.split(':');
                    const [from, to] = process.argv.slice(1), [a, b] = [host(from), host(to)];
                    s.pipeline(a ? n.connect(+a[1], a[0]) : fs.createReadStream(from),
                               b ? n.connect(+b[1], b[0]) : fs.createWriteStream(to),
                               (e) => { if (e) throw e; });";
                let mut node = Command::new("node");
                node.args(["-e", script, from, to]);
                node
            }
            Self::Socat if is_here("socat") => {
                let place = |at: &str, options: &str| match at.starts_with('/') {
                    true => format!("OPEN:{at}{options}"),
                    false => format!("TCP:{at}"),
                };
                let mut socat = Command::new("socat");
                socat.args(["-u", "-b", "65536"]);
                socat.args([place(from, ",rdonly"), place(to, ",wronly,creat,trunc")]);
                socat
            }
            Self::Node | Self::Socat => return None,
            own => {
                let mut ours = Command::new(env::current_exe().ok()?);
                ours.args(["--copy", &own.name(), from, to]);
                ours
            }
        })
    }
}

/// Makes a copy, in the process that is measured.
pub(crate) fn copy(way: &str, from: &str, to: &str) -> ExitCode {
    match copied(way, from, to) {
        Ok(path) => {
            println!("{path}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to copy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn copied(way: &str, from: &str, to: &str) -> Result<String, Error> {
    if way == "io::copy" {
        io_copy(from, to)?;
        return Ok(String::new());
    }
    if let Some(kib) = way.strip_prefix("loop-") {
        let kib: usize = kib.parse().map_err(Error::other)?;
        in_turns(from, to, kib * 1024)?;
        return Ok(String::new());
    }
    if way == "relay" {
        net::relay(net::connect(from).open()?, net::connect(to).open()?)?;
        return Ok("one thread, both ways".to_owned());
    }
    let source: Box<dyn Source<Bytes>> = if !from.starts_with('/') {
        Box::new(net::connect(from).open()?.into_source())
    } else if way == "stable" {
        Box::new(fs::read(from)?.stable())
    } else {
        Box::new(fs::read(from)?)
    };
    let sink: Box<dyn Sink<Bytes>> = if to.starts_with('/') {
        Box::new(fs::create(to)?)
    } else {
        Box::new(net::connect(to).open()?.into_sink())
    };
    let mut start = pipeline(source);
    if way == "buffered" {
        start = start.in_buffers();
    }
    let report = start.to(sink).run()?;
    Ok(report
        .path()
        .map(|path| path.to_string())
        .unwrap_or_default())
}

/// With the types that it knows, and not through a trait object.
fn io_copy(from: &str, to: &str) -> io::Result<u64> {
    match (from.starts_with('/'), to.starts_with('/')) {
        (true, true) => io::copy(&mut File::open(from)?, &mut File::create(to)?),
        (true, false) => io::copy(&mut File::open(from)?, &mut TcpStream::connect(to)?),
        (false, true) => io::copy(&mut TcpStream::connect(from)?, &mut File::create(to)?),
        (false, false) => io::copy(&mut TcpStream::connect(from)?, &mut TcpStream::connect(to)?),
    }
}

fn in_turns(from: &str, to: &str, bytes: usize) -> io::Result<()> {
    let mut input: Box<dyn Read> = match from.starts_with('/') {
        true => Box::new(File::open(from)?),
        false => Box::new(TcpStream::connect(from)?),
    };
    let mut output: Box<dyn Write> = match to.starts_with('/') {
        true => Box::new(File::create(to)?),
        false => Box::new(TcpStream::connect(to)?),
    };
    let mut buffer = vec![0; bytes];
    loop {
        match input.read(&mut buffer)? {
            0 => return output.flush(),
            read => output.write_all(&buffer[..read])?,
        }
    }
}
