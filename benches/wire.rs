//! What a wire costs beside the plain socket below it: credit, frames, and an end that is confirmed.
//!
//! A round moves so many bytes out of memory through a pipeline into a socket, and through another
//! pipeline out of it, from before the connection is made until both have ended. The contestants
//! take turns, a round each; a figure is the median of its rounds, a ratio the median of the ratios
//! within each round.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use highwater::mark::READ_BYTES;
use highwater::net::Socket;
use highwater::wire::{WireSink, WireSource};
use highwater::{Bytes, Error, HighWaterMark, IntoSink, IntoSource, Sink, Source, pipeline};

const HELP: &str = "\
What a wire costs beside the plain socket below it.

  cargo bench --bench wire -- [OPTIONS]

  --quick  few and short rounds: shows that it runs, not how fast
  --help   this text
";

const MIB: u64 = 1024 * 1024;

fn main() -> ExitCode {
    // What cargo adds is for harnesses that this is none of.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let (bytes, rounds) = match &*args {
        [] => (256 * MIB, 9),
        [quick] if quick == "--quick" => (16 * MIB, 3),
        [help] if help == "--help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{:8}{:>8}{:>14}{:>14}{:>8}",
        "socket", "mark", "plain MiB/s", "wire MiB/s", "ratio"
    );
    for (name, pair) in [("tcp", tcp as fn() -> (Socket, Socket)), ("unix", unix)] {
        for kib in [64, 256, 1024] {
            let mark = HighWaterMark::bytes(kib * 1024);
            let (mut plain, mut wire, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let (ours, theirs) = pair();
                plain.push(round(bytes, ours.into_sink(), theirs.into_source()));
                let (ours, theirs) = pair();
                wire.push(round(
                    bytes,
                    WireSink::new(ours),
                    WireSource::new(theirs, mark),
                ));
                ratios.extend(
                    wire.last()
                        .zip(plain.last())
                        .map(|(wire, plain)| wire / plain),
                );
            }
            println!(
                "{name:8}{:>8}{:>14.0}{:>14.0}{:>8.2}",
                format!("{kib}KiB"),
                median(plain),
                median(wire),
                median(ratios)
            );
        }
    }
    ExitCode::SUCCESS
}

fn tcp() -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let addr = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(addr).expect("it listens");
    let (server, _) = listener.accept().expect("it was connected to");
    (client.into(), server.into())
}

fn unix() -> (Socket, Socket) {
    let (ours, theirs) = UnixStream::pair().expect("there are descriptors");
    (ours.into(), theirs.into())
}

/// MiB a second.
fn round(
    bytes: u64,
    sink: impl Sink<Bytes> + 'static,
    source: impl Source<Bytes> + 'static,
) -> f64 {
    let began = Instant::now();
    let writer = thread::spawn(move || pipeline(Zeros::new(bytes)).to(sink).run());
    let arrived = pipeline(source).to(Count(0)).run_into();
    let (_, count) = arrived.expect("nothing fails");
    writer
        .join()
        .expect("it does not panic")
        .expect("nothing fails");
    assert_eq!(count.0, bytes);
    bytes as f64 / MIB as f64 / began.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// So many bytes out of one block.
struct Zeros {
    block: Bytes,
    left: u64,
}

impl Zeros {
    fn new(left: u64) -> Self {
        let block = vec![0; READ_BYTES].into();
        Self { block, left }
    }
}

impl Source<Bytes> for Zeros {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.left.min(READ_BYTES as u64);
        self.left -= next;
        Ok((next > 0).then(|| self.block.slice(..next as usize)))
    }
}

/// Counts what arrives.
struct Count(u64);

impl Sink<Bytes> for Count {
    fn write(&mut self, batch: &mut highwater::Batch<Bytes>) -> Result<(), Error> {
        self.0 += batch.weight() as u64;
        batch.advance(batch.weight());
        Ok(())
    }
}
