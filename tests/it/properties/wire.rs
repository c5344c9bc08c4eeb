//! What holds for a wire, whatever the bytes and however they are cut: neither side panics, cutting
//! does not show, and nothing is taken beyond the credit.

use highwater::wire::{Frame, FrameDecoder, Receiving, Role, Sending};
use highwater::{Bytes, Error, ErrorKind, HighWaterMark};

/// What came of some bytes: in words, with the data of a frame joined again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) said: Vec<String>,
    pub(crate) data: Vec<u8>,
    /// What was refused, and at which byte.
    pub(crate) refused: Option<(ErrorKind, u64, String)>,
}

/// Whose bytes they are taken for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Writer,
    Reader,
}

/// Reads bytes that are cut as said, in turn, or whole, as the other side would.
pub(crate) fn hear(from: Side, bytes: &[u8], cuts: &[usize]) -> Heard {
    let mut decoder = FrameDecoder::new();
    let mut other = Other::new(from);
    let mut heard = Heard {
        said: Vec::new(),
        data: Vec::new(),
        refused: None,
    };
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() && heard.refused.is_none() {
        let cut = cuts.next().map_or(rest.len(), |cut| cut % 40 + 1);
        let (piece, behind) = rest.split_at(cut.min(rest.len()));
        rest = behind;
        let mut input = Bytes::copy_from_slice(piece);
        if let Err(error) = other.take_in(&mut decoder, &mut input, &mut heard) {
            let at = error.offset().expect("it says where");
            assert!(at <= decoder.offset() && decoder.offset() <= bytes.len() as u64);
            heard.refused = Some((error.kind(), at, error.to_string()));
        } else {
            assert!(input.is_empty(), "all is taken when more is wanted");
        }
    }
    heard
}

/// The side that hears, with the sums that it must keep to.
enum Other {
    Receiving {
        state: Receiving,
        granted: u64,
        announced: u64,
        /// How much is to come of the data that was announced last, which is taken as a whole: so
        /// credit does not depend on the cuts.
        left: usize,
    },
    Sending {
        state: Sending,
        granted: u64,
        spent: u64,
        heard: usize,
    },
}

const MARK: usize = 100;

impl Other {
    fn new(from: Side) -> Self {
        match from {
            Side::Writer => {
                let mut state = Receiving::new(HighWaterMark::bytes(MARK));
                let granted = state.grant().expect("all is there to be given").into();
                assert_eq!(granted, MARK as u64);
                Self::Receiving {
                    state,
                    granted,
                    announced: 0,
                    left: 0,
                }
            }
            Side::Reader => Self::Sending {
                state: Sending::new(),
                granted: 0,
                spent: 0,
                heard: 0,
            },
        }
    }

    fn take_in(
        &mut self,
        decoder: &mut FrameDecoder,
        input: &mut Bytes,
        into: &mut Heard,
    ) -> Result<(), Error> {
        while let Some(frame) = decoder.decode(input)? {
            self.hear(&frame, decoder.begins())?;
            match frame {
                Frame::Body(piece) => into.data.extend_from_slice(&piece),
                Frame::Fail(error) | Frame::Closed(error) => {
                    comes_back(&error);
                    into.said.push(format!("{error:?}"));
                }
                other => into.said.push(format!("{other:?}")),
            }
        }
        Ok(())
    }

    fn hear(&mut self, frame: &Frame, at: u64) -> Result<(), Error> {
        match self {
            Self::Receiving {
                state,
                granted,
                announced,
                left,
            } => {
                state.on_frame(frame, at)?;
                match frame {
                    Frame::Data(bytes) => {
                        *announced += u64::from(*bytes);
                        *left = *bytes as usize;
                        assert!(announced <= granted, "more than there was credit for");
                    }
                    Frame::Body(piece) => {
                        *left -= piece.len();
                        if *left == 0 {
                            // Two of three frames are taken, and the rest some time later.
                            let taken = if *announced % 3 == 0 { 0 } else { *announced };
                            state.take(usize::try_from(taken).expect("it is small"));
                        }
                    }
                    _ => {}
                }
                *granted += state.grant().map_or(0, u64::from);
                assert!(*granted <= state.received() + MARK as u64, "over the mark");
                assert_eq!(u64::from(state.owed()), *granted - *announced);
            }
            Self::Sending {
                state,
                granted,
                spent,
                heard,
            } => {
                state.on_frame(frame.clone(), at)?;
                if let Frame::Credit(bytes) = frame {
                    *granted += u64::from(*bytes);
                    *spent += u64::from(state.spend(*bytes as usize / 2));
                }
                assert_eq!(u64::from(state.credit()), *granted - *spent);
                *heard += 1;
                if *heard == 3 {
                    state.end();
                    assert_eq!(state.spend(1), 0, "nothing goes behind the end");
                }
            }
        }
        Ok(())
    }
}

/// However bytes are cut, they say the same.
pub(crate) fn cutting_does_not_show(bytes: &[u8], cuts: &[usize]) {
    for from in [Side::Writer, Side::Reader] {
        let whole = hear(from, bytes, &[]);
        assert_eq!(hear(from, bytes, &[0]), whole, "byte by byte");
        assert_eq!(hear(from, bytes, cuts), whole, "cut at {cuts:?}");
    }
}

/// What an error says is the same once it was written and read, and from then on.
pub(crate) fn comes_back(error: &Error) {
    let mut written = Vec::new();
    Frame::Hello(Role::Writer).encode(&mut written);
    Frame::Closed(error.clone()).encode(&mut written);
    let mut written = Bytes::from(written);
    let mut decoder = FrameDecoder::new();
    let hello = decoder.decode(&mut written);
    assert!(matches!(hello, Ok(Some(Frame::Hello(Role::Writer)))));
    let Ok(Some(Frame::Closed(read))) = decoder.decode(&mut written) else {
        panic!("{error:?} does not come back");
    };
    assert_eq!(read.kind(), error.kind());
    assert_eq!(read.stage(), error.stage());
    assert_eq!(read.operation(), error.operation());
    assert_eq!(read.offset(), error.offset());
    assert_eq!(format!("{read:#}"), format!("{error:#}"));
}

/// Makes what a writer or a reader may say, mostly, out of any bytes: what is random gets no
/// further than the first head.
pub(crate) fn script(bytes: &[u8]) -> Vec<u8> {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut said = Vec::new();
    let role = [Role::Writer, Role::Reader][usize::from(first & 1)];
    Frame::Hello(role).encode(&mut said);
    for four in rest.chunks(4) {
        let body = Bytes::copy_from_slice(&four[1..]);
        let number = body.iter().fold(0, |sum, byte| sum << 4 | u32::from(*byte));
        let error = || Error::new(ErrorKind::Failed, format!("{body:?}")).at(number.into());
        match four[0] % 10 {
            0..=2 if !body.is_empty() => {
                Frame::Data(u32::try_from(body.len()).unwrap_or(0)).encode(&mut said);
                Frame::Body(body).encode(&mut said);
            }
            3 => Frame::End.encode(&mut said),
            4 => Frame::Fail(error()).encode(&mut said),
            5 | 6 => Frame::Credit(number).encode(&mut said),
            7 => Frame::Done.encode(&mut said),
            8 => Frame::Closed(error()).encode(&mut said),
            // And something that is no frame, or a head alone.
            _ => said.extend_from_slice(four),
        }
    }
    said
}

/// All of it, for any bytes.
pub(crate) fn any(bytes: &[u8]) {
    let cuts: Vec<usize> = bytes
        .iter()
        .take(5)
        .map(|byte| usize::from(*byte))
        .collect();
    cutting_does_not_show(bytes, &cuts);
    cutting_does_not_show(&script(bytes), &cuts);
}
