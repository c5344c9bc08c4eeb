//! Thousands of connections through Node's parser and through ours: both take the same requests with
//! the same bodies, or a table says why not.

use std::io::Write;
use std::process::{Command, Stdio};

use highwater::http::proto::{Limits, RejectionKind as Kind};
use serde_json::Value;

use crate::http_proto::corpus;
use crate::properties::http::{self as properties, End, Session};
use crate::support::have;

/// How many connections there are, made of those that are written down.
const CONNECTIONS: usize = 6_000;

/// How a connection can come to another end than in Node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// It is refused here, and Node takes that request or waits for more of it.
    OnlyHere(Kind),
    /// Node refuses it, with this code, and it is taken here.
    OnlyNode(&'static str),
    /// Node refuses a head or a trailer section before it is whole; once it is, so do we.
    NodeSooner,
    /// Both take a request, and not the same: for this there is no reason.
    Other,
}

use Difference::{NodeSooner, OnlyHere, OnlyNode};

/// Every difference there may be: the section that has it our way, and the reason.
const EXPLAINED: [(Difference, &str, &str); 20] = [
    (
        OnlyHere(Kind::BareCr),
        "RFC 9112 2.2",
        "Node skips any CR before a request; a CR without its LF is invalid",
    ),
    (
        OnlyHere(Kind::BareLf),
        "RFC 9112 2.2",
        "Node ends a line of HTTP/0.9, or an empty one before a request, with LF; here nothing does",
    ),
    (
        OnlyHere(Kind::EmptyLines),
        "RFC 9112 2.2",
        "at least one empty line is to be ignored; Node ignores any number, we two",
    ),
    (
        OnlyHere(Kind::RequestLine),
        "RFC 9112 3",
        "Node answers HTTP/0.9, which has no version, and waits for what may come of half a line",
    ),
    (
        OnlyHere(Kind::Target),
        "RFC 9112 3.2",
        "Node gives out a fragment and what else is no URI, for the handler to look at",
    ),
    (
        OnlyHere(Kind::TargetForm),
        "RFC 9112 3.2",
        "Node takes what begins with an asterisk for a path",
    ),
    (
        OnlyHere(Kind::HostMissing),
        "RFC 9112 3.2",
        "Node's server refuses it, above its parser",
    ),
    (
        OnlyHere(Kind::HostTwice),
        "RFC 9112 3.2",
        "Node keeps the first; two proxies need not choose the same one",
    ),
    (
        OnlyHere(Kind::Host),
        "RFC 9112 3.2",
        "Node does not look at its value",
    ),
    (
        OnlyHere(Kind::Expectation),
        "RFC 9110 10.1.1",
        "Node's server refuses it with 417, above its parser",
    ),
    (
        OnlyHere(Kind::CodingTooOld),
        "RFC 9112 6.1",
        "HTTP/1.0 has no codings, and the framing must be taken for faulty; Node decodes it",
    ),
    (
        OnlyHere(Kind::CodingUnknown),
        "RFC 9112 6.1",
        "Node decodes chunked and gives out what is coded in another way; a server should say 501",
    ),
    (
        OnlyHere(Kind::TransferEncoding),
        "RFC 9112 6.3",
        "Node looks only at what the list ends with, and takes what is no coding before it",
    ),
    (
        OnlyHere(Kind::ChunkExtension),
        "RFC 9112 7.1.1",
        "Node takes an extension without a name or a value",
    ),
    (
        OnlyNode("HPE_STRICT"),
        "RFC 9112 7.1.1",
        "space before the name of an extension must be taken, though none must be sent",
    ),
    (
        OnlyNode("HPE_INVALID_TRANSFER_ENCODING"),
        "RFC 9110 6.5.1",
        "a Transfer-Encoding among the trailers is dropped here, as are others that may not be there",
    ),
    (
        OnlyHere(Kind::BodyTooLarge),
        "RFC 9110 15.5.14",
        "Node has no limit",
    ),
    (
        OnlyNode("HPE_INVALID_METHOD"),
        "RFC 9110 9.1",
        "Node knows a list of methods; any token is one, and a handler answers 405",
    ),
    (
        OnlyNode("HPE_INVALID_CONTENT_LENGTH"),
        "RFC 9110 5.6.3",
        "Node takes a space behind the number, and no tab",
    ),
    (
        OnlyNode("HPE_INVALID_CHUNK_SIZE"),
        "RFC 9112 7.1.1",
        "space before an extension must be taken, though none must be sent",
    ),
];

/// What Node made of a connection: its requests, each with its body, and its end.
struct Theirs {
    taken: Vec<(String, Vec<u8>)>,
    end: String,
}

#[test]
fn every_connection_is_read_as_node_reads_it_or_it_is_explained() {
    if !have(&["node"]) {
        return;
    }
    let inputs = corpus::connections(CONNECTIONS);
    let theirs = ask_node(&inputs);
    assert_eq!(theirs.len(), inputs.len());
    let mut same = 0;
    let mut unexplained = Vec::new();
    for (input, theirs) in inputs.iter().zip(&theirs) {
        let ours = properties::play(input, &[], Limits::default());
        match difference(input, &ours, theirs) {
            None => same += 1,
            Some(found) if is_explained(found) => {}
            Some(found) => unexplained.push(format!(
                "{found:?}: {}: {:?}, and there {}",
                input.escape_ascii(),
                ours.end,
                theirs.end
            )),
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    // Not so much is explained that little is compared.
    assert!(
        same * 10 > inputs.len() * 8,
        "{same} of {} are the same",
        inputs.len()
    );
}

/// A head is searched for its end before it is read, within its limit and its time.
fn is_explained(found: Difference) -> bool {
    found == NodeSooner
        || EXPLAINED
            .iter()
            .any(|(explained, _, _)| *explained == found)
}

fn ask_node(inputs: &[Vec<u8>]) -> Vec<Theirs> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/http_proto/node.js");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let hex = |input: &Vec<u8>| {
        input
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let lines: Vec<String> = inputs.iter().map(hex).collect();
    // It reads everything before it answers.
    let mut stdin = node.stdin.take().expect("it is piped");
    stdin
        .write_all(lines.join("\n").as_bytes())
        .expect("node reads");
    drop(stdin);
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it writes text");
    text.lines().map(read_answer).collect()
}

fn read_answer(line: &str) -> Theirs {
    let answer: Value = serde_json::from_str(line).expect("it writes JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let requests = answer["requests"].as_array().expect("a list");
    let taken = requests.iter().map(|request| {
        let line = format!("{} {}", text(&request["method"]), text(&request["url"]));
        (line, unhex(&text(&request["body"])))
    });
    Theirs {
        taken: taken.collect(),
        end: text(&answer["end"]),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn difference(input: &[u8], ours: &Session, theirs: &Theirs) -> Option<Difference> {
    let both = ours.taken.iter().zip(&theirs.taken);
    for (ours, (line, body)) in both {
        // A target with no path has the path `/`.
        let is_same = ours.line == *line || ours.line == format!("{line}/");
        if !is_same || ours.body != *body {
            return Some(Difference::Other);
        }
    }
    let (here, there) = (ours.taken.len(), theirs.taken.len());
    let code = CODES.into_iter().find(|code| *code == theirs.end);
    match (ours.end, code) {
        (End::Refused(_), Some(_)) if here == there => None,
        (End::Refused(refusal), _) if here <= there => Some(OnlyHere(refusal.kind())),
        (End::Clean, Some("HPE_CLOSED_CONNECTION")) if here == there => None,
        (End::InHead | End::InBody, Some(_))
            if here == there && refusal_of(input, b"\r\n\r\n").is_some() =>
        {
            Some(NodeSooner)
        }
        (_, Some(code)) if here >= there => Some(OnlyNode(code)),
        (End::Clean, None) if here == there && theirs.end == "clean" => None,
        (End::InHead | End::InBody, None) if here == there && theirs.end == "short" => None,
        (End::InHead, None) if here == there => refusal_of(input, b"X").map(OnlyHere),
        _ => Some(Difference::Other),
    }
}

/// What becomes of a connection that goes on with `more`.
fn refusal_of(input: &[u8], more: &[u8]) -> Option<Kind> {
    match properties::play(&[input, more].concat(), &[], Limits::default()).end {
        End::Refused(refusal) => Some(refusal.kind()),
        _ => None,
    }
}

/// How Node names what it refuses.
const CODES: [&str; 14] = [
    "HPE_CLOSED_CONNECTION",
    "HPE_HEADER_OVERFLOW",
    "HPE_INVALID_CHUNK_SIZE",
    "HPE_INVALID_CONSTANT",
    "HPE_INVALID_CONTENT_LENGTH",
    "HPE_INVALID_HEADER_TOKEN",
    "HPE_INVALID_METHOD",
    "HPE_INVALID_TRANSFER_ENCODING",
    "HPE_INVALID_URL",
    "HPE_INVALID_VERSION",
    "HPE_LF_EXPECTED",
    "HPE_STRICT",
    "HPE_UNEXPECTED_CONTENT_LENGTH",
    "HPE_UNEXPECTED_SPACE",
];
