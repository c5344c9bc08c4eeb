//! Resolves the name of a host, in a wait that a cancel or a deadline ends.

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

/// Resolves an address. The wait ends with the result, with a cancel, or at the deadline.
///
/// Nothing can end a call of the resolver. So where a token or a deadline can end the wait, the call
/// runs on a thread of its own, which is detached when the wait ends first: the thread ends when the
/// resolver returns, has no descriptor, and owns nothing but the name. To join it would be to wait for
/// a name server that does not answer.
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
    let (results, result) = bounded(1);
    let resolved = Arc::new(Waker::new());
    // Weak, so that a detached thread holds no descriptor.
    let (waker, name) = (Arc::downgrade(&resolved), host.to_owned());
    let thread = Builder::new()
        .name("highwater-lookup".to_owned())
        .spawn(move || {
            let found: io::Result<Vec<_>> = name.to_socket_addrs().map(Iterator::collect);
            // The receiver is gone if the wait has ended before.
            let _ = results.send(found);
            if let Some(resolved) = waker.upgrade() {
                resolved.wake();
            }
        })?;
    let left = |at: Instant| at.saturating_duration_since(Instant::now());
    wait(waiter, &resolved, deadline.map(left))?;
    let found = result.recv();
    // The thread has sent its result and ends: this join does not wait for the resolver.
    let _ = thread.join();
    let lost = |_| Error::new(ErrorKind::Panicked, "the lookup returned no result");
    Ok(found.map_err(lost)??)
}

fn wait(waiter: &CancellableWait, resolved: &Waker, within: Option<Duration>) -> Result<(), Error> {
    let waited = waiter.waker.wait(resolved.fd()?, Ready::ToRead, within);
    waited.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => Error::timed_out("the name of the host to be looked up"),
        _ => error,
    })
}
