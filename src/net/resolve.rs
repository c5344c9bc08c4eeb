//! Looks up the name of a host, and does not wait for ever.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::address::{Address, Resolved, tcp};
use crate::error::{Error, ErrorKind};
use crate::os::wait::CancellableWait;
use crate::os::{Ready, Waker};

/// Looks an address up. The wait ends with an answer, with a cancel, or at the deadline.
///
/// The system cannot be called back from looking up a name. So where something can end the wait, a
/// thread of its own does it, and is left alone when that happens: it ends when the system answers
/// it, has no descriptor, and keeps nothing but the name. Waiting for it would be to wait for a
/// name server that has gone.
pub(crate) fn resolve(
    address: &Address,
    waiter: &CancellableWait,
    deadline: Option<Instant>,
) -> Result<Vec<Resolved>, Error> {
    match address {
        Address::Tcp(host) => match host.parse::<SocketAddr>() {
            Ok(addr) => tcp(vec![addr]),
            Err(_) if waiter.is_endless() && deadline.is_none() => address.resolve(),
            Err(_) => tcp(look_up(host, waiter, deadline)?),
        },
        _ => address.resolve(),
    }
}

fn look_up(
    host: &str,
    waiter: &CancellableWait,
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>, Error> {
    waiter.check()?;
    let (give, given) = bounded(1);
    let answered = Arc::new(Waker::new());
    // Weak, so that a thread that is left alone holds no descriptor.
    let (tell, name) = (Arc::downgrade(&answered), host.to_owned());
    let thread = Builder::new()
        .name("highwater-lookup".to_owned())
        .spawn(move || {
            let found: io::Result<Vec<_>> = name.to_socket_addrs().map(Iterator::collect);
            // Nobody may be waiting any more.
            let _ = give.send(found);
            if let Some(answered) = tell.upgrade() {
                answered.wake();
            }
        })?;
    let left = |at: Instant| at.saturating_duration_since(Instant::now());
    wait(waiter, &answered, deadline.map(left))?;
    let found = given.recv();
    // It has answered, and has nothing left to do.
    let _ = thread.join();
    let lost = |_| Error::new(ErrorKind::Panicked, "the lookup gave no answer");
    Ok(found.map_err(lost)??)
}

fn wait(waiter: &CancellableWait, answered: &Waker, within: Option<Duration>) -> Result<(), Error> {
    let waited = waiter.waker.wait(answered.fd()?, Ready::ToRead, within);
    waited.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => Error::timed_out("the name of the host to be looked up"),
        _ => error,
    })
}
