//! What it costs to take a log apart into its lines, beside `BufRead::read_until` and Node.
//!
//! All count the same lines and add up their bytes: of a file that the kernel has in memory, with
//! reads of the same size, or of a chunk in memory that comes again and again. They take turns, a round each. A figure is the median of its
//! rounds. A ratio is the median of the ratios within each round, since what else the machine does
//! hits both sides of it.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use highwater::Batch;
use highwater::lines::{self, Decoder};
use highwater::mark::READ_BYTES;
use highwater::{
    Bytes, Error, HighWaterMark, Out, ReadSource, Readable, Sink, Source, Transform, fs, pipeline,
};

const HELP: &str = "\
What it costs to take a log apart into its lines.

  cargo bench --bench lines -- [OPTIONS]

  --quick      a small log and few rounds: shows that it runs, not how fast
  --mib N      how large the log is [1024]
  --only NAME  only the rows whose name contains NAME
  --help       this text
";

fn main() -> ExitCode {
    let (mut is_bench, mut mib, mut rounds) = (false, 1024, 5);
    let mut only = String::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.len()) {
            ("--bench", _) => is_bench = true,
            ("--quick", _) => (mib, rounds) = (8, 2),
            ("--mib", 1..) => mib = args.next().and_then(|n| n.parse().ok()).unwrap_or(mib),
            ("--only", 1..) => only = args.next().unwrap_or_default(),
            ("--help", _) => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("`{arg}` is not an option\n\n{HELP}");
                return ExitCode::FAILURE;
            }
        }
    }
    // Cargo passes `--bench`, unless this is a test of whether it runs.
    if !is_bench {
        (mib, rounds) = (1, 1);
    }
    let log = Log::new(mib << 20);
    println!("{mib} MiB, {} lines, {rounds} rounds", log.lines);
    println!("{:32} ns a line   GiB/s   of read_until's time", "");
    compare(&log, rounds, &only, &LINES);
    println!("\n{:32} ns a line   GiB/s   of read_until's time", "");
    compare(&log, rounds, &only, &MEMORY);
    println!("\n{:32} ns a line   GiB/s   of the check's time", "");
    compare(&log, rounds, &only, &TEXT);
    ExitCode::SUCCESS
}

/// What was found, so that nobody skips any of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    lines: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        self.bytes += black_box(line).len() as u64;
    }
}

type Contestant = (&'static str, fn(&Path) -> Option<Tally>);

const LINES: [Contestant; 9] = [
    ("BufRead::read_until", read_until),
    ("BufRead::lines (a String each)", read_lines),
    ("core, lent slices", core_lent),
    ("core, Bytes", core_bytes),
    ("transform", transform),
    ("over a Readable, lent slices", readable_lent),
    ("over a Readable, Bytes", readable_bytes),
    ("pipeline, Bytes to a sink", through_pipeline),
    ("Node's readline", node),
];

const MEMORY: [Contestant; 4] = [
    ("read_until of memory", |path| {
        over_memory(path, |mut chunk, tally| {
            let mut line = Vec::new();
            while chunk.read_until(b'\n', &mut line).expect("memory") > 0 {
                tally.add(line.strip_suffix(b"\n").unwrap_or(&line));
                line.clear();
            }
        })
    }),
    ("memory, memchr alone", |path| {
        over_memory(path, |chunk, tally| {
            let mut from = 0;
            for at in memchr::memchr_iter(b'\n', chunk) {
                tally.add(&chunk[from..at]);
                from = at + 1;
            }
        })
    }),
    ("memory, core, lent slices", |path| {
        let mut lines = lines::lines();
        over_memory_bytes(path, |chunk, tally| {
            lines.push(chunk);
            while let Some(line) = lines.next_slice().expect("short lines") {
                tally.add(line);
            }
        })
    }),
    ("memory, core, Bytes", |path| {
        let mut lines = lines::lines();
        over_memory_bytes(path, |chunk, tally| {
            lines.push(chunk);
            while let Some(line) = lines.next().expect("short lines") {
                tally.add(&line);
            }
        })
    }),
];

const TEXT: [Contestant; 3] = [
    ("memory, str::from_utf8 alone", check_alone),
    ("memory, utf8", |path| text(path, lines::utf8())),
    ("memory, utf8_lossy", |path| text(path, lines::utf8_lossy())),
];

fn compare(log: &Log, rounds: usize, only: &str, contestants: &[Contestant]) {
    let mut times: Vec<Vec<f64>> = contestants.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (place, (name, run)) in contestants.iter().enumerate() {
            if place > 0 && !name.contains(only) {
                continue;
            }
            let begun = Instant::now();
            let Some(tally) = run(&log.path) else {
                continue;
            };
            times[place].push(begun.elapsed().as_secs_f64());
            assert_eq!(
                tally.bytes,
                tally.lines.min(log.lines) * LINE_BYTES,
                "{name}"
            );
        }
    }
    for ((name, _), theirs) in contestants.iter().zip(&times) {
        if theirs.is_empty() {
            println!("{name:32} not run");
            continue;
        }
        let ratio = median(theirs.iter().zip(&times[0]).map(|(a, b)| a / b));
        let time = median(theirs.iter().copied());
        let per_line = time * 1e9 / log.lines as f64;
        let rate = (log.lines * (LINE_BYTES + 1)) as f64 / time / f64::from(1 << 30);
        println!("{name:32} {per_line:9.1} {rate:7.2}   {ratio:.2}");
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Without the end.
const LINE_BYTES: u64 = 100;

/// A log, gone with this.
struct Log {
    path: PathBuf,
    lines: u64,
}

impl Log {
    fn new(bytes: u64) -> Self {
        let path = std::env::temp_dir().join(format!("highwater-lines-{}", std::process::id()));
        let lines = bytes / (LINE_BYTES + 1);
        let log = Self { path, lines };
        let mut file = BufWriter::new(File::create(&log.path).expect("a place for a log"));
        for line in 0..lines {
            // As many as there are bytes in a line, with the end.
            let head = format!("2026-11-24T22:49:30.{line:09}Z GET /assets/{line:010} 200");
            writeln!(file, "{head:<100}").expect("room for a log");
        }
        file.flush().expect("room for a log");
        log
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> File {
    File::open(path).expect("the log is there")
}

/// Chunks as a pipeline reads them, with no thread.
fn chunks(path: &Path) -> impl Iterator<Item = Result<Bytes, Error>> + use<> {
    let mut source = ReadSource::new(open(path), "log");
    std::iter::from_fn(move || source.read().transpose())
}

fn read_until(path: &Path) -> Option<Tally> {
    let mut reader = BufReader::with_capacity(READ_BYTES, open(path));
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).expect("a log") > 0 {
        tally.add(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
    Some(tally)
}

fn read_lines(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    for line in BufReader::with_capacity(READ_BYTES, open(path)).lines() {
        tally.add(line.expect("a log").as_bytes());
    }
    Some(tally)
}

fn core_lent(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut lines = lines::lines();
    for chunk in chunks(path) {
        lines.push(chunk.expect("a log"));
        while let Some(line) = lines.next_slice().expect("short lines") {
            tally.add(line);
        }
    }
    Some(tally)
}

fn core_bytes(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut lines = lines::lines();
    for chunk in chunks(path) {
        lines.push(chunk.expect("a log"));
        while let Some(line) = lines.next().expect("short lines") {
            tally.add(&line);
        }
    }
    Some(tally)
}

fn transform(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut lines = lines::lines();
    let mut push = |line: Bytes| {
        tally.add(&line);
        Ok(())
    };
    let mut out = Out::new(&mut push);
    for chunk in chunks(path) {
        let chunk = chunk.expect("a log");
        lines.transform(chunk, &mut out).expect("short lines");
    }
    lines.flush(&mut out).expect("a last line");
    Some(tally)
}

fn readable(path: &Path) -> Readable<Bytes> {
    let source = fs::read(path).expect("the log is there");
    Readable::from_source(source, HighWaterMark::default())
}

fn readable_lent(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    let lines = lines::lines().over(readable(path));
    let told = lines.for_each_slice(|line| {
        tally.add(line);
        Ok(())
    });
    told.expect("a log");
    Some(tally)
}

fn readable_bytes(path: &Path) -> Option<Tally> {
    let mut tally = Tally::default();
    for line in lines::lines().over(readable(path)) {
        tally.add(&line.expect("a log"));
    }
    Some(tally)
}

impl Sink<Bytes> for Tally {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        while let Some(line) = batch.pop() {
            self.add(&line.chunk);
        }
        Ok(())
    }
}

fn through_pipeline(path: &Path) -> Option<Tally> {
    let (_, tally) = pipeline(fs::read(path).expect("the log is there"))
        .through_with(
            lines::lines(),
            lines::mark(HighWaterMark::default().high_water_mark()),
        )
        .to(Tally::default())
        .run_into()
        .expect("a log");
    Some(tally)
}

/// Its start counts, which is nothing beside a large log.
fn node(path: &Path) -> Option<Tally> {
    const SCRIPT: &str = "
        const input = require('fs').createReadStream(process.argv[1], { highWaterMark: 131072 });
        let lines = 0, bytes = 0;
        require('readline').createInterface({ input, crlfDelay: Infinity })
            .on('line', (line) => { lines += 1; bytes += line.length; })
            .on('close', () => console.log(`${lines} ${bytes}`));
    ";
    let output = Command::new("node").args(["-e", SCRIPT]).arg(path).output();
    let said = String::from_utf8(output.ok()?.stdout).ok()?;
    let (lines, bytes) = said.trim().split_once(' ')?;
    let (lines, bytes) = (lines.parse().ok()?, bytes.parse().ok()?);
    Some(Tally { lines, bytes })
}

/// Hands over one and the same chunk as often as it fits into the log.
fn over_memory(path: &Path, mut each: impl FnMut(&[u8], &mut Tally)) -> Option<Tally> {
    over_memory_bytes(path, |chunk, tally| each(&chunk, tally))
}

fn over_memory_bytes(path: &Path, mut each: impl FnMut(Bytes, &mut Tally)) -> Option<Tally> {
    let lines = READ_BYTES / (LINE_BYTES as usize + 1);
    let line = format!("{:100}\n", "2026-11-24T22:49:30Z GET /assets 200");
    let chunk = Bytes::from_owner(line.repeat(lines));
    let bytes = std::fs::metadata(path).ok()?.len();
    let mut tally = Tally::default();
    for _ in 0..bytes / chunk.len() as u64 {
        each(chunk.clone(), &mut tally);
    }
    Some(tally)
}

/// What of a text is counted: each chunk of it, as if it were the lines that fit in it.
fn add_text(tally: &mut Tally, text: &str) {
    black_box(text);
    tally.bytes += text.len() as u64;
}

fn of_lines(bytes: Tally) -> Tally {
    let lines = bytes.bytes / (LINE_BYTES + 1);
    Tally {
        lines,
        bytes: lines * LINE_BYTES,
    }
}

fn check_alone(path: &Path) -> Option<Tally> {
    let tally = over_memory(path, |chunk, tally| {
        add_text(tally, std::str::from_utf8(chunk).expect("a log is text"));
    });
    tally.map(of_lines)
}

fn text(path: &Path, mut decoder: lines::Utf8) -> Option<Tally> {
    let tally = over_memory_bytes(path, |chunk, tally| {
        decoder.push(chunk);
        while let Some(text) = decoder.next().expect("a log is text") {
            add_text(tally, &text);
        }
    });
    tally.map(of_lines)
}
