//! The poller of other operating systems: one `poll` over all idle tasks.
//!
//! Its cost grows with the number of tasks. The table has a lock of its own, which is held for a look
//! at the table only, and under which nothing else is locked. `wait` alone blocks, without that lock;
//! `arm` and `remove` end it by a byte in a pipe, so that it begins again with what is polled now.
//! The byte stays in the pipe until a wait has read it, so one that comes before the wait ends it too.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::poller::{Poller, READY_MAX, ReadyList};
use super::rules::Key;
use crate::os::pipe;
use crate::threads::sync::Mutex;

/// Descriptors of its own for the same sockets, so that one may be closed while it is polled.
#[derive(Debug)]
pub(crate) struct Poll {
    table: Mutex<Table>,
    reader: File,
    writer: File,
}

#[derive(Debug, Default)]
struct Table {
    tasks: HashMap<u64, Watched>,
    is_polled: bool,
}

#[derive(Debug)]
struct Watched {
    fd: Arc<OwnedFd>,
    /// It is idle. One that runs, or was reported, is not polled: what has come to it is still there,
    /// and would be reported over and over.
    is_armed: bool,
}

impl Poll {
    /// # Errors
    ///
    /// If there is no descriptor left, for the process or for the operating system.
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        let table = Mutex::new(Table::default());
        Ok(Self {
            table,
            reader,
            writer,
        })
    }

    /// Takes what is polled from now on.
    fn armed(&self) -> Vec<(u64, Arc<OwnedFd>)> {
        let mut table = self.table.lock();
        // Under the hold that collects what is polled. The other side is `arm` and `remove`: a
        // change before this is in the list, and one after it finds the flag and wakes the poll.
        table.is_polled = true;
        let armed = table.tasks.iter().filter(|(_, watched)| watched.is_armed);
        armed
            .map(|(number, watched)| (*number, Arc::clone(&watched.fd)))
            .collect()
    }
}

impl Poller for Poll {
    fn add(&self, fd: BorrowedFd<'_>, key: Key) -> io::Result<()> {
        let watched = Watched {
            fd: Arc::new(fd.try_clone_to_owned()?),
            is_armed: false,
        };
        // Not armed by this line: `arm` also ends a wait that goes on without it.
        self.table.lock().tasks.insert(key.number(), watched);
        self.arm(key);
        Ok(())
    }

    fn arm(&self, key: Key) {
        let is_polled = {
            let mut table = self.table.lock();
            let Some(watched) = table.tasks.get_mut(&key.number()) else {
                return;
            };
            watched.is_armed = true;
            // Read under the hold that has armed it; the other side is `armed`.
            table.is_polled
        };
        if is_polled {
            // Without the lock, which the thread that wakes takes next. If that wait is over by
            // now, the byte ends the next one for nothing.
            self.wake();
        }
    }

    fn remove(&self, _fd: BorrowedFd<'_>, key: Key) {
        let (removed, is_polled) = {
            let mut table = self.table.lock();
            (table.tasks.remove(&key.number()), table.is_polled)
        };
        // A leader that polls it keeps its duplicate open until the wait ends.
        if is_polled && removed.is_some_and(|watched| watched.is_armed) {
            self.wake();
        }
    }

    fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>) {
        let armed = self.armed();
        let wakes = PollFd::new(&self.reader, PollFlags::IN);
        let tasks = armed.iter().map(|(_, fd)| PollFd::new(fd, PollFlags::IN));
        let mut fds: Vec<_> = std::iter::once(wakes).chain(tasks).collect();
        // One too long to be represented is a wait without end.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // What it fails for is gone when it is tried again: memory, or a signal.
        let polled = poll(&mut fds, timeout.as_ref());
        // Not held during the poll, or `arm` could not end it.
        let mut table = self.table.lock();
        table.is_polled = false;
        if polled.is_err() {
            return;
        }
        if !fds[0].revents().is_empty() {
            // It does not block, and what is left ends the next wait.
            let _ = (&self.reader).read(&mut [0; 64]);
        }
        let come = armed.iter().zip(&fds[1..]);
        let come = come.filter(|(_, fd)| !fd.revents().is_empty());
        // The rest stays armed, and the next wait reports it at once.
        for ((number, _), _) in come.take(READY_MAX) {
            // A task that was removed during the poll is not reported: it has ended.
            if let Some(watched) = table.tasks.get_mut(number) {
                watched.is_armed = false;
                // What is left after a run is reported again, so an end needs no run of its own.
                ready.push(Key::of(*number), false);
            }
        }
    }

    fn wake(&self) {
        // It fails only when the pipe is full, and then it is readable.
        let _ = (&self.writer).write(&[1]);
    }
}
