//! What a child says, line by line, while it runs and to its end.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::PATIENCE;

/// The lines of a child's streams. Each stream has a thread that reads it, so that the child is not
/// blocked by what it says.
pub(crate) struct Transcript {
    lines: Receiver<String>,
    text: String,
}

impl Transcript {
    /// Reads these streams of a child.
    pub(crate) fn of(streams: Vec<Box<dyn Read + Send>>) -> Self {
        let (say, lines) = channel();
        for stream in streams {
            let say = say.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    let _ = say.send(String::from_utf8_lossy(&line).into_owned());
                }
            });
        }
        let text = String::new();
        Self { lines, text }
    }

    /// Waits for a line with `words` in it, and gives what stands behind them.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("it did not say `{words}`, but:\n{}", self.text);
            };
            self.add(&line);
            if let Some((_, rest)) = line.split_once(words) {
                return rest.to_owned();
            }
        }
    }

    /// What it has said as far as `says` has waited for it.
    pub(crate) fn so_far(&self) -> &str {
        &self.text
    }

    /// Waits for the end of its streams, and takes all that it has said.
    pub(crate) fn whole(&mut self) -> String {
        while let Ok(line) = self.lines.recv() {
            self.add(&line);
        }
        std::mem::take(&mut self.text)
    }

    fn add(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}
