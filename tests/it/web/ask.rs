//! A client that sends exactly what a test has written, and servers that answer so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::PATIENCE;

/// An answer, or the head of a request.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) first: String,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn status(&self) -> u16 {
        let status = self.first.split(' ').nth(1);
        status.expect("a status").parse().expect("a number")
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    fn length(&self) -> u64 {
        let length = self.field("content-length");
        length.map_or(0, |length| length.parse().expect("a number"))
    }
}

/// Reads a head, and leaves what follows it.
fn head(from: &mut impl BufRead) -> Message {
    let mut line = || {
        let mut line = String::new();
        from.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let first = line();
    let lines = std::iter::repeat_with(line).take_while(|line| !line.is_empty());
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Message {
        fields: fields.collect(),
        first,
        body: Vec::new(),
    }
}

pub(crate) fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends a head, to which the body is still to come.
pub(crate) fn begin(addr: &str, request: &str, fields: &str, length: usize) -> TcpStream {
    let mut stream = connect(addr);
    let head = format!(
        "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {fields}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is read");
    stream
}

/// Reads an answer, up to the end of the connection.
pub(crate) fn answer(stream: TcpStream) -> Message {
    let mut stream = BufReader::new(stream);
    let mut answer = head(&mut stream);
    stream.read_to_end(&mut answer.body).expect("a body");
    answer
}

/// Sends a request, with further fields that each end in CR LF, and reads its answer.
pub(crate) fn ask(addr: &str, request: &str, fields: &str, body: &[u8]) -> Message {
    let mut stream = begin(addr, request, fields, body.len());
    stream.write_all(body).expect("it is read");
    answer(stream)
}

/// What a [`Site`] does about a request.
pub(crate) enum Does {
    /// Answers at once, and takes no body.
    Answers(String),
    /// Takes the body, and answers then.
    Takes(String),
}

/// Requests, and what came with them.
type Requests = Vec<(String, Vec<u8>)>;

/// A server that a test has written.
pub(crate) struct Site {
    pub(crate) url: String,
    seen: Arc<Mutex<Requests>>,
}

impl Site {
    /// It answers until the test is over.
    pub(crate) fn new(does: impl Fn(&str) -> Does + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Requests::new()));
        let requests = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a client");
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let mut stream = BufReader::new(stream);
                let mut request = head(&mut stream);
                let line = request.first.trim_end_matches(" HTTP/1.1").to_owned();
                let said = match does(&line) {
                    Does::Answers(said) => said,
                    Does::Takes(said) => {
                        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
                        stream.get_mut().write_all(go_on).expect("it is read");
                        let mut body = Read::take(&mut stream, request.length());
                        body.read_to_end(&mut request.body).expect("a body");
                        said
                    }
                };
                let mut requests = requests.lock().expect("no panic");
                requests.push((line, request.body));
                drop(requests);
                let said = format!("HTTP/1.1 {said}");
                stream
                    .get_mut()
                    .write_all(said.as_bytes())
                    .expect("it is read");
            }
        });
        Self { url, seen }
    }

    /// The requests so far, and what came with them.
    pub(crate) fn seen(&self) -> Requests {
        std::mem::take(&mut self.seen.lock().expect("no panic"))
    }
}
