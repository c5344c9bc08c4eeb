//! What it costs to copy a file, beside the ways that are at hand.
//!
//! The contestants take turns, a copy each a round. A figure is the median of the rounds; a ratio is
//! the median of the ratios within each round, since what else the machine does hits both sides of
//! it. Every copy is checked for its length.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use highwater::{fs, pipeline};

const HELP: &str = "\
What it costs to copy a file.

  cargo bench --bench copy -- [OPTIONS]

  --quick      few rounds of a small file: shows that it runs, not how fast
  --only NAME  only the jobs whose name contains NAME
  --help       this text
";

const KIB: usize = 1024;
const MIB: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let (mut quick, mut only) = (false, String::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo passes it to every benchmark.
            "--bench" => {}
            "--quick" => quick = true,
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
    let (rounds, bytes) = if quick { (2, 8 * MIB) } else { (9, 256 * MIB) };
    match Bench::prepare(rounds, bytes) {
        Ok(bench) => {
            for (name, job) in [
                ("file to file", to_file as Job),
                ("file to TCP", to_tcp as Job),
            ] {
                if name.contains(&only) {
                    bench.run(name, job);
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to write a file to copy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Copies by one of the ways, to a file or to a peer.
type Job = fn(&Bench, Way) -> io::Result<u64>;

/// A way to copy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Ours,
    IoCopy,
    /// Read and write in turn, with a buffer of so many bytes.
    Loop(usize),
    Cat,
    Node,
}

impl Way {
    const ALL: [Self; 6] = [
        Self::Ours,
        Self::IoCopy,
        Self::Loop(64 * KIB),
        Self::Loop(256 * KIB),
        Self::Cat,
        Self::Node,
    ];

    fn name(self) -> String {
        match self {
            Self::Ours => "highwater".to_owned(),
            Self::IoCopy => "io::copy".to_owned(),
            Self::Loop(bytes) => format!("loop of {} KiB", bytes / KIB),
            Self::Cat => "cat".to_owned(),
            Self::Node => "node's pipeline".to_owned(),
        }
    }

    fn is_here(self) -> bool {
        let program = match self {
            Self::Cat => "cat",
            Self::Node => "node",
            Self::Ours | Self::IoCopy | Self::Loop(_) => return true,
        };
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    }
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
            std::env::temp_dir()
        };
        let path = |end| folder.join(format!("highwater-bench-{}-{end}", std::process::id()));
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

    fn run(&self, name: &str, job: Job) {
        println!("\n{name}, {} MiB, {} rounds", self.bytes / MIB, self.rounds);
        let (here, missing): (Vec<Way>, Vec<Way>) = Way::ALL.iter().partition(|way| way.is_here());
        for way in missing {
            println!("  {:16} is not installed", way.name());
        }
        let mut seconds: Vec<Vec<f64>> = here.iter().map(|_| Vec::new()).collect();
        // The round before the first warms up.
        for round in 0..=self.rounds {
            for (way, seconds) in here.iter().zip(&mut seconds) {
                let began = Instant::now();
                match job(self, *way) {
                    Ok(copied) => assert_eq!(copied, self.bytes, "{way:?} lost something"),
                    Err(error) => panic!("{way:?} failed: {error}"),
                }
                if round > 0 {
                    seconds.push(began.elapsed().as_secs_f64());
                }
            }
        }
        println!("  {:16} {:>9}  time of ours/theirs", "", "GiB/s");
        for (way, theirs) in here.iter().zip(&seconds) {
            let rate = self.bytes as f64 / f64::from(1 << 30) / median(theirs.iter().copied());
            let ratios = seconds[0]
                .iter()
                .zip(theirs)
                .map(|(ours, theirs)| ours / theirs);
            println!("  {:16} {rate:9.2}  {:.2}", way.name(), median(ratios));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Whatever was not made need not be taken away.
        let _ = std::fs::remove_file(&self.from);
        let _ = std::fs::remove_file(&self.to);
    }
}

fn to_file(bench: &Bench, way: Way) -> io::Result<u64> {
    let (from, to) = (&bench.from, &bench.to);
    match way {
        Way::Ours => {
            let report = pipeline(fs::read(from)?).to(fs::create(to)?).run();
            report.map_err(highwater::Error::from)?;
        }
        Way::IoCopy => drop(io::copy(&mut File::open(from)?, &mut File::create(to)?)?),
        Way::Loop(bytes) => in_turns(&mut File::open(from)?, &mut File::create(to)?, bytes)?,
        Way::Cat => wait(Command::new("cat").arg(from).stdout(File::create(to)?))?,
        Way::Node => {
            let script = "const fs = require('fs'), s = require('stream');
                s.pipeline(fs.createReadStream(process.argv[1]),
                           fs.createWriteStream(process.argv[2]), (e) => { if (e) throw e; });";
            wait(Command::new("node").arg("-e").arg(script).arg(from).arg(to))?;
        }
    }
    Ok(std::fs::metadata(to)?.len())
}

fn to_tcp(bench: &Bench, way: Way) -> io::Result<u64> {
    let (port, peer) = peer()?;
    let connect = || TcpStream::connect(("127.0.0.1", port));
    let from = &bench.from;
    match way {
        Way::Ours => {
            let report = pipeline(fs::read(from)?).to(connect()?).run();
            report.map_err(highwater::Error::from)?;
        }
        Way::IoCopy => drop(io::copy(&mut File::open(from)?, &mut connect()?)?),
        Way::Loop(bytes) => in_turns(&mut File::open(from)?, &mut connect()?, bytes)?,
        Way::Cat => {
            let script = format!("cat \"$0\" > /dev/tcp/127.0.0.1/{port}");
            wait(Command::new("bash").arg("-c").arg(script).arg(from))?;
        }
        Way::Node => {
            let script = "const fs = require('fs'), s = require('stream'), n = require('net');
                s.pipeline(fs.createReadStream(process.argv[1]),
                           n.connect(+process.argv[2], '127.0.0.1'), (e) => { if (e) throw e; });";
            wait(
                Command::new("node")
                    .arg("-e")
                    .arg(script)
                    .arg(from)
                    .arg(port.to_string()),
            )?;
        }
    }
    peer.join().expect("a peer that only reads does not panic")
}

/// Somebody who reads everything, as fast as it comes, and says how much it was.
fn peer() -> io::Result<(u16, JoinHandle<io::Result<u64>>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = vec![0; 256 * KIB];
        let mut bytes = 0;
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(bytes),
                read => bytes += read as u64,
            }
        }
    });
    Ok((port, peer))
}

fn in_turns(from: &mut impl Read, to: &mut impl Write, bytes: usize) -> io::Result<()> {
    let mut buffer = vec![0; bytes];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.flush(),
            read => to.write_all(&buffer[..read])?,
        }
    }
}

fn wait(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(status.to_string()))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
