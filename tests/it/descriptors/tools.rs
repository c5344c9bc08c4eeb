//! The example tools between descriptors of every kind: what a user of a shell meets.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::descriptors::kinds::{Kind, Way, flags};
use crate::descriptors::ways::{case, tell};
use crate::support::{Folder, example, pattern, until, watched};

/// More than whatever stands between holds, several times over.
const BYTES: usize = 1_300_000;

/// Lines of text, and the same compressed.
struct Files {
    _folder: Folder,
    text: Vec<u8>,
    plain: PathBuf,
    packed: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = Folder::new();
        let words = pattern(BYTES / 2);
        let text = words.chunks(20).flat_map(|word| {
            let digits: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
            [digits.into_bytes(), b"\n".to_vec()].concat()
        });
        let text: Vec<u8> = text.collect();
        let plain = folder.file("plain", &text);
        let packed = folder.path("packed");
        let mut pack = example("gzip");
        pack.arg("-c").arg(&plain).stderr(Stdio::null());
        let packing = pack.stdout(File::create(&packed).unwrap()).status();
        assert!(packing.unwrap().success());
        Self {
            _folder: folder,
            text,
            plain,
            packed,
        }
    }

    /// Every tool that writes the text to standard output.
    fn writers(&self) -> [Command; 4] {
        let [mut copy, mut buffered] = [example("copy"), example("copy")];
        copy.arg("--stable").arg(&self.plain).arg("-");
        buffered.arg("--buffered").arg(&self.plain).arg("-");
        let [mut lines, mut gzip] = [example("lines"), example("gzip")];
        lines.arg(&self.plain);
        gzip.arg("-dc").arg(&self.packed);
        [copy, buffered, lines, gzip]
    }

    /// Every tool that copies the text from standard input.
    fn readers(&self) -> [Command; 2] {
        let [mut copy, mut lines] = [example("copy"), example("lines")];
        copy.args(["-", "/dev/stdout"]);
        lines.arg("-");
        [copy, lines]
    }
}

fn spawn(mut command: Command, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Child {
    command.stdin(stdin).stdout(stdout).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn wait(mut child: Child) -> ExitStatus {
    watched(move || child.wait().unwrap())
}

/// Ends a tool that waits, and says how long it then took.
#[track_caller]
fn terminated(child: Child, case: &str) -> Duration {
    let pid = Pid::from_child(&child);
    let waits = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        tasks.flatten().any(|task| {
            let waits = fs::read_to_string(task.path().join("wchan"));
            waits.unwrap_or_default().contains("poll")
        })
    };
    let mut seen = 0;
    until("it waits in poll", || {
        seen = if waits() { seen + 1 } else { 0 };
        seen > 20
    });
    let began = Instant::now();
    kill_process(pid, Signal::TERM).unwrap();
    let status = wait(child);
    let took = began.elapsed();
    assert_eq!(status.code(), Some(143), "{case}");
    took
}

#[test]
fn what_a_tool_writes_to_every_kind_of_output_arrives_whole() {
    let files = Files::new();
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for command in files.writers() {
                let case = case(Way::Out, kind, blocks, &command);
                let (ours, peer) = kind.pair(Way::Out, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let bytes = files.text.len();
                let eaten = thread::spawn(move || crate::descriptors::whole::eat(peer, bytes));
                let child = spawn(command, Stdio::null(), ours);
                let status = wait(child);
                assert_eq!(status.code(), Some(0), "{case}");
                assert_eq!(flags(&shared), before, "{case}");
                // Of what was lost it would wait for ever: a terminal that goes takes what is in it.
                let got = watched(move || eaten.join().unwrap());
                drop(shared);
                assert!(got == files.text, "{case}: {} arrived", got.len());
            }
        }
    }
}

#[test]
fn what_a_tool_reads_from_every_kind_of_input_arrives_whole() {
    let files = Files::new();
    // What has an end: of a terminal that goes, the system says that it has failed.
    for kind in [Kind::Pipe, Kind::Fifo, Kind::Unix, Kind::Tcp] {
        for blocks in [true, false] {
            for command in files.readers() {
                let case = case(Way::In, kind, blocks, &command);
                let (ours, mut peer) = kind.pair(Way::In, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let text = files.text.clone();
                let fed = thread::spawn(move || {
                    use std::io::Write;

                    for piece in text.chunks(3000) {
                        thread::yield_now();
                        peer.write_all(piece).unwrap();
                    }
                });
                let folder = Folder::new();
                let copied = folder.path("copied");
                let child = spawn(command, ours, File::create(&copied).unwrap());
                fed.join().unwrap();
                assert_eq!(wait(child).code(), Some(0), "{case}");
                assert_eq!(flags(&shared), before, "{case}");
                assert!(fs::read(&copied).unwrap() == files.text, "{case}");
            }
        }
    }
}

#[test]
fn a_tool_whose_output_is_not_read_ends_on_sigterm() {
    let files = Files::new();
    let mut times = Vec::new();
    for kind in Kind::ALL {
        for blocks in [true, false] {
            let mut endless = example("copy");
            endless.args(["/dev/zero", "-"]);
            for command in files.writers().into_iter().chain([endless]) {
                let case = case(Way::Out, kind, blocks, &command);
                let (ours, peer): (OwnedFd, File) = kind.pair(Way::Out, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let took = terminated(spawn(command, Stdio::null(), ours), &case);
                assert_eq!(flags(&shared), before, "{case}");
                times.push((took, case));
                drop(peer);
            }
        }
    }
    tell(times);
}

#[test]
fn a_tool_whose_input_is_not_fed_ends_on_sigterm() {
    let files = Files::new();
    let mut times = Vec::new();
    for kind in Kind::ALL {
        for blocks in [true, false] {
            for command in files.readers() {
                let case = case(Way::In, kind, blocks, &command);
                let (ours, peer) = kind.pair(Way::In, blocks);
                let (shared, before) = (ours.try_clone().unwrap(), flags(&ours));
                let took = terminated(spawn(command, ours, Stdio::null()), &case);
                assert_eq!(flags(&shared), before, "{case}");
                times.push((took, case));
                drop(peer);
            }
        }
    }
    tell(times);
}
