//! A connection that speaks RESP, with a limit for each answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clearwell_protocol::{Encoder, Reader, Resp, Value};

/// How long a connection may take to be accepted.
const CONNECT: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nothing was sent.
    Unsent(String),
    /// It may have arrived.
    Lost(String),
}

/// One connection. After [`NoAnswer`] it is of no use any more.
pub struct RespConnection {
    stream: TcpStream,
    reader: Reader,
    input: Vec<u8>,
    patience: Duration,
}

impl RespConnection {
    /// Connects. An answer is waited for so long.
    ///
    /// # Errors
    /// Nobody accepts.
    pub fn open(address: SocketAddr, patience: Duration) -> Result<RespConnection, NoAnswer> {
        let unsent = |error: std::io::Error| NoAnswer::Unsent(error.kind().to_string());
        let stream = TcpStream::connect_timeout(&address, CONNECT).map_err(unsent)?;
        stream.set_nodelay(true).map_err(unsent)?;
        stream.set_write_timeout(Some(patience)).map_err(unsent)?;
        Ok(RespConnection { stream, reader: Reader::new(), input: Vec::new(), patience })
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// It did not come.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value, NoAnswer> {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, Resp::V2).bulks(words.iter());
        let lost = |error: std::io::Error| NoAnswer::Lost(error.kind().to_string());
        self.stream.write_all(&bytes).map_err(lost)?;
        let until = Instant::now() + self.patience;
        loop {
            let next = self.reader.next(&self.input);
            if let Some((value, len)) = next.map_err(|error| NoAnswer::Lost(format!("{error:?}")))? {
                self.input.drain(..len);
                return Ok(value);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::Lost("no answer in time".into()));
            }
            self.stream.set_read_timeout(Some(left)).map_err(lost)?;
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece).map_err(lost)? {
                0 => return Err(NoAnswer::Lost("closed".into())),
                len => self.input.extend_from_slice(&piece[..len]),
            }
        }
    }
}
