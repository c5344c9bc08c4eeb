//! A server or a proxy in a process of its own: what it is told, and what it costs.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

/// Says whether a program is there.
pub(crate) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A process that serves. It is gone with this.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    child: Child,
    /// Where it listens.
    pub(crate) place: String,
}

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    /// Starts a server that is told where to listen, and waits until it does.
    pub(crate) fn start(
        name: &'static str,
        command: impl FnOnce(&str) -> io::Result<Command>,
    ) -> io::Result<Self> {
        // A port that was free a moment ago.
        let place = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = command(&place)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { name, child, place };
        let began = Instant::now();
        while TcpStream::connect(&server.place).is_err() {
            let gone = server.child.try_wait()?;
            if gone.is_some() || began.elapsed() > PATIENCE {
                return Err(failed(format!("{name} does not listen: {gone:?}")));
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The processor time of its process and of those below it, so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let mut ticks = 0;
        let mut family = vec![self.child.id()];
        let all: Vec<Stat> = processes().collect();
        while let Some(id) = family.pop() {
            ticks += all
                .iter()
                .filter(|one| one.id == id)
                .map(|one| one.ticks)
                .sum::<u64>();
            family.extend(all.iter().filter(|one| one.parent == id).map(|one| one.id));
        }
        ticks as f64 / clock_ticks_per_second() as f64
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked, for then nginx takes its workers along.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < PATIENCE {
            thread::park_timeout(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `/proc/ID/stat` tells of a process.
struct Stat {
    id: u32,
    parent: u32,
    ticks: u64,
}

fn processes() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // Behind the name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Stat {
            id,
            parent: u32::try_from(field(1)?).ok()?,
            // Those of its children that have gone are counted with it.
            ticks: (11..15).map(field).sum::<Option<u64>>()?,
        })
    })
}

pub(crate) fn failed(message: String) -> io::Error {
    io::Error::other(message)
}
