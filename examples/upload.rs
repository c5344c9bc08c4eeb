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
#[path = "web/part.rs"]
mod part;
mod shell;
#[path = "shell/sum.rs"]
mod sum;
#[path = "web/watch.rs"]
mod watch;
mod web;

use std::ffi::OsString;
use std::fs::{Metadata, create_dir_all};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use highwater::http::files::{Prepared, RequestPath, check_conditions};
use highwater::http::{HeaderMap, Limits, Method, Request, Response, Server, StatusCode, header};
use highwater::{Error, ErrorKind, net, pipeline};
use rustix::io::Errno;

use asked::asked;
use hash::hashed;
use number::given;
use part::{Found, Place, Unplaced};
use shell::Interrupted;
use sum::sum_line;
use watch::Watch;
use web::Answered;

const HELP: &str = "\
Takes files over HTTP/1.1: PUT /NAME puts its body into FOLDER/NAME, and answers with its SHA-256.

usage: upload [options] FOLDER

A file is there when all of it is: until then, and after an upload that broke off, what was there
before stays. An upload is taken as fast as the file is written, and no faster. A file that is
replaced hands on its permissions. `If-None-Match: *` takes only a new one, and the other conditions
of HTTP go by the tags and times that `serve` gives.

options
  --listen HOST:PORT  where, or a port of this machine alone [127.0.0.1:8080]; 0 takes a free one
  --connections N     so many at once; others wait to be accepted [100]
  --max BYTES         the largest file [16G]
  --sync              answers when a file is on the disk, and not only with the system
  --grace SECONDS     lets uploads finish for so long after Ctrl-C [5]
  --progress          says once a second how far each upload is, and how fast it goes
  --no-log            no line on standard error for each request
  --help, --version

BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may have
decimals: 64K, 1.5M, 10MB.

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP";

/// What the command line asks for.
struct Options {
    listen: String,
    connections: usize,
    max: u64,
    sync: bool,
    grace: Duration,
    progress: bool,
    logged: bool,
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
        logged: true,
        folder: PathBuf::new(),
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("listen") => options.listen = given(&mut args, "--listen", web::place)?,
            Long("connections") => {
                options.connections = given(&mut args, "--connections", number::count)?;
            }
            Long("max") => options.max = given(&mut args, "--max", number::bytes)?,
            Long("sync") => options.sync = true,
            Long("grace") => options.grace = given(&mut args, "--grace", number::seconds)?,
            Long("progress") => options.progress = true,
            Long("no-log") => options.logged = false,
            Long("help") | Short('h') => return Ok(None),
            Value(folder) if options.folder.as_os_str().is_empty() => {
                options.folder = folder.into();
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
    let what = options.folder.display().to_string();
    create_dir_all(&options.folder).map_err(|error| Error::from(error).during("create", &what))?;
    let place = Place::open(&options.folder)?;
    let door = net::Server::bind(options.listen.as_str())?
        .connections(options.connections)
        .grace(options.grace);
    let watch = Watch::start(options.progress)?;
    let limits = Limits::default().body_bytes(options.max);
    let inbox = Inbox {
        place,
        folder: options.folder,
        sync: options.sync,
    };
    let answer = move |request: Request, response: Response| {
        let _seen = watch.begin(&request);
        inbox.answer(request, response)
    };
    let server = Server::on(door).limits(limits);
    web::run(server, &what, options.logged, answer)
}

/// Where files are put.
struct Inbox {
    place: Place,
    folder: PathBuf,
    sync: bool,
}

/// What a client is told of an upload that is not taken.
type Refused = (StatusCode, &'static str);

impl Inbox {
    fn answer(&self, request: Request, mut response: Response) -> Result<Answered, Error> {
        if request.method() != Method::PUT {
            let prepared = Prepared::unsupported_method(request.method(), "OPTIONS, PUT");
            return web::send(prepared, request.method(), response);
        }
        response.header("content-type", "text/plain; charset=utf-8")?;
        let name = match name_of(&request) {
            Ok(name) => name,
            Err(refused) => return refuse(response, refused),
        };
        match self.take(request, &self.folder.join(&name)) {
            Ok((replaced, hash)) => {
                let status = match replaced {
                    Some(_) => StatusCode::OK,
                    None => StatusCode::CREATED,
                };
                let text = sum_line(&hash, &name);
                let bytes = text.len() as u64;
                response.status(status).send(text)?;
                Ok(Answered { status, bytes })
            }
            Err(Unplaced::Refused(refused)) => refuse(response, refused),
            Err(Unplaced::Failed(error)) => match fault(&error) {
                Some(refused) => {
                    web::tell(format_args!("{error:#}"));
                    refuse(response, refused)
                }
                None => Err(error),
            },
        }
    }

    /// Puts the body into the file, and gives what it has replaced, and its hash.
    fn take(&self, request: Request, target: &Path) -> Result<(Found, String), Unplaced<Refused>> {
        let headers = request.headers().clone();
        let check = |found: &Found| judged(&headers, found.as_ref());
        // Before the client sends it all in vain, and once more when it is put in its place.
        check(&self.place.look(target)?).map_err(Unplaced::Refused)?;
        let part = self.place.create()?;
        let (tell, hash) = mpsc::channel();
        hashed(pipeline(request.into_body()), tell)
            .to(part.sink()?)
            .run()
            .map_err(Error::from)?;
        let hash = hash.recv().map_err(Error::other)?;
        let replaced = self.place.put(part, target, self.sync, check)?;
        Ok((replaced, hash))
    }
}

/// The name of the file that is put, which lies in the folder itself.
fn name_of(request: &Request) -> Result<OsString, Refused> {
    let name = RequestPath::decode(request.path()).ok().filter(|path| {
        let is_one = !path.is_directory() && path.as_path().components().count() == 1;
        is_one && !path.as_bytes().starts_with(b".")
    });
    let Some(name) = name else {
        let said =
            "a name is wanted, with no folder and no dot before it: curl -T FILE http://HOST/\n";
        return Err((StatusCode::BAD_REQUEST, said));
    };
    // RFC 9110 14.4 and 9.3.4: a part would be taken for the whole.
    if request.headers().contains_key(header::CONTENT_RANGE) {
        let said = "a part of a file is not taken: send all of it, without Content-Range\n";
        return Err((StatusCode::BAD_REQUEST, said));
    }
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let said = "a file is taken as it is: send it without Content-Encoding\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, said));
    }
    Ok(name.file_name().to_owned())
}

/// Says whether a file may be put in the place of what is there: RFC 9110, section 13.
fn judged(headers: &HeaderMap, found: Option<&Metadata>) -> Result<(), Refused> {
    if found.is_some_and(|found| !found.is_file() && !found.is_symlink()) {
        let said = "something that is no file has that name: take another one\n";
        return Err((StatusCode::CONFLICT, said));
    }
    check_conditions(&Method::PUT, headers, found).map_err(|status| {
        let said = "the file is not, or no longer, as the conditions of the request have it\n";
        (status, said)
    })
}

/// What a client is told of a failure that it can do something about.
fn fault(error: &Error) -> Option<Refused> {
    let kind = match error.kind() {
        ErrorKind::Io(kind) => kind,
        ErrorKind::TimedOut if error.operation() == Some("lock") => {
            let said = "another process holds the folder: try again\n";
            return Some((StatusCode::SERVICE_UNAVAILABLE, said));
        }
        _ => return None,
    };
    let raw = error.io_error().and_then(std::io::Error::raw_os_error);
    if raw == Some(Errno::NAMETOOLONG.raw_os_error()) {
        return Some((StatusCode::BAD_REQUEST, "the name is too long\n"));
    }
    Some(match kind {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            let said = "there is no room for it; what was there before is there still\n";
            (StatusCode::INSUFFICIENT_STORAGE, said)
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            let said = "the server may not write there\n";
            (StatusCode::FORBIDDEN, said)
        }
        Io::IsADirectory => {
            let said = "something that is no file has that name: take another one\n";
            (StatusCode::CONFLICT, said)
        }
        _ => return None,
    })
}

fn refuse(response: Response, (status, said): Refused) -> Result<Answered, Error> {
    response.status(status).send(said)?;
    let bytes = said.len() as u64;
    Ok(Answered { status, bytes })
}
