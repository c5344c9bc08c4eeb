//! Items that may be empty, and a stream that brings them in batches of any size.

use std::fmt::Debug;

use bytes::Bytes;
use highwater::mark::{InBytes, InItems, Unit};
use highwater::{HighWaterMark, Readable, Report, channel};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Task, task};

/// An item of any type that weighs its bytes, which may be none.
pub(crate) trait Item:
    AsRef<[u8]> + Clone + Debug + Default + Eq + Ord + Send + Sync + 'static
{
    /// Makes one of so many bytes.
    fn of(number: usize, size: usize) -> Self;
}

impl Item for Bytes {
    fn of(number: usize, size: usize) -> Self {
        vec![number as u8; size].into()
    }
}

impl Item for Vec<u8> {
    fn of(number: usize, size: usize) -> Self {
        vec![number as u8; size]
    }
}

impl Item for String {
    fn of(number: usize, size: usize) -> Self {
        char::from(b'a' + (number % 26) as u8)
            .to_string()
            .repeat(size)
    }
}

/// One that is known by its number, also where it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub(crate) number: usize,
    bytes: Vec<u8>,
}

impl AsRef<[u8]> for Numbered {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Item for Numbered {
    fn of(number: usize, size: usize) -> Self {
        Self {
            number,
            bytes: vec![0; size],
        }
    }
}

/// What goes through, how it is put together into batches, and with what marks.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) sizes: Vec<usize>,
    /// How many items are written at once, over and over.
    groups: Vec<usize>,
    marks: (usize, usize),
}

const MARKS: [(usize, usize); 8] = [
    (0, 0),
    (1, 0),
    (2, 1),
    (3, 0),
    (8, 4),
    (8, 7),
    (20, 10),
    (1024, 512),
];

/// Any traffic of at least so many items. More than half of them are empty.
pub(crate) fn traffic(least: usize) -> impl Strategy<Value = Traffic> {
    let size = prop_oneof![3 => Just(0_usize), 2 => 1..6_usize];
    let groups = vec(1..9_usize, 1..5);
    (vec(size, least..60), groups, 0..MARKS.len()).prop_map(|(sizes, groups, marks)| Traffic {
        sizes,
        groups,
        marks: MARKS[marks],
    })
}

impl Traffic {
    pub(crate) fn items<T: Item>(&self) -> Vec<T> {
        let sizes = self.sizes.iter().enumerate();
        sizes.map(|(number, size)| T::of(number, *size)).collect()
    }

    pub(crate) fn by_bytes(&self) -> HighWaterMark<InBytes> {
        let mark = HighWaterMark::bytes(self.marks.0);
        mark.low(self.marks.1).expect("each of `MARKS` is valid")
    }

    pub(crate) fn by_items(&self) -> HighWaterMark<InItems> {
        let mark = HighWaterMark::items(self.marks.0);
        mark.low(self.marks.1).expect("each of `MARKS` is valid")
    }

    /// Writes the items on a thread of its own, in groups.
    pub(crate) fn feed<T: Item, U: Unit<T>>(
        &self,
        items: Vec<T>,
        mark: HighWaterMark<U>,
    ) -> (Readable<T>, Task<()>) {
        let (mut writer, reader) = channel(mark);
        let groups = self.groups.clone();
        let writing = task(move || {
            let mut items = items.into_iter();
            for group in groups.iter().cycle() {
                let mut chunks = items.by_ref().take(*group).collect();
                // Whoever reads may have had enough, or have failed.
                if writer.write_batch(&mut chunks).is_err() || items.len() == 0 {
                    break;
                }
            }
            writer.end();
        });
        (reader, writing)
    }

    /// What the largest item counts for: one that is empty counts 1.
    pub(crate) fn largest(&self) -> usize {
        self.sizes.iter().copied().max().unwrap_or(0).max(1)
    }

    /// The most that a buffer may hold: the mark, and a chunk.
    pub(crate) fn most(&self, largest: usize) -> usize {
        self.marks.0.max(1) - 1 + largest
    }

    /// Rule 19, for the buffers with this mark, of chunks that count for so much at most.
    pub(crate) fn assert_bounded(&self, report: &Report, largest: usize) {
        for stage in report.stages() {
            if let Some(buffer) = stage.buffer
                && buffer.high_water_mark == self.marks.0
            {
                assert!(buffer.peak <= self.most(largest), "{report}");
            }
        }
    }
}
