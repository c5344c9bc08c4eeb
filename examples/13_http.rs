//! An HTTP server: the body of a request is read as a stream, and the body of the response is written
//! as one. A slow client makes its handler wait, and no other.
//!
//! Run it: cargo run --example 13_http

// prints: HTTP/1.1 200 OK
// prints: QUITE LOUD

use std::io::{Read, Write};
use std::net::TcpStream;

use highwater::http::{Request, Response, Server};
use highwater::{Bytes, Error, HighWaterMark};

/// Responds with the body in capital letters, without holding more of it than a mark.
fn shout(request: Request, mut response: Response) -> Result<(), Error> {
    response.header("content-type", "text/plain")?;
    let mut out = response.writable(HighWaterMark::bytes(64 * 1024));
    for chunk in request.into_body() {
        out.write(Bytes::from(chunk?.to_ascii_uppercase()))?; // waits for a slow client
    }
    out.finish()?;
    Ok(())
}

fn main() -> Result<(), Error> {
    let server = Server::bind("127.0.0.1:0")?.spawn(shout)?;
    let addr = server.local_addr().expect("it listens on TCP");

    let mut client = TcpStream::connect(addr)?;
    client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\nquite loud")?;
    let mut response = String::new();
    client.read_to_string(&mut response)?;
    drop(client); // the server waits a while for a client that has not closed
    let (head, body) = response.split_once("\r\n\r\n").expect("a head ends so");
    println!("{}\n{body}", head.lines().next().unwrap_or_default());
    assert!(head.starts_with("HTTP/1.1 200 OK") && body == "QUITE LOUD");
    server.stop()?; // what is on its way may finish
    Ok(())
}
