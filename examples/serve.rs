//! Serves a directory over HTTP: ranges, conditions, types, and no path out of the directory.
//!
//! ```text
//! cargo run --release --example serve
//! cargo run --release --example serve -- --listen 0.0.0.0:8080 --progress public
//! ```

mod shell;
mod web;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use highwater::Error;
use highwater::http::files::Folder;
use highwater::http::{Request, Response};

use shell::Interrupted;
use shell::cli::{self, Cli, at_most_one};

/// What the command line asks for.
#[derive(Default)]
struct Options {
    common: web::Common,
    index: OsString,
    no_listing: bool,
    symlinks: bool,
    directory: PathBuf,
}

fn main() -> ExitCode {
    let finish = |mut options: Options, others| {
        options.directory = at_most_one(others)?.map_or_else(|| ".".into(), PathBuf::from);
        Ok(options)
    };
    cli().run(finish, |options| web::exit_code(serve(&options)))
}

fn cli() -> Cli<Options> {
    let summary = "Serves the files of DIRECTORY, or of the current one, over HTTP/1.1.";
    let cli = Cli::<Options>::new(summary, "[options] [DIRECTORY]")
        .value(
            "--index",
            cli::text("NAME"),
            "the file that is sent for a directory, if it is there",
            |it, name| it.index = name,
        )
        .default("index.html")
        .flag(
            "--no-listing",
            "a directory without an index is not found, in place of a list of what is in it",
            |it| it.no_listing = true,
        )
        .flag(
            "--symlinks",
            "follows symbolic links, but never out of DIRECTORY",
            |it| it.symlinks = true,
        )
        .about(
            "A client reads at its own speed: what it has not taken waits in the file, not in memory.",
        );
    web::with_common(cli, "1000", |it| &mut it.common)
}

/// Serves until a signal comes, and gives back which.
fn serve(options: &Options) -> Result<Option<Interrupted>, Error> {
    let files = Folder::open(&options.directory)?
        .index(&options.index)
        .listing(!options.no_listing)
        .symlinks(options.symlinks)
        .gzip(true);
    let respond = move |request: Request, response: Response| {
        let (method, uri) = (request.method(), request.uri());
        let found = files.prepare(method, uri, request.headers())?;
        web::send(found, method, response)
    };
    let what = options.directory.display().to_string();
    let server = options.common.bind()?;
    options.common.run(server, &what, respond)
}
