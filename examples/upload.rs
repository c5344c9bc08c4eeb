//! Takes files over HTTP: the body of a PUT is streamed into a file, however large it is.
//!
//! ```text
//! cargo run --release --example upload -- target/inbox
//! curl -T Cargo.lock http://127.0.0.1:8080/
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/hash.rs"]
mod hash;
#[path = "shell/number.rs"]
mod number;
mod shell;
#[path = "web/watch.rs"]
mod watch;
mod web;

use std::fs::{create_dir_all, remove_file, rename};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use highwater::http::{Limits, Method, Request, Response, Server, StatusCode};
use highwater::{Error, fs, net, pipeline};

use asked::asked;
use hash::hashed;
use shell::Interrupted;
use watch::Watch;

const HELP: &str = "\
Takes files over HTTP/1.1: PUT /NAME puts its body into FOLDER/NAME, and answers with its SHA-256.

usage: upload [options] FOLDER

A file is there when all of it is: until then, and after an upload that broke off, what was there
before stays. An upload is taken as fast as the file is written, and no faster.

options
  --listen HOST:PORT  where [127.0.0.1:8080]; port 0 takes a free one
  --connections N     so many at once; others wait to be accepted [100]
  --max BYTES         the largest file [17179869184]
  --sync              answers when a file is on the disk, and not only with the system
  --grace SECONDS     lets uploads finish for so long after Ctrl-C [5]
  --progress          says once a second how far each upload is, and how fast it goes
  --help

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM";

/// What the command line asks for.
struct Options {
    listen: String,
    connections: usize,
    max: u64,
    sync: bool,
    grace: Duration,
    progress: bool,
    folder: PathBuf,
}

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    web::exit_code(serve(options))
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        listen: "127.0.0.1:8080".to_owned(),
        connections: 100,
        max: 16 << 30,
        sync: false,
        grace: Duration::from_secs(5),
        progress: false,
        folder: PathBuf::new(),
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("listen") => options.listen = args.value()?.string()?,
            Long("connections") => options.connections = args.value()?.parse_with(number::count)?,
            Long("max") => options.max = args.value()?.parse()?,
            Long("sync") => options.sync = true,
            Long("grace") => options.grace = args.value()?.parse_with(number::seconds)?,
            Long("progress") => options.progress = true,
            Long("help") | Short('h') => return Ok(None),
            Value(folder) if options.folder.as_os_str().is_empty() => {
                options.folder = folder.into()
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.folder.as_os_str().is_empty() {
        return Err("FOLDER is wanted".into());
    }
    Ok(Some(options))
}

/// Serves until a signal comes, and gives back which.
fn serve(options: Options) -> Result<Option<Interrupted>, Error> {
    create_dir_all(&options.folder)?;
    let door = net::Server::bind(options.listen.as_str())?
        .connections(options.connections)
        .grace(options.grace);
    let watch = Watch::start(options.progress)?;
    let what = options.folder.display().to_string();
    let limits = Limits::default().body_bytes(options.max);
    let inbox = Inbox {
        folder: options.folder,
        sync: options.sync,
        number: AtomicU64::new(0),
    };
    let answer = move |request: Request, response: Response| {
        let _seen = watch.begin(&request);
        inbox.answer(request, response)
    };
    web::run(Server::on(door).limits(limits), &what, answer)
}

/// Where the files go.
struct Inbox {
    folder: PathBuf,
    sync: bool,
    /// So that two uploads of one name do not write to one file.
    number: AtomicU64,
}

impl Inbox {
    fn answer(&self, request: Request, mut response: Response) -> Result<(), Error> {
        if request.method() != Method::PUT {
            response.header("allow", "PUT")?;
            return response
                .status(StatusCode::METHOD_NOT_ALLOWED)
                .send("a file is put: curl -T FILE http://HOST/\n");
        }
        let Some(name) = plain_name(request.path()).map(str::to_owned) else {
            return response
                .status(StatusCode::BAD_REQUEST)
                .send("a name is wanted: letters, digits, dots, dashes, and no folder\n");
        };
        let path = self.folder.join(&name);
        let status = if path.exists() {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        };
        let hash = self.take(request, &path)?;
        response.header("content-type", "text/plain")?;
        response.status(status).send(format!("{hash}  {name}\n"))
    }

    /// Puts the body into the file, and gives its hash.
    fn take(&self, request: Request, path: &Path) -> Result<String, Error> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!(".upload-{number}.part"));
        let outcome = self.write(request, &part).and_then(|hash| {
            rename(&part, path).map_err(|error| {
                Error::from(error).during("put in its place", &path.display().to_string())
            })?;
            Ok(hash)
        });
        if outcome.is_err() {
            // What is left of an upload that broke off is nobody's.
            let _ = remove_file(&part);
        }
        outcome
    }

    fn write(&self, request: Request, part: &Path) -> Result<String, Error> {
        let mut file = fs::create(part)?;
        if self.sync {
            file = file.sync();
        }
        let (tell, hash) = mpsc::channel();
        hashed(pipeline(request.into_body()), tell).to(file).run()?;
        hash.recv().map_err(Error::other)
    }
}

/// The name of a file in the folder itself: nothing in it means anything to a file system.
fn plain_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"._-".contains(&letter);
    let is_plain = !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
    (is_plain && name.len() <= 200).then_some(name)
}
