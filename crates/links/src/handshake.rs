//! Both sides prove who they are, and tell why not.
//!
//! ```text
//! dialer                                   listener
//!   hello                              ──▶
//!                                      ◀── 1, proof of both hellos, hello      or 0, refusal
//!   proof of both hellos, verdict      ──▶
//!                                      ◀── verdict
//! verdict: 1, or 0 and a refusal
//! ```
//!
//! Whoever has not proved to know the secret is told that, and nothing of what else may be wrong. Both sides judge by the same rules,
//! and whoever refuses tells the other one, so that each can say what is wrong.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::hello::{Hello, VERSIONS};
use crate::packet::{self, PacketReader};
use crate::refusal::HelloRefusal;
use crate::secret::{PROOF, ProofRole, SharedSecret};

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// This node.
    Here,
    /// The other one.
    There,
}

/// How a handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// The connection broke.
    Broken(io::Error),
    /// One of both refused. `hello` is the other side's, once it has proved to know the secret.
    Refused {
        /// Why.
        refusal: HelloRefusal,
        /// Who.
        by: RefusedBy,
        /// Of whom.
        hello: Option<Box<Hello>>,
    },
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        HandshakeError::Broken(error)
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Broken(error) => error.fmt(f),
            HandshakeError::Refused { refusal, by: RefusedBy::Here, .. } => write!(f, "refused: {refusal}"),
            HandshakeError::Refused { refusal, by: RefusedBy::There, .. } => {
                write!(f, "the other side refused: {refusal}")
            }
        }
    }
}

fn here(refusal: HelloRefusal, hello: Option<Hello>) -> HandshakeError {
    HandshakeError::Refused { refusal, by: RefusedBy::Here, hello: hello.map(Box::new) }
}

fn there(refusal: HelloRefusal, hello: Option<Hello>) -> HandshakeError {
    HandshakeError::Refused { refusal: refusal.turned(), by: RefusedBy::There, hello: hello.map(Box::new) }
}

/// The side that opened the connection. `judge` has the last word on the other's hello.
///
/// # Errors
/// The connection's, and a refusal of either side.
pub async fn dial<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    secret: &SharedSecret,
    mine: &Hello,
    judge: impl FnOnce(&Hello) -> Result<(), HelloRefusal>,
) -> Result<Hello, HandshakeError> {
    let mine = mine.encode();
    packet::write(stream, &mine).await?;
    let Some(answer) = packet::read(stream).await? else { return Err(here(HelloRefusal::Malformed, None)) };
    if let Some(refusal) = verdict_of(&answer) {
        return Err(there(refusal, None));
    }
    let mut r = PacketReader::new(&answer[1..]);
    let Some(proof) = r.array::<PROOF>() else { return Err(here(HelloRefusal::Malformed, None)) };
    let bytes = r.rest();
    let is_known = secret.verify(ProofRole::Listener, &mine, bytes, &proof);
    let theirs = match is_known {
        true => Hello::decode(bytes, VERSIONS),
        false => Err(HelloRefusal::WrongSecret),
    };
    let refusal = match &theirs {
        Ok(theirs) => judge(theirs).err(),
        Err(refusal) => Some(refusal.clone()),
    };
    // Whoever has not proved anything gets nothing to try guesses on.
    let proof = if is_known { secret.prove(ProofRole::Dialer, &mine, bytes) } else { [0; PROOF] };
    let mut words = proof.to_vec();
    put_verdict(refusal.as_ref(), &mut words);
    let written = packet::write(stream, &words).await;
    if let Some(refusal) = refusal {
        // It stands, whether it is heard or not.
        return Err(here(refusal, theirs.ok()));
    }
    written?;
    let told = verdict_of(&packet::read(stream).await?.unwrap_or_default());
    match (theirs, told) {
        (Ok(theirs), None) => Ok(theirs),
        (theirs, told) => Err(there(told.unwrap_or(HelloRefusal::Malformed), theirs.ok())),
    }
}

/// The side that was called. `judge` has the last word on the other's hello.
///
/// # Errors
/// The connection's, and a refusal of either side. Both are told.
pub async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    secret: &SharedSecret,
    mine: &Hello,
    judge: impl FnOnce(&Hello) -> Result<(), HelloRefusal>,
) -> Result<Hello, HandshakeError> {
    let first = packet::read(stream).await?.unwrap_or_default();
    let theirs = match Hello::decode(&first, VERSIONS) {
        Err(refusal) => return refuse(stream, refusal, None).await,
        Ok(theirs) => theirs,
    };
    let mine = mine.encode();
    let mut answer = vec![1];
    answer.extend_from_slice(&secret.prove(ProofRole::Listener, &first, &mine));
    answer.extend_from_slice(&mine);
    packet::write(stream, &answer).await?;

    let words = packet::read(stream).await?.unwrap_or_default();
    let mut r = PacketReader::new(&words);
    let is_known = r.array().is_some_and(|proof| secret.verify(ProofRole::Dialer, &first, &mine, &proof));
    if !is_known {
        return refuse(stream, HelloRefusal::WrongSecret, None).await;
    }
    if let Some(refusal) = verdict_of(r.rest()) {
        return Err(there(refusal, Some(theirs)));
    }
    if let Err(refusal) = judge(&theirs) {
        return refuse(stream, refusal, Some(theirs)).await;
    }
    packet::write(stream, &[1]).await?;
    Ok(theirs)
}

async fn refuse<S: AsyncWrite + Unpin>(
    stream: &mut S,
    refusal: HelloRefusal,
    theirs: Option<Hello>,
) -> Result<Hello, HandshakeError> {
    // It stands, whether it is heard or not.
    let _ = tell(stream, &refusal).await;
    Err(here(refusal, theirs))
}

/// Tells the other side why the connection ends.
///
/// # Errors
/// The connection's.
pub async fn tell<S: AsyncWrite + Unpin>(stream: &mut S, refusal: &HelloRefusal) -> io::Result<()> {
    let mut words = Vec::new();
    put_verdict(Some(refusal), &mut words);
    packet::write(stream, &words).await
}

/// Reads what the listener still says on a connection that goes the other way: why it ends.
pub async fn last_words<S: AsyncRead + Unpin>(stream: &mut S) -> Option<HelloRefusal> {
    verdict_of(&packet::read(stream).await.ok()??).map(HelloRefusal::turned)
}

fn put_verdict(refusal: Option<&HelloRefusal>, out: &mut Vec<u8>) {
    match refusal {
        None => out.push(1),
        Some(refusal) => {
            out.push(0);
            out.extend_from_slice(&refusal.encode());
        }
    }
}

/// The refusal of a verdict. What is no verdict is a refusal too, of which nothing is known.
fn verdict_of(bytes: &[u8]) -> Option<HelloRefusal> {
    match bytes.split_first() {
        Some((1, _)) => None,
        Some((0, rest)) => Some(HelloRefusal::decode(rest).unwrap_or(HelloRefusal::Malformed)),
        _ => Some(HelloRefusal::Malformed),
    }
}
