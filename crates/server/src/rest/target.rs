//! Request targets as they were sent. The HTTP library drops what stands behind a `#` before anybody sees it, and another key
//! would be read or written than was named; so the bytes are looked at on their way in.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The requests of one connection whose target holds a byte that it may not hold: their number, from 0, and the byte.
#[derive(Clone, Default)]
pub struct BadTargets(Arc<Mutex<VecDeque<(u64, u8)>>>);

impl BadTargets {
    /// What is wrong with the target of this request. Asked for in the order of requests.
    pub fn of(&self, request: u64) -> Option<u8> {
        let mut all = self.0.lock();
        while all.front().is_some_and(|(number, _)| *number < request) {
            all.pop_front();
        }
        all.pop_front_if(|(number, _)| *number == request).map(|(_, byte)| byte)
    }
}

/// Follows the requests on a connection, only as far as it must to know where each request line begins.
#[derive(Default)]
struct Scanner {
    state: State,
    /// Requests whose line has begun.
    begun: u64,
    head: Head,
    refused: BadTargets,
}

#[derive(Default, Clone, Copy)]
enum State {
    /// Before a request line; empty lines are passed over.
    #[default]
    Before,
    Method,
    Target,
    /// Behind a byte in the target that may not be there; what follows decides whether it was the target's end.
    RestOfLine,
    Headers,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    Trailers,
    /// The framing is not understood, and the library will refuse it too.
    Lost,
}

/// What a request's header fields say of its body, and the line that is being read.
#[derive(Default)]
struct Head {
    line: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
}

/// No field that frames a body is longer.
const LINE_MOST: usize = 256;
/// What a byte that may not stand in a target becomes, so that the library reads on and the request is refused by a
/// handler, in words.
const STAND_IN: u8 = b'_';

impl Scanner {
    fn scan(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Body(left) => self.skip(rest.len(), left, State::Body, State::Before),
                // The line end behind a chunk is passed over as an empty line.
                State::Chunk(left) => self.skip(rest.len(), left, State::Chunk, State::ChunkSize),
                State::Lost => return,
                State::Before | State::Method | State::Target | State::RestOfLine => {
                    self.request_line(&mut rest[0]);
                    1
                }
                State::Headers | State::ChunkSize | State::Trailers => {
                    self.other_line(rest[0]);
                    1
                }
            };
        }
    }

    fn skip(&mut self, there: usize, left: u64, more: fn(u64) -> State, then: State) -> usize {
        let skipped = usize::try_from(left).map_or(there, |left| left.min(there));
        let left = left.saturating_sub(skipped as u64);
        self.state = if left == 0 { then } else { more(left) };
        skipped
    }

    fn request_line(&mut self, byte: &mut u8) {
        self.state = match (self.state, *byte) {
            (State::Before, b'\r' | b'\n') => State::Before,
            (State::Before, _) => {
                self.begun += 1;
                self.head = Head::default();
                State::Method
            }
            (State::Method, b' ') => State::Target,
            (_, b'\n') => State::Headers,
            (State::Target, b' ') => State::RestOfLine,
            // A line end that is none is the library's to refuse.
            (State::Target, b'\r') => State::RestOfLine,
            (State::Target, b'#' | 0..=0x1f | 0x7f..) => {
                let bad = (self.begun - 1, *byte);
                let mut refused = self.refused.0.lock();
                if refused.back().is_none_or(|(number, _)| *number != bad.0) {
                    refused.push_back(bad);
                }
                *byte = STAND_IN;
                State::Target
            }
            (state, _) => state,
        };
    }

    fn other_line(&mut self, byte: u8) {
        if byte != b'\n' {
            if self.head.line.len() < LINE_MOST {
                self.head.line.push(byte);
            }
            return;
        }
        let line = std::mem::take(&mut self.head.line);
        let line = line.trim_ascii();
        self.state = match self.state {
            State::Headers if line.is_empty() => match (self.head.chunked, self.head.length) {
                (true, _) => State::ChunkSize,
                (false, None | Some(0)) => State::Before,
                (false, Some(length)) => State::Body(length),
            },
            State::Headers => {
                if self.head.field(line) {
                    State::Headers
                } else {
                    State::Lost
                }
            }
            State::ChunkSize if line.is_empty() => State::ChunkSize,
            State::ChunkSize => match chunk_size(line) {
                Some(0) => State::Trailers,
                Some(size) => State::Chunk(size),
                None => State::Lost,
            },
            State::Trailers if line.is_empty() => State::Before,
            state => state,
        };
    }
}

impl Head {
    /// Notes a header field; `false`: it frames the body in a way that is not understood.
    fn field(&mut self, line: &[u8]) -> bool {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return true };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            self.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            return self.chunked;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            return self.length.is_some();
        }
        true
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), 16).ok()
}

/// A connection whose incoming bytes are looked at.
pub struct WatchedStream {
    stream: TcpStream,
    scanner: Scanner,
}

impl WatchedStream {
    pub fn new(stream: TcpStream) -> WatchedStream {
        WatchedStream { stream, scanner: Scanner::default() }
    }

    /// The requests that are to be refused.
    pub fn refused(&self) -> BadTargets {
        self.scanner.refused.clone()
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let WatchedStream { stream, scanner } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        scanner.scan(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
