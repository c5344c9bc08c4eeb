//! Copies from one place to another: files, standard streams, TCP and Unix sockets.
//!
//! ```text
//! cargo run --release --example copy -- --report Cargo.toml /tmp/copy
//! ```

#[path = "../shell/asked.rs"]
mod asked;
mod ends;
#[path = "../shell/number.rs"]
mod number;
mod options;
#[path = "../shell/place.rs"]
mod place;
#[path = "../shell/mod.rs"]
mod shell;

use std::env;
use std::io::{Write, stderr};
use std::process::ExitCode;

use highwater::{CancelToken, Error, ErrorKind, Progress, Report, Source, pipeline};
use indicatif::HumanBytes;

use asked::asked;
use ends::{open_sink, open_source};
use options::{HELP, Options, parse};
use place::Place;
use shell::complain;

fn main() -> ExitCode {
    let options = match asked(HELP, parse) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let token = CancelToken::new();
    let signals = match shell::cancel_on_signal(&token) {
        Ok(signals) => signals,
        Err(error) => {
            complain(format_args!("failed to handle signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = copy(&options, &token);
    signals.close();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => shell::end(&error, hint(&options, &error)),
    }
}

fn copy(options: &Options, token: &CancelToken) -> Result<(), Error> {
    // The source first: if it is not there, the destination stays as it was.
    let source = open_source(options, token)?;
    let sink = open_sink(options, token)?;
    let total = source.len_hint();
    let bar = shell::bar(options.progress, total);
    let moved = bar.clone();

    let mut pipeline = pipeline(source)
        .high_water_mark(options.mark)
        .cancel_with(token)
        .progress(move |progress: &Progress| moved.set_position(progress.bytes));
    if let Some(limit) = options.limit {
        pipeline = pipeline.limit(limit);
    }
    if options.buffered {
        pipeline = pipeline.in_buffers();
    }
    let outcome = pipeline.to(sink).run();
    bar.finish_and_clear();
    let (report, error) = match outcome {
        Ok(report) => (report, None),
        Err(failure) => (failure.report, Some(failure.error)),
    };
    if options.report {
        tell(&report);
    }
    match error {
        None => Ok(()),
        Some(error) if shell::is_unread(&error) => Err(error),
        Some(error) => {
            complain(format_args!(
                "{} bytes were confirmed by {}",
                report.bytes(),
                sink_name(&report)
            ));
            Err(error)
        }
    }
}

fn sink_name(report: &Report) -> &str {
    report.stages().last().map_or("the sink", |sink| &sink.name)
}

fn tell(report: &Report) {
    let _ = writeln!(stderr(), "{report}");
    if let Some(path) = report.path() {
        let _ = writeln!(stderr(), "path: {path}");
    }
}

/// What to try, where that is clear.
fn hint(options: &Options, error: &Error) -> Option<String> {
    use std::io::ErrorKind as Io;

    let ErrorKind::Io(kind) = error.kind() else {
        return None;
    };
    Some(match kind {
        Io::NotFound => {
            let here = env::current_dir().ok()?;
            format!("paths are taken from {}", here.display())
        }
        Io::IsADirectory if is_folder(&options.from) => {
            "a folder cannot be copied; name a file in it, or pack it: tar -c FOLDER | copy - DST"
                .to_owned()
        }
        Io::IsADirectory => format!(
            "DST is a folder: name the file in it, such as {}",
            inside(options)
        ),
        Io::ConnectionRefused => "is somebody listening there?".to_owned(),
        Io::StorageFull => {
            let missing = "make room, then copy again";
            error.offset().map_or_else(
                || missing.to_owned(),
                |at| format!("{} were written; {missing}", HumanBytes(at)),
            )
        }
        _ => return None,
    })
}

fn is_folder(place: &Place) -> bool {
    matches!(place, Place::Path(path) if path.is_dir())
}

/// The file in the folder DST that has the name of SRC.
fn inside(options: &Options) -> String {
    let Place::Path(folder) = &options.to else {
        return options.to.to_string();
    };
    let name = match &options.from {
        Place::Path(from) => from.file_name(),
        _ => None,
    };
    folder
        .join(name.unwrap_or_else(|| "FILE".as_ref()))
        .display()
        .to_string()
}
