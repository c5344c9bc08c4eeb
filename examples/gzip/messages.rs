//! What became of a file, as `gzip` prints it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use highwater::Error;

use crate::options::{Format, Options};
use crate::output::stored_name;
use crate::shell;
use crate::stage::Moved;

/// How much of compressed data is its frame, which does not show how well it was compressed: its
/// first head and its last tail.
pub(crate) fn frame_bytes(options: &Options, file: Option<&Path>) -> u64 {
    const SHORTEST: u64 = 10 + 8;
    match (options.format, file) {
        (Format::Zlib, _) => 6,
        (Format::Raw, _) => 0,
        (Format::Gzip, None) => SHORTEST,
        (Format::Gzip, Some(file)) if options.decompress => {
            let head = File::open(file).and_then(head_bytes);
            head.map_or(SHORTEST, |head| head + 8)
        }
        (Format::Gzip, Some(_)) if options.no_name => SHORTEST,
        // The name, and the byte that ends it.
        (Format::Gzip, Some(file)) => SHORTEST + stored_name(file).len() as u64 + 1,
    }
}

/// Reads the head of gzip data, and gives its length (RFC 1952, 2.3).
fn head_bytes(file: File) -> io::Result<u64> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const CHECKED: u8 = 2;
    let mut file = BufReader::new(file);
    let mut fixed = [0; 10];
    file.read_exact(&mut fixed)?;
    let mut bytes = 10;
    if fixed[3] & EXTRA != 0 {
        let mut length = [0; 2];
        file.read_exact(&mut length)?;
        let length = u64::from(u16::from_le_bytes(length));
        bytes += 2 + io::copy(&mut (&mut file).take(length), &mut io::sink())?;
    }
    for flag in [NAME, COMMENT] {
        if fixed[3] & flag != 0 {
            for byte in (&mut file).bytes() {
                bytes += 1;
                if byte? == 0 {
                    break;
                }
            }
        }
    }
    Ok(bytes + if fixed[3] & CHECKED != 0 { 2 } else { 0 })
}

/// How much smaller the compressed data is, in per cent of the other.
pub(crate) struct Ratio {
    pub(crate) compressed: u64,
    pub(crate) plain: u64,
}

impl Ratio {
    /// Of a file that was compressed or decompressed.
    pub(crate) fn of(options: &Options, moved: Moved, frame: u64) -> Self {
        let (compressed, plain) = if options.decompress {
            (moved.read, moved.written)
        } else {
            (moved.written, moved.read)
        };
        Self {
            compressed: compressed.saturating_sub(frame),
            plain,
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saved = self.plain as f64 - self.compressed as f64;
        let saved = if self.plain == 0 {
            0.0
        } else {
            saved / self.plain as f64
        };
        write!(f, "{:5.1}%", saved * 100.0)
    }
}

/// The table of `--list`.
#[derive(Default)]
pub(crate) struct Table {
    rows: usize,
    sum: Moved,
    frames: u64,
}

impl Table {
    pub(crate) fn add(
        &mut self,
        options: &Options,
        moved: Moved,
        frame: u64,
        name: &str,
    ) -> Result<(), Error> {
        if self.rows == 0 {
            let (compressed, plain) = ("compressed", "uncompressed");
            print_row(&format!(
                "{compressed:>19} {plain:>19}  ratio uncompressed_name"
            ))?;
        }
        self.rows += 1;
        self.sum.read += moved.read;
        self.sum.written += moved.written;
        self.frames += frame;
        row(options, moved, frame, name)
    }

    pub(crate) fn end(&self, options: &Options) -> Result<(), Error> {
        if self.rows < 2 {
            return Ok(());
        }
        row(options, self.sum, self.frames, "(totals)")
    }
}

fn row(options: &Options, moved: Moved, frame: u64, name: &str) -> Result<(), Error> {
    let ratio = Ratio::of(options, moved, frame);
    print_row(&format!(
        "{:>19} {:>19} {ratio} {name}",
        moved.read, moved.written
    ))
}

fn print_row(line: &str) -> Result<(), Error> {
    shell::write_stdout(format!("{line}\n").as_bytes())
}
