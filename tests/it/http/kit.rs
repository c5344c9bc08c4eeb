//! Servers of one test, and a client that says exactly what it is told to.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::http::{Limits, Request, Response, Server};
use highwater::net::RunningServer;
use highwater::{Error, ErrorKind};

/// What has gone wrong in a server, as it was told.
pub(crate) type Told = Arc<Mutex<Vec<Error>>>;

/// A server on a port that was free, and what it tells.
pub(crate) fn serve_with(
    limits: Limits,
    handler: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
) -> (RunningServer, Told) {
    let told = Told::default();
    let tell = Arc::clone(&told);
    let server = Server::bind("127.0.0.1:0").unwrap().limits(limits);
    let server = server.on_event(move |event| tell.lock().unwrap().push(event.error().clone()));
    (server.spawn(handler).unwrap(), told)
}

pub(crate) fn serve(
    handler: impl Fn(Request, Response) -> Result<(), Error> + Send + Sync + 'static,
) -> RunningServer {
    serve_with(Limits::default(), handler).0
}

/// The kinds of what was told so far.
pub(crate) fn kinds(told: &Told) -> Vec<ErrorKind> {
    told.lock().unwrap().iter().map(Error::kind).collect()
}

pub(crate) fn addr_of(server: &RunningServer) -> SocketAddr {
    server.local_addr().expect("it is a TCP server")
}

/// Answers with the method, the target, and the whole body.
pub(crate) fn echo(mut request: Request, mut response: Response) -> Result<(), Error> {
    let body = request.body().to_bytes(1 << 20)?;
    let mut said = format!("{} {} ", request.method(), request.uri()).into_bytes();
    said.extend_from_slice(&body);
    response.header("content-type", "text/plain")?;
    response.send(said)
}

/// One connection to a server.
pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
}

/// An answer that has come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: BTreeMap<String, String>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Client {
    pub(crate) fn of(server: &RunningServer) -> Self {
        let stream = TcpStream::connect(addr_of(server)).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Says that nothing more is sent.
    pub(crate) fn end(&mut self) -> &mut Self {
        let ended = self.stream.get_mut().shutdown(Shutdown::Write);
        // The server may have been the first to end the connection.
        let is_over = |error: &io::Error| error.kind() == io::ErrorKind::NotConnected;
        assert!(ended.as_ref().err().is_none_or(is_over), "{ended:?}");
        self
    }

    /// Takes the next answer, to a request that is no HEAD.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer(false).unwrap()
    }

    #[track_caller]
    pub(crate) fn answer_to_head(&mut self) -> Answer {
        self.try_answer(true).unwrap()
    }

    pub(crate) fn try_answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {line:?}")))?;
        let headers = self.fields()?;
        let has_none = to_head || status < 200 || status == 204 || status == 304;
        let mut body = Vec::new();
        let mut trailers = BTreeMap::new();
        if has_none {
        } else if headers
            .get("transfer-encoding")
            .is_some_and(|coding| coding == "chunked")
        {
            loop {
                let line = self.line()?;
                let size = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
                if size == 0 {
                    trailers = self.fields()?;
                    break;
                }
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                assert_eq!(self.line()?, "", "what closes a chunk");
            }
        } else if let Some(length) = headers.get("content-length") {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(Answer {
            status,
            line,
            headers,
            body,
            trailers,
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.strip_suffix("\r\n");
        Ok(line.ok_or(io::ErrorKind::UnexpectedEof)?.to_owned())
    }

    fn fields(&mut self) -> io::Result<BTreeMap<String, String>> {
        let mut fields = BTreeMap::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(": ").expect("a field");
            let before = fields.insert(name.to_lowercase(), value.to_owned());
            assert!(before.is_none(), "{name} is there twice");
        }
    }

    /// Everything until the connection ends. An error if that is a reset.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).map(|_| rest)
    }

    /// Nothing comes any more, and the connection is closed well.
    #[track_caller]
    pub(crate) fn is_over(&mut self) {
        assert_eq!(self.rest().unwrap(), b"");
    }
}

/// A request without a body.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A request with one.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Says something on a connection of its own, and gives all that comes back.
pub(crate) fn talk(server: &RunningServer, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Client::of(server);
    client.say(bytes).end();
    String::from_utf8(client.rest().unwrap()).unwrap()
}
