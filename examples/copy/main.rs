//! Copies from one place to another: files, standard streams, TCP and Unix sockets.
//!
//! ```text
//! cargo run --release --example copy -- --report Cargo.toml /tmp/copy
//! ```

mod ends;
mod options;
#[path = "../shell/mod.rs"]
mod shell;

use std::env;
use std::process::ExitCode;

use highwater::report::Progress;
use highwater::{CancelToken, Error, ErrorKind, Report, Source, pipeline};
use indicatif::HumanBytes;

use ends::{open_sink, open_source};
use options::Options;
use shell::note;
use shell::place::Place;

fn main() -> ExitCode {
    options::run(
        |options| match shell::under_signals(|token| copy(&options, token)).flatten() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => shell::failure(&error, hint(&options, &error)),
        },
    )
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
        print(&report);
    }
    match error {
        None => Ok(()),
        Some(error) if shell::is_unread(&error) => Err(error),
        Some(error) => {
            note(format_args!(
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

fn print(report: &Report) {
    let path = report.path();
    let path = path.map(|path| format!("path: {path}\n"));
    shell::write_stderr(format!("{report}\n{}", path.unwrap_or_default()));
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
            format!("relative paths start at {}", here.display())
        }
        Io::IsADirectory if is_directory(&options.from) => {
            "a directory cannot be copied; name a file in it, or pack it: tar -c DIRECTORY | copy - DST"
                .to_owned()
        }
        Io::IsADirectory => format!(
            "DST is a directory: name the file in it, such as {}",
            inside(options)
        ),
        Io::StorageFull => {
            let written = HumanBytes(error.offset()?);
            format!("{written} were written; make room, then copy again")
        }
        _ => return None,
    })
}

fn is_directory(place: &Place) -> bool {
    matches!(place, Place::Path(path) if path.is_dir())
}

/// The file in the directory DST that has the name of SRC.
fn inside(options: &Options) -> String {
    let Place::Path(directory) = &options.to else {
        return options.to.to_string();
    };
    let name = match &options.from {
        Place::Path(from) => from.file_name(),
        _ => None,
    };
    directory
        .join(name.unwrap_or_else(|| "FILE".as_ref()))
        .display()
        .to_string()
}
