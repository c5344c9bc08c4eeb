//! What the tests share: a watchdog, threads that can be seen to be parked, chunks that count.

#[cfg(target_os = "linux")]
pub(crate) mod alone;
#[cfg(target_os = "linux")]
pub(crate) mod folder;
#[cfg(all(feature = "http", target_os = "linux"))]
pub(crate) mod nginx;
#[cfg(target_os = "linux")]
pub(crate) mod prepared;
#[cfg(target_os = "linux")]
pub(crate) mod tool;
#[cfg(target_os = "linux")]
pub(crate) mod watch;

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a test may take before it counts as hung, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test on a thread of its own, and fails if that does not come back.
pub(crate) fn in_time(body: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel::<Result<(), Box<dyn Any + Send>>>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    thread::Builder::new()
        .name(name)
        .spawn(move || tell.send(catch_unwind(AssertUnwindSafe(body))))
        .expect("a thread can be started");
    match told.recv_timeout(PATIENCE) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("hung"),
    }
}

/// Polls until `met`, giving the processor away in between.
pub(crate) fn until(what: &str, mut met: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        thread::yield_now();
    }
}

/// A thread that can be seen to wait.
pub(crate) struct Task<R> {
    handle: JoinHandle<R>,
    stat: Option<PathBuf>,
}

/// Starts one.
pub(crate) fn task<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Task<R> {
    let (tell, told) = mpsc::channel();
    let handle = thread::spawn(move || {
        let own = std::fs::read_link("/proc/thread-self").ok();
        let _ = tell.send(own.map(|own| PathBuf::from("/proc").join(own).join("stat")));
        body()
    });
    let stat = told.recv().expect("the thread says where it is");
    Task { handle, stat }
}

impl<R> Task<R> {
    /// Waits until the thread sleeps in the kernel, as it does once it has stopped spinning.
    pub(crate) fn until_parked(&self) {
        let Some(stat) = &self.stat else {
            // Where the kernel does not tell, a test proves less and still holds.
            (0..10_000).for_each(|_| thread::yield_now());
            return;
        };
        let mut asleep = 0;
        until("the thread is parked", || {
            let stat = std::fs::read_to_string(stat).unwrap_or_default();
            let state = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next());
            asleep = if state == Some('S') { asleep + 1 } else { 0 };
            asleep > 20
        });
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    pub(crate) fn join(self) -> R {
        match self.handle.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Counts the chunks that are alive, and the most that ever were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    peak: AtomicUsize,
}

/// A chunk that is counted from when it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) number: usize,
    census: Census,
}

impl Census {
    pub(crate) fn chunk(&self, number: usize) -> Counted {
        let live = self.0.live.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.peak.fetch_max(live, Ordering::SeqCst);
        Counted {
            number,
            census: self.clone(),
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }

    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Pass {
    Permit,
    Interrupt,
}

/// A gate that lets through as many as were let.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    permits: crossbeam_channel::Sender<Pass>,
    passes: crossbeam_channel::Receiver<Pass>,
    arrived: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (permits, passes) = crossbeam_channel::unbounded();
        Self {
            permits,
            passes,
            arrived: Arc::default(),
        }
    }

    /// Waits for a permit.
    pub(crate) fn pass(&self) {
        assert!(self.pass_or_interrupt(), "nobody interrupts this gate");
    }

    /// Waits for a permit or an interrupt. Says whether it was a permit.
    pub(crate) fn pass_or_interrupt(&self) -> bool {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        self.passes.recv().expect("this gate has a sender itself") == Pass::Permit
    }

    /// Lets everybody through who waits, without a permit.
    pub(crate) fn interrupt(&self) {
        let sent = self.permits.send(Pass::Interrupt);
        sent.expect("this gate has a receiver");
    }

    /// Lets so many through.
    pub(crate) fn open(&self, permits: usize) {
        (0..permits).for_each(|_| {
            self.permits
                .send(Pass::Permit)
                .expect("this gate has a receiver")
        });
    }

    /// How many have come to the gate, whether they are through or not.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn until_arrived(&self, count: usize) {
        until("somebody stands at the gate", || self.arrived() >= count);
    }
}

/// Runs a test in a process of its own: for what a test must have to itself, as are the threads of
/// a process and its limits. `test` is the path that the test harness knows it by. Gives what was
/// said on standard error, where it was run in another process.
pub(crate) fn alone(test: &str, env: &[(&str, &str)], body: impl FnOnce()) -> Option<String> {
    const ALONE: &str = "HIGHWATER_ALONE";
    if env::var(ALONE).is_ok_and(|alone| alone == test) {
        body();
        return None;
    }
    let mut child = Command::new(env::current_exe().expect("a test has a path"))
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env(ALONE, test)
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a test can be run");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("it is our child").is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            break;
        }
        thread::yield_now();
    }
    let output = child.wait_with_output().expect("it has ended");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}\n{said}\n{complained}",
        output.status
    );
    Some(complained.into_owned())
}

/// The names of the threads of this process that are the library's.
pub(crate) fn own_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this is Linux");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("highwater"))
        .collect()
}
