//! How far each response is, once a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use highwater::http::Request;
use highwater::net::SocketMonitor;
use indicatif::HumanBytes;

use super::log::{plain, print};

/// How often it is printed.
const TICK: Duration = Duration::from_secs(1);

/// Prints once a second how far every response is that takes longer than that, if that is wanted.
pub(crate) struct Watch {
    table: Option<Arc<Table>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Table {
    rows: Mutex<Rows>,
    /// Signalled when `over` has become true.
    changed: Condvar,
}

#[derive(Default)]
struct Rows {
    number: u64,
    open: BTreeMap<u64, Row>,
    over: bool,
}

/// A response on its way.
struct Row {
    /// The client, and what it asks for.
    what: String,
    began: Instant,
    monitor: SocketMonitor,
    /// What had moved before it, in both directions.
    before: u64,
    /// What had moved at the last look.
    seen: u64,
}

impl Row {
    fn moved(&self) -> u64 {
        self.monitor.bytes_read() + self.monitor.bytes_written() - self.before
    }
}

impl Watch {
    pub(crate) fn start(wanted: bool) -> std::io::Result<Self> {
        if !wanted {
            let (table, thread) = (None, None);
            return Ok(Self { table, thread });
        }
        let table = Arc::new(Table::default());
        let shared = Arc::clone(&table);
        let thread = thread::Builder::new().name("progress".to_owned());
        let thread = thread.spawn(move || shared.print_on())?;
        Ok(Self {
            table: Some(table),
            thread: Some(thread),
        })
    }

    /// Watches a response until what this gives is dropped.
    pub(crate) fn begin(&self, request: &Request) -> Option<Watched> {
        let table = Arc::clone(self.table.as_ref()?);
        let monitor = request.monitor();
        let row = Row {
            what: plain(&format!(
                "{} {} {}",
                request.peer(),
                request.method(),
                request.path()
            )),
            began: Instant::now(),
            before: monitor.bytes_read() + monitor.bytes_written(),
            monitor,
            seen: 0,
        };
        let mut rows = table.rows();
        rows.number += 1;
        let number = rows.number;
        rows.open.insert(number, row);
        drop(rows);
        Some(Watched { table, number })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(table) = &self.table {
            table.rows().over = true;
            table.changed.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            // All that it does is to print.
            let _ = thread.join();
        }
    }
}

impl Table {
    /// A thread that panics with it leaves it whole.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print_on(&self) {
        let mut rows = self.rows();
        let mut last = Instant::now();
        while !rows.over {
            let left = TICK.saturating_sub(last.elapsed());
            if !left.is_zero() {
                let waited = self.changed.wait_timeout(rows, left);
                rows = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let lines = rows.lines(last.elapsed());
            last = Instant::now();
            // Without the lock: a slow reader of the lines must not hold up the responses.
            drop(rows);
            for line in lines {
                print(format_args!("{line}"));
            }
            rows = self.rows();
        }
    }
}

impl Rows {
    /// A line for each response that has taken a while, and one for all of them.
    fn lines(&mut self, passed: Duration) -> Vec<String> {
        let (mut lines, mut total) = (Vec::new(), 0);
        for (number, row) in &mut self.open {
            let moved = row.moved();
            let now = moved - row.seen;
            row.seen = moved;
            total += now;
            if row.began.elapsed() >= TICK {
                let (moved, now) = (HumanBytes(moved), per_second(now, passed));
                lines.push(format!("{number}: {}: {moved}, {now}/s", row.what));
            }
        }
        if lines.len() > 1 {
            let (open, total) = (self.open.len(), per_second(total, passed));
            lines.push(format!("{open} responses: {total}/s"));
        }
        lines
    }
}

fn per_second(bytes: u64, passed: Duration) -> HumanBytes {
    HumanBytes((bytes as f64 / passed.as_secs_f64()) as u64)
}

/// A response that is watched.
pub(crate) struct Watched {
    table: Arc<Table>,
    number: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.table.rows().open.remove(&self.number);
    }
}
