//! Names of Unix sockets: abstract ones, ones that are too long, files that are left over.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Barrier};
use std::thread;

use highwater::net::{self, Address, Listen};
use highwater::{Error, ErrorKind, pipeline};

use crate::support::{Folder, bounded, pattern, watched};

const IN_USE: ErrorKind = ErrorKind::Io(io::ErrorKind::AddrInUse);

#[track_caller]
fn says(error: &Error, kind: ErrorKind, what: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn an_abstract_name_is_no_file_and_is_free_when_nobody_has_it() {
    let name = format!("@highwater-test-{}", std::process::id());
    watched(move || {
        for _ in 0..2 {
            let listener = net::listen_unix(&name).unwrap();
            says(&net::listen_unix(&name).unwrap_err(), IN_USE, &name);
            let address = Address::Abstract(name[1..].to_owned());
            assert_eq!(address.to_string(), format!("unix:{name}"));
            let socket = net::Connect::to(address).open().unwrap();
            let taker = thread::spawn(move || {
                let accepted = listener.accept().unwrap();
                pipeline(accepted).to(Vec::new()).run_into().unwrap()
            });
            bounded(&pipeline(pattern(100_000)).to(socket).run().unwrap());
            let (report, got) = taker.join().unwrap();
            bounded(&report);
            assert!(got.into_inner() == pattern(100_000));
            assert!(!std::path::Path::new(&name).exists());
        }
        let nobody = net::connect_unix(&name).open().unwrap_err();
        let refused = ErrorKind::Io(io::ErrorKind::ConnectionRefused);
        says(&nobody, refused, &name);
    });
}

#[test]
fn a_name_that_does_not_fit_is_refused_before_anything_is_done() {
    let wrong = [
        ("/tmp/".to_owned() + &"x".repeat(103), "108 bytes"),
        ("x".repeat(200), "200 bytes"),
        ("@".to_owned() + &"x".repeat(108), "108 bytes"),
        ("@".to_owned(), "empty"),
        ("a\0b".to_owned(), "value 0"),
    ];
    for (name, what) in wrong {
        says(
            &net::listen_unix(&name).unwrap_err(),
            ErrorKind::InvalidInput,
            what,
        );
        let connect = net::connect_unix(&name);
        says(&connect.open().unwrap_err(), ErrorKind::InvalidInput, what);
    }
    // The longest there is.
    let longest = format!("@{:x<107}", std::process::id());
    let listener = net::listen_unix(&longest).unwrap();
    net::connect_unix(&longest).open().unwrap();
    listener.accept().unwrap();
    let at = Address::unix("./@name");
    assert_eq!(at, Address::Unix("./@name".into()));
}

#[test]
fn a_file_that_is_left_over_is_told_from_one_that_is_in_use() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listen = Listen::on(Address::Unix(path.clone()));
    let bold = listen.clone().replace_stale();

    let owner = UnixListener::bind(&path).unwrap();
    says(&listen.open().unwrap_err(), IN_USE, "a socket listens");
    says(&bold.open().unwrap_err(), IN_USE, "a socket listens");
    owner.set_nonblocking(true).unwrap();
    let nobody = owner.accept().unwrap_err();
    assert_eq!(
        nobody.kind(),
        io::ErrorKind::WouldBlock,
        "it was not disturbed"
    );
    drop(owner);

    says(&listen.open().unwrap_err(), IN_USE, "replace_stale");
    let listener = bold.open().unwrap();
    net::connect_unix(&path).open().unwrap();
    listener.accept().unwrap();
    drop(listener);
    assert!(!path.exists());

    std::fs::write(&path, b"mine").unwrap();
    says(&bold.open().unwrap_err(), IN_USE, "not a socket");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn of_many_who_replace_one_file_at_once_one_has_it() {
    const MANY: usize = 8;
    for _ in 0..20 {
        let folder = Folder::new();
        let path = folder.path("socket");
        drop(UnixListener::bind(&path).unwrap());
        let start = Arc::new(Barrier::new(MANY));
        let racers: Vec<_> = (0..MANY)
            .map(|_| {
                let (start, path) = (Arc::clone(&start), path.clone());
                let listen = Listen::on(Address::Unix(path)).replace_stale();
                thread::spawn(move || {
                    start.wait();
                    listen.open()
                })
            })
            .collect();
        let mut won = Vec::new();
        for racer in racers {
            match racer.join().unwrap() {
                Ok(listener) => won.push(listener),
                Err(error) => assert_eq!(error.kind(), IN_USE, "{error:#}"),
            }
        }
        assert_eq!(won.len(), 1, "all that were let have one file");
        net::connect_unix(&path).open().unwrap();
        won[0].accept().unwrap();
    }
}
