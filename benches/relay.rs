//! What a relay of two sockets costs, beside the proxies that are at hand.
//!
//! Each is a process of its own that accepts and connects on; this one is the client and the server
//! at its two ends. They take turns, a transfer and a talk each a round. A figure is the median of
//! the rounds; a ratio is the median of the ratios within each round to the best of the others. The
//! processor time is that of the proxy alone.

mod process;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;
use std::{env, fs};

use highwater::net;

use process::{Server, failed, has};

const HELP: &str = "\
What a relay of two sockets costs, beside the proxies that are at hand.

  cargo bench --bench relay -- [OPTIONS]

  --quick  few and short rounds: shows that it runs, not how fast
  --help   this text
";

const MIB: u64 = 1 << 20;

/// How much is measured.
struct Effort {
    rounds: usize,
    bytes: u64,
    messages: usize,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (rounds, bytes, messages) = match args[..] {
        [] => (7, 512 * MIB, 2_000),
        ["--quick"] => (2, 32 * MIB, 200),
        ["--relay", place, target] => return serve(place, target, relayed),
        ["--copy", place, target] => return serve(place, target, copied),
        ["--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::FAILURE;
        }
    };
    let effort = Effort {
        rounds,
        bytes,
        messages,
    };
    match measure(&effort) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts for ever, and does with each connection and one to the target as it is told.
fn serve(place: &str, target: &str, pass: fn(TcpStream, TcpStream)) -> ExitCode {
    let listener = TcpListener::bind(place).expect("the place is free");
    for client in listener.incoming().flatten() {
        // Whoever only looks whether this listens is gone again.
        if let Ok(target) = TcpStream::connect(target) {
            thread::spawn(move || pass(client, target));
        }
    }
    ExitCode::SUCCESS
}

fn relayed(client: TcpStream, target: TcpStream) {
    // One that fails is told by the bytes that are missing at its other end.
    let _ = net::relay(client, target);
}

/// What one writes without us: a thread each way.
fn copied(client: TcpStream, target: TcpStream) {
    let pass = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    for socket in [&client, &target] {
        socket.set_nodelay(true).expect("it is TCP");
    }
    thread::scope(|threads| {
        threads.spawn(|| pass(&client, &target));
        pass(&target, &client);
    });
}

const NODE: &str = r"
const net = require('net');
const place = (text) => ({ host: text.split(':')[0], port: +text.split(':')[1] });
net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const target = net.connect({ ...place(process.argv[3]), allowHalfOpen: true, noDelay: true });
  client.pipe(target).pipe(client);
  client.on('error', () => target.destroy());
  target.on('error', () => client.destroy());
}).listen(place(process.argv[2]));
";

/// Every proxy that is there, on its way to `target`. Ours is the first.
fn proxies(target: &str, script: &str) -> io::Result<Vec<Server>> {
    let own = env::current_exe()?;
    let ours = |how: &'static str| {
        let own = own.clone();
        move |place: &str| {
            let mut command = Command::new(own);
            command.args([how, place, target]);
            Ok(command)
        }
    };
    let mut all = vec![
        Server::start("net::relay", ours("--relay"))?,
        Server::start("io::copy x2", ours("--copy"))?,
    ];
    if has("socat") {
        all.push(Server::start("socat", |place| {
            let port = place.rsplit(':').next().unwrap_or_default();
            let mut command = Command::new("socat");
            // With the buffer that it does best with: that of its default is a tenth of it.
            command.args(["-b", "131072"]).arg(format!(
                "TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,nodelay"
            ));
            command.arg(format!("TCP:{target},nodelay"));
            Ok(command)
        })?);
    } else {
        println!("skipped: there is no `socat`");
    }
    if has("node") {
        fs::write(script, NODE)?;
        all.push(Server::start("node", |place| {
            let mut command = Command::new("node");
            command.args([script, place, target]);
            Ok(command)
        })?);
    } else {
        println!("skipped: there is no `node`");
    }
    Ok(all)
}

/// What a proxy has done in one round.
#[derive(Clone, Copy)]
struct Figures {
    gib_a_second: f64,
    cpu_a_gib: f64,
    half: f64,
    most: f64,
}

fn measure(effort: &Effort) -> io::Result<()> {
    let sink = TcpListener::bind("127.0.0.1:0")?;
    let target = sink.local_addr()?.to_string();
    let script = env::temp_dir().join(format!("highwater-relay-{}.js", std::process::id()));
    let script = script.to_str().ok_or_else(|| failed("no text".into()))?;
    let proxies = proxies(&target, script)?;
    // Those that only looked whether a proxy listens were passed on.
    for _ in &proxies {
        drop(sink.accept()?);
    }
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let round = proxies.iter().map(|proxy| run(proxy, &sink, effort));
        rounds.push(round.collect::<io::Result<Vec<Figures>>>()?);
    }
    let _ = fs::remove_file(script);
    println!(
        "{:14}{:>16}{:>18}{:>18}{:>18}",
        "", "GiB/s", "cpu s/GiB", "p50 us", "p99 us"
    );
    for (at, proxy) in proxies.iter().enumerate() {
        print!("{:14}", proxy.name);
        column(&rounds, at, f64::max, |figures| figures.gib_a_second);
        column(&rounds, at, f64::min, |figures| figures.cpu_a_gib);
        column(&rounds, at, f64::min, |figures| figures.half);
        column(&rounds, at, f64::min, |figures| figures.most);
        println!();
    }
    Ok(())
}

/// Prints one figure of a proxy, and how it compares to the best of the others.
fn column(
    rounds: &[Vec<Figures>],
    at: usize,
    better: fn(f64, f64) -> f64,
    figure: impl Fn(&Figures) -> f64,
) {
    let ours = rounds.iter().map(|round| figure(&round[at]));
    let ratios = rounds.iter().filter_map(|round| {
        let others = round.iter().enumerate().filter(|(other, _)| *other != at);
        let best = others.map(|(_, figures)| figure(figures)).reduce(better)?;
        Some(figure(&round[at]) / best)
    });
    let figure = format!("{:.2} ({:.2}x)", median(ours), median(ratios));
    print!("{figure:>17} ");
}

fn run(proxy: &Server, sink: &TcpListener, effort: &Effort) -> io::Result<Figures> {
    let before = proxy.cpu();
    let took = transfer(proxy, sink, effort.bytes)?;
    let cpu = proxy.cpu() - before;
    let mut times = talk(proxy, sink, effort.messages)?;
    times.sort_by(f64::total_cmp);
    let gib = effort.bytes as f64 / (1 << 30) as f64;
    Ok(Figures {
        gib_a_second: gib / took,
        cpu_a_gib: cpu / gib,
        half: times[times.len() / 2],
        most: times[times.len() * 99 / 100],
    })
}

fn connect(proxy: &Server, sink: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(&proxy.place)?;
    let server = sink.accept()?.0;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Sends so many bytes, and the end behind them. In seconds.
fn transfer(proxy: &Server, sink: &TcpListener, bytes: u64) -> io::Result<f64> {
    let began = Instant::now();
    let (mut client, mut server) = connect(proxy, sink)?;
    let sender = thread::spawn(move || {
        let block = vec![7; 256 << 10];
        let mut left = bytes;
        while left > 0 {
            let next = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            client.write_all(&block[..next])?;
            left -= next as u64;
        }
        client.shutdown(Shutdown::Write)?;
        // Until the other way has ended too, or the proxy would see a reset.
        client.read(&mut [0])
    });
    let (mut room, mut got) = (vec![0; 256 << 10], 0);
    loop {
        match server.read(&mut room)? {
            0 => break,
            more => got += more as u64,
        }
    }
    let took = began.elapsed().as_secs_f64();
    drop(server);
    sender.join().expect("it does not panic")?;
    if got == bytes {
        Ok(took)
    } else {
        Err(failed(format!("{}: {got} of {bytes} bytes", proxy.name)))
    }
}

/// As somebody types, and sees what was typed: a few bytes each way, one message after the other.
/// How long each took, in microseconds.
fn talk(proxy: &Server, sink: &TcpListener, messages: usize) -> io::Result<Vec<f64>> {
    let (mut client, mut server) = connect(proxy, sink)?;
    let echo = thread::spawn(move || -> io::Result<()> {
        let mut room = [0; LONGEST];
        loop {
            match server.read(&mut room)? {
                0 => return Ok(()),
                got => server.write_all(&room[..got])?,
            }
        }
    });
    let mut times = Vec::with_capacity(messages);
    let mut room = [0; LONGEST];
    for message in 0..messages {
        let said = [b'k'; LONGEST];
        let len = 1 + message % LONGEST;
        let began = Instant::now();
        client.write_all(&said[..len])?;
        client.read_exact(&mut room[..len])?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    client.shutdown(Shutdown::Write)?;
    echo.join().expect("it does not panic")?;
    Ok(times)
}

/// The longest message.
const LONGEST: usize = 60;

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
