//! What the parts of one request return to the dispatcher, from whatever threads have them.
//!
//! Owner: the connection. The body and the response are with a handler, and return here when they end
//! or are dropped; the dispatcher touches the connection again only after that.
//! Lock order: `begun` before `state`. `begun` is held while an informational response is sent, which
//! may wait for the client; `state` is never held across a wait.
//! Missed wakes: the dispatcher sets `is_awaited` under the lock of `state`, and checks again under it
//! before each wait; the thread that returns a part stores it under that lock, and notifies afterwards.

use bytes::Bytes;

use super::body_reader::BodyReader;
use super::response_end::Finished;
use crate::error::Error;
use crate::threads::sync::{Condvar, Mutex};

/// What belongs to the request that is being served.
#[derive(Default)]
pub(in crate::http) struct Exchange {
    /// The head of the response is being sent, or was. Only set for a request that expects
    /// `100 Continue`: nothing else sends bytes beside the response.
    begun: Mutex<bool>,
    state: Mutex<State>,
    /// Signalled when a part was returned that the dispatcher waits for.
    returned: Condvar,
}

#[derive(Default)]
struct State {
    reader: Option<BodyReader>,
    finished: Option<Finished>,
    /// What was received after the head of a request that asks for an upgrade.
    early: Bytes,
    /// The client waits for `100 Continue`.
    continue_due: bool,
    /// The dispatcher waits until a part is returned.
    is_awaited: bool,
}

/// All parts of a request.
pub(in crate::http) struct Returned {
    pub(in crate::http) reader: Option<BodyReader>,
    pub(in crate::http) finished: Finished,
    pub(in crate::http) early: Bytes,
}

impl Exchange {
    /// Stores what only few requests need: what was received after the head of one that asks for an
    /// upgrade, and whether the client waits for `100 Continue`.
    pub(in crate::http) fn open(&self, early: Bytes, continue_due: bool) {
        let mut state = self.state.lock();
        state.continue_due = continue_due;
        state.early = early;
    }

    /// Ends what [`begin_response`](Self::begin_response) began.
    pub(in crate::http) fn close(&self) {
        *self.begun.lock() = false;
    }

    /// Calls `send` for an informational response, unless the response itself has begun.
    pub(in crate::http) fn before_response(
        &self,
        send: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        // The lock is held while it is sent: a response that begins on another thread at this moment
        // would be sent in the middle of it.
        let begun = self.begun.lock();
        if *begun {
            return Ok(());
        }
        send()
    }

    /// Begins the response: nothing else is sent from now on. Returns whether the client still waits
    /// for `100 Continue`.
    pub(in crate::http) fn begin_response(&self) -> bool {
        *self.begun.lock() = true;
        self.state.lock().continue_due
    }

    /// Notes that the client waits for `100 Continue` no more.
    pub(in crate::http) fn continue_is_settled(&self) {
        self.state.lock().continue_due = false;
    }

    /// Takes what was received after the head of a request that asks for an upgrade.
    pub(in crate::http) fn take_early(&self) -> Bytes {
        std::mem::take(&mut self.state.lock().early)
    }

    /// Calls `with` with the body, if it was returned. The lock is held meanwhile.
    pub(in crate::http) fn with_reader<R>(
        &self,
        with: impl FnOnce(&mut BodyReader) -> R,
    ) -> Option<R> {
        self.state.lock().reader.as_mut().map(with)
    }

    /// Returns whether a handler can still read the body.
    pub(in crate::http) fn is_body_held(&self) -> bool {
        self.state.lock().reader.is_none()
    }

    /// Returns what is left of a body.
    pub(in crate::http) fn return_body(&self, reader: BodyReader) {
        self.put(|state| state.reader = Some(reader));
    }

    /// Returns how the response ended.
    pub(in crate::http) fn return_response(&self, finished: Finished) {
        self.put(|state| state.finished = Some(finished));
    }

    fn put(&self, store: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        store(&mut state);
        let is_awaited = state.is_awaited;
        drop(state);
        if is_awaited {
            self.returned.notify_one();
        }
    }

    /// Waits until the response was returned, and the body if there is one. Calls `before_wait` once
    /// before it waits.
    pub(in crate::http) fn collect(&self, with_body: bool, before_wait: impl Fn()) -> Returned {
        let mut state = self.state.lock();
        loop {
            let is_whole = state.finished.is_some() && (state.reader.is_some() || !with_body);
            if is_whole {
                if let Some(finished) = state.finished.take() {
                    state.is_awaited = false;
                    return Returned {
                        reader: state.reader.take(),
                        finished,
                        early: std::mem::take(&mut state.early),
                    };
                }
            }
            if state.is_awaited {
                self.returned.wait(&mut state);
            } else {
                state.is_awaited = true;
                // It takes locks of its own. The loop looks again for what is returned meanwhile.
                drop(state);
                before_wait();
                state = self.state.lock();
            }
        }
    }
}
