//! A raw RESP connection: bytes out, bytes in, with deadlines and no client library between.

use super::DEADLINE;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A blocking connection that gives up after a deadline instead of hanging.
pub struct Raw {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Raw {
    /// Connects to `address`.
    pub fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the server accepts connections");
        stream.set_nodelay(true).expect("a TCP stream takes nodelay");
        stream.set_read_timeout(Some(DEADLINE)).expect("a non-zero time-out is taken");
        stream.set_write_timeout(Some(DEADLINE)).expect("a non-zero time-out is taken");
        Raw { stream, pending: Vec::new() }
    }

    /// The same of a server that may not be there.
    pub fn try_connect(address: SocketAddr) -> Option<Raw> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.set_write_timeout(Some(DEADLINE)).ok()?;
        Some(Raw { stream, pending: Vec::new() })
    }

    /// Sends bytes as they are; `false` when the server has closed.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends as much as the server takes until it takes nothing for `patience`; returns how much that was.
    pub fn send_until_blocked(&mut self, bytes: &[u8], patience: Duration) -> usize {
        self.stream.set_write_timeout(Some(patience)).expect("a non-zero time-out is taken");
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => sent += count,
            }
        }
        sent
    }

    /// Says that no more bytes will come.
    pub fn finish_sending(&self) {
        // The server may have closed already, which is what the caller then reads.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Whether the server has closed by now, without waiting for it.
    pub fn is_closed(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a TCP stream can be non-blocking");
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a TCP stream can be blocking");
        !matches!(seen, Ok(1..)) && !matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends one command as an array of bulk strings and returns the bytes of its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Vec<u8> {
        self.try_call(arguments).expect("the server closed instead of a reply")
    }

    /// As [`Raw::call`], for a server that may be killed meanwhile: `None` when it is gone.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Option<Vec<u8>> {
        if self.send(&encode(arguments)) { self.reply() } else { None }
    }

    /// The bytes of the next whole reply, or `None` at the end of the stream.
    pub fn reply(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = reply_end(&self.pending, 0) {
                return Some(self.pending.drain(..end).collect());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads until at least `count` bytes came or the server closed; returns all that came.
    pub fn read_at_least(&mut self, count: usize) -> Vec<u8> {
        while self.pending.len() < count && self.fill() {}
        std::mem::take(&mut self.pending)
    }

    /// Reads until the server closes; panics when it does not within the deadline.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.pending)
    }

    /// Reads what is there; `false` at the end of the stream.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.pending.extend_from_slice(&buffer[..count]);
                count > 0
            }
            // A process that was stopped and goes on is told so here, before its time is over.
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            // A server that closes with our bytes unread resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => {
                let came = String::from_utf8_lossy(&self.pending);
                panic!("no byte and no close within {DEADLINE:?}: {error}; so far {came:?}")
            }
        }
    }
}

/// A command as clients send it.
pub fn encode<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.as_ref().len()).as_bytes());
        bytes.extend_from_slice(argument.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Where the reply that starts at `at` ends, if all of it is there.
fn reply_end(bytes: &[u8], at: usize) -> Option<usize> {
    let line_end = at + bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let line = &bytes[at..line_end - 2];
    let count = || std::str::from_utf8(line.get(1..)?).ok()?.parse::<i64>().ok();
    match line.first()? {
        b'$' | b'=' if count()? >= 0 => {
            let end = line_end + count()? as usize + 2;
            (bytes.len() >= end).then_some(end)
        }
        kind @ (b'*' | b'~' | b'>' | b'%') => {
            let parts = count()?.max(0) * if *kind == b'%' { 2 } else { 1 };
            (0..parts).try_fold(line_end, |end, _| reply_end(bytes, end))
        }
        _ => Some(line_end),
    }
}
