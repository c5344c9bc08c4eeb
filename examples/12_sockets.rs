//! A socket with a slow peer. What the peer does not read fills the buffers of the kernel, then the
//! mark, and then the writer waits: however much is to be sent, the process holds 64 KiB of it.
//!
//! Run it: cargo run --example 12_sockets

// prints: the peer does not read: a write would block
// prints: the peer reads: everything arrived

use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use highwater::{Bytes, Error, HighWaterMark, net};

fn main() -> Result<(), Error> {
    let listener = net::listen("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let (wake, woken) = channel();
    let peer = thread::spawn(move || {
        let mut socket = TcpStream::connect(addr)?;
        let _ = woken.recv(); // it is slow: until then it does not read
        std::io::copy(&mut socket, &mut std::io::sink())
    });

    let chunk = Bytes::from(vec![0; 16 * 1024]);
    let mut out = listener.accept()?.writable(HighWaterMark::bytes(64 * 1024));
    let mut chunks = 1;
    while out.try_write(chunk.clone()).is_ok() {
        chunks += 1;
    }
    println!("the peer does not read: a write would block");
    assert!(out.len() <= 64 * 1024 + chunk.len()); // the mark and a chunk
    let _ = wake.send(());
    out.write(chunk.clone())?; // blocks until the peer has made room
    out.finish()?;
    let arrived = peer.join().expect("the peer does not panic")?;
    assert_eq!(arrived, chunks * chunk.len() as u64);
    println!("the peer reads: everything arrived");
    Ok(())
}
