//! A source that wants to know when everything was read is told so through whatever stands between
//! it and its stream, and why it is not, if it is not: rules 7 and 12.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use highwater::stage::{Retry, SourceHooks};
use highwater::stream::concat;
use highwater::{Error, HighWaterMark, Out, Readable, Source, pipeline};

use crate::support::in_time;

/// What sources were told, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn tell(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    /// A source that brings these, and breaks behind them if it is to.
    fn source(&self, name: &'static str, chunks: &[&'static str], breaks: bool) -> Told {
        Told {
            name,
            chunks: chunks.iter().map(|chunk| Bytes::from(*chunk)).collect(),
            breaks,
            log: self.clone(),
        }
    }
}

struct Told {
    name: &'static str,
    chunks: VecDeque<Bytes>,
    breaks: bool,
    log: Log,
}

impl Source<Bytes> for Told {
    fn read(&mut self) -> Result<Option<Bytes>, Error> {
        match self.chunks.pop_front() {
            None if self.breaks => Err(Error::other("broken")),
            chunk => Ok(chunk),
        }
    }

    fn hooks(&mut self) -> Option<&mut dyn SourceHooks<Bytes>> {
        Some(self)
    }

    fn fail(&mut self, cause: &Error) {
        let mut root: &dyn std::error::Error = cause;
        while let Some(cause) = root.source() {
            root = cause;
        }
        self.log.tell(format!("{} failed: {root}", self.name));
    }
}

impl SourceHooks<Bytes> for Told {
    fn confirms(&mut self) -> bool {
        true
    }

    fn finish(&mut self) {
        self.log.tell(format!("{} finished", self.name));
    }
}

/// A stage that fails with the first chunk.
fn refuse(_: Bytes, _: &mut Out<'_, Bytes>) -> Result<(), Error> {
    Err(Error::other("refused"))
}

#[test]
fn sources_in_a_row_are_told_behind_the_last() {
    in_time(|| {
        let log = Log::default();
        let sources = [
            log.source("one", &["a"], false),
            log.source("two", &["b", "c"], false),
        ];
        let mut both = Readable::from_source(concat(sources), HighWaterMark::bytes(2));
        assert_eq!(both.next().unwrap().unwrap(), "a");
        assert_eq!(both.next().unwrap().unwrap(), "b");
        assert!(both.peak() <= 2, "{} buffered", both.peak());
        assert_eq!(log.told(), Vec::<String>::new(), "not everything was read");
        assert_eq!(both.next().unwrap().unwrap(), "c");
        assert!(both.next().is_none());
        drop(both);
        assert_eq!(log.told(), ["one finished", "two finished"]);
    });
}

#[test]
fn sources_in_a_row_are_all_told_of_a_failure() {
    in_time(|| {
        let log = Log::default();
        let sources = [
            log.source("one", &["a"], false),
            log.source("two", &["b"], true),
            log.source("three", &["c"], false),
        ];
        let failure = pipeline(concat(sources)).to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.report.bytes(), 2);
        let told = ["one", "two", "three"].map(|name| format!("{name} failed: broken"));
        assert_eq!(log.told(), told);
    });
}

#[test]
fn a_source_that_is_opened_again_is_told_why_and_the_next_how_it_ended() {
    in_time(|| {
        let log = Log::default();
        let mut sources = VecDeque::from([
            log.source("first", &["a"], true),
            log.source("second", &["b"], false),
        ]);
        let source = Retry::new(move |_| Ok(sources.pop_front().unwrap()));
        let again = source.pause(Duration::from_millis(1));
        let (_, sink) = pipeline(again).to(Vec::new()).run_into().unwrap();
        assert_eq!(sink.into_inner(), b"ab");
        assert_eq!(log.told(), ["first failed: broken", "second finished"]);

        let log = Log::default();
        let only = log.source("only", &["a"], false);
        let mut only = Some(only);
        let source = Retry::new(move |_| Ok(only.take().unwrap()));
        let run = pipeline(source).through(refuse).to(Vec::new()).run();
        assert_eq!(run.unwrap_err().report.bytes(), 0);
        assert_eq!(log.told(), ["only failed: refused"]);
    });
}

#[test]
fn the_second_half_of_a_stage_is_told_what_became_of_what_it_brought() {
    in_time(|| {
        let log = Log::default();
        let half = log.source("half", &["a", "b"], false);
        let run = pipeline(&b"in"[..]).via(Vec::new(), half).to(Vec::new());
        let (_, sink) = run.run_into().unwrap();
        assert_eq!(sink.into_inner(), b"ab");
        assert_eq!(log.told(), ["half finished"]);

        let log = Log::default();
        let half = log.source("half", &["a", "b"], false);
        let run = pipeline(&b"in"[..]).via(Vec::new(), half);
        let failure = run.through(refuse).to(Vec::new()).run().unwrap_err();
        assert_eq!(failure.report.bytes(), 0);
        assert_eq!(log.told(), ["half failed: refused"]);
    });
}
