//! Replays what `node:stream` was seen to do, and compares each step.
//!
//! `HIGHWATER_VECTORS=DIR` replays every `*.jsonl` in `DIR` in place of the project's own traces.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use bytes::Bytes;
use highwater::state::{
    Batching, Event, Events, Marks, Misuse, Pull, ReadableState, Reads, SinkRequest, WritableState,
};
use serde_json::{Value, json};

/// An error under the code that Node gives it.
#[derive(Clone, Debug, PartialEq)]
struct Code(String);

impl From<Misuse> for Code {
    fn from(misuse: Misuse) -> Self {
        Self(
            match misuse {
                Misuse::WriteAfterEnd => "ERR_STREAM_WRITE_AFTER_END",
                Misuse::PushAfterEnd => "ERR_STREAM_PUSH_AFTER_EOF",
                Misuse::UnshiftAfterEnd => "ERR_STREAM_UNSHIFT_AFTER_END_EVENT",
                other => unreachable!("no code for {other:?}"),
            }
            .to_owned(),
        )
    }
}

fn code(arg: Option<&Value>) -> Option<Code> {
    arg.and_then(Value::as_str)
        .map(|code| Code(code.to_owned()))
}

fn chunk(arg: Option<&Value>) -> Bytes {
    Bytes::from(vec![0; size(arg).expect("a chunk has a size")])
}

fn size(arg: Option<&Value>) -> Option<usize> {
    arg.map(|arg| usize::try_from(arg.as_u64().expect("a size is a number")).expect("small"))
}

fn weigher(object: bool) -> fn(&Bytes) -> usize {
    if object { |_| 1 } else { Bytes::len }
}

fn sizes<'a>(chunks: impl Iterator<Item = &'a Bytes>) -> Value {
    chunks.map(Bytes::len).collect()
}

/// What a step did: what the call returned, and the effects in order.
#[derive(Default)]
struct Seen {
    returned: Option<Value>,
    effects: Vec<Value>,
}

impl Seen {
    fn tell(&mut self, events: Events, errored: Option<&Code>) {
        for event in events.iter() {
            self.effects.push(match event {
                Event::Drain => json!(["drain"]),
                Event::Finish => json!(["finish"]),
                Event::End => json!(["end"]),
                Event::Error => json!(["error", errored.expect("an error has a cause").0]),
                Event::Close => json!(["close"]),
            });
        }
    }
}

/// A machine that a trace can be replayed on.
trait Machine {
    fn step(&mut self, op: &str, arg: Option<&Value>) -> Seen;
    fn state(&self) -> Value;
}

struct Writable(WritableState<Bytes, Code>);

impl Machine for Writable {
    fn step(&mut self, op: &str, arg: Option<&Value>) -> Seen {
        let mut seen = Seen::default();
        let mut events = Events::NONE;
        match op {
            "write" => {
                let written = self.0.write(chunk(arg));
                seen.returned = Some(json!(written.is_ok_and(|pressure| !pressure.reached())));
            }
            "cork" => self.0.cork(),
            "uncork" => self.0.uncork(),
            "end" if arg.is_some() => drop(self.0.end_with(chunk(arg))),
            "end" => self.0.end(),
            "complete" => events = self.0.complete(),
            "fail" => drop(self.0.fail(Code("EIO".to_owned()))),
            "destroy" => drop(self.0.destroy(code(arg))),
            other => panic!("unknown operation {other}"),
        }
        // Node gives the sink its next request before it tells what the last one led to.
        let mut request = self.0.next_request();
        match &request {
            Some(SinkRequest::Write(batch)) => {
                seen.effects.push(json!(["write", sizes(batch.iter())]));
            }
            Some(SinkRequest::Final) => seen.effects.push(json!(["final"])),
            Some(SinkRequest::Release) | None => {}
        }
        seen.tell(events, self.0.errored());
        if request.take() == Some(SinkRequest::Release) {
            seen.effects.push(json!(["release"]));
            let events = self.0.released();
            seen.tell(events, self.0.errored());
        }
        seen
    }

    fn state(&self) -> Value {
        json!({
            "len": self.0.len(),
            "need_drain": self.0.needs_drain(),
            "corked": self.0.corked(),
            "ended": self.0.is_ended(),
            "finished": self.0.is_finished(),
            "destroyed": self.0.is_destroyed(),
            "closed": self.0.is_closed(),
            "errored": self.0.errored().map(|code| code.0.as_str()),
            "writable": self.0.is_writable(),
        })
    }
}

struct Readable(ReadableState<Bytes, Code>, Reads);

impl Machine for Readable {
    fn step(&mut self, op: &str, arg: Option<&Value>) -> Seen {
        let mut seen = Seen::default();
        let mut events = Events::NONE;
        match op {
            "push" => {
                let pushed = self.0.push(chunk(arg));
                seen.returned = Some(json!(pushed.is_ok_and(|pressure| !pressure.reached())));
            }
            "push_end" => {
                self.0.push_end();
                seen.returned = Some(json!(false));
            }
            "unshift" => {
                let pushed = self.0.unshift(chunk(arg));
                seen.returned = Some(json!(pushed.is_ok_and(|pressure| !pressure.reached())));
            }
            "read" => {
                let (taken, after) = self.0.read(size(arg)).expect("in range");
                events = after;
                seen.returned = Some(json!(taken.map(|taken| match self.1 {
                    Reads::Bytes => taken.weight(),
                    Reads::Items => taken.first().map_or(0, Bytes::len),
                })));
            }
            "destroy" => self.0.destroy(code(arg)),
            other => panic!("unknown operation {other}"),
        }
        seen.tell(events, self.0.errored());
        match self.0.next_pull() {
            Some(Pull::More) => seen.effects.push(json!(["pull"])),
            Some(Pull::Release) => {
                seen.effects.push(json!(["release"]));
                let events = self.0.released();
                seen.tell(events, self.0.errored());
            }
            None => {}
        }
        seen
    }

    fn state(&self) -> Value {
        json!({
            "len": self.0.len(),
            "hwm": self.0.high(),
            "ended": self.0.is_ended(),
            "destroyed": self.0.is_destroyed(),
            "closed": self.0.is_closed(),
            "errored": self.0.errored().map(|code| code.0.as_str()),
            "readable": self.0.is_readable(),
        })
    }
}

fn machine(trace: &Value) -> Box<dyn Machine> {
    let marks = Marks::new(size(trace.get("hwm")).expect("a trace has a mark"), 0)
        .expect("a low mark of 0 is always valid");
    let object = trace["object"] == json!(true);
    match trace["kind"].as_str() {
        Some("writable") => {
            let batching = if trace["writev"] == json!(true) {
                Batching::All
            } else {
                Batching::One
            };
            Box::new(Writable(WritableState::new(
                marks,
                weigher(object),
                batching,
            )))
        }
        Some("readable") => {
            let reads = if object { Reads::Items } else { Reads::Bytes };
            Box::new(Readable(
                ReadableState::new(marks, weigher(object), reads),
                reads,
            ))
        }
        other => panic!("unknown kind of trace {other:?}"),
    }
}

/// Replays a trace; what it gives back is the account of the first step that differs.
fn mismatch(trace: &Value) -> Option<String> {
    let mut machine = machine(trace);
    let mut account = String::new();
    for step in trace["steps"].as_array().expect("a trace has steps") {
        let op = step["op"].as_str().expect("a step has an operation");
        let arg = step.get("arg");
        let seen = machine.step(op, arg);
        let ours = (
            seen.returned.or_else(|| step.get("ret").cloned()),
            seen.effects.into(),
        );
        let theirs = (step.get("ret").cloned(), step["fx"].clone());
        let _ = writeln!(account, "  {op} {}", arg.unwrap_or(&Value::Null));
        for (what, theirs, ours) in [
            (
                "ret",
                theirs.0.unwrap_or_default(),
                ours.0.unwrap_or_default(),
            ),
            ("fx", theirs.1, ours.1),
            ("st", step["st"].clone(), machine.state()),
        ] {
            let differs = if theirs == ours {
                ""
            } else {
                "   <-- node says the first"
            };
            let _ = writeln!(account, "    {what} {theirs}");
            if theirs != ours {
                let _ = writeln!(account, "    {what} {ours}{differs}");
                return Some(account);
            }
        }
    }
    None
}

fn vectors() -> PathBuf {
    env::var_os("HIGHWATER_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
        PathBuf::from,
    )
}

#[test]
fn every_recorded_trace_of_node_is_answered_alike() {
    let folder = vectors();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|err| panic!("failed to list `{}`: {err}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no *.jsonl in `{}`", folder.display());

    let (mut traces, mut mismatches) = (0, Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).expect("a trace file is text");
        for (line, text) in text.lines().enumerate() {
            let trace: Value = serde_json::from_str(text).expect("a trace is a line of JSON");
            traces += 1;
            if let Some(account) = mismatch(&trace) {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let options = ["hwm", "object", "writev"].map(|option| trace[option].to_string());
                let [hwm, object, writev] = options;
                mismatches.push(format!(
                    "{name}:{} hwm {hwm} object {object} writev {writev}\n{account}",
                    line + 1
                ));
            }
        }
    }
    println!("{traces} traces, {} mismatches", mismatches.len());
    if let Some(first) = mismatches.first() {
        println!("the first one, step by step:\n{first}");
    }
    assert!(
        mismatches.is_empty(),
        "{} of {traces} traces differ",
        mismatches.len()
    );
}
