//! `tiny ADDR FILE THREADS`: tiny_http, with so many threads that make answers.

use std::fs::File;
use std::sync::Arc;
use std::{env, thread};

use tiny_http::{Header, Response, Server};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [addr, path, threads] = &args[..] else {
        panic!("usage: tiny ADDR FILE THREADS");
    };
    let threads: u32 = threads.parse().expect("a number of threads");
    let server = Arc::new(Server::http(addr).expect("it listens"));
    // tiny_http reads each connection on a thread of its own pool; these make the answers.
    let threads = (0..threads).map(|_| {
        let (server, path) = (Arc::clone(&server), path.clone());
        thread::spawn(move || {
            let kind = Header::from_bytes("content-type", "text/plain").expect("it is a header");
            for request in server.incoming_requests() {
                // Whoever has gone is not answered.
                let _ = if request.url() == "/file" {
                    request.respond(Response::from_file(File::open(&path).expect("it is there")))
                } else {
                    let text = Response::from_string("Hello, world!");
                    request.respond(text.with_header(kind.clone()))
                };
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("it does not panic");
    }
}
