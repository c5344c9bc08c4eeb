//! Rule 24: a bound is a bound, and not an allocation.

use std::fmt::Debug;
use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use highwater::stage::{Collect, Pool};
use highwater::state::{EndKind, Marks, RelayState};
use highwater::stream::{BranchPolicy, channel_within, duplex_pair, merge, take_bytes};
use highwater::{
    Budget, HighWaterMark, ReadSource, Readable, Writable, broadcast, channel, pipeline,
    pipeline_of,
};

use crate::support::{Alone, in_time};

/// What no machine has, and what none can even name the memory of.
const BOUNDS: [usize; 2] = [1 << 40, usize::MAX];

const WORDS: [&[u8]; 3] = [b"one", b"two", b"three"];

fn words() -> Vec<Bytes> {
    WORDS.map(Bytes::from_static).into()
}

/// Reads all of it.
#[track_caller]
fn read<T: Debug>(readable: Readable<T>) -> Vec<T> {
    readable.collect::<Result<_, _>>().unwrap()
}

/// Has a test use 8 GiB of address space at most, of which threads take a lot and use little: what
/// would allocate for a bound dies of that.
fn in_little<F: FnOnce() + Send + 'static>(body: F) {
    Alone::of::<F>().run(|| {
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{Resource, Rlimit, setrlimit};
            let current = Some(8 << 30);
            let maximum = current;
            setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
        }
        in_time(body);
    });
}

#[test]
fn no_mark_is_an_allocation() {
    in_little(|| {
        for bound in BOUNDS {
            let (mut writer, reader) = channel(HighWaterMark::bytes(bound));
            for word in words() {
                assert!(!writer.write(word).unwrap().reached());
            }
            writer.end();
            assert_eq!((reader.len(), reader.peak()), (11, 11));
            assert_eq!(read(reader), words());

            let budget = Budget::new(bound);
            let (mut writer, reader) = channel_within(HighWaterMark::bytes(bound), &budget);
            for word in words() {
                let _ = writer.write(word).unwrap();
            }
            writer.end();
            assert_eq!(read(reader), words());
            assert!(budget.peak() <= 11 && budget.used() == 0);

            let items = HighWaterMark::items(bound);
            let sources = WORDS.map(|word| Readable::from_iter(word.to_vec(), items));
            let mut merged = read(merge(sources, items));
            merged.sort_unstable();
            assert_eq!(merged, b"eeehnoorttw");

            let (mut near, far) = duplex_pair::<char, char, _, _>(items, items);
            let _ = near.write('a').unwrap();
            near.end();
            assert_eq!(read::<char>(far.split().0), ['a']);

            let mut out = Writable::to(Vec::new(), HighWaterMark::bytes(bound));
            for word in words() {
                let _ = out.write(word).unwrap();
            }
            assert_eq!(out.finish().unwrap(), b"onetwothree");

            let text = ReadSource::new(Cursor::new("onetwothree"), "text").chunk_bytes(bound);
            let text = Readable::from_source(text, HighWaterMark::bytes(bound));
            assert_eq!(text.to_bytes(bound).unwrap(), "onetwothree");
            let text = Readable::from_read(Cursor::new("onetwothree"), HighWaterMark::bytes(bound));
            assert_eq!(text.flow().chunks_of(bound).to_vec(bound).unwrap().len(), 1);
        }
    });
}

#[test]
fn no_cap_of_a_branch_is_an_allocation() {
    in_little(|| {
        for bound in BOUNDS {
            let mut writer = broadcast(HighWaterMark::items(bound));
            let policies = [
                BranchPolicy::Slowest,
                BranchPolicy::Cap(bound),
                BranchPolicy::DropOldest(bound),
                BranchPolicy::DropNewest(bound),
                BranchPolicy::Disconnect(Duration::MAX),
            ];
            let branches = policies.map(|policy| writer.subscribe(policy));
            for n in 0..3 {
                assert!(!writer.write(n).unwrap().reached());
            }
            writer.end();
            for mut branch in branches {
                let seen: Vec<_> = branch.by_ref().map(Result::unwrap).collect();
                assert_eq!((seen, branch.dropped().chunks), (vec![0, 1, 2], 0));
            }
        }
    });
}

#[test]
fn no_bound_of_a_stage_is_an_allocation() {
    in_little(|| {
        for bound in BOUNDS {
            let items = HighWaterMark::items(bound);
            let numbers = || pipeline_of(Readable::from_iter(0..100_u64, items), items);
            let collected = numbers()
                .buffered(items)
                .par_map(bound, |n| Ok(n * 2))
                .par_map_unordered(bound, |n| Ok(n / 2))
                .limit(u64::MAX)
                .take(u64::MAX)
                .to(Collect::at_most(bound))
                .run_into();
            let mut collected = collected.unwrap().1.into_vec();
            collected.sort_unstable();
            assert_eq!(collected, Vec::from_iter(0..100));

            let text = take_bytes(&b"one"[..], u64::MAX);
            let mut text = Readable::from_source(text, HighWaterMark::bytes(bound));
            assert_eq!(text.by_ref().next().unwrap().unwrap(), "one");
        }
    });
}

#[test]
fn a_pool_keeps_what_came_back_and_no_more_than_it_may() {
    in_little(|| {
        for (kept, found) in [(0, 1), (1, 1), (2, 2), (1 << 40, 3), (usize::MAX, 3)] {
            let pool = Pool::new(16, kept);
            let taken = [0; 3].map(|_| pool.take());
            // Where each was is how it is known again.
            let places: Vec<usize> = taken
                .into_iter()
                .map(|mut buffer| buffer.room().as_ptr() as usize)
                .collect();
            assert!(format!("{pool:?}").contains(&format!("spare: {found}")));
            let again = pool.take().room().as_ptr() as usize;
            assert!(places.contains(&again), "{kept}");
        }
    });
}

#[test]
fn a_relay_allocates_for_what_it_has_to_hold() {
    in_little(|| {
        for bound in BOUNDS {
            const ROUNDS: u64 = 300;
            let byte = |place: u64| (place % 251) as u8;
            let mut way = RelayState::new(Marks::with_half(bound));
            let (mut read, mut sent) = (0, 0);
            for round in 0..ROUNDS {
                assert!(way.wants_read());
                let room = way.room();
                assert!(!room.is_empty() && room.len() <= 2 * 1024 * 1024);
                let bytes = room.len().min(10_007);
                for slot in &mut room[..bytes] {
                    *slot = byte(read);
                    read += 1;
                }
                way.received(bytes);
                // Less than came, so that it grows while it begins anew.
                for _ in 0..round * 25 {
                    let [first, second] = way.held();
                    let next = first.first().or_else(|| second.first()).copied();
                    assert_eq!(next.unwrap(), byte(sent));
                    way.sent(1);
                    sent += 1;
                }
            }
            assert_eq!((way.read(), way.len() as u64), (read, read - sent));
            way.end(EndKind::End);
            for piece in way.held().map(<[u8]>::to_vec) {
                for got in piece {
                    assert_eq!(got, byte(sent));
                    sent += 1;
                }
            }
            assert_eq!(sent, read);
        }
    });
}

// A user's weigher may say anything.
#[test]
fn weights_that_no_number_holds_together_are_no_panic() {
    in_time(|| {
        for high in [0, 1, usize::MAX - 1, usize::MAX] {
            let mark = HighWaterMark::weighed(high, |_: &u64| usize::MAX);
            let expected: Vec<u64> = (0..50).collect();
            let (report, all) = pipeline_of(Readable::from_iter(0..50, mark), mark)
                .buffered(mark)
                .to(Collect::at_most(100))
                .run_into()
                .unwrap();
            assert_eq!(all.into_vec(), expected, "{high}");
            assert!(!format!("{report}").is_empty());
            let mut out = Writable::from_fn(|_: u64| Ok(()), mark);
            for n in 0..50 {
                let _ = out.write(n).unwrap();
            }
            let _ = out.finish().unwrap();
            let mut writer = broadcast(mark);
            let branch = writer.subscribe(BranchPolicy::Cap(usize::MAX));
            let _ = writer.write(1).unwrap();
            writer.end();
            assert_eq!(branch.map(Result::unwrap).count(), 1);
        }
    });
}

// Items that come one after the other need one thread, however many there may be.
#[cfg(target_os = "linux")]
#[test]
fn threads_that_share_work_start_when_there_is_work_for_them() {
    use crate::support::{Gate, alone, own_threads, until};

    alone(|| {
        in_time(|| {
            let hands = || {
                let names = own_threads().into_iter();
                names
                    .filter(|name| name.starts_with("highwater-par_m"))
                    .count()
            };
            let (mut writer, reader) = channel(HighWaterMark::items(1));
            let mut doubled = reader.par_map(1_000_000, |n: u64| Ok(n * 2));
            for n in 0..100 {
                assert!(writer.write(n).is_ok());
                assert_eq!(doubled.next().unwrap().unwrap(), n * 2);
                assert_eq!(hands(), 1);
            }
            writer.end();
            assert!(doubled.next().is_none());
            drop(doubled);
            assert_eq!(hands(), 0);

            let gate = Gate::new();
            let held = gate.clone();
            let (mut writer, reader) = channel(HighWaterMark::items(1));
            let blocked = reader.par_map(3, move |n: u64| {
                held.pass();
                Ok(n)
            });
            let reading =
                crate::support::task(move || blocked.flow().filter(|n| *n < 5).into_iter().count());
            for n in 0..5 {
                let _ = writer.write(n).unwrap();
                let busy = usize::try_from(n + 1).unwrap().min(3);
                until("each has a thread", || hands() == busy);
            }
            gate.open(5);
            writer.end();
            assert_eq!(reading.join(), 5);
            assert_eq!(hands(), 0);
        });
    });
}

#[cfg(feature = "gzip")]
#[test]
fn no_bound_of_gzip_is_an_allocation() {
    use highwater::gzip;

    in_little(|| {
        for bound in BOUNDS {
            let open = gzip::decompress().max_output(u64::MAX).max_ratio(u64::MAX);
            let (_, out) = pipeline(&b"one two three"[..])
                .through(gzip::compress_parallel(6, bound))
                .through(open)
                .to(Vec::new())
                .run_into()
                .unwrap();
            assert_eq!(out.into_inner(), b"one two three");
        }
    });
}

#[test]
fn no_bound_of_a_line_is_an_allocation() {
    use highwater::lines;

    in_little(|| {
        for bound in BOUNDS {
            let (_, count) = pipeline(&b"one\ntwo\n"[..])
                .through_with(lines::lines().max_bytes(bound), lines::mark(bound))
                .to(Collect::at_most(bound))
                .run_into()
                .unwrap();
            assert_eq!(count.into_vec(), ["one", "two"]);
        }
    });
}
