//! Rows of input and what must come of it, each tried whole, byte by byte and at every split.

use highwater::http::proto::{Limits, RejectionKind};

use crate::properties::http::{self as properties, End, Session};

/// What must come of some input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// It is refused for this, and nothing before it was.
    Refused(RejectionKind),
    /// Requests, each with its body: no more and no fewer, and the connection ends between two.
    Taken(&'static [(&'static str, &'static [u8])]),
    /// The connection ends before the request or its body is whole, with so much of the body.
    Short(&'static [u8]),
}

/// A row: the section that says so, what is tried, the input, and what must come of it.
pub(crate) type Row = (&'static str, &'static str, Vec<u8>, Want);

pub(crate) fn check(rows: &[Row], limits: Limits) {
    let mut wrong = Vec::new();
    for (section, what, input, want) in rows {
        let whole = properties::cutting_does_not_show(input, &[7, 1, 2], limits);
        // Splits of a long input are covered by its byte by byte.
        for at in (1..input.len()).take_while(|_| input.len() < 2_000) {
            let split = properties::play(input, &[at, input.len()], limits);
            assert_eq!(split, whole, "{section}, {what}: split at {at}");
        }
        if !fits(&whole, want) {
            wrong.push(format!("{section}, {what}: {want:?}, and not {whole:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn fits(session: &Session, want: &Want) -> bool {
    match (want, session.end) {
        (Want::Refused(kind), End::Refused(refusal)) => {
            refusal.kind() == *kind && session.taken.is_empty()
        }
        (Want::Taken(requests), End::Clean) => {
            let taken = session
                .taken
                .iter()
                .map(|taken| (&taken.line[..], &taken.body[..]));
            taken.eq(requests.iter().copied())
        }
        (Want::Short(part), End::InHead | End::InBody) => {
            session.taken.is_empty() && session.part == *part
        }
        _ => false,
    }
}
