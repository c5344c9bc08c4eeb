//! A folder behind a server, and a client that takes an answer apart by itself.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::Error;
use highwater::http::Server;
use highwater::http::files::Folder;
use highwater::net::RunningServer;

/// A server of a folder, and what has gone wrong in it.
pub(crate) struct Site {
    server: RunningServer,
    told: Arc<Mutex<Vec<Error>>>,
}

impl Site {
    pub(crate) fn of(folder: Folder) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let server = Server::bind("127.0.0.1:0")
            .unwrap()
            .on_event(move |event| tell.lock().unwrap().push(event.error().clone()))
            .spawn(move |request, response| folder.respond(&request, response))
            .unwrap();
        Self { server, told }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local_addr().unwrap())
    }

    pub(crate) fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.server.local_addr().unwrap()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        BufReader::new(stream)
    }

    /// What has gone wrong so far, when every connection is over.
    pub(crate) fn told(self) -> Vec<String> {
        let counts = self.server.stop().unwrap();
        assert_eq!(counts.aborted, 0, "every connection has ended by itself");
        let told = self.told.lock().unwrap();
        told.iter().map(|error| format!("{error:#}")).collect()
    }

    /// Runs curl for a path, and tells what it has written.
    #[track_caller]
    pub(crate) fn curl(&self, args: &[&str], path: &str) -> Output {
        let ran = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--path-as-is",
                "--max-time",
                "20",
            ])
            .args(args)
            .arg(self.url(path))
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "curl {args:?} {path}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        ran
    }
}

/// Says whether a program is there; if not, what is skipped.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no {program}");
    }
    found
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Head {
    pub(crate) fn length(&self) -> u64 {
        self.headers["content-length"].parse().unwrap()
    }
}

/// Asks for a path on a connection, and takes the head.
pub(crate) fn ask(
    stream: &mut BufReader<TcpStream>,
    method: &str,
    path: &str,
    lines: &[&str],
) -> Head {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: here\r\n{lines}\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    take_head(stream).unwrap()
}

pub(crate) fn take_head(stream: &mut impl BufRead) -> io::Result<Head> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").map(str::to_owned);
        line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let first = line()?;
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = BTreeMap::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else {
            return Ok(Head { status, headers });
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// Takes a body of a known length.
pub(crate) fn take(stream: &mut impl Read, bytes: u64) -> Vec<u8> {
    let mut body = vec![0; usize::try_from(bytes).unwrap()];
    stream.read_exact(&mut body).unwrap();
    body
}
