//! What holds for HTTP messages, whatever the bytes and however they are cut.
//!
//! A connection is played with no socket: the head parser and the body decoder take turns, as a
//! server has them do, over input that comes in pieces.

use highwater::Bytes;
use highwater::http::proto::{
    BodyDecoder, BodyFraming, Decoded, Head, HeadParser, Limits, Rejection, encode_chunk_head,
    encode_last_chunk, is_trailer,
};
use highwater::http::{HeaderMap, HeaderName, HeaderValue, Version};

/// A request that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its method and its target.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: BodyFraming,
    pub(crate) keep_alive: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Between two requests, or behind the last.
    Clean,
    InHead,
    InBody,
    Refused(Rejection),
}

/// What came over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) taken: Vec<Taken>,
    /// What there is of a body that is not whole.
    pub(crate) part: Vec<u8>,
    pub(crate) end: End,
}

/// Limits so tight that a short input gets over each of them.
pub(crate) fn tight() -> Limits {
    Limits::default()
        .request_line_bytes(60)
        .head_bytes(120)
        .headers(5)
        .body_bytes(40)
        .extension_bytes(12)
        .trailer_bytes(30)
}

/// Plays a connection that brings `input` in pieces of the lengths `cuts`, again and again, or in one.
pub(crate) fn play(input: &[u8], cuts: &[usize], limits: Limits) -> Session {
    let mut lens = cuts.iter().copied().filter(|len| *len > 0).cycle();
    let mut connection = Connection::new(limits);
    let mut rest = input;
    while !rest.is_empty() {
        let len = lens.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, after) = rest.split_at(len);
        rest = after;
        if let Err(refusal) = connection.push(piece) {
            return connection.over(End::Refused(refusal));
        }
    }
    let end = match &connection.body {
        Some(_) => End::InBody,
        None if connection.parser.is_within() => End::InHead,
        None => End::Clean,
    };
    connection.over(end)
}

struct Connection {
    limits: Limits,
    parser: HeadParser,
    /// What came of a head that is not whole.
    head: Vec<u8>,
    body: Option<(Head, BodyDecoder)>,
    part: Vec<u8>,
    taken: Vec<Taken>,
}

impl Connection {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            parser: HeadParser::new(limits.head()),
            head: Vec::new(),
            body: None,
            part: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.head.extend_from_slice(piece);
        loop {
            if self.body.is_some() && !self.read_body()? {
                return Ok(());
            }
            // What comes behind the last request is not looked at.
            if self.taken.last().is_some_and(|last| !last.keep_alive) {
                self.head.clear();
                return Ok(());
            }
            let Some((head, len)) = self.parser.push(&self.head)? else {
                // The parser would have said so, had it been more than this.
                assert!(self.head.len() < self.limits.head_bytes + EMPTY_LINES + 1);
                let mut begun = &self.head[..];
                while let Some(rest) = begun.strip_prefix(b"\r\n") {
                    begun = rest;
                }
                assert_eq!(self.parser.is_within(), !begun.is_empty());
                return Ok(());
            };
            assert!(len <= self.limits.head_bytes + EMPTY_LINES);
            is_in_order(&head, &self.head[..len], &self.limits);
            self.head.drain(..len);
            let decoder = BodyDecoder::new(head.framing(), self.limits.body())?;
            self.body = Some((head, decoder));
        }
    }

    /// Reads what there is of a body; says whether it is over.
    fn read_body(&mut self) -> Result<bool, Rejection> {
        let (_, decoder) = self.body.as_mut().expect("there is one");
        let over = decode(decoder, &mut self.head, &mut self.part)?;
        assert!(self.part.len() as u64 <= self.limits.body_bytes);
        if over {
            let (head, decoder) = self.body.take().expect("there is one");
            let body = std::mem::take(&mut self.part);
            self.taken.push(taken(head, body, decoder.into_trailers()));
        }
        Ok(over)
    }

    fn over(self, end: End) -> Session {
        Session {
            taken: self.taken,
            part: self.part,
            end,
        }
    }
}

/// What two empty lines are.
const EMPTY_LINES: usize = 4;

fn taken(head: Head, body: Vec<u8>, trailers: Option<HeaderMap>) -> Taken {
    Taken {
        line: format!("{} {}", head.method(), head.uri()),
        framing: head.framing(),
        keep_alive: head.keep_alive(),
        headers: head.into_parts().3,
        body,
        trailers,
    }
}

/// Decodes what is in `input` and takes it out; says whether the body is over.
fn decode(
    decoder: &mut BodyDecoder,
    input: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<bool, Rejection> {
    let mut rest = Bytes::from(std::mem::take(input));
    loop {
        let (announced, before) = (decoder.left(), rest.len());
        match decoder.decode(&mut rest)? {
            Decoded::Data(data) => {
                assert!(!data.is_empty() && data.len() + rest.len() <= before);
                assert!(announced == 0 || announced >= data.len() as u64);
                out.extend_from_slice(&data);
            }
            Decoded::More => {
                assert!(rest.is_empty());
                return Ok(false);
            }
            Decoded::End => {
                assert!(decoder.is_end() && decoder.left() == 0);
                *input = rest.into();
                return Ok(true);
            }
        }
    }
}

/// What is true of a head that is taken, looked up by the plainest means there are.
fn is_in_order(head: &Head, bytes: &[u8], limits: &Limits) {
    let text = bytes.trim_ascii_start();
    assert!(text.ends_with(b"\r\n\r\n"));
    let lines: Vec<&[u8]> = text[..text.len() - 4]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    assert!(lines[0].len() <= limits.request_line_bytes);
    for byte in lines.concat() {
        assert!(
            byte >= b' ' && byte != 0x7f || byte == b'\t',
            "{byte:#x} got through"
        );
    }
    let lfs = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(text.windows(2).filter(|pair| pair == b"\r\n").count(), lfs);
    let headers = head.to_headers();
    assert_eq!(headers.len(), lines.len() - 1);
    assert!(headers.len() <= limits.headers);
    let count = |name: &str| {
        let is_it = |line: &&&[u8]| {
            let at = line.iter().position(|byte| *byte == b':').expect("a colon");
            line[..at].eq_ignore_ascii_case(name.as_bytes())
        };
        lines[1..].iter().filter(is_it).count()
    };
    let is_11 = head.version() == Version::HTTP_11;
    assert!(count("host") == 1 || (!is_11 && count("host") == 0));
    let (lengths, codings) = (count("content-length"), count("transfer-encoding"));
    assert!(lengths + codings <= 1);
    match head.framing() {
        BodyFraming::None => assert_eq!(codings, 0),
        BodyFraming::Length(length) => assert!(length > 0 && lengths == 1),
        BodyFraming::Chunked => assert!(codings == 1 && is_11),
    }
    assert!(!head.expects_continue() || (is_11 && head.framing() != BodyFraming::None));
    assert_eq!(
        head.upgrades().next().is_some(),
        head.wants_upgrade() && has_protocol(&headers)
    );
}

fn has_protocol(headers: &HeaderMap) -> bool {
    let protocols = headers
        .get_all("upgrade")
        .iter()
        .filter_map(|value| value.to_str().ok());
    protocols
        .flat_map(|value| value.split(','))
        .any(|protocol| !protocol.trim().is_empty())
}

/// Whatever a connection brings is the same in one piece, byte by byte and in pieces of `cuts`.
pub(crate) fn cutting_does_not_show(input: &[u8], cuts: &[usize], limits: Limits) -> Session {
    let whole = play(input, &[], limits);
    assert_eq!(
        play(input, &[1], limits),
        whole,
        "byte by byte: {}",
        input.escape_ascii()
    );
    assert_eq!(
        play(input, cuts, limits),
        whole,
        "{cuts:?}: {}",
        input.escape_ascii()
    );
    whole
}

/// Whatever the bytes: a connection under limits that the first two choose.
pub(crate) fn any_head(bytes: &[u8]) {
    let [limits, cut, input @ ..] = bytes else {
        return;
    };
    let limits = if limits % 2 == 0 {
        tight()
    } else {
        Limits::default()
    };
    cutting_does_not_show(input, &[usize::from(*cut), 3], limits);
}

/// Whatever the bytes: a chunked body, of which the fuzzer need not find the head.
pub(crate) fn any_body(bytes: &[u8]) {
    let [limits, cut, body @ ..] = bytes else {
        return;
    };
    let limits = if limits % 2 == 0 {
        tight()
    } else {
        Limits::default()
    };
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let input = [&head[..], body].concat();
    cutting_does_not_show(&input, &[head.len(), usize::from(*cut), 2], limits);
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*cut).max(1)).collect();
    comes_back(&pieces, "", &HeaderMap::new(), &[usize::from(*cut)]);
}

/// What is encoded in chunks is decoded, with `extension` behind each size and `trailers` at the end.
pub(crate) fn comes_back(chunks: &[&[u8]], extension: &str, trailers: &HeaderMap, cuts: &[usize]) {
    let mut input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        encode_chunk_head(&mut input, chunk.len() as u64);
        let line_end = input.len() - 2;
        input.splice(line_end..line_end, extension.bytes());
        input.extend_from_slice(chunk);
        input.extend_from_slice(b"\r\n");
    }
    encode_last_chunk(&mut input, trailers);
    input.extend_from_slice(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    let session = cutting_does_not_show(&input, cuts, Limits::default());
    assert_eq!(session.end, End::Clean);
    let [taken, next] = &session.taken[..] else {
        panic!("{session:?}");
    };
    assert_eq!(taken.body, chunks.concat());
    assert_eq!(next.line, "GET /next");
    let mut known = HeaderMap::new();
    for (name, value) in trailers.iter().filter(|(name, _)| is_trailer(name)) {
        known.append(name.clone(), value.clone());
    }
    assert_eq!(taken.trailers.clone().unwrap_or_default(), known);
}

/// Headers out of names and values that are valid, or are made so.
pub(crate) fn headers(pairs: &[(String, Vec<u8>)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), value) {
            headers.append(name, value);
        }
    }
    headers
}
