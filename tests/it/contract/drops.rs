//! The drop of an item is a user's code: it runs under no lock of its stream.

use bytes::Bytes;
use highwater::{CancelToken, Error, HighWaterMark, Readable, channel};

use crate::support::in_time;

/// The owner of an item, which ends the stream that the item is in when it is dropped.
struct Ends(CancelToken, &'static [u8]);

impl AsRef<[u8]> for Ends {
    fn as_ref(&self) -> &[u8] {
        self.1
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort("an item of it was dropped");
    }
}

/// Rule 13, with rule 6: the drop of a chunk is a user's code, and runs under no lock.
#[test]
fn an_item_whose_drop_ends_its_own_stream_blocks_no_call() {
    type Read = fn(&mut Readable<Bytes>);
    let reads: [Read; 5] = [
        |reader| drop(reader.read_n(2)),
        |reader| drop(reader.read_at_least(2)),
        |reader| drop(reader.read_n(1)),
        |reader| drop(reader.next()),
        |reader| reader.destroy(Error::other("no more")),
    ];
    for read in reads {
        for content in [&b""[..], b"1"] {
            in_time(move || {
                let (mut writer, mut reader) = channel(HighWaterMark::bytes(16));
                let token = CancelToken::new();
                reader.cancel_with(&token);
                let chunk = Bytes::from_owner(Ends(token.clone(), content));
                writer.write(chunk).unwrap();
                writer.write(Bytes::from_static(b"2")).unwrap();
                writer.end();
                read(&mut reader);
                assert!(reader.len() <= 2);
                drop(reader);
                assert!(token.is_cancelled(), "the item was dropped");
            });
        }
    }
}
