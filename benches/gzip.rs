//! What it costs to compress and to decompress a file, beside the programs that do it.
//!
//! The contestants take turns, a file each a round. A figure is the median of the rounds; a ratio is
//! the median of the ratios within each round, since what else the machine does hits both sides of
//! it. Ours runs in this process, and the others in one of their own: over a file of this size their
//! start is less than a hundredth. What comes out is checked for its length.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use highwater::{fs, gzip, pipeline};

const HELP: &str = "\
What it costs to compress and to decompress a file.

  cargo bench --bench gzip -- [OPTIONS]

  --quick      few rounds of a small file: shows that it runs, not how fast
  --level N    compresses at that level [6]
  --mib N      over a file of so many MiB [256]
  --only NAME  only the contestants whose name contains NAME, and ours
  --help       this text
";

const MIB: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let (mut quick, mut level, mut mib, mut only) = (false, 6, 256, String::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo passes it to every benchmark.
            "--bench" => {}
            "--quick" => quick = true,
            "--level" => level = args.next().and_then(|n| n.parse().ok()).unwrap_or(6),
            "--mib" => mib = args.next().and_then(|n| n.parse().ok()).unwrap_or(256),
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
    let (rounds, bytes) = if quick { (1, 4 * MIB) } else { (5, mib * MIB) };
    match Bench::prepare(rounds, bytes, level).and_then(|bench| bench.run(&only)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A way to compress or to decompress.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Ours,
    Parallel(usize),
    Gzip,
    Pigz(usize),
    Node,
}

impl Way {
    const COMPRESS: [Self; 6] = [
        Self::Ours,
        Self::Parallel(2),
        Self::Gzip,
        Self::Pigz(1),
        Self::Pigz(2),
        Self::Node,
    ];
    const DECOMPRESS: [Self; 4] = [Self::Ours, Self::Gzip, Self::Pigz(1), Self::Node];

    fn name(self) -> String {
        match self {
            Self::Ours => "highwater".to_owned(),
            Self::Parallel(threads) => format!("highwater, {threads} threads"),
            Self::Gzip => "gzip".to_owned(),
            Self::Pigz(threads) => format!("pigz -p {threads}"),
            Self::Node => "node's pipeline".to_owned(),
        }
    }

    fn is_here(self) -> bool {
        let program = match self {
            Self::Gzip => "gzip",
            Self::Pigz(_) => "pigz",
            Self::Node => "node",
            Self::Ours | Self::Parallel(_) => return true,
        };
        let mut version = Command::new(program);
        version.arg("--version").stdout(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    }
}

#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    bytes: u64,
}

/// The files that are read and written, which are gone afterwards.
struct Bench {
    rounds: usize,
    level: u32,
    bytes: u64,
    plain: PathBuf,
    small: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn prepare(rounds: usize, bytes: u64, level: u32) -> io::Result<Self> {
        // In memory where that can be had: it is the compression that is measured, and not a disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let path = |end| folder.join(format!("highwater-gzip-{}-{end}", std::process::id()));
        let bench = Self {
            rounds,
            level,
            bytes,
            plain: path("plain"),
            small: path("small"),
            out: path("out"),
        };
        let mut file = io::BufWriter::new(File::create(&bench.plain)?);
        let (mut written, mut state) = (0, 1_u64);
        while written < bytes {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (host, size) = (state >> 58, state >> 33 & 0xffff);
            let status = [200, 200, 200, 304, 404][(state >> 40) as usize % 5];
            let mut line =
                format!("10.1.0.{host} - GET /item/{written} {status} {size} \"agent\"\n");
            line.truncate((bytes - written) as usize);
            file.write_all(line.as_bytes())?;
            written += line.len() as u64;
        }
        file.flush()?;
        compress(&bench, Way::Ours)?;
        std::fs::rename(&bench.out, &bench.small)?;
        Ok(bench)
    }

    fn run(&self, only: &str) -> io::Result<()> {
        let wanted = |way: &&Way| **way == Way::Ours || way.name().contains(only);
        let (level, mib) = (self.level, self.bytes / MIB);
        for (what, ways, job) in [
            (
                format!("compress at {level}"),
                &Way::COMPRESS[..],
                compress as Job,
            ),
            (
                "decompress".to_owned(),
                &Way::DECOMPRESS[..],
                decompress as Job,
            ),
        ] {
            println!("\n{what}, {mib} MiB, {} rounds", self.rounds);
            let ways: Vec<Way> = ways.iter().filter(wanted).copied().collect();
            self.compare(&ways, job)?;
        }
        Ok(())
    }

    fn compare(&self, ways: &[Way], job: Job) -> io::Result<()> {
        let (here, missing): (Vec<Way>, Vec<Way>) = ways.iter().partition(|way| way.is_here());
        for way in missing {
            println!("  {:21} is not installed", way.name());
        }
        let mut costs: Vec<Vec<Cost>> = here.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (way, costs) in here.iter().zip(&mut costs) {
                costs.push(self.measure(*way, job)?);
            }
        }
        println!(
            "  {:21} {:>7} {:>7} {:>7} {:>7}  ours/theirs: wall, cpu",
            "", "MiB/s", "wall s", "cpu s", "MiB out"
        );
        for (way, theirs) in here.iter().zip(&costs) {
            let wall = median(theirs.iter().map(|cost| cost.wall));
            let cpu = median(theirs.iter().map(|cost| cost.cpu));
            let ratio = |of: fn(&Cost) -> f64| {
                let pairs = costs[0].iter().zip(theirs);
                median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)))
            };
            println!(
                "  {:21} {:7.0} {wall:7.2} {cpu:7.2} {:7.1}  {:.2}, {:.2}",
                way.name(),
                (self.bytes / MIB) as f64 / wall,
                theirs[0].bytes as f64 / MIB as f64,
                ratio(|cost| cost.wall),
                ratio(|cost| cost.cpu),
            );
        }
        Ok(())
    }

    fn measure(&self, way: Way, job: Job) -> io::Result<Cost> {
        let (cpu, children, began) = (own_cpu(), children_cpu()?, Instant::now());
        job(self, way)?;
        let wall = began.elapsed().as_secs_f64();
        let own = own_cpu().saturating_sub(cpu).as_secs_f64();
        let cpu = match way {
            Way::Ours | Way::Parallel(_) => own,
            Way::Gzip | Way::Pigz(_) | Way::Node => children_cpu()? - children,
        };
        // What takes less than the clock of the children can tell is no less than that.
        let cpu = cpu.max(1.0 / TICKS_PER_SECOND);
        let bytes = std::fs::metadata(&self.out)?.len();
        Ok(Cost { wall, cpu, bytes })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for path in [&self.plain, &self.small, &self.out] {
            // Whatever was not made need not be taken away.
            let _ = std::fs::remove_file(path);
        }
    }
}

type Job = fn(&Bench, Way) -> io::Result<()>;

fn compress(bench: &Bench, way: Way) -> io::Result<()> {
    let (from, to, level) = (&bench.plain, &bench.out, bench.level);
    match way {
        Way::Ours => {
            let begun = pipeline(fs::read(from)?).through(gzip::compress(level));
            begun
                .to(fs::create(to)?)
                .run()
                .map_err(highwater::Error::from)?;
        }
        Way::Parallel(threads) => {
            let stage = gzip::compress_parallel(level, threads);
            let begun = pipeline(fs::read(from)?).through(stage);
            begun
                .to(fs::create(to)?)
                .run()
                .map_err(highwater::Error::from)?;
        }
        Way::Gzip => {
            let mut gzip = Command::new("gzip");
            wait(gzip.arg("-c").arg(format!("-{level}")).arg(from), to)?;
        }
        Way::Pigz(threads) => {
            let mut pigz = Command::new("pigz");
            let options = ["-c", "-p", &threads.to_string(), &format!("-{level}")];
            wait(pigz.args(options).arg(from), to)?;
        }
        Way::Node => node(&format!("createGzip({{ level: {level} }})"), from, to)?,
    }
    if std::fs::metadata(to)?.len() == 0 {
        return Err(io::Error::other(format!("{way:?} has made nothing")));
    }
    Ok(())
}

fn decompress(bench: &Bench, way: Way) -> io::Result<()> {
    let (from, to) = (&bench.small, &bench.out);
    match way {
        Way::Ours | Way::Parallel(_) => {
            let begun = pipeline(fs::read(from)?).through(gzip::decompress());
            begun
                .to(fs::create(to)?)
                .run()
                .map_err(highwater::Error::from)?;
        }
        Way::Gzip => wait(Command::new("gzip").arg("-dc").stdin(File::open(from)?), to)?,
        Way::Pigz(_) => wait(Command::new("pigz").arg("-dc").stdin(File::open(from)?), to)?,
        Way::Node => node("createGunzip()", from, to)?,
    }
    if std::fs::metadata(to)?.len() != bench.bytes {
        return Err(io::Error::other(format!("{way:?} lost something")));
    }
    Ok(())
}

fn node(stage: &str, from: &Path, to: &Path) -> io::Result<()> {
    let script = format!(
        "const fs = require('fs'), s = require('stream'), z = require('zlib');
        s.pipeline(fs.createReadStream(process.argv[1]), z.{stage},
                   fs.createWriteStream(process.argv[2]), (e) => {{ if (e) throw e; }});"
    );
    let mut node = Command::new("node");
    succeeded(node.arg("-e").arg(script).arg(from).arg(to))
}

fn wait(command: &mut Command, to: &Path) -> io::Result<()> {
    succeeded(command.stdout(File::create(to)?))
}

fn succeeded(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{command:?}: {status}")))
    }
}

fn own_cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}

/// What the kernel counts in, wherever Linux runs.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor time of the children that were waited for, in seconds.
fn children_cpu() -> io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold anything: fields 16 and 17 of proc(5), of which it is the second.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
