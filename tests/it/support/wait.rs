//! Calls that must return, threads that can be seen to wait, and what only waiting can tell.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a call, a wait or a child may take before it counts as hung. Where other work has the
/// processors, each hand-over between threads takes milliseconds, and a test has thousands of them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test on a thread of its own, and fails if that does not return.
pub(crate) fn in_time(body: impl FnOnce() + Send + 'static) {
    watched(body);
}

/// Makes a call on a thread of its own, and fails if it does not return.
#[track_caller]
pub(crate) fn watched<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    Call::start(call).returned()
}

/// Makes a call, and does something once its thread waits in that function of the kernel. Then the
/// call has to return.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn interrupted<R: Send + 'static>(
    function: &'static str,
    call: impl FnOnce() -> R + Send + 'static,
    act: impl FnOnce(),
) -> R {
    let (tell, told) = channel();
    let call = Call::start(move || {
        tell.send(own_task()).expect("it is received");
        call()
    });
    let task = told.recv().expect("the thread starts");
    let task = task.expect("there is a proc");
    // For some time, so that it is no wait on the way to the one that is meant.
    let mut since = None;
    until(function, || {
        let waits = fs::read_to_string(task.join("wchan")).unwrap_or_default();
        since = waits
            .contains(function)
            .then(|| since.unwrap_or_else(Instant::now));
        since.is_some_and(|since| since.elapsed() > Duration::from_millis(20))
    });
    act();
    call.returned()
}

/// A call on a thread of its own.
struct Call<R> {
    thread: JoinHandle<()>,
    given: std::sync::mpsc::Receiver<Result<R, Box<dyn Any + Send>>>,
}

impl<R: Send + 'static> Call<R> {
    fn start(call: impl FnOnce() -> R + Send + 'static) -> Self {
        let (give, given) = channel();
        // A panic is reported under the name of the test.
        let name = thread::current().name().unwrap_or("test").to_owned();
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(call));
            // Nothing receives it if it comes too late.
            let _ = give.send(result);
        };
        let thread = thread::Builder::new().name(name).spawn(run);
        Self {
            thread: thread.expect("a thread can be started"),
            given,
        }
    }

    #[track_caller]
    fn returned(self) -> R {
        let Ok(result) = self.given.recv_timeout(PATIENCE) else {
            panic!("hung: the call did not return");
        };
        self.thread.join().expect("its panic was caught");
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Polls until `met`. First gives the processor away in between, and soon pauses, so that what it
/// waits for has the processor.
#[track_caller]
pub(crate) fn until(what: &str, mut met: impl FnMut() -> bool) {
    let began = Instant::now();
    let mut looks = 0;
    while !met() {
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        looks += 1;
        if looks < 200 {
            thread::yield_now();
        } else {
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// Polls until a figure has stayed the same for so long that whatever changes it has run many times.
/// Returns the figure.
#[track_caller]
pub(crate) fn until_still(what: &str, mut look: impl FnMut() -> usize) -> usize {
    let began = Instant::now();
    let (mut last, mut same) = (look(), 0);
    while same <= 2_000 {
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        thread::yield_now();
        let now = look();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

/// Where the kernel describes this thread.
fn own_task() -> Option<PathBuf> {
    let own = fs::read_link("/proc/thread-self").ok()?;
    Some(Path::new("/proc").join(own))
}

/// A thread that can be seen to wait.
pub(crate) struct Task<R> {
    handle: JoinHandle<R>,
    stat: Option<PathBuf>,
}

/// Starts one.
pub(crate) fn task<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Task<R> {
    let (tell, told) = channel();
    let handle = thread::spawn(move || {
        let _ = tell.send(own_task().map(|own| own.join("stat")));
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
            let stat = fs::read_to_string(stat).unwrap_or_default();
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
