//! The length prefix of a frame.

/// The format of the length before a frame. The length counts the bytes of the frame, not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prefix {
    /// One byte.
    U8,
    /// Two bytes, the high one first.
    U16Be,
    /// Two bytes, the low one first.
    U16Le,
    /// Four bytes, the highest first.
    U32Be,
    /// Four bytes, the lowest first.
    U32Le,
    /// Eight bytes, the highest first.
    U64Be,
    /// Eight bytes, the lowest first.
    U64Le,
    /// One to ten bytes of seven bits each, the lowest first, all but the last with the eighth bit
    /// set: LEB128, as Protocol Buffers write it.
    Varint,
}

/// The result of reading a length prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameHead {
    /// The prefix has `prefix` bytes, and the frame after it `body`.
    Whole { prefix: usize, body: u64 },
    /// The prefix is not complete.
    More,
    /// The length does not fit 64 bits.
    Malformed,
}

impl Prefix {
    /// The longest prefix, in bytes.
    pub(super) const LEN_MAX: usize = 10;

    /// How many bytes a prefix of this format has at most.
    pub(super) const fn len_max(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16Be | Self::U16Le => 2,
            Self::U32Be | Self::U32Le => 4,
            Self::U64Be | Self::U64Le => 8,
            Self::Varint => Self::LEN_MAX,
        }
    }

    /// The longest frame that the prefix can express, in bytes.
    pub(super) const fn body_max(self) -> u64 {
        match self {
            Self::Varint => u64::MAX,
            fixed => u64::MAX >> (64 - 8 * fixed.len_max()),
        }
    }

    /// Reads the length at the front of `bytes`.
    #[inline]
    pub(super) fn read(self, bytes: &[u8]) -> FrameHead {
        let body = match self {
            Self::U8 => bytes.first().map(|byte| u64::from(*byte)),
            Self::U16Be => first(bytes).map(|two| u16::from_be_bytes(two).into()),
            Self::U16Le => first(bytes).map(|two| u16::from_le_bytes(two).into()),
            Self::U32Be => first(bytes).map(|four| u32::from_be_bytes(four).into()),
            Self::U32Le => first(bytes).map(|four| u32::from_le_bytes(four).into()),
            Self::U64Be => first(bytes).map(u64::from_be_bytes),
            Self::U64Le => first(bytes).map(u64::from_le_bytes),
            Self::Varint => return read_varint(bytes),
        };
        body.map_or(FrameHead::More, |body| FrameHead::Whole {
            prefix: self.len_max(),
            body,
        })
    }

    /// Writes `body`, which is at most [`body_max`](Self::body_max), into `room`, and returns the length of
    /// the prefix.
    pub(super) fn write(self, mut body: u64, room: &mut [u8; Self::LEN_MAX]) -> usize {
        let len = self.len_max();
        match self {
            Self::U8 | Self::U16Le | Self::U32Le | Self::U64Le => {
                room[..len].copy_from_slice(&body.to_le_bytes()[..len]);
                len
            }
            Self::U16Be | Self::U32Be | Self::U64Be => {
                room[..len].copy_from_slice(&body.to_be_bytes()[8 - len..]);
                len
            }
            Self::Varint => {
                let mut len = 0;
                while body >= 0x80 {
                    room[len] = low_seven(body) | 0x80;
                    body >>= 7;
                    len += 1;
                }
                room[len] = low_seven(body);
                len + 1
            }
        }
    }
}

const fn low_seven(body: u64) -> u8 {
    (body & 0x7f) as u8
}

fn first<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn read_varint(bytes: &[u8]) -> FrameHead {
    let mut body = 0;
    for (place, byte) in bytes.iter().take(Prefix::LEN_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // Nine bytes hold 63 bits, so the tenth may have one.
        if place + 1 == Prefix::LEN_MAX && *byte > 1 {
            return FrameHead::Malformed;
        }
        body |= bits << (7 * place);
        if byte & 0x80 == 0 {
            return FrameHead::Whole {
                prefix: place + 1,
                body,
            };
        }
    }
    FrameHead::More
}

#[cfg(test)]
mod tests {
    use super::{FrameHead, Prefix};

    const ALL: [Prefix; 8] = [
        Prefix::U8,
        Prefix::U16Be,
        Prefix::U16Le,
        Prefix::U32Be,
        Prefix::U32Le,
        Prefix::U64Be,
        Prefix::U64Le,
        Prefix::Varint,
    ];

    #[test]
    fn what_is_written_is_read_and_no_byte_of_it_is_too_many() {
        for prefix in ALL {
            for bits in 0..=64 {
                for near in [0_u64, 1] {
                    let body = (1_u128 << bits) as u64;
                    let body = body.wrapping_sub(near).min(prefix.body_max());
                    let mut room = [0; Prefix::LEN_MAX];
                    let len = prefix.write(body, &mut room);
                    let whole = FrameHead::Whole { prefix: len, body };
                    assert_eq!(prefix.read(&room[..len]), whole, "{prefix:?}");
                    assert!(len <= prefix.len_max());
                    for cut in 0..len {
                        assert_eq!(prefix.read(&room[..cut]), FrameHead::More, "{prefix:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_length_is_written_as_others_write_it() {
        let written = |prefix: Prefix, body| {
            let mut room = [0; Prefix::LEN_MAX];
            let len = prefix.write(body, &mut room);
            room[..len].to_vec()
        };
        assert_eq!(written(Prefix::U16Be, 258), [1, 2]);
        assert_eq!(written(Prefix::U16Le, 258), [2, 1]);
        assert_eq!(written(Prefix::U32Be, 258), [0, 0, 1, 2]);
        // The example of the Protocol Buffers encoding.
        assert_eq!(written(Prefix::Varint, 150), [0x96, 0x01]);
        assert_eq!(written(Prefix::Varint, u64::MAX).len(), 10);
    }

    #[test]
    fn a_varint_beyond_64_bits_is_malformed() {
        let mut eleven = [0x80; 11];
        assert_eq!(Prefix::Varint.read(&eleven[..9]), FrameHead::More);
        assert_eq!(Prefix::Varint.read(&eleven), FrameHead::Malformed);
        eleven[9] = 2;
        assert_eq!(Prefix::Varint.read(&eleven), FrameHead::Malformed);
        eleven[9] = 1;
        let whole = FrameHead::Whole {
            prefix: 10,
            body: 1 << 63,
        };
        assert_eq!(Prefix::Varint.read(&eleven), whole);
    }
}
