//! What it costs to copy inside the kernel, beside through buffers and beside other programs.
//!
//! Each copy is made by a process of its own, which is this one or somebody else's, between two
//! ends that the benchmark holds: so the processor time is that of the copy alone, and not of its
//! peers. Contestants take turns, a copy each a round; figures are medians of the rounds, and
//! ratios are medians of the ratios within each round. Every copy is checked for its length.

use std::env;
use std::fs::{self as std_fs, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Bytes, Error, IntoSink, IntoSource, Sink, Source, fs, net, pipeline};

const HELP: &str = "\
What it costs to copy inside the kernel.

  cargo bench --bench kernel -- [OPTIONS]

  --quick      few rounds of little: shows that it runs, not how fast
  --rounds N   so many rounds, in place of 5
  --mib N      so much in each copy, in place of 2048
  --only NAME  only the jobs whose name contains NAME
  --help       this text
";

const MIB: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [verb, way, from, to] = &args[..]
        && verb == "--copy"
    {
        return copy(way, from, to);
    }
    let (mut rounds, mut mib, mut only) = (5, 2048, String::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo passes it to every benchmark.
            "--bench" => {}
            "--quick" => (rounds, mib) = (1, 8),
            "--rounds" => rounds = number(args.next(), rounds),
            "--mib" => mib = number(args.next(), mib),
            "--only" => only = args.next().unwrap_or_default(),
            "--help" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("`{other}` is not an option\n\n{HELP}");
                return ExitCode::FAILURE;
            }
        }
    }
    let bench = match Bench::prepare(rounds as usize, mib * MIB) {
        Ok(bench) => bench,
        Err(error) => {
            eprintln!("failed to write a file to copy: {error}");
            return ExitCode::FAILURE;
        }
    };
    let jobs = [
        ("file to socket", true, false),
        ("socket to file", false, true),
        ("socket to socket", false, false),
        ("file to file", true, true),
    ];
    for (name, from_file, to_file) in jobs {
        if name.contains(&only) {
            bench.run(name, from_file, to_file);
        }
    }
    ExitCode::SUCCESS
}

/// What was asked for, if that is a number and not nothing.
fn number(said: Option<String>, otherwise: u64) -> u64 {
    let said = said.and_then(|said| said.parse().ok());
    said.filter(|number| *number > 0).unwrap_or(otherwise)
}

/// A way to copy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Ours, with the promise that the source does not change.
    Stable,
    /// Ours, as it comes.
    Default,
    /// Ours, never in the kernel.
    Buffered,
    IoCopy,
    /// Read and write in turn, with a buffer of so many KiB.
    Loop(usize),
    Node,
    Socat,
}

impl Way {
    const ALL: [Self; 8] = [
        Self::Stable,
        Self::Default,
        Self::Buffered,
        Self::IoCopy,
        Self::Loop(64),
        Self::Loop(256),
        Self::Node,
        Self::Socat,
    ];

    fn name(self) -> String {
        match self {
            Self::Stable => "stable".to_owned(),
            Self::Default => "default".to_owned(),
            Self::Buffered => "buffered".to_owned(),
            Self::IoCopy => "io::copy".to_owned(),
            Self::Loop(kib) => format!("loop-{kib}"),
            Self::Node => "node".to_owned(),
            Self::Socat => "socat".to_owned(),
        }
    }

    /// The program that makes the copy, between two of `PATH` and `HOST:PORT`.
    fn command(self, from: &str, to: &str) -> Option<Command> {
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
fn copy(way: &str, from: &str, to: &str) -> ExitCode {
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

/// What one copy took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    processor: f64,
}

/// The files that are copied from and to, which are gone afterwards.
struct Bench {
    rounds: usize,
    bytes: u64,
    from: PathBuf,
    to: PathBuf,
}

impl Bench {
    fn prepare(rounds: usize, bytes: u64) -> io::Result<Self> {
        // In memory where that can be had: it is the copying that is measured, and not a disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            memory.to_owned()
        } else {
            env::temp_dir()
        };
        let path = |end| folder.join(format!("highwater-kernel-{}-{end}", std::process::id()));
        let bench = Self {
            rounds,
            bytes,
            from: path("from"),
            to: path("to"),
        };
        let mut file = File::create(&bench.from)?;
        let pattern: Vec<u8> = (0..MIB).map(|at| (at * 31 % 251) as u8).collect();
        for _ in 0..bytes / MIB {
            file.write_all(&pattern)?;
        }
        Ok(bench)
    }

    fn run(&self, name: &str, from_file: bool, to_file: bool) {
        println!("\n{name}, {} MiB, {} rounds", self.bytes / MIB, self.rounds);
        let mut ways: Vec<(Way, String, Vec<Cost>)> = Vec::new();
        for way in Way::ALL {
            let promise = from_file && !to_file;
            if way.command("/", "/").is_none() {
                println!("  {:9} is not installed", way.name());
            } else if way != Way::Stable || promise {
                ways.push((way, String::new(), Vec::new()));
            }
        }
        // The round before the first warms up.
        for round in 0..=self.rounds {
            for (way, path, costs) in &mut ways {
                match self.copy(*way, from_file, to_file) {
                    Ok((cost, said)) => {
                        *path = said;
                        if round > 0 {
                            costs.push(cost);
                        }
                    }
                    Err(error) => panic!("{way:?} failed: {error}"),
                }
            }
        }
        println!(
            "  {:9} {:>7} {:>9}  {:>10} {:>9}  way",
            "", "GiB/s", "CPU s/GiB", "time ratio", "CPU ratio"
        );
        let base = ways.iter().position(|(way, ..)| *way == Way::Buffered);
        let base = ways[base.expect("it is one of them")].2.clone();
        let gib = self.bytes as f64 / f64::from(1 << 30);
        for (way, path, costs) in &ways {
            let seconds = median(costs.iter().map(|cost| cost.seconds));
            let processor = median(costs.iter().map(|cost| cost.processor));
            let against = |figure: fn(&Cost) -> f64| {
                let ratios = costs.iter().zip(&base);
                median(ratios.map(|(cost, base)| figure(cost) / figure(base)))
            };
            println!(
                "  {:9} {:7.2} {:9.3}  {:10.2} {:9.2}  {path}",
                way.name(),
                gib / seconds,
                processor / gib,
                against(|cost| cost.seconds),
                against(|cost| cost.processor),
            );
        }
    }

    /// Makes one copy, in another process, with whatever stands at its ends in this one.
    fn copy(&self, way: Way, from_file: bool, to_file: bool) -> io::Result<(Cost, String)> {
        let (feeder, eater) = (
            TcpListener::bind(("127.0.0.1", 0))?,
            TcpListener::bind(("127.0.0.1", 0))?,
        );
        let from = if from_file {
            self.from.to_string_lossy().into_owned()
        } else {
            feeder.local_addr()?.to_string()
        };
        let to = if to_file {
            self.to.to_string_lossy().into_owned()
        } else {
            eater.local_addr()?.to_string()
        };
        let mut command = way.command(&from, &to).expect("it was looked for");
        let before = children()?;
        let began = Instant::now();
        let child = command.stdout(Stdio::piped()).spawn()?;
        let (said, arrived) = thread::scope(|scope| {
            let fed = scope.spawn(|| {
                if from_file {
                    Ok(())
                } else {
                    feed(&feeder, self.bytes)
                }
            });
            let eaten = scope.spawn(|| if to_file { Ok(0) } else { eat(&eater) });
            let said = end(child)?;
            fed.join()
                .expect("a peer that only writes does not panic")?;
            let eaten = eaten
                .join()
                .expect("a peer that only reads does not panic")?;
            Ok::<_, io::Error>((said, eaten))
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let processor = (children()? - before).as_secs_f64();
        let arrived = if to_file {
            std_fs::metadata(&self.to)?.len()
        } else {
            arrived
        };
        assert_eq!(arrived, self.bytes, "{way:?} lost something");
        Ok((Cost { seconds, processor }, said))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Whatever was not made need not be taken away.
        let _ = std_fs::remove_file(&self.from);
        let _ = std_fs::remove_file(&self.to);
    }
}

/// Somebody who sends so much.
fn feed(listener: &TcpListener, bytes: u64) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let chunk = vec![7; 256 * 1024];
    for _ in 0..bytes / chunk.len() as u64 {
        stream.write_all(&chunk)?;
    }
    Ok(())
}

/// Somebody who takes everything, and says how much it was.
fn eat(listener: &TcpListener) -> io::Result<u64> {
    let (mut stream, _) = listener.accept()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

/// Waits for a copy, and gives what it says of itself.
fn end(child: Child) -> io::Result<String> {
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(io::Error::other(output.status.to_string()))
    }
}

/// The processor time of all children that have ended, in steps of 10 ms.
fn children() -> io::Result<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std_fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in brackets, may have blanks in it; 13 fields on are the two times.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(13).take(2);
    let ticks: u32 = ticks.filter_map(|field| field.parse::<u32>().ok()).sum();
    Ok(TICK * ticks)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
