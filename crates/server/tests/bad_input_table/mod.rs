//! The table of bad input over RESP: its format, and how a row is played.

use super::support::{Raw, Server, encode};

/// What becomes of the connection after a row's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It answers PING next.
    Open,
    /// The server closes it.
    Close,
    /// The request is not complete: nothing happens before the client closes.
    Waiting,
}

/// One row of the table; the file's head describes the format.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// Redis answers otherwise.
    pub ours: bool,
    /// The bytes to send.
    pub send: Vec<u8>,
    /// The exact reply.
    pub want: Vec<u8>,
    /// What becomes of the connection.
    pub then: Then,
}

impl Row {
    /// Sends the row, in two pieces cut at `cut`, and says what is wrong with the reply or the connection.
    ///
    /// `other` is another connection: its answer between the pieces shows that the server has had
    /// the chance to read the first.
    pub fn play(&self, server: &Server, other: &mut Raw, cut: Option<usize>) -> Result<(), String> {
        let place = || format!("row {:?} on {:?} cut at {cut:?}", self.name, server.kind);
        assert_eq!(other.call(&["FLUSHALL"]), b"+OK\r\n", "{}", place());
        let mut connection = server.connect();
        let (first, rest) = self.send.split_at(cut.unwrap_or(self.send.len()));
        // A server that has seen enough closes early, so sending may fail; the reply is what counts.
        connection.send(first);
        if cut.is_some() {
            assert_eq!(other.call(&["PING"]), b"+PONG\r\n", "{}", place());
            connection.send(rest);
        }
        let reply = match self.then {
            Then::Open => {
                connection.send(&encode(&["PING"]));
                connection.read_at_least(self.want.len() + b"+PONG\r\n".len())
            }
            Then::Close => connection.read_to_end(),
            Then::Waiting => {
                assert_eq!(other.call(&["PING"]), b"+PONG\r\n", "{}", place());
                assert!(!connection.is_closed(), "closed before the request was complete: {}", place());
                connection.finish_sending();
                connection.read_to_end()
            }
        };
        let want = [&self.want[..], if self.then == Then::Open { b"+PONG\r\n" } else { b"" }].concat();
        assert_eq!(server.connect().call(&["PING"]), b"+PONG\r\n", "no new connection after {}", place());
        if reply == want {
            return Ok(());
        }
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Err(format!(
            "{}\n sent {}\n want {}\n  got {}",
            place(),
            shown(&self.send),
            shown(&want),
            shown(&reply)
        ))
    }
}

/// The rows of a table's text.
pub fn rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = || -> ! { panic!("line {} of the table is not understood: {line:?}", number + 1) };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "row" {
            let row = Row { name: rest.into(), ours: false, send: vec![], want: vec![], then: Then::Open };
            rows.push(row);
            continue;
        }
        let row = rows.last_mut().unwrap_or_else(|| wrong());
        match word {
            "ours" => row.ours = true,
            "call" => row.send.extend(encode(&rest.split(' ').map(argument).collect::<Vec<_>>())),
            "send" => row.send.extend(unescape(rest)),
            "many" => {
                let (count, bytes) = rest.split_once(' ').unwrap_or_else(|| wrong());
                row.send.extend(unescape(bytes).repeat(count.parse().unwrap_or_else(|_| wrong())));
            }
            "want" => row.want.extend(unescape(rest)),
            "then" => {
                row.then = match rest {
                    "open" => Then::Open,
                    "close" => Then::Close,
                    "waiting" => Then::Waiting,
                    _ => wrong(),
                }
            }
            _ => wrong(),
        }
    }
    rows
}

fn argument(word: &str) -> Vec<u8> {
    if word == "''" { Vec::new() } else { unescape(&word.replace("\\s", " ")) }
}

/// The bytes that a text with escapes stands for.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(b'r')) => b'\r',
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b'\\')) => b'\\',
            (b'\\', Some(b'x')) => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two hexadecimal digits follow \\x")
            }
            (b'\\', other) => panic!("unknown escape {other:?} in {text:?}"),
            (plain, _) => plain,
        });
    }
    bytes
}
