//! Data that is not what it says: each kind of damage has its name and its place, and `gzip -t`
//! thinks so too.

use std::io;
use std::process::{Command, Stdio};

use flate2::Crc;
use highwater::gzip::{self, Corrupt};
use highwater::stage::apply;
use highwater::{Bytes, ErrorKind};

use crate::properties::gzip::{cut, done, run, whole};
use crate::support::{Folder, have};

const DATA: &[u8] = b"some data, and some more of some data";

fn member() -> Vec<u8> {
    done(&mut gzip::compress(6), whole(DATA))
}

/// A member with every field that a header can have (RFC 1952, 2.3).
fn adorned() -> Vec<u8> {
    let plain = member();
    let mut header = vec![0x1f, 0x8b, 8, 0b0001_1111, 1, 2, 3, 4, 0, 3];
    header.extend([5, 0]);
    header.extend(b"extra");
    header.extend(b"name\0comment\0");
    let mut crc = Crc::new();
    crc.update(&header);
    header.extend(&crc.sum().to_le_bytes()[..2]);
    [&header[..], &plain[10..]].concat()
}

fn with(mut member: Vec<u8>, at: usize, flip: u8) -> Vec<u8> {
    member[at] ^= flip;
    member
}

fn then(mut member: Vec<u8>, more: &[u8]) -> Vec<u8> {
    member.extend(more);
    member
}

/// What `gzip -t` says of it: 0 for well, 1 for an error and 2 for a warning.
fn gzip_says(folder: &Folder, bytes: &[u8]) -> Option<i32> {
    let path = folder.file_arg("input.gz", bytes);
    let mut command = Command::new("gzip");
    command.args(["-t", &path]).stderr(Stdio::null());
    command.status().unwrap().code()
}

#[test]
fn every_kind_of_damage_has_its_name_and_its_place() {
    let plain = member();
    let (all, rich) = (plain.len(), adorned().len());
    let truncated = |bytes: usize| (plain[..bytes].to_vec(), bytes, Corrupt::Truncated);
    let cases = [
        (Vec::new(), 0, Corrupt::Truncated),
        (b"plain text".to_vec(), 0, Corrupt::Magic),
        (with(member(), 1, 1), 1, Corrupt::Magic),
        (with(member(), 2, 1), 2, Corrupt::Method(9)),
        (with(member(), 3, 0x20), 3, Corrupt::Flags(0x20)),
        (with(member(), 3, 0x80), 3, Corrupt::Flags(0x80)),
        (
            with(adorned(), 5, 1),
            rich - all + 9,
            Corrupt::HeaderChecksum,
        ),
        (
            with(adorned(), 15, 1),
            rich - all + 9,
            Corrupt::HeaderChecksum,
        ),
        truncated(1),
        truncated(9),
        truncated(10),
        truncated(all / 2),
        truncated(all - 8),
        truncated(all - 1),
        (then(member(), b"garbage"), all, Corrupt::Trailing),
        (then(member(), b"\0\0\0garbage"), all + 3, Corrupt::Trailing),
        (then(member(), &[0x1f, 0]), all + 1, Corrupt::Trailing),
        (
            [&plain[..], &[0; 3], &plain].concat(),
            all + 3,
            Corrupt::Trailing,
        ),
        (then(member(), &plain[..7]), all + 7, Corrupt::Truncated),
    ];
    let folder = Folder::new();
    let judged = have(&["gzip"]);
    for (bytes, at, corrupt) in cases {
        for chunks in [whole(&bytes), cut(&bytes, &[1]), cut(&bytes, &[3])] {
            let (came, error) = run(&mut gzip::decompress(), chunks);
            let error = error.unwrap_or_else(|| panic!("{corrupt:?} was not seen"));
            assert_eq!(Corrupt::of(&error), Some(&corrupt));
            assert_eq!(error.offset(), Some(at as u64), "{corrupt:?}");
            assert_eq!(error.stage(), Some("gunzip"));
            let kind = match corrupt {
                Corrupt::Truncated => io::ErrorKind::UnexpectedEof,
                _ => io::ErrorKind::InvalidData,
            };
            assert_eq!(error.kind(), ErrorKind::Io(kind));
            assert!(DATA.starts_with(&came) || came.starts_with(DATA));
        }
        if judged {
            let says = gzip_says(&folder, &bytes);
            // Of garbage it only warns. That a name is not what it was it does not see.
            let warns = corrupt == Corrupt::Trailing;
            assert_eq!(says, Some(if warns { 2 } else { 1 }), "{corrupt:?} {at}");
        }
    }
}

#[test]
fn what_came_out_is_held_against_what_was_said() {
    let (all, folder) = (member().len(), Folder::new());
    for at in all - 8..all {
        let bytes = with(member(), at, 0x10);
        let (came, error) = run(&mut gzip::decompress(), cut(&bytes, &[1]));
        let error = error.unwrap();
        assert_eq!(came, DATA, "it came out before it was known to be wrong");
        match Corrupt::of(&error) {
            Some(Corrupt::Checksum { found, expected }) => {
                assert_ne!(found, expected);
                assert_eq!(error.offset(), Some(all as u64 - 8));
                assert!(at < all - 4);
            }
            Some(Corrupt::Length { found, .. }) => {
                assert_eq!(*found as usize, DATA.len());
                assert_eq!(error.offset(), Some(all as u64 - 4));
                assert!(at >= all - 4);
            }
            other => panic!("{other:?}"),
        }
        let text = format!("{error:#}");
        assert!(text.contains("expected"), "{text}");
        assert!(!have(&["gzip"]) || gzip_says(&folder, &bytes) == Some(1));
    }
}

#[test]
fn broken_deflate_and_zlib_are_told_with_how_far_they_were_understood() {
    let zlib = done(&mut gzip::compress(6).zlib(), whole(DATA));
    let cases: [(Vec<u8>, bool); 6] = [
        (vec![0b111], false),         // there is no third block type
        (vec![1, 5, 0, 5, 0], false), // a stored block whose length is not its complement
        (vec![0x78, 0x9d], true),     // the header is no multiple of 31
        (vec![0x79, 0x99], true),     // method 9
        (with(zlib.clone(), zlib.len() - 1, 1), true),
        (vec![0x78, 0xbb, 1, 2, 3, 4], true), // a dictionary
    ];
    for (bytes, is_zlib) in cases {
        let stage = || match is_zlib {
            true => gzip::decompress().zlib(),
            false => gzip::decompress().raw(),
        };
        for chunks in [whole(&bytes), cut(&bytes, &[1])] {
            let (_, error) = run(&mut stage(), chunks);
            let error = error.unwrap_or_else(|| panic!("{bytes:x?} was not seen"));
            let corrupt = Corrupt::of(&error).unwrap();
            let known = matches!(corrupt, Corrupt::Data(_) | Corrupt::Dictionary);
            assert!(known, "{error:#}");
            assert!(error.offset().unwrap() <= bytes.len() as u64);
            assert_eq!(
                error.stage(),
                Some(if is_zlib { "inflate" } else { "inflate-raw" })
            );
        }
    }
    // Behind their end stands nothing, or it is an error too.
    for stage in [
        gzip::decompress().zlib(),
        gzip::decompress().zlib().ignore_trailing(),
    ] {
        let ignores = format!("{stage:?}").contains("ignore_trailing: true");
        let mut stage = stage;
        let (came, error) = run(&mut stage, whole(&then(zlib.clone(), b"x")));
        assert_eq!(came, DATA);
        assert_eq!(error.is_none(), ignores, "{error:?}");
    }
}

#[test]
fn what_is_unusual_and_right_is_taken() {
    let twice = DATA.repeat(2);
    let empty = done(&mut gzip::compress(6), []);
    let cases = [
        (adorned(), DATA),
        (then(member(), &[0; 1000]), DATA),
        (then(member(), &member()), &twice[..]),
        (then(adorned(), &then(member(), &[0; 3])), &twice[..]),
        ([&empty[..], &member(), &empty, &empty].concat(), DATA),
    ];
    let folder = Folder::new();
    for (bytes, data) in cases {
        for chunks in [whole(&bytes), cut(&bytes, &[1]), cut(&bytes, &[7, 0])] {
            assert_eq!(done(&mut gzip::decompress(), chunks), data);
        }
        assert!(!have(&["gzip"]) || gzip_says(&folder, &bytes) == Some(0));
    }
}

#[test]
fn the_first_byte_tells_gzip_from_zlib() {
    let zlib = done(&mut gzip::compress(6).zlib(), whole(DATA));
    for bytes in [member(), then(member(), &[0; 3]), zlib] {
        for chunks in [whole(&bytes), cut(&bytes, &[1])] {
            assert_eq!(done(&mut gzip::decompress().detect(), chunks), DATA);
        }
    }
    let (_, error) = run(&mut gzip::decompress().detect(), []);
    assert_eq!(Corrupt::of(&error.unwrap()), Some(&Corrupt::Truncated));
    let (_, error) = run(&mut gzip::decompress().detect(), whole(b"plain text"));
    assert!(matches!(
        Corrupt::of(&error.unwrap()),
        Some(Corrupt::Data(_))
    ));
}

#[test]
fn garbage_that_is_to_be_ignored_ends_the_stream_there() {
    // What could be padding too.
    for behind in ["garbage", "\0\0"] {
        let bytes = Bytes::from(then(member(), behind.as_bytes()));
        let mut stage = gzip::decompress().ignore_trailing();
        let more = std::iter::repeat(Bytes::from(behind));
        // Which has no end, and is not asked for one.
        let came = apply(&mut stage, [bytes].into_iter().chain(more)).unwrap();
        assert_eq!(came.concat(), DATA);
    }
}
