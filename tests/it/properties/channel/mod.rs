//! A channel on one thread against a model that is too plain to be wrong, for the tests and the
//! fuzzer.
//!
//! Nothing here waits: an operation that would is left out. What only two threads can show is in
//! the contract's tests, and in the model checker's.

// By path, because the fuzz target includes this file by its path.
mod model;
mod play;
mod reading;

pub(crate) use play::agrees_with_the_model;

/// What is done to a channel, by a producer (of that index), by its reader or by someone else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    TryWrite(usize, usize),
    /// A `write`, if there is room.
    Write(usize, usize),
    /// Two chunks at once, if there is room for both.
    WriteAll(usize, usize),
    Cork(usize),
    Uncork(usize),
    Clone(usize),
    End(usize),
    /// A producer goes away.
    Leave(usize),
    Fail(usize),
    Destroy(usize),
    /// Ends, and asks whether everything has arrived.
    Finish(usize),
    TryNext,
    /// A `next`, if there is something.
    Next,
    /// A read into a buffer of so many bytes, if there is something.
    Read(usize),
    ReadN(usize),
    ReadAtLeast(usize),
    Unshift(usize),
    Pause,
    Resume,
    /// The reader breaks off.
    BreakOff,
    /// The reader goes away.
    HangUp,
    Stop,
    Abort,
}

/// A channel's marks, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) high: usize,
    pub(crate) low: usize,
    /// Chunks weigh 1, and not what their size is.
    pub(crate) by_items: bool,
    pub(crate) ops: Vec<Op>,
}

const MARKS: [(usize, usize); 12] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (2, 1),
    (3, 1),
    (4, 0),
    (4, 3),
    (8, 2),
    (8, 4),
    (8, 7),
    (20, 10),
    (64, 32),
];

/// Reads a script out of any bytes, the same one for the same bytes.
pub(crate) fn script(bytes: &[u8]) -> Script {
    let mut bytes = bytes.iter().copied();
    let options = usize::from(bytes.next().unwrap_or(0));
    let (high, low) = MARKS[options / 2 % MARKS.len()];
    let mut ops = Vec::new();
    while let Some(op) = bytes.next() {
        let arg = usize::from(bytes.next().unwrap_or(0));
        let (who, size) = (arg / 16, arg % 16);
        ops.push(match op {
            0..=39 => Op::TryWrite(who, size),
            40..=69 => Op::Write(who, size),
            70..=79 => Op::WriteAll(who, size),
            80..=129 => Op::TryNext,
            130..=149 => Op::Next,
            150..=164 => Op::Read(size),
            165..=179 => Op::ReadN(arg % 40),
            180..=189 => Op::ReadAtLeast(arg % 40),
            190..=201 => Op::Unshift(size),
            202..=209 => Op::Cork(who),
            210..=217 => Op::Uncork(who),
            218..=222 => Op::Pause,
            223..=229 => Op::Resume,
            230..=235 => Op::Clone(who),
            236..=240 => Op::End(who),
            241..=243 => Op::Finish(who),
            // What ends a stream at once comes seldom, so that there is one for it to end.
            _ if size < 10 => Op::TryNext,
            244..=245 => Op::Leave(who),
            246..=247 => Op::Fail(who),
            248..=249 => Op::Destroy(who),
            250 => Op::BreakOff,
            251 => Op::HangUp,
            252..=253 => Op::Stop,
            _ => Op::Abort,
        });
    }
    Script {
        high,
        low,
        by_items: options % 2 == 1,
        ops,
    }
}
