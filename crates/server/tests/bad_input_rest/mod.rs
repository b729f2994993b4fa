//! The table of bad input over REST: its format, and how a row is played.

use super::support::{DEADLINE, Server};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// One row of the table; the file's head describes the format.
#[derive(Debug, Default)]
pub struct Row {
    name: String,
    requests: Vec<Request>,
    status: u16,
    code: String,
    detail: Option<String>,
}

#[derive(Debug, Default)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
    raw: Option<Vec<u8>>,
}

/// An answer: its status and its body.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Row {
    /// Makes the row's requests and asserts the last one's answer.
    pub fn play(&self, server: &Server) {
        let (last, before) = self.requests.split_last().expect("a row makes a request");
        for request in before {
            let answer = exchange(server, &request.bytes());
            assert!(answer.status < 300, "before row {:?}: {answer:?}", self.name);
        }
        let answer = exchange(server, &last.bytes());
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or("-");
        assert_eq!((answer.status, code), (self.status, &*self.code), "row {:?}: {answer:?}", self.name);
        if let Some(detail) = &self.detail {
            assert_eq!(problem["detail"].as_str(), Some(&**detail), "row {:?}", self.name);
        }
    }
}

impl Request {
    fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut headers = self.headers.clone();
        if !self.body.is_empty() && !headers.iter().any(|header| header.starts_with("Content-Type:")) {
            headers.push("Content-Type: application/json".into());
        }
        headers.push(format!("Content-Length: {}", self.body.len()));
        let head = format!(
            "{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n\r\n",
            self.line,
            headers.join("\r\n")
        );
        [head.as_bytes(), &self.body].concat()
    }
}

/// One POST of JSON.
pub fn post(server: &Server, path: &str, json: &Value) -> Answer {
    let body = json.to_string().into_bytes();
    exchange(server, &Request { line: format!("POST {path}"), body, ..Request::default() }.bytes())
}

/// Sends `request` on a new connection and reads until the server closes.
fn exchange(server: &Server, request: &[u8]) -> Answer {
    let address = server.http.expect("a node has an HTTP port");
    let mut stream = TcpStream::connect(address).expect("the node accepts connections");
    stream.set_read_timeout(Some(DEADLINE)).expect("a non-zero time-out is taken");
    // A server that has seen enough may close before it has read all; the answer is what counts.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "no answer and no close: {error}");
    }
    let text = String::from_utf8_lossy(&bytes);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Answer { status: status.unwrap_or_else(|| panic!("no HTTP answer: {text:?}")), body }
}

/// The rows of a table's text.
pub fn rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "row" {
            rows.push(Row { name: rest.into(), ..Row::default() });
        } else {
            let row = rows.last_mut().expect("the table begins with a row");
            read_line(row, word, rest)
                .unwrap_or_else(|| panic!("line {} of the table: {line:?}", number + 1));
        }
    }
    rows
}

/// Adds one line to `row`; `None` when it is not understood.
fn read_line(row: &mut Row, word: &str, rest: &str) -> Option<()> {
    match word {
        "call" => row.requests.push(Request { line: rest.into(), ..Request::default() }),
        "raw" => row
            .requests
            .push(Request { raw: Some(super::bad_input_table::unescape(rest)), ..Request::default() }),
        "head" => row.requests.last_mut()?.headers.push(rest.into()),
        "body" => row.requests.last_mut()?.body.extend(rest.bytes()),
        "many" => {
            let (count, text) = rest.split_once(' ')?;
            row.requests.last_mut()?.body.extend(text.repeat(count.parse().ok()?).bytes());
        }
        "want" => {
            let (status, code) = rest.split_once(' ')?;
            (row.status, row.code) = (status.parse().ok()?, code.into());
        }
        "detail" => row.detail = Some(rest.into()),
        _ => return None,
    }
    Some(())
}
