//! Takes files over HTTP: the body of a PUT is streamed into a file, however large it is.
//!
//! ```text
//! cargo run --release --example upload -- target/inbox
//! curl -T Cargo.lock http://127.0.0.1:8080/
//! ```

mod part;
#[path = "../shell/mod.rs"]
mod shell;
#[path = "../web/mod.rs"]
mod web;

use std::ffi::OsString;
use std::fs::{Metadata, create_dir_all};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use highwater::http::files::{Prepared, RequestPath, check_conditions};
use highwater::http::{HeaderMap, Limits, Method, Request, Response, StatusCode, header};
use highwater::{Error, ErrorKind, pipeline};
use rustix::io::Errno;

use part::{Found, Place, Unplaced};
use shell::Interrupted;
use shell::cli::{Cli, at_most_one, bytes};
use shell::hash::{hashed, sum_line};
use web::Logged;

/// What the command line asks for.
#[derive(Default)]
struct Options {
    common: web::Common,
    max: u64,
    sync: bool,
    directory: PathBuf,
}

fn main() -> ExitCode {
    let finish = |mut options: Options, others| {
        let directory = at_most_one(others)?.filter(|directory| !directory.is_empty());
        options.directory = directory.ok_or("DIRECTORY is wanted")?.into();
        Ok(options)
    };
    cli().run(finish, |options| web::exit_code(serve(options)))
}

fn cli() -> Cli<Options> {
    let summary = "Takes files over HTTP/1.1: PUT /NAME puts its body into DIRECTORY/NAME, and responds with its \
                   SHA-256.";
    let cli = Cli::<Options>::new(summary, "[options] DIRECTORY")
        .about(
            "A file is there when all of it is: until then, and after an upload that broke off, what was \
             there before stays. An upload is taken as fast as the file is written, and no faster. A file \
             that is replaced hands on its permissions. `If-None-Match: *` takes only a new one, and the \
             other conditions of HTTP go by the tags and times that `serve` gives.",
        )
        .value("--max", bytes(), "the largest file", |it, max| it.max = max)
        .default("16G")
        .flag(
            "--sync",
            "responds when a file is on the disk, and not only with the kernel",
            |it| it.sync = true,
        );
    web::with_common(cli, "100", |it| &mut it.common)
}

/// Serves until a signal comes, and gives back which.
fn serve(options: Options) -> Result<Option<Interrupted>, Error> {
    let what = options.directory.display().to_string();
    create_dir_all(&options.directory)
        .map_err(|error| Error::from(error).during("create", &what))?;
    let inbox = Inbox {
        place: Place::open(&options.directory)?,
        directory: options.directory,
        sync: options.sync,
    };
    let limits = Limits::default().body_bytes(options.max);
    let server = options.common.bind()?.limits(limits);
    let respond = move |request: Request, response: Response| inbox.respond(request, response);
    options.common.run(server, &what, respond)
}

/// Where files are put.
struct Inbox {
    place: Place,
    directory: PathBuf,
    sync: bool,
}

/// The response to an upload that is not taken.
type Refused = (StatusCode, &'static str);

impl Inbox {
    fn respond(&self, request: Request, mut response: Response) -> Result<Logged, Error> {
        if request.method() != Method::PUT {
            let prepared = Prepared::unsupported_method(request.method(), "OPTIONS, PUT");
            return web::send(prepared, request.method(), response);
        }
        response.header("content-type", "text/plain; charset=utf-8")?;
        let name = match name_of(&request) {
            Ok(name) => name,
            Err(refused) => return refuse(response, refused),
        };
        match self.take(request, &self.directory.join(&name)) {
            Ok((replaced, hash)) => {
                let status = match replaced {
                    Some(_) => StatusCode::OK,
                    None => StatusCode::CREATED,
                };
                let text = sum_line(&hash, &name);
                let bytes = text.len() as u64;
                response.status(status).send(text)?;
                Ok(Logged { status, bytes })
            }
            Err(Unplaced::Refused(refused)) => refuse(response, refused),
            Err(Unplaced::Failed(error)) => match fault(&error) {
                Some(refused) => {
                    web::print(format_args!("{error:#}"));
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
        // Before the client sends all of it for nothing, and once more when it is put in its place.
        check(&self.place.look(target)?).map_err(Unplaced::Refused)?;
        let part = self.place.create()?;
        let (done, hash) = mpsc::channel();
        hashed(pipeline(request.into_body()), done)
            .to(part.sink()?)
            .run()
            .map_err(Error::from)?;
        let hash = hash.recv().map_err(Error::other)?;
        let replaced = self.place.put(part, target, self.sync, check)?;
        Ok((replaced, hash))
    }
}

/// The name of the file that is put, which lies in the directory itself.
fn name_of(request: &Request) -> Result<OsString, Refused> {
    let name = RequestPath::decode(request.path()).ok().filter(|path| {
        let is_one = !path.is_directory() && path.as_path().components().count() == 1;
        is_one && !path.as_bytes().starts_with(b".")
    });
    let Some(name) = name else {
        let text =
            "a name is wanted, with no directory and no dot before it: curl -T FILE http://HOST/\n";
        return Err((StatusCode::BAD_REQUEST, text));
    };
    // RFC 9110 14.4 and 9.3.4: a part would be taken for the whole.
    if request.headers().contains_key(header::CONTENT_RANGE) {
        let text = "a part of a file is not taken: send all of it, without Content-Range\n";
        return Err((StatusCode::BAD_REQUEST, text));
    }
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let text = "a file is taken as it is: send it without Content-Encoding\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    Ok(name.file_name().to_owned())
}

/// Decides whether a file may be put in the place of what is there: RFC 9110, section 13.
fn judged(headers: &HeaderMap, found: Option<&Metadata>) -> Result<(), Refused> {
    if found.is_some_and(|found| !found.is_file() && !found.is_symlink()) {
        let text = "something that is no file has that name: take another one\n";
        return Err((StatusCode::CONFLICT, text));
    }
    check_conditions(&Method::PUT, headers, found).map_err(|status| {
        let text = "the file is not, or no longer, as the conditions of the request have it\n";
        (status, text)
    })
}

/// The response to a failure that the client can do something about.
fn fault(error: &Error) -> Option<Refused> {
    let kind = match error.kind() {
        ErrorKind::Io(kind) => kind,
        ErrorKind::TimedOut if error.operation() == Some("lock") => {
            let text = "another process holds the directory: try again\n";
            return Some((StatusCode::SERVICE_UNAVAILABLE, text));
        }
        _ => return None,
    };
    let raw = error.io_error().and_then(std::io::Error::raw_os_error);
    if raw == Some(Errno::NAMETOOLONG.raw_os_error()) {
        return Some((StatusCode::BAD_REQUEST, "the name is too long\n"));
    }
    Some(match kind {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            let text = "there is no room for it; what was there before is there still\n";
            (StatusCode::INSUFFICIENT_STORAGE, text)
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            let text = "the server may not write there\n";
            (StatusCode::FORBIDDEN, text)
        }
        Io::IsADirectory => {
            let text = "something that is no file has that name: take another one\n";
            (StatusCode::CONFLICT, text)
        }
        _ => return None,
    })
}

fn refuse(response: Response, (status, text): Refused) -> Result<Logged, Error> {
    response.status(status).send(text)?;
    let bytes = text.len() as u64;
    Ok(Logged { status, bytes })
}
