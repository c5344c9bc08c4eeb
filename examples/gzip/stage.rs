//! The pipeline of one file.

use std::path::Path;
use std::time::UNIX_EPOCH;

use highwater::gzip;
use highwater::{Bytes, CancelToken, Error, Pipeline, Report, Sink, Source, pipeline};
use indicatif::HumanBytes;

use crate::options::{Format, Options};
use crate::output::stored_name;
use crate::shell::{self, note};

/// How much was read, and how much came out of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// Takes everything from source to sink. `file` is what the source reads, if that has a name.
pub(crate) fn through(
    options: &Options,
    token: &CancelToken,
    file: Option<&Path>,
    source: impl Source<Bytes> + 'static,
    sink: Box<dyn Sink<Bytes>>,
) -> Result<Moved, Error> {
    let bar = shell::bar(true, source.len_hint());
    let begun = pipeline(source).cancel_with(token);
    // Of what is read the length may be known. Of what is written it never is.
    let (monitor, moved) = (begun.monitor(), bar.clone());
    let report = stage(options, file, begun)
        .progress(move |_| {
            moved.set_position(read_by(&monitor.snapshot()));
        })
        .to(sink)
        .run();
    bar.finish_and_clear();
    let report = report?;
    let moved = Moved {
        read: read_by(&report),
        written: report.bytes(),
    };
    if options.progress {
        note(format_args!(
            "{} became {}, in {:.1?}",
            HumanBytes(moved.read),
            HumanBytes(moved.written),
            report.elapsed()
        ));
    }
    Ok(moved)
}

fn read_by(report: &Report) -> u64 {
    report.stages().first().map_or(0, |source| source.bytes)
}

fn stage<'a>(
    options: &Options,
    file: Option<&Path>,
    begun: Pipeline<'a, Bytes>,
) -> Pipeline<'a, Bytes> {
    if options.decompress {
        let mut stage = match options.format {
            Format::Gzip => gzip::decompress(),
            Format::Zlib => gzip::decompress().zlib(),
            Format::Raw => gzip::decompress().raw(),
        };
        if let Some(bytes) = options.max_output {
            stage = stage.max_output(bytes);
        }
        if options.ignore_trailing {
            stage = stage.ignore_trailing();
        }
        return begun.through(stage);
    }
    let file = file.filter(|_| !options.no_name);
    let name = file.map(stored_name).unwrap_or_default().as_encoded_bytes();
    let modified = file.and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
    let modified = modified.unwrap_or(UNIX_EPOCH);
    if options.threads != 1 {
        let stage = gzip::compress_parallel(options.level, options.threads);
        return begun.through(stage.file_name(name).modified(modified));
    }
    let stage = gzip::compress(options.level);
    begun.through(match options.format {
        Format::Gzip => stage.file_name(name).modified(modified),
        Format::Zlib => stage.zlib(),
        Format::Raw => stage.raw(),
    })
}
