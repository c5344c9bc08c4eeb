//! A budget over two channels: whoever waits for it is woken by whatever makes room, on either side.

use bytes::Bytes;
use highwater::stream::channel_within;
use highwater::{Budget, HighWaterMark};
use loom::thread;

use crate::{Bound, explore};

const MARK: HighWaterMark<highwater::mark::InBytes> = HighWaterMark::bytes(100);

fn chunk() -> Bytes {
    Bytes::from_static(b"ten bytes.")
}

// The room is made by a reader of another stream, who drops what he has.
#[test]
fn a_budget_that_others_have_used_up() {
    explore(
        "a chunk dropped and a writer of another stream",
        Bound::Every,
        || {
            let budget = Budget::new(10);
            let (mut hoard, mut hoarded) = channel_within(MARK, &budget);
            assert!(hoard.write(chunk()).is_ok());
            let (mut writer, reader) = channel_within(MARK, &budget);
            // The first is let in uncharged, since nothing else is there; the second has to wait.
            assert!(writer.write(chunk()).is_ok());
            let writing = thread::spawn(move || {
                assert!(writer.write(chunk()).is_ok());
                writer.end();
            });
            drop(hoarded.next());
            writing.join().unwrap();
            assert!(budget.peak() <= budget.capacity());
            drop((hoard, hoarded, reader));
            assert_eq!(budget.used(), 0);
        },
    );
}

// The room is made by the stream's own reader, though less than a drain comes of it.
#[test]
fn a_budget_and_a_buffer_that_becomes_empty() {
    explore("a budget of nothing and a reader", Bound::Every, || {
        let budget = Budget::new(0);
        let (mut writer, reader) = channel_within(MARK, &budget);
        let writing = thread::spawn(move || {
            for _ in 0..2 {
                assert!(writer.write(chunk()).is_ok());
            }
            writer.end();
        });
        assert_eq!(
            reader
                .flow()
                .filter(|chunk| chunk.len() == 10)
                .to_vec(2)
                .unwrap()
                .len(),
            2
        );
        writing.join().unwrap();
        assert_eq!(budget.peak(), 0);
    });
}

#[test]
fn a_budget_and_a_reader_that_goes() {
    explore(
        "a writer at a budget and a reader that goes",
        Bound::Every,
        || {
            let budget = Budget::new(10);
            let (mut writer, reader) = channel_within(MARK, &budget);
            assert!(writer.write(chunk()).is_ok());
            let writing = thread::spawn(move || writer.write(chunk()).is_ok());
            drop(reader);
            // It may have been let in before.
            let _ = writing.join().unwrap();
            assert_eq!(budget.used(), 0);
        },
    );
}
