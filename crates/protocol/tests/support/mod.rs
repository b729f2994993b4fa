//! Feeds a parser as a connection does.
#![allow(dead_code)] // Each test file is its own crate and uses a part.

use clearwell_protocol::{Encoder, Limits, OwnedArgs, Parser, ProtocolError, Resp, Step};

/// What came out of some input.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub requests: Vec<Vec<Vec<u8>>>,
    pub error: Option<ProtocolError>,
}

/// Gives `pieces` to a parser one after the other.
pub fn feed(pieces: &[&[u8]], limits: &Limits) -> Outcome {
    let (mut parser, mut buffer, mut outcome) = (Parser::new(), Vec::new(), Outcome::default());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match parser.next(&buffer, limits) {
                Ok(Step::Incomplete { at_least }) => {
                    assert!(at_least > 0);
                    break;
                }
                Ok(Step::Empty { consumed }) => drop(buffer.drain(..consumed)),
                Ok(Step::Request { consumed }) => {
                    outcome.requests.push(parser.args(&buffer).iter().map(<[u8]>::to_vec).collect());
                    buffer.drain(..consumed);
                }
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    outcome
}

/// Gives `input` to a parser at once.
pub fn feed_whole(input: &[u8], limits: &Limits) -> Outcome {
    feed(&[input], limits)
}

/// The arguments of a line; words are separated by single spaces.
pub fn args(line: &str) -> OwnedArgs {
    line.split(' ').collect()
}

/// The bytes that `write` writes.
pub fn encoded(resp: Resp, write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, resp));
    out
}
