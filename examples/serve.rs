//! Serves a folder over HTTP: ranges, conditions, types, and no way out of the folder.
//!
//! ```text
//! cargo run --release --example serve
//! cargo run --release --example serve -- --listen 0.0.0.0:8080 --progress public
//! ```

#[path = "shell/asked.rs"]
mod asked;
#[path = "shell/number.rs"]
mod number;
mod shell;
#[path = "web/watch.rs"]
mod watch;
mod web;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use highwater::http::files::Folder;
use highwater::http::{Request, Response, Server};
use highwater::{Error, net};

use asked::asked;
use number::given;
use shell::Interrupted;
use watch::Watch;

const HELP: &str = "\
Serves the files of FOLDER, or of the current one, over HTTP/1.1.

usage: serve [options] [FOLDER]

options
  --listen HOST:PORT  where, or a port of this machine alone [127.0.0.1:8080]; 0 takes a free one
  --connections N     so many at once; others wait to be accepted [1000]
  --index NAME        what a folder is answered with, if it is there [index.html]
  --no-listing        a folder without an index is not found, in place of a list of what is in it
  --symlinks          follows symbolic links, but never out of FOLDER
  --grace SECONDS     lets answers finish for so long after Ctrl-C [5]
  --progress          says once a second how far each answer is, and how fast it goes
  --no-log            no line on standard error for each request
  --help, --version

A client reads at its own speed: what it has not taken waits in the file, not in memory.
The line of a request has the common log format of web servers.

exit status: 1 if it cannot listen, 2 for a wrong call, 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP";

/// What the command line asks for.
struct Options {
    listen: String,
    connections: usize,
    index: OsString,
    listing: bool,
    symlinks: bool,
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
    web::exit_code(serve(&options))
}

fn parse(mut args: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options {
        listen: "127.0.0.1:8080".to_owned(),
        connections: 1000,
        index: "index.html".into(),
        listing: true,
        symlinks: false,
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
            Long("index") => options.index = args.value()?,
            Long("no-listing") => options.listing = false,
            Long("symlinks") => options.symlinks = true,
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
        options.folder.push(".");
    }
    Ok(Some(options))
}

/// Serves until a signal comes, and gives back which.
fn serve(options: &Options) -> Result<Option<Interrupted>, Error> {
    let folder = Folder::open(&options.folder)?
        .index(&options.index)
        .listing(options.listing)
        .symlinks(options.symlinks)
        .gzip(true);
    let door = net::Server::bind(options.listen.as_str())?
        .connections(options.connections)
        .grace(options.grace);
    let watch = Watch::start(options.progress)?;
    let answer = move |request: Request, response: Response| {
        let _seen = watch.begin(&request);
        let (method, uri) = (request.method(), request.uri());
        let found = folder.prepare(method, uri, request.headers())?;
        web::send(found, method, response)
    };
    let what = options.folder.display().to_string();
    web::run(Server::on(door), &what, options.logged, answer)
}
