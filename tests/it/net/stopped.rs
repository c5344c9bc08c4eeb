//! Ten thousand cancels at random moments, over every kind of call that can be blocked.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{CancelToken, ErrorKind, fs, pipeline};

use crate::net::blocked::{CALLS, Outcome, Place};
use crate::support::{Folder, alone, bounded, held, until, watched};

const CANCELS: usize = 10_000;

/// As many calls at a time, so that those who are woken have to wait for a processor as well.
const THREADS: usize = 4;

/// A call has been blocked for less than this when it is ended.
const MOMENT: Duration = Duration::from_millis(2);

/// How a call is ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Stop,
    Abort,
    Timeout,
}

/// Numbers that look random, and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// Somebody who uses tokens when their moment has come, and says when that was.
struct Canceller {
    ask: Sender<(CancelToken, End, Duration)>,
    used: Receiver<Instant>,
}

impl Canceller {
    fn new() -> Self {
        let (ask, asked) = mpsc::channel::<(CancelToken, End, Duration)>();
        let (tell, used) = mpsc::channel();
        thread::spawn(move || {
            while let Ok((token, end, moment)) = asked.recv() {
                let began = Instant::now();
                while let Some(left) = moment.checked_sub(began.elapsed()) {
                    thread::park_timeout(left);
                }
                let at = Instant::now();
                match end {
                    End::Stop => token.stop(),
                    _ => token.abort("this is the cause"),
                }
                tell.send(at).unwrap();
            }
        });
        Self { ask, used }
    }
}

#[test]
fn a_pipe_that_nobody_fills_reads_or_empties_is_given_up() {
    let folder = Folder::new();
    let brief = Duration::from_millis(20);
    let fifo = folder.fifo("fifo");
    let unread = fs::create(&fifo).unwrap().idle_timeout(brief);
    let silent = fs::read(&fifo).unwrap().idle_timeout(brief);
    drop(silent);
    let failure = watched(|| pipeline(&b"to nobody"[..]).to(unread).run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert!(
        failure.error.to_string().contains("a reader of the pipe"),
        "{failure}"
    );
    assert_eq!(failure.undelivered.weight(), 9);

    let silent = fs::read(&fifo).unwrap().idle_timeout(brief);
    let full = fs::create(&fifo).unwrap().idle_timeout(brief);
    let failure = watched(|| pipeline(silent).to(Vec::new()).run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    drop(full);

    let hoards = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo);
    let full = fs::create(&fifo).unwrap().idle_timeout(brief);
    let zeros = fs::read("/dev/zero").unwrap();
    let failure = watched(|| pipeline(zeros).to(full).run().unwrap_err());
    assert_eq!(failure.error.kind(), ErrorKind::TimedOut);
    assert_eq!(
        failure.report.bytes(),
        64 << 10,
        "what a pipe holds was confirmed"
    );
    bounded(&failure.report);
    drop(hoards);
}

/// Makes one call, ends it, and says how long it took to come back.
fn end(place: &Place, random: &mut Random, canceller: &Canceller) -> (usize, Duration) {
    let which = random.below(CALLS.len() as u64) as usize;
    let call = &CALLS[which];
    let end = match random.below(3) {
        0 => End::Timeout,
        // A stop lets a write go on for as long as its peer takes it.
        1 if call.stops => End::Stop,
        _ => End::Abort,
    };
    let moment = MOMENT.mul_f64(random.below(1000) as f64 / 1000.0);
    let token = CancelToken::new();
    if end == End::Timeout {
        let prepared = (call.prepare)(place, Some(moment));
        let due = Instant::now() + moment;
        let outcome = prepared(&token);
        let back = Instant::now();
        is_right(call.name, end, &outcome, call.is_read);
        return (which, back.saturating_duration_since(due));
    }
    let prepared = (call.prepare)(place, None);
    canceller.ask.send((token.clone(), end, moment)).unwrap();
    let outcome = prepared(&token);
    let back = Instant::now();
    let used = canceller.used.recv().unwrap();
    assert!(back >= used, "{} ended by itself: {outcome:?}", call.name);
    is_right(call.name, end, &outcome, call.is_read);
    (which, back - used)
}

#[track_caller]
fn is_right(name: &str, end: End, outcome: &Outcome, is_read: bool) {
    let kind = outcome.as_ref().map_err(highwater::Error::kind);
    match end {
        // What is read ends well.
        End::Stop if is_read => assert_eq!(kind, Ok(&()), "{name}"),
        End::Stop => assert_eq!(kind, Err(ErrorKind::Cancelled), "{name}"),
        End::Timeout => assert_eq!(kind, Err(ErrorKind::TimedOut), "{name}: {outcome:?}"),
        End::Abort => {
            assert_eq!(kind, Err(ErrorKind::Cancelled), "{name}: {outcome:?}");
            let said = outcome.as_ref().map_err(|error| format!("{error:#}"));
            assert!(said.unwrap_err().contains("this is the cause"), "{name}");
        }
    }
}

#[test]
fn every_blocked_call_comes_back_from_ten_thousand_cancels_and_nothing_is_left() {
    alone(|| {
        let before = held();
        let next = AtomicUsize::new(0);
        let took = Mutex::new(Vec::with_capacity(CANCELS));
        let began = Instant::now();
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (next, took) = (&next, &took);
                scope.spawn(move || {
                    let place = Place::new(number);
                    let canceller = Canceller::new();
                    let mut random = Random(number as u64 + 1);
                    while next.fetch_add(1, Ordering::Relaxed) < CANCELS {
                        let one = end(&place, &mut random, &canceller);
                        took.lock().unwrap().push(one);
                    }
                });
            }
        });
        let elapsed = began.elapsed();
        until("nothing is left", || held() == before);

        let took = took.into_inner().unwrap();
        assert_eq!(took.len(), CANCELS);
        eprintln!("{CANCELS} cancels in {elapsed:.1?}, from a cancel to the return of its call:");
        eprintln!(
            "{:16} {:>6} {:>9} {:>9} {:>9}",
            "", "calls", "p50", "p99", "max"
        );
        for (which, call) in CALLS.iter().enumerate() {
            let of_call = took.iter().filter(|(it, _)| *it == which);
            tell(call.name, of_call.map(|(_, time)| *time).collect());
        }
        tell("all", took.into_iter().map(|(_, time)| time).collect());
    });
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    let (count, half, most, max) = (took.len(), at(50), at(99), at(100));
    assert!(count > CANCELS / CALLS.len() / 2, "{what} was hardly tried");
    eprintln!("{what:16} {count:>6} {half:>9.1?} {most:>9.1?} {max:>9.1?}");
}
