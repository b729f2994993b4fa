//! A client's end of a RESP connection, for the subcommands that talk to a node.

use std::fmt;
use std::time::Duration;

use clearwell_protocol::{Reader, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes asked of the socket at once.
const READ_AT_ONCE: usize = 64 << 10;

/// Why a node could not be talked to.
#[derive(Debug)]
pub enum RemoteError {
    /// No connection: the address and why.
    Connect(String, std::io::Error),
    /// The connection ended or what came over it is no RESP.
    Broken(String),
    /// The node answered with an error.
    Refused(String),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::Connect(addr, error) => write!(f, "no connection to {addr}: {error}"),
            RemoteError::Broken(why) => write!(f, "the connection to the node is broken: {why}"),
            RemoteError::Refused(error) => write!(f, "the node answered: {error}"),
        }
    }
}

impl std::error::Error for RemoteError {}

/// Appends a request: an array of bulk strings.
pub fn request(out: &mut Vec<u8>, words: &[&[u8]]) {
    use std::io::Write;
    let wrote = "a Vec takes all bytes";
    write!(out, "*{}\r\n", words.len()).expect(wrote);
    for word in words {
        write!(out, "${}\r\n", word.len()).expect(wrote);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// The names and values of a map, in RESP2 written as an array of both by turns; none of anything else.
pub fn pairs(answer: Value) -> Vec<(Value, Value)> {
    match answer {
        Value::Map(pairs) => pairs,
        Value::Array(items) => {
            let mut items = items.into_iter();
            std::iter::from_fn(|| items.next().zip(items.next())).collect()
        }
        _ => Vec::new(),
    }
}

/// A connection to a node.
pub struct RemoteLink {
    stream: TcpStream,
    input: Vec<u8>,
    reader: Reader,
}

impl RemoteLink {
    /// Connects, and authenticates when there is a password.
    ///
    /// # Errors
    /// No connection, or the password is refused.
    pub async fn open(addr: &str, password: Option<&str>) -> Result<RemoteLink, RemoteError> {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(addr)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|error| RemoteError::Connect(addr.to_owned(), error))?;
        let _a_hint_only = stream.set_nodelay(true);
        let mut wire = RemoteLink { stream, input: Vec::new(), reader: Reader::new() };
        if let Some(password) = password {
            wire.call(&[b"AUTH", password.as_bytes()]).await?;
        }
        Ok(wire)
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// Also when the answer is an error.
    pub async fn call(&mut self, words: &[&[u8]]) -> Result<Value, RemoteError> {
        let mut out = Vec::new();
        request(&mut out, words);
        let mut answer = Value::Null;
        self.exchange(&out, 1, |value| answer = value).await?;
        match answer.as_error() {
            Some(error) => Err(RemoteError::Refused(String::from_utf8_lossy(error).into_owned())),
            None => Ok(answer),
        }
    }

    /// Sends `out`, which holds `count` requests, and hands their answers to `answered` in order as they arrive. Reads
    /// while it writes, so that neither side waits for the other to read.
    ///
    /// # Errors
    /// The connection ends, is silent for too long, or carries no RESP.
    pub async fn exchange(
        &mut self,
        out: &[u8],
        count: usize,
        answered: impl FnMut(Value),
    ) -> Result<(), RemoteError> {
        let RemoteLink { stream, input, reader } = self;
        let (mut from, mut to) = stream.split();
        let send = async { to.write_all(out).await.map_err(broken) };
        let receive = receive(&mut from, input, reader, count, answered);
        let both = async { tokio::try_join!(send, receive) };
        match tokio::time::timeout(PATIENCE, both).await {
            Ok(done) => done.map(drop),
            Err(_) => Err(RemoteError::Broken(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

async fn receive(
    from: &mut tokio::net::tcp::ReadHalf<'_>,
    input: &mut Vec<u8>,
    reader: &mut Reader,
    mut missing: usize,
    mut answered: impl FnMut(Value),
) -> Result<(), RemoteError> {
    let mut start = 0;
    while missing > 0 {
        match reader.next(&input[start..]).map_err(|error| RemoteError::Broken(error.to_string()))? {
            Some((Value::Push(_), length)) => start += length,
            Some((value, length)) => {
                start += length;
                missing -= 1;
                answered(value);
            }
            None => {
                input.drain(..start);
                start = 0;
                input.reserve(READ_AT_ONCE);
                if from.read_buf(input).await.map_err(broken)? == 0 {
                    return Err(RemoteError::Broken("the node closed it".to_owned()));
                }
            }
        }
    }
    input.drain(..start);
    Ok(())
}

fn broken(error: std::io::Error) -> RemoteError {
    RemoteError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        request(&mut out, &[b"SET", b"k", b"a\r\nb"]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
    }
}
