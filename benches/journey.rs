//! What it costs to write little and wait for the answer, over TCP to an echo on this machine: by
//! hand, by a stream that hands its bytes to the system itself, and by one whose thread does.
//!
//! The answers are read by hand in all three, so that only the way of a write differs. The
//! contestants take turns, a round each. A figure is the median of its rounds; a ratio is the
//! median of the ratios to the first one within each round.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use highwater::Batch;
use highwater::net::{Socket, SocketSink};
use highwater::stage::Interrupt;
use highwater::{Bytes, Error, HighWaterMark, IntoSink, Sink, Writable};
use rustix::time::{ClockId, clock_gettime};

const BYTES: usize = 64;

/// A sink that cannot be tried, so that a thread calls it.
struct Threaded(SocketSink);

impl Sink<Bytes> for Threaded {
    fn write(&mut self, batch: &mut Batch<Bytes>) -> Result<(), Error> {
        self.0.write(batch)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.0.finish()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.0.interrupt()
    }

    fn name(&self) -> Cow<'_, str> {
        self.0.name()
    }
}

/// How long a round trip takes, and what it costs the whole process, in ns.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Connects to an echo that lives as long as the connection does.
fn connect() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let stream = TcpStream::connect(listener.local_addr().expect("it is bound"));
    let (mut peer, _) = listener.accept().expect("somebody connects");
    peer.set_nodelay(true).expect("it is TCP");
    thread::spawn(move || {
        let mut room = [0; BYTES];
        while peer.read_exact(&mut room).is_ok() && peer.write_all(&room).is_ok() {}
    });
    let stream = stream.expect("it listens");
    stream.set_nodelay(true).expect("it is TCP");
    stream
}

fn round(trips: u32, mut write: impl FnMut(Bytes), mut answers: TcpStream) -> Cost {
    let chunk = Bytes::from_static(&[7; BYTES]);
    let mut room = [0; BYTES];
    let mut trip = || {
        write(chunk.clone());
        answers.read_exact(&mut room).expect("it echoes");
        assert_eq!(room, [7; BYTES]);
    };
    (0..100).for_each(|_| trip());
    let (began, before) = (Instant::now(), cpu());
    (0..trips).for_each(|_| trip());
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(trips);
    Cost {
        wall: each(began.elapsed()),
        cpu: each(cpu() - before),
    }
}

fn by_hand(trips: u32) -> Cost {
    let mut stream = connect();
    let answers = stream.try_clone().expect("it can be cloned");
    round(
        trips,
        move |chunk| stream.write_all(&chunk).expect("it is taken"),
        answers,
    )
}

fn by_stream<K: Sink<Bytes> + 'static>(trips: u32, sink: impl Fn(TcpStream) -> K) -> Cost {
    let stream = connect();
    let answers = stream.try_clone().expect("it can be cloned");
    let mut out = Writable::from_sink(sink(stream), HighWaterMark::bytes(64 * 1024));
    let cost = round(
        trips,
        |chunk| {
            out.write(chunk).expect("it is taken");
        },
        answers,
    );
    out.finish().expect("it ends");
    cost
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let (rounds, trips) = if quick { (3, 200) } else { (15, 5000) };
    let socket = |stream| Socket::from(stream).into_sink();
    let contestants: [(&str, &dyn Fn() -> Cost); 3] = [
        ("by hand", &|| by_hand(trips)),
        ("from the writer", &|| by_stream(trips, socket)),
        ("by a thread", &|| {
            by_stream(trips, |stream| Threaded(socket(stream)))
        }),
    ];
    let costs: Vec<[Cost; 3]> = (0..rounds)
        .map(|_| contestants.each_ref().map(|(_, run)| run()))
        .collect();
    println!("a round trip of {BYTES} bytes: ns (ratio), and ns of the processor (ratio)");
    for (place, (name, _)) in contestants.iter().enumerate() {
        let of = |figure: &dyn Fn(&[Cost; 3]) -> f64| median(costs.iter().map(figure).collect());
        println!(
            "{name:18}{:>9.0} ({:.2}){:>9.0} ({:.2})",
            of(&|round| round[place].wall),
            of(&|round| round[place].wall / round[0].wall),
            of(&|round| round[place].cpu),
            of(&|round| round[place].cpu / round[0].cpu),
        );
    }
}
