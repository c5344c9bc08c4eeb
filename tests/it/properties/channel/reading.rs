//! The reader's operations of a script.

use std::io;
use std::time::Duration;

use highwater::Bytes;

use super::model::{Phase, Unread};
use super::play::Player;

impl Player {
    pub(super) fn next(&mut self, tries: bool) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        let next = if tries {
            reader.try_next()
        } else {
            reader.next_timeout(Duration::from_secs(3600))
        };
        match next {
            Ok(Some(chunk)) => match self.model.current.take() {
                Some(current) => assert_eq!(chunk, current),
                None => self.model.read(&chunk, true),
            },
            Ok(None) => self.model.check_end(Ok(())),
            Err(error) => self.model.check_end(Err(&error)),
        }
    }

    pub(super) fn read_into(&mut self, size: usize) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        // Behind empty items there may be nothing.
        let is_blank = |unread: &Unread| unread.chunk.is_empty();
        if self.model.unread.iter().any(is_blank) || self.model.corked > 0 {
            return;
        }
        let mut room = vec![0; size];
        match io::Read::read(reader, &mut room) {
            Ok(0) if size == 0 => {}
            Ok(0) => self.model.check_end(Ok(())),
            Ok(bytes) => {
                let mut current = self.model.current.take().unwrap_or_else(|| {
                    let chunk = self
                        .model
                        .unread
                        .front()
                        .expect("it was written")
                        .chunk
                        .clone();
                    self.model.read(&chunk, true);
                    chunk
                });
                assert_eq!(current.split_to(bytes), room[..bytes]);
                self.model.current = Some(current).filter(|rest| !rest.is_empty());
            }
            Err(error) => self.model.check_end(Err(&error.into())),
        }
    }

    pub(super) fn read_amount(&mut self, wanted: usize, exactly: bool) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        let current = self.model.current.as_ref().map_or(0, Bytes::len);
        let unread = self.model.unread.iter().map(|unread| unread.chunk.len());
        let there = current + unread.sum::<usize>();
        let would_wait = self.model.corked > 0 || (there < wanted && self.model.is_open());
        if self.model.by_items || would_wait {
            return;
        }
        let read = if exactly {
            reader.read_n(wanted)
        } else {
            reader.read_at_least(wanted)
        };
        if wanted == 0 {
            assert_eq!(
                read.expect("nothing is always there").as_deref(),
                Some(&[][..])
            );
            return;
        }
        if let Some(chunk) = self.model.current.take()
            && !matches!(self.model.phase, Phase::Gone(_))
        {
            self.model.unread.push_front(Unread {
                chunk,
                counts: false,
                held: false,
            });
        }
        match read {
            Ok(Some(bytes)) => {
                let enough = bytes.len() >= wanted || matches!(self.model.phase, Phase::Ending);
                assert!(enough && (!exactly || bytes.len() == wanted.min(there)));
                self.model.read(&bytes, false);
                if bytes.len() < wanted {
                    self.model.pass_over_empty();
                }
                // It asked for more than there was, or for all there is: that may show the end.
                self.model.end_may_be_known = self.model.unread.is_empty();
            }
            Ok(None) => {
                self.model.pass_over_empty();
                self.model.check_end(Ok(()));
            }
            Err(error) => match &mut self.model.phase {
                Phase::Failing(cause) if 0 < there && there < wanted => {
                    cause.check(&error);
                    // What was gathered for it is the reader's.
                    self.model.unread.retain(|unread| !unread.chunk.is_empty());
                    for unread in &mut self.model.unread {
                        unread.counts = false;
                    }
                }
                _ => {
                    self.model.pass_over_empty();
                    self.model.check_end(Err(&error));
                }
            },
        }
    }

    pub(super) fn unshift(&mut self, size: usize) {
        let (chunk, copy) = self.chunk(size);
        let Some(reader) = &mut self.reader else {
            return;
        };
        let is_over = matches!(self.model.phase, Phase::Ended | Phase::Gone(_));
        match reader.unshift(chunk) {
            Ok(()) => {
                assert!(!is_over);
                self.model.end_may_be_known = false;
                let current = self.model.current.take();
                for chunk in current.into_iter().chain([copy]) {
                    self.model.unread.push_front(Unread {
                        chunk,
                        counts: false,
                        held: false,
                    });
                }
            }
            Err(same) => {
                assert_eq!(same, copy);
                let may_be_over = match self.model.phase {
                    Phase::Ending => self.model.end_may_be_known,
                    Phase::Failing(_) => self.model.may_be_gone,
                    _ => is_over,
                };
                assert!(may_be_over);
            }
        }
    }
}
