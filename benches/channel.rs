//! What it costs to hand a chunk from one thread to another, beside other channels and a pipe.
//!
//! Every channel sends the same chunks of static memory, so that none of them pays for copies or
//! reference counts; a pipe copies. The channels take turns, a round each, and a round is a fixed
//! number of chunks, from before the writer's thread is spawned until it has ended. A figure is
//! the median of its rounds. A ratio is the median of the ratios within each round, since what
//! else the machine does hits both sides of it.

use std::hint::black_box;
use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use highwater::mark::Unit;
use highwater::{Bytes, HighWaterMark, channel};

const HELP: &str = "\
What it costs to hand a chunk from one thread to another.

  cargo bench --bench channel -- [OPTIONS]

  --quick      few and short rounds: shows that it runs, not how fast
  --only NAME  only the rows whose name contains NAME
  --help       this text
";

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What chunks are slices of. Nobody looks into it, save a pipe.
static DATA: [u8; 64 * KIB] = [7; 64 * KIB];

fn main() -> ExitCode {
    let effort = match Effort::from_args(std::env::args().skip(1)) {
        Ok(Some(effort)) => effort,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    println!("ns a chunk (processor time of both threads) ours/theirs");

    heading("chunk/mark", &["ours", "crossbeam", "flume", "std", "pipe"]);
    for (name, chunk, mark, chunks) in [
        ("64B/64KiB", 64, 64 * KIB, 200_000),
        ("64B/1MiB", 64, MIB, 200_000),
        ("1KiB/64KiB", KIB, 64 * KIB, 100_000),
        ("1KiB/1MiB", KIB, MIB, 200_000),
        ("64KiB/64KiB", 64 * KIB, 64 * KIB, 10_000),
        ("64KiB/1MiB", 64 * KIB, MIB, 50_000),
    ] {
        effort.row(name, chunks, &chunks_of(chunk, mark));
    }
    effort.row("u64/1024 items", 200_000, &items(1024));

    heading(
        "64 B io::Write",
        &["to the end", "writer alone", "to a pipe"],
    );
    for (name, mark) in [("writes/64KiB", 64 * KIB), ("writes/1MiB", MIB)] {
        effort.row(name, 1_500_000, &small_writes(mark));
    }
    ExitCode::SUCCESS
}

/// How much is measured.
struct Effort {
    rounds: usize,
    /// By how much each round is shortened.
    shorter: u64,
    only: String,
}

impl Effort {
    /// Reads the arguments. `None` is a wish for help.
    fn from_args(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut is_bench, mut is_quick) = (false, false);
        let mut only = String::new();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => is_bench = true,
                "--quick" => is_quick = true,
                "--only" => only = args.next().ok_or("`--only` wants a name")?,
                "--help" => return Ok(None),
                other => return Err(format!("`{other}` is not an option")),
            }
        }
        // Cargo passes `--bench`, unless this is a test of whether it runs.
        let (rounds, shorter) = if is_quick || !is_bench {
            (2, 100)
        } else {
            (15, 1)
        };
        Ok(Some(Self {
            rounds,
            shorter,
            only,
        }))
    }

    /// Lets the contestants take turns, and prints how each compares to the first.
    fn row(&self, name: &str, chunks: u64, contestants: &[Contestant]) {
        if !name.contains(&self.only) {
            return;
        }
        let mut costs: Vec<Vec<Cost>> = contestants.iter().map(|_| Vec::new()).collect();
        // The round before the first warms up.
        for round in 0..=self.rounds {
            for (contestant, costs) in contestants.iter().zip(&mut costs) {
                let chunks = chunks / self.shorter / contestant.slower;
                let cost = Cost::of(chunks, || (contestant.run)(chunks));
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        print!("{name:15}");
        for (place, theirs) in costs.iter().enumerate() {
            let wall = median(theirs.iter().map(|cost| cost.wall));
            let cpu = median(theirs.iter().map(|cost| cost.cpu));
            let figure = format!("{} ({})", digits(wall), digits(cpu));
            let pairs = costs[0].iter().zip(theirs);
            let ratio = median(pairs.map(|(ours, theirs)| ours.wall / theirs.wall));
            let ratio = if place == 0 {
                String::new()
            } else {
                format!("{ratio:.2}x")
            };
            print!("{figure:>14} {ratio:5}");
        }
        println!();
    }
}

fn heading(title: &str, columns: &[&str]) {
    print!("\n{title:15}");
    for column in columns {
        print!("{column:>14} {:5}", "");
    }
    println!();
}

/// One that hands chunks over: so many, each time it is run.
struct Contestant {
    run: Box<dyn Fn(u64) -> Timed>,
    /// It gets so many times fewer chunks, for a round to be short.
    slower: u64,
}

/// What of a run counts.
enum Timed {
    All,
    Part(Duration),
}

impl Contestant {
    fn new(run: impl Fn(u64) + 'static) -> Self {
        Self {
            run: Box::new(move |chunks| {
                run(chunks);
                Timed::All
            }),
            slower: 1,
        }
    }
}

/// What a chunk has cost in one round, in nanoseconds.
struct Cost {
    wall: f64,
    cpu: f64,
}

impl Cost {
    fn of(chunks: u64, run: impl FnOnce() -> Timed) -> Self {
        let cpu = cpu_time();
        let start = Instant::now();
        let wall = match run() {
            Timed::All => start.elapsed(),
            Timed::Part(part) => part,
        };
        let per_chunk = |time: Duration| time.as_secs_f64() * 1e9 / chunks as f64;
        Self {
            wall: per_chunk(wall),
            cpu: per_chunk(cpu_time().saturating_sub(cpu)),
        }
    }
}

/// What the process has used so far: nothing runs in it but what is measured.
fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        used.try_into().expect("the clock of a process starts at 0")
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Three digits of a figure.
fn digits(figure: f64) -> String {
    let decimals = if figure < 10.0 { 1 } else { 0 };
    format!("{figure:.decimals$}")
}

/// Chunks of bytes: ours, then the others with room for as many.
fn chunks_of(chunk: usize, mark: usize) -> Vec<Contestant> {
    let make = move || Bytes::from_static(&DATA[..chunk]);
    let room = mark / chunk;
    vec![
        Contestant::new(move |chunks| ours(HighWaterMark::bytes(mark), mark + chunk, chunks, make)),
        Contestant::new(move |chunks| crossbeam(room, chunks, make)),
        Contestant::new(move |chunks| flume(room, chunks, make)),
        Contestant::new(move |chunks| std_sync(room, chunks, make)),
        Contestant {
            // It holds what the kernel gives it, whatever the mark.
            slower: 20,
            ..Contestant::new(move |chunks| pipe(&DATA[..chunk], chunks))
        },
    ]
}

/// Items, which are counted and not weighed.
fn items(mark: usize) -> Vec<Contestant> {
    let make = || 7_u64;
    vec![
        Contestant::new(move |chunks| ours(HighWaterMark::items(mark), mark + 1, chunks, make)),
        Contestant::new(move |chunks| crossbeam(mark, chunks, make)),
        Contestant::new(move |chunks| flume(mark, chunks, make)),
        Contestant::new(move |chunks| std_sync(mark, chunks, make)),
    ]
}

/// Small writes that are merged: until all was read, and as long as the writer is at it.
fn small_writes(mark: usize) -> Vec<Contestant> {
    vec![
        Contestant::new(move |writes| {
            ours_merged(mark, writes);
        }),
        Contestant {
            run: Box::new(move |writes| Timed::Part(ours_merged(mark, writes))),
            slower: 1,
        },
        Contestant::new(pipe_merged),
    ]
}

/// Writes chunk by chunk, and reads as an iterator does. `bound` is the most it may hold.
fn ours<T: Send, U: Unit<T>>(
    mark: HighWaterMark<U>,
    bound: usize,
    chunks: u64,
    make: impl Fn() -> T + Send,
) {
    let (mut writer, mut reader) = channel(mark);
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..chunks {
                // What it says of the next write is for one that has something else to do.
                writer.write(make()).expect("the reader stays");
            }
            writer.end();
        });
        let mut read = 0;
        for chunk in &mut reader {
            black_box(chunk.expect("the writer ends"));
            read += 1;
        }
        assert_eq!(read, chunks);
    });
    assert!(reader.peak() <= bound, "no bound, no comparison");
}

fn crossbeam<T: Send>(room: usize, chunks: u64, make: impl Fn() -> T + Send) {
    let (sender, receiver) = crossbeam_channel::bounded(room);
    let send = move |chunk| sender.send(chunk).expect("the receiver stays");
    one_by_one(chunks, make, send, receiver);
}

fn flume<T: Send>(room: usize, chunks: u64, make: impl Fn() -> T + Send) {
    let (sender, receiver) = flume::bounded(room);
    let send = move |chunk| sender.send(chunk).expect("the receiver stays");
    one_by_one(chunks, make, send, receiver);
}

fn std_sync<T: Send>(room: usize, chunks: u64, make: impl Fn() -> T + Send) {
    let (sender, receiver) = mpsc::sync_channel(room);
    let send = move |chunk| sender.send(chunk).expect("the receiver stays");
    one_by_one(chunks, make, send, receiver);
}

/// Sends and receives. The end is when `send` is dropped, with the sender in it.
fn one_by_one<T: Send>(
    chunks: u64,
    make: impl Fn() -> T + Send,
    send: impl Fn(T) + Send,
    receiver: impl IntoIterator<Item = T>,
) {
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..chunks {
                send(make());
            }
        });
        let mut received = 0;
        for chunk in receiver {
            black_box(chunk);
            received += 1;
        }
        assert_eq!(received, chunks);
    });
}

/// Copies every chunk into the kernel and out of it.
fn pipe(chunk: &[u8], chunks: u64) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..chunks {
                writer.write_all(chunk).expect("the reader stays");
            }
        });
        assert_eq!(drain(reader, chunk.len()), chunks * chunk.len() as u64);
    });
}

const SMALL: usize = 64;

/// Says for how long the writer was at it.
fn ours_merged(mark: usize, writes: u64) -> Duration {
    let (mut writer, mut reader) = channel(HighWaterMark::bytes(mark));
    thread::scope(|threads| {
        let writer = threads.spawn(move || {
            let start = Instant::now();
            write_small(&mut writer, writes);
            writer.end();
            start.elapsed()
        });
        let mut bytes = 0;
        for chunk in &mut reader {
            bytes += chunk.expect("the writer ends").len() as u64;
        }
        assert_eq!(bytes, writes * SMALL as u64);
        writer.join().expect("the writer does not panic")
    })
}

fn pipe_merged(writes: u64) {
    let (reader, writer) = io::pipe().expect("a pipe");
    thread::scope(|threads| {
        threads.spawn(move || {
            let mut writer = BufWriter::with_capacity(32 * KIB, writer);
            write_small(&mut writer, writes);
            writer.flush().expect("the reader stays");
        });
        assert_eq!(drain(reader, 32 * KIB), writes * SMALL as u64);
    });
}

fn write_small(writer: &mut impl Write, writes: u64) {
    for _ in 0..writes {
        let data = black_box(&DATA[..SMALL]);
        writer.write_all(data).expect("the reader stays");
    }
}

/// Reads to the end, and says how much that was.
fn drain(mut reader: impl Read, buffer: usize) -> u64 {
    let mut buf = vec![0; buffer];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buf).expect("a pipe can be read") {
            0 => return bytes,
            read => bytes += read as u64,
        }
    }
}
