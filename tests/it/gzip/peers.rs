//! What others have compressed we read, and they read what we have: over files of all sorts.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use highwater::{Bytes, Transform, gzip, pipeline};

use crate::properties::gzip::Format;
use crate::support::{Folder, have, pattern};

/// Files of all sorts, by name.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let program = fs::read("/bin/bash").or_else(|_| fs::read("/bin/sh"));
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    let mut files = vec![
        ("nothing", Vec::new()),
        ("a byte", vec![b'x']),
        ("zeros", vec![0; 1_000_000]),
        ("noise", pattern(500_000)),
        ("a log", log(30_000)),
        ("a lock file", fs::read(manifest).unwrap()),
        ("a program", program.unwrap()),
    ];
    let pieces: Vec<&[u8]> = files.iter().map(|(_, data)| &data[..]).collect();
    let together = pieces.concat();
    files.push((TOGETHER, together));
    files
}

/// All files, one behind the other.
const TOGETHER: &str = "all of them";

/// Lines that are alike and never the same.
fn log(lines: usize) -> Vec<u8> {
    let noise = pattern(8 * lines);
    let mut log = String::new();
    for (number, noise) in noise.chunks_exact(8).enumerate() {
        let noise = u64::from_be_bytes(noise.try_into().unwrap());
        let (ms, status) = (
            noise % 10_000,
            [200, 200, 200, 304, 404][noise as usize % 5],
        );
        log += &format!(
            "10.0.0.{} GET /item/{number} {status} {ms} ms\n",
            noise >> 56
        );
    }
    log.into_bytes()
}

/// A program that reads standard input and writes standard output.
type Peer = (&'static str, &'static [&'static str], Format);

const READERS: [Peer; 10] = [
    ("gzip", &["-dc"], Format::Gzip),
    ("zcat", &[], Format::Gzip),
    ("pigz", &["-dc"], Format::Gzip),
    ("pigz", &["-dc"], Format::Zlib),
    (
        "python3",
        &[
            "-c",
            "import sys, gzip; i, o = sys.stdin.buffer, sys.stdout.buffer; o.write(gzip.decompress(i.read()))",
        ],
        Format::Gzip,
    ),
    (
        "python3",
        &[
            "-c",
            "import sys, zlib; i, o = sys.stdin.buffer, sys.stdout.buffer; o.write(zlib.decompress(i.read()))",
        ],
        Format::Zlib,
    ),
    (
        "python3",
        &[
            "-c",
            "import sys, zlib; i, o = sys.stdin.buffer, sys.stdout.buffer; o.write(zlib.decompress(i.read(), -15))",
        ],
        Format::Raw,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createGunzip()).pipe(process.stdout)",
        ],
        Format::Gzip,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createInflate()).pipe(process.stdout)",
        ],
        Format::Zlib,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createInflateRaw()).pipe(process.stdout)",
        ],
        Format::Raw,
    ),
];

const WRITERS: [Peer; 12] = [
    ("gzip", &["-c"], Format::Gzip),
    ("gzip", &["-c", "-1"], Format::Gzip),
    ("gzip", &["-c", "-9"], Format::Gzip),
    ("pigz", &["-c", "-p", "2"], Format::Gzip),
    ("pigz", &["-c", "-i", "-p", "2"], Format::Gzip),
    ("pigz", &["-c", "-z"], Format::Zlib),
    (
        "python3",
        &[
            "-c",
            "import sys, gzip; i, o = sys.stdin.buffer, sys.stdout.buffer; o.write(gzip.compress(i.read()))",
        ],
        Format::Gzip,
    ),
    (
        "python3",
        &[
            "-c",
            "import sys, zlib; i, o = sys.stdin.buffer, sys.stdout.buffer; o.write(zlib.compress(i.read()))",
        ],
        Format::Zlib,
    ),
    (
        "python3",
        &[
            "-c",
            "import sys, zlib; i, o = sys.stdin.buffer, sys.stdout.buffer; c = zlib.compressobj(wbits=-15); o.write(c.compress(i.read()) + c.flush())",
        ],
        Format::Raw,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createGzip()).pipe(process.stdout)",
        ],
        Format::Gzip,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createDeflate()).pipe(process.stdout)",
        ],
        Format::Zlib,
    ),
    (
        "node",
        &[
            "-e",
            "process.stdin.pipe(require('zlib').createDeflateRaw()).pipe(process.stdout)",
        ],
        Format::Raw,
    ),
];

/// It takes long to start.
fn is_slow((program, ..): &Peer) -> bool {
    matches!(*program, "zcat" | "python3" | "node")
}

/// A program that takes long to start gets the files in one piece.
fn is_for(peer: &Peer, name: &str) -> bool {
    name == "nothing" || is_slow(peer) == (name == TOGETHER)
}

/// What a peer makes of some bytes.
#[track_caller]
fn filter((program, args, _): Peer, folder: &Folder, data: &[u8]) -> Vec<u8> {
    let input = File::open(folder.file_arg("input", data)).unwrap();
    let mut command = Command::new(program);
    command.args(args).stdin(input).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}

/// What a stage makes of them, in a pipeline whose buffers stay as small as they have to.
fn through(data: &[u8], stage: impl Transform<Bytes, Bytes> + 'static) -> Vec<u8> {
    let ready = pipeline(data.to_vec()).through(stage).to(Vec::new());
    let (report, out) = ready.run_into().unwrap();
    for buffer in report.stages().iter().filter_map(|stage| stage.buffer) {
        assert!(buffer.peak <= buffer.high_water_mark + highwater::mark::READ_BYTES);
    }
    out.into_inner()
}

#[test]
fn others_read_what_we_compress() {
    let folder = Folder::new();
    let here: Vec<_> = READERS
        .iter()
        .filter(|(program, ..)| have(&[program]))
        .collect();
    for (name, data) in files() {
        for format in Format::ALL {
            let mut ours: Vec<(String, Vec<u8>)> = Vec::new();
            // Those that get the files in one piece ask for none of these.
            let levels: &[u32] = if name == TOGETHER { &[] } else { &[0, 1, 6, 9] };
            for &level in levels {
                let stage = format.compress(level);
                ours.push((format!("level {level}"), through(&data, stage)));
            }
            let flushed = format.compress(6).flush_each_chunk();
            ours.push(("flushed".to_owned(), through(&data, flushed)));
            if format == Format::Gzip {
                for level in [1, 6] {
                    let stage = gzip::compress_parallel(level, 2).file_name("name");
                    ours.push((format!("parallel {level}"), through(&data, stage)));
                }
            }
            for peer in here.iter().filter(|(.., of)| *of == format) {
                if !is_for(peer, name) {
                    continue;
                }
                // Of those that take long to start, only what is hardest to read.
                let asked = |how: &str| !is_slow(peer) || matches!(how, "parallel 6" | "flushed");
                for (how, small) in ours.iter().filter(|(how, _)| asked(how)) {
                    let back = filter(**peer, &folder, small);
                    assert!(back == data, "{peer:?} misread {name}, {how}");
                }
            }
        }
    }
}

#[test]
fn we_read_what_others_compress() {
    let folder = Folder::new();
    let here: Vec<_> = WRITERS
        .iter()
        .filter(|(program, ..)| have(&[program]))
        .collect();
    for (name, data) in files() {
        for peer in here.iter().filter(|peer| is_for(peer, name)) {
            let small = filter(**peer, &folder, &data);
            let format = peer.2;
            // Some programs write nothing for nothing, which is no stream.
            if !small.is_empty() || !data.is_empty() {
                let back = through(&small, format.decompress());
                assert!(back == data, "{peer:?} misread in {name}");
            }
            if format == Format::Gzip && !data.is_empty() {
                let twice = through(&small.repeat(2), gzip::decompress().detect());
                assert!(twice == data.repeat(2), "{peer:?} misread in {name}, twice");
            }
        }
    }
}

#[test]
fn the_header_says_what_it_was_told() {
    let folder = Folder::new();
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    let data = b"data with a name and a time".repeat(100);
    for parallel in [false, true] {
        let member = if parallel {
            let stage = gzip::compress_parallel(6, 2);
            through(&data, stage.file_name("name.txt").modified(at))
        } else {
            through(&data, gzip::compress(6).file_name("name.txt").modified(at))
        };
        // RFC 1952, 2.3: the magic, the method, a name, the time; and behind them the name.
        assert_eq!(member[..4], [0x1f, 0x8b, 8, 8]);
        assert_eq!(member[4..8], 1_234_567_890_u32.to_le_bytes());
        assert_eq!(&member[10..19], b"name.txt\0");
        if have(&["gzip"]) {
            let path = folder.file_arg("other.gz", &member);
            let listed = Command::new("gzip").args(["-lvN", &path]).output().unwrap();
            assert!(listed.status.success());
            let listed = String::from_utf8(listed.stdout).unwrap();
            assert!(
                listed.contains("name.txt") && listed.contains(" 2700 "),
                "{listed}"
            );
        }
    }
}
