//! Rule 14: a wait that nothing could ever end is an error, and no wait.
//!
//! Each case has a process to itself, with no other thread. So this file has no harness, whose own
//! threads would be among them, and starts itself again for each case.

#[cfg(target_os = "linux")]
fn main() {
    cases::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: only Linux tells how many threads there are");
}

#[cfg(target_os = "linux")]
mod cases {
    use std::collections::VecDeque;
    use std::env;
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use highwater::mark::InItems;
    use highwater::stage::operators::map;
    use highwater::stream::{BranchPolicy, duplex_pair};
    use highwater::{
        Branch, Broadcast, Bytes, Duplex, Error, ErrorKind, HighWaterMark, Readable, Writable,
        WriteError, broadcast, channel, pipeline, pipeline_of,
    };

    /// Which case a process is for.
    const CASE: &str = "HIGHWATER_DEADLOCK";

    /// How long a case may take before it counts as hung, on a machine that is busy with others.
    const PATIENCE: Duration = Duration::from_secs(120);

    type Case = (&'static str, fn());

    const CASES: [Case; 13] = [
        (
            "a_pipeline_into_a_broadcast_that_is_read_afterwards",
            pipeline_then_read,
        ),
        (
            "a_pipeline_with_stages_into_a_broadcast_that_is_read_afterwards",
            stages_then_read,
        ),
        ("a_small_pipeline_into_a_broadcast", small_pipeline),
        ("a_broadcast_beyond_its_mark", broadcast_write),
        ("a_broadcast_beyond_its_mark_after_a_read", broadcast_read),
        ("a_finish_of_a_broadcast", broadcast_finish),
        ("a_branch_without_a_writer", branch_next),
        ("a_slow_branch_is_cut_off_all_the_same", disconnect),
        ("a_channel_beyond_its_mark", channel_write),
        ("a_channel_that_nothing_is_written_to", channel_next),
        ("a_finish_of_a_channel", channel_finish),
        ("a_duplex_pair", pair),
        ("what_has_a_thread_is_waited_for", own_thread),
    ];

    pub(super) fn main() {
        let args: Vec<String> = env::args().skip(1).collect();
        if let Ok(own) = env::var(CASE) {
            let case = CASES.iter().find(|(name, _)| *name == own);
            return case.expect("a case of that name").1();
        }
        let filters = args.iter().filter(|arg| !arg.starts_with('-'));
        let filters: Vec<&String> = filters.collect();
        let wanted = |name: &str| {
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
        };
        let mut failed = Vec::new();
        for (name, _) in CASES.iter().filter(|(name, _)| wanted(name)) {
            if args.iter().any(|arg| arg == "--list") {
                println!("{name}: test");
                continue;
            }
            let outcome = run(name);
            println!(
                "test {name} ... {}",
                outcome.as_ref().map_or("FAILED", |()| "ok")
            );
            failed.extend(outcome.err());
        }
        assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    }

    /// Runs a case in a process of its own.
    fn run(name: &str) -> Result<(), String> {
        let own = env::current_exe().expect("a test has a path");
        let mut command = Command::new(own);
        let quiet = command.env(CASE, name).stdout(Stdio::null());
        let mut child = quiet.stderr(Stdio::piped()).spawn().expect("it is there");
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().expect("it is our child").is_none() {
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name}: hung"));
            }
            thread::yield_now();
        }
        let output = child.wait_with_output().expect("it has ended");
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name}: {}\n{said}", output.status))
    }

    const HIGH: usize = 4;

    fn mark() -> HighWaterMark<InItems> {
        HighWaterMark::items(HIGH)
    }

    fn is_deadlock(error: &Error) {
        assert_eq!(error.kind(), ErrorKind::Deadlock, "{error:?}");
        assert!(error.to_string().contains("no other thread"), "{error}");
    }

    /// Reads what was written, and then the error behind it.
    fn then_read(mut branch: Branch<u32>, cause: &Error) {
        let mut read = 0;
        let error = loop {
            match branch.next().expect("an error comes before the end") {
                Ok(n) => assert_eq!(n, read),
                Err(error) => break error,
            }
            read += 1;
        };
        assert!(error.is_same(cause), "{error:?}");
        assert_eq!(read, HIGH as u32);
    }

    fn numbers() -> Readable<u32> {
        Readable::from_iter(0..100, mark())
    }

    fn pipeline_then_read() {
        let tee = broadcast(mark());
        let branch = tee.subscribe(BranchPolicy::Slowest);
        let (_writer, reader) = filled();
        let failure = pipeline_of(reader, mark()).to(tee).run().unwrap_err();
        is_deadlock(&failure.error);
        assert_eq!(failure.error.stage(), Some("broadcast"));
        assert_eq!(failure.report.bytes(), HIGH as u64);
        then_read(branch, &failure.error);
    }

    fn stages_then_read() {
        let tee = broadcast(mark());
        let branch = tee.subscribe(BranchPolicy::Slowest);
        let (_writer, reader) = filled();
        let staged = pipeline_of(reader, mark()).buffered(mark()).par_map(2, Ok);
        let failure = staged.buffered(mark()).to(tee).run().unwrap_err();
        is_deadlock(&failure.error);
        then_read(branch, &failure.error);
    }

    /// A channel with more in it than a broadcast takes.
    fn filled() -> (Writable<u32>, Readable<u32>) {
        let (mut writer, reader) = channel(HighWaterMark::items(100));
        for n in 0..100 {
            writer.write(n).unwrap();
        }
        writer.end();
        (writer, reader)
    }

    fn small_pipeline() {
        let tee = broadcast(HighWaterMark::bytes(64));
        let branch = tee.subscribe(BranchPolicy::Slowest);
        let failure = pipeline(&b"few"[..]).to(tee).run().unwrap_err();
        is_deadlock(&failure.error);
        assert_eq!(failure.error.operation(), Some("finish"));
        // The pipeline is not confirmed, but what it has written is there.
        let read: Result<Vec<Bytes>, Error> = branch.collect();
        assert_eq!(read.unwrap(), ["few"]);
    }

    fn broadcast_write() {
        let (mut writer, mut branch) = branched();
        let full = writer.write(99).unwrap_err();
        assert!(matches!(full, WriteError::Deadlock(99)), "{full:?}");
        is_deadlock(&writer.wait_drain().unwrap_err());
        // Nothing is broken: it goes on when there is room.
        assert_eq!(branch.next().unwrap().unwrap(), 0);
        assert_eq!(branch.next().unwrap().unwrap(), 1);
        writer.write(4).unwrap();
        writer.end();
        let rest: Result<Vec<u32>, Error> = branch.collect();
        assert_eq!(rest.unwrap(), [2, 3, 4]);
        assert_eq!(writer.peak(), HIGH);
        writer.finish().unwrap();
    }

    /// A broadcast that is full.
    fn branched() -> (Broadcast<u32>, Branch<u32>) {
        let mut writer = broadcast(mark());
        let branch = writer.subscribe(BranchPolicy::Slowest);
        for n in 0..HIGH as u32 {
            writer.write(n).unwrap();
        }
        (writer, branch)
    }

    fn broadcast_read() {
        let (mut writer, mut branch) = branched();
        assert_eq!(branch.next().unwrap().unwrap(), 0);
        let full = writer.write(99).unwrap_err();
        assert!(matches!(full, WriteError::Deadlock(99)), "{full:?}");
    }

    fn broadcast_finish() {
        let (mut writer, branch) = branched();
        is_deadlock(&writer.wait_finish().unwrap_err());
        assert_eq!(branch.count(), HIGH);
        writer.finish().unwrap();
    }

    fn branch_next() {
        let mut writer = broadcast::<u32, _>(mark());
        let mut branch = writer.subscribe(BranchPolicy::Slowest);
        is_deadlock(&branch.next().unwrap().unwrap_err());
        writer.write(1).unwrap();
        assert_eq!(branch.try_next().unwrap(), Some(1));
    }

    fn disconnect() {
        let mut writer = broadcast(mark()).keep_open();
        let after = Duration::from_millis(1);
        let branch = writer.subscribe(BranchPolicy::Disconnect(after));
        for n in 0..10 {
            writer.write(n).unwrap();
        }
        assert_eq!(branch.error().unwrap().kind(), ErrorKind::TimedOut);
    }

    fn channel_write() {
        let (mut writer, mut reader) = channel(mark());
        for n in 0..4 {
            writer.write(n).unwrap();
        }
        let full = writer.write(99).unwrap_err();
        assert!(matches!(full, WriteError::Deadlock(99)), "{full:?}");
        is_deadlock(&writer.wait_drain().unwrap_err());
        is_deadlock(&writer.flush().unwrap_err());
        let mut more = VecDeque::from([98, 99]);
        is_deadlock(&writer.write_batch(&mut more).unwrap_err());
        assert_eq!(more, [98, 99]);
        for n in 0..4 {
            assert_eq!(reader.next().unwrap().unwrap(), n);
        }
        writer.write(4).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), 4);
        assert_eq!(reader.peak(), HIGH);

        let (mut writer, _reader) = channel(HighWaterMark::items(0));
        let full = writer.write(99).unwrap_err();
        assert!(matches!(full, WriteError::Deadlock(99)), "{full:?}");
    }

    fn channel_next() {
        let (mut writer, mut reader) = channel(mark());
        is_deadlock(&reader.next().unwrap().unwrap_err());
        writer.write(1).unwrap();
        assert_eq!(reader.try_next().unwrap(), Some(1));

        let (_writer, mut reader) = channel::<Bytes, _>(HighWaterMark::bytes(64));
        is_deadlock(&reader.read_n(1).unwrap_err());
    }

    fn channel_finish() {
        let (mut writer, reader) = channel(mark());
        writer.write(1).unwrap();
        is_deadlock(&writer.wait_finish().unwrap_err());
        assert_eq!(reader.to_vec(10).unwrap(), [1]);
        writer.finish().unwrap();
    }

    fn pair() {
        let (mut here, mut there) = duplex_pair(mark(), mark());
        for n in 0..4 {
            here.write(n).unwrap();
        }
        let full = here.write(99).unwrap_err();
        assert!(matches!(full, WriteError::Deadlock(99)), "{full:?}");
        assert_eq!(there.next().unwrap().unwrap(), 0);
        is_deadlock(&here.next().unwrap().unwrap_err());
        there.write("an answer").unwrap();
        assert_eq!(there.next().unwrap().unwrap(), 1);
    }

    /// Threads of the library's bring something, be it late.
    fn own_thread() {
        assert_eq!(numbers().to_vec(100).unwrap().len(), 100);
        let mut both = Duplex::over(map(|n: u32| n + 1), mark(), mark());
        for n in 0..1_000 {
            both.write(n).unwrap();
            assert_eq!(both.next().unwrap().unwrap(), n + 1);
        }
        let (writer, reader) = channel(mark());
        let mut out = Writable::from_fn(|_: u32| Ok(()), mark());
        for n in 0..100 {
            out.write(n).unwrap();
        }
        assert!(out.finish().is_ok());
        let producer = thread::spawn(move || {
            let mut writer: Writable<u32> = writer;
            for n in 0..1_000 {
                writer.write(n).unwrap();
            }
            writer.finish()
        });
        assert_eq!(reader.to_vec(1_000).unwrap().len(), 1_000);
        producer.join().unwrap().unwrap();

        let mut tee = broadcast(mark());
        let inner = pipeline_of(tee.subscribe(BranchPolicy::Slowest), mark());
        let mut read = inner.readable();
        tee.write(0).unwrap();
        assert_eq!(read.next().unwrap().unwrap(), 0);
        for n in 1..9 {
            tee.write(n).unwrap();
        }
        drop(read);
    }
}
