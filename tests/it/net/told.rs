//! What a server tells of its handlers when it was not told how.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use highwater::net::{Connection, Server, SocketOptions};
use highwater::{Error, net, pipeline};

use crate::support::{alone, watched};

/// What is told of the first connections.
const FAILING: [&str; 3] = [
    "out of order\\nall is well",
    "panicked: out of mind",
    "failed to open `/no/such/place`: No such file or directory (os error 2)",
];

fn serve(connection: Connection) -> Result<(), Error> {
    match connection.number() {
        1 => Err(Error::other("out of order\nall is well")),
        2 => panic!("out of mind"),
        3 => highwater::fs::read("/no/such/place").map(drop),
        _ => {
            let (source, sink) = connection.split();
            pipeline(source).to(sink).run()?;
            Ok(())
        }
    }
}

#[test]
fn a_handler_that_fails_is_a_line_with_the_peer_and_the_cause() {
    let said = alone(|| {
        let options = SocketOptions::new().read_timeout(Duration::from_millis(300));
        let listener = net::listen("127.0.0.1:0").unwrap();
        let server = Server::on(listener.options(&options).unwrap());
        let server = server.spawn(serve).unwrap();
        let connect = || TcpStream::connect(server.local_addr().unwrap()).unwrap();
        for why in FAILING {
            let mut client = connect();
            let reset = client.read(&mut [0]);
            assert!(reset.is_err(), "{reset:?}");
            let peer = client.local_addr().unwrap();
            eprintln!("expected: failed to serve `tcp://{peer}`: {why}");
        }
        // Nobody here has to see to those: one that resets, and one that is too slow.
        let resets = connect();
        let socket = socket2::SockRef::from(&resets);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(resets);
        let slow = connect().read(&mut [0]);
        assert!(slow.is_err(), "{slow:?}");
        let counts = watched(move || server.stop().unwrap());
        assert_eq!(counts.failed, FAILING.len() as u64, "{counts:?}");
        assert_eq!((counts.disconnected, counts.finished), (2, 0), "{counts:?}");
    });
    let Some(said) = said else { return };
    let of = |prefix| {
        let lines = said
            .lines()
            .filter_map(move |line| line.strip_prefix(prefix));
        let mut lines: Vec<&str> = lines.collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(of("expected: ").len(), FAILING.len(), "{said}");
    assert_eq!(of("highwater: "), of("expected: "), "{said}");
}
