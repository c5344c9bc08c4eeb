//! A thousand clients that read a large file slowly, and one that does not.
//!
//! The server has a process of its own, whose memory the system tells; the clients have another.

use std::fs::File;
use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::{env, thread};

use highwater::http::Server;

use crate::http_clients::crowd::{ask, narrow, read_some, take_head};
use crate::support::{
    Folder, alone, held, memory_kib, once_more, raise_descriptors, until, watched,
};

const SLOW: usize = 1000;
const FILE_BYTES: u64 = 1 << 30;
/// What one of them takes in its turn.
const SIP_BYTES: usize = 4 << 10;
/// The file has a hole in it, but for the number of each of its blocks.
const BLOCK_BYTES: usize = 1 << 20;
const PEAK_MAX_KIB: u64 = 64 << 10;

const CLIENTS: &str = "HIGHWATER_TEST_CLIENTS_OF";

#[test]
fn a_thousand_slow_readers_take_little_memory_and_hold_nobody_up() {
    if let Ok(addr) = env::var(CLIENTS) {
        return clients(addr.parse().unwrap());
    }
    let said = alone(|| {
        raise_descriptors();
        let folder = Folder::new();
        let file = File::create_new(folder.path("large")).unwrap();
        file.set_len(FILE_BYTES).unwrap();
        for at in (0..FILE_BYTES).step_by(BLOCK_BYTES) {
            file.write_all_at(&at.to_be_bytes(), at).unwrap();
        }
        drop(file);
        let file = File::open(folder.path("large")).unwrap();
        let before = held();
        let server = Server::bind("127.0.0.1:0").unwrap().connections(SLOW + 1);
        let server = server.spawn(move |_, response| response.send_file(&file, 0..FILE_BYTES));
        let server = server.unwrap();
        let ran = once_more()
            .env(CLIENTS, server.local_addr().unwrap().to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        let peak = memory_kib("VmHWM:");
        let counts = server.counts();
        eprintln!(
            "{said}{peak} KiB at most, {} connections at once",
            counts.peak
        );
        assert!(peak < PEAK_MAX_KIB, "{peak} KiB");
        assert_eq!((counts.peak, counts.accepted), (SLOW + 1, SLOW as u64 + 1));
        // The slow ones have gone away in the middle of it.
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(
            (counts.finished, counts.disconnected),
            (1, SLOW as u64),
            "{counts:?}"
        );
        // The file of the handler is gone with it.
        until("nothing is left", || held() == (before.0, before.1 - 1));
    });
    eprint!("{}", said.unwrap_or_default());
}

fn clients(addr: SocketAddr) {
    raise_descriptors();
    let mut taken = vec![0; SLOW];
    let mut slow: Vec<BufReader<TcpStream>> = (0..SLOW)
        .map(|_| {
            let stream = narrow(addr);
            ask(&stream, "/large");
            BufReader::with_capacity(512, stream)
        })
        .collect();
    // Each is being served, and not just let in.
    for slow in &mut slow {
        assert_eq!(take_head(slow), FILE_BYTES);
        slow.get_ref().set_nonblocking(true).unwrap();
    }
    let fast = thread::spawn(move || take_all(addr));
    let mut sip = [0; SIP_BYTES];
    let mut turns = 0;
    let mut least = 0;
    // As long as the fast one takes, and until everybody had something.
    while !fast.is_finished() || least == 0 {
        turns += 1;
        for (slow, taken) in slow.iter().zip(&mut taken) {
            match read_some(slow.get_ref(), &mut sip) {
                Some(Ok(read @ 1..)) => *taken += read as u64,
                Some(read) => panic!("{read:?} after {taken} bytes"),
                None => {}
            }
        }
        least = taken.iter().copied().min().unwrap();
    }
    fast.join().unwrap();
    let most = taken.iter().copied().max().unwrap();
    eprintln!("{turns} turns: {least} to {most} bytes for a slow one while the fast one took all");
    assert!(most < FILE_BYTES / 2, "{most} bytes is not slow");
}

/// Takes the whole file as fast as it comes, and makes sure that it is that.
fn take_all(addr: SocketAddr) {
    let stream = TcpStream::connect(addr).unwrap();
    ask(&stream, "/large");
    let mut stream = BufReader::new(stream);
    assert_eq!(take_head(&mut stream), FILE_BYTES);
    let hole = vec![0; BLOCK_BYTES - 8];
    let mut block = vec![0; BLOCK_BYTES];
    for at in (0..FILE_BYTES).step_by(BLOCK_BYTES) {
        stream.read_exact(&mut block).unwrap();
        assert_eq!(block[..8], at.to_be_bytes());
        assert!(block[8..] == hole, "something is in the hole of {at}");
    }
}
