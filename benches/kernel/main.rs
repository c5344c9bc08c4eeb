//! What it costs to copy inside the kernel, beside through buffers and beside other programs.
//!
//! Each copy is made by a process of its own, which is this one or somebody else's, between two
//! ends that the benchmark holds: so the processor time is that of the copy alone, and not of its
//! peers. Contestants take turns, a copy each a round; figures are medians of the rounds, and
//! ratios are medians of the ratios within each round. Every copy is checked for its length, and one
//! that hangs is killed. What a program takes to start is in its figures.

mod figures;
mod ways;

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use figures::{Cost, Run, table, verdicts};
use ways::{Way, copy};

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

/// How long one copy may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

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
        let mut runs = Vec::new();
        for way in Way::ALL {
            if way.command("/", "/").is_none() {
                println!("  {:9} is not installed", way.name());
            } else if way.is_for(from_file, to_file) {
                runs.push(Run {
                    way,
                    path: String::new(),
                    costs: Vec::new(),
                });
            }
        }
        // The round before the first warms up.
        for round in 0..=self.rounds {
            for run in &mut runs {
                match self.copy(run.way, from_file, to_file) {
                    Ok((cost, said)) => {
                        run.path = said;
                        if round > 0 {
                            run.costs.push(cost);
                        }
                    }
                    Err(error) => panic!("{:?} failed: {error}", run.way),
                }
            }
        }
        let gib = self.bytes as f64 / f64::from(1 << 30);
        table(&runs, gib);
        verdicts(&runs);
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
        let pid = rustix::process::Pid::from_child(&child);
        let (tell, told) = channel::<()>();
        let (said, arrived) = thread::scope(|scope| {
            scope.spawn(move || {
                if told.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    // It fails only if that has ended just now.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            });
            let fed = scope.spawn(|| {
                if from_file {
                    Ok(())
                } else {
                    feed(&feeder, self.bytes)
                }
            });
            let eaten = scope.spawn(|| if to_file { Ok(0) } else { eat(&eater) });
            let said = end(child);
            drop(tell);
            if said.is_err() {
                // Whoever still waits to be connected to need not wait any longer.
                for listener in [&feeder, &eater] {
                    drop(TcpStream::connect(listener.local_addr()?));
                }
            }
            let said = said?;
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
            fs::metadata(&self.to)?.len()
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
        let _ = fs::remove_file(&self.from);
        let _ = fs::remove_file(&self.to);
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
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in brackets, may have blanks in it; 13 fields on are the two times.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(13).take(2);
    let ticks: u32 = ticks.filter_map(|field| field.parse::<u32>().ok()).sum();
    Ok(TICK * ticks)
}
