//! One connection to each server, asked the same.

use std::collections::VecDeque;

use clearwell_protocol::{Reader, Value};

use crate::compare::{self, Request};
use crate::known;
use crate::support::{Raw, Server, encode, wait_for};

/// Requests that a failure shows.
const STORY: usize = 30;

/// A connection to redis-server and one to the node, in the same state.
pub struct Pair {
    theirs: Raw,
    ours: Raw,
    /// Requests queued since MULTI; `None` outside of it.
    queued: Option<Vec<Request>>,
    /// Keys that this connection watches and that were absent then.
    watched: Vec<Vec<u8>>,
    /// Whether one of them was absent when that could be looked at last.
    came_and_went: bool,
    /// Looks at the node while the connection queues what it is sent. Where nobody else sends, the connection itself can look
    /// before MULTI, and to the node there is one client with one connection.
    probe: Option<Raw>,
    /// SETs that the node has refused as late fills.
    refused: i64,
    story: VecDeque<String>,
}

impl Pair {
    /// Connects to both in this version of the protocol.
    pub fn new(theirs: &Server, ours: &Server, resp: u8, alone: bool) -> Pair {
        let connect = |server: &Server| {
            let mut raw = server.connect();
            raw.call(&["HELLO", &resp.to_string()]);
            raw
        };
        let probe = (!alone).then(|| ours.connect());
        let (theirs, ours) = (connect(theirs), connect(ours));
        let (watched, story) = (Vec::new(), VecDeque::new());
        Pair { theirs, ours, queued: None, watched, came_and_went: false, probe, refused: 0, story }
    }

    /// Sends a request to both and compares the replies. `Ok(Some(name))` is a difference that is known.
    pub fn ask(&mut self, request: &Request) -> Result<Option<&'static str>, String> {
        self.look_at_watched(request);
        let (theirs, ours) = self.send(request);
        self.tell(request, &theirs);
        self.note_watched(request, &theirs);
        let runs = compare::is(request, "exec") && theirs == Value::Null && matches!(ours, Value::Array(_));
        if runs && self.came_and_went {
            self.queued = None;
            return Ok(Some(known::CAME_AND_WENT));
        }
        let queued = std::mem::take(&mut self.queued);
        let verdict = compare::replies(request, queued.as_deref(), &theirs, &ours);
        self.queued = after(queued, request, &theirs);
        // What was refused may show in this very reply, where EXEC holds a SET and a look at it.
        if self.was_refused(request) {
            return Ok(Some(known::LATE_FILL));
        }
        let verdict = verdict.map_err(|why| {
            let (request, theirs, ours) = (compare::shown(request), reply(&theirs), reply(&ours));
            format!(
                "{}\n  request    {request}\n  redis      {theirs}\n  clearwell  {ours}\n  {why}",
                self.story()
            )
        })?;
        if compare::ends_soon(request) && self.queued.is_none() && ours == Value::Integer(1) {
            self.wait_for_end(&request[1]);
        }
        if verdict == Some(known::DBSIZE) && self.queued.is_none() && compare::is(request, "dbsize") {
            self.wait_for_size();
        }
        Ok(verdict)
    }

    /// The last requests and what redis-server answered.
    fn story(&self) -> String {
        self.story.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn send(&mut self, request: &Request) -> (Value, Value) {
        let bytes = encode(request);
        assert!(self.theirs.send(&bytes) && self.ours.send(&bytes), "both servers read");
        (value(&mut self.theirs), value(&mut self.ours))
    }

    fn tell(&mut self, request: &Request, theirs: &Value) {
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back(format!("  {} -> {:.200}", compare::shown(request), reply(theirs)));
    }

    /// Neither server has the key any more: it was given a millisecond.
    fn wait_for_end(&mut self, key: &[u8]) {
        wait_for("a key of a millisecond to expire", || {
            (is_gone(&mut self.theirs, key) && is_gone(&mut self.ours, key)).then_some(())
        });
    }

    /// The node counts what redis-server counts, as soon as it has swept.
    fn wait_for_size(&mut self) {
        let size = |raw: &mut Raw| raw.call(&["DBSIZE"]);
        wait_for("the node to sweep", || (size(&mut self.theirs) == size(&mut self.ours)).then_some(()));
    }

    /// Before MULTI, or before EXEC where another connection can look: whether a watched key is absent again.
    fn look_at_watched(&mut self, request: &Request) {
        let last = if self.probe.is_some() { "exec" } else { "multi" };
        if compare::is(request, last) && (self.probe.is_some() || self.queued.is_none()) {
            let probe = self.probe.as_mut().unwrap_or(&mut self.ours);
            self.came_and_went = self.watched.iter().any(|key| is_gone(probe, key));
        }
    }

    /// Whether the node refused a SET of this request as a late fill. A client with one connection has none.
    fn was_refused(&mut self, request: &Request) -> bool {
        let sets = ["set", "setex", "psetex", "mset", "exec"].iter().any(|name| compare::is(request, name));
        let Some(probe) = self.probe.as_mut().filter(|_| sets) else { return false };
        let refused = late_sets(probe);
        std::mem::replace(&mut self.refused, refused) != refused
    }

    /// Remembers the absent ones among the keys that are watched now.
    fn note_watched(&mut self, request: &Request, reply: &Value) {
        let ok = *reply == Value::Simple(b"OK".to_vec());
        let ended = !matches!(reply, Value::Error(text) if text.ends_with(b"without MULTI"));
        if ok && compare::is(request, "watch") {
            let probe = self.probe.as_mut().unwrap_or(&mut self.ours);
            self.watched.extend(request[1..].iter().filter(|key| is_gone(probe, key)).cloned());
        } else if (ok && compare::is(request, "unwatch"))
            || (ended && (compare::is(request, "exec") || compare::is(request, "discard")))
        {
            self.watched.clear();
        }
    }

    /// Forgets what is watched, outside of transactions.
    pub fn unwatch(&mut self) {
        for raw in [&mut self.theirs, &mut self.ours] {
            assert_eq!(raw.call(&["UNWATCH"]), b"+OK\r\n");
        }
        self.watched.clear();
    }

    /// Whether a transaction is open.
    pub fn is_queueing(&self) -> bool {
        self.queued.is_some()
    }

    /// Both hold nothing, outside of transactions.
    pub fn begin_anew(&mut self) {
        if self.queued.take().is_some() {
            for raw in [&mut self.theirs, &mut self.ours] {
                raw.call(&["DISCARD"]);
            }
        }
        for raw in [&mut self.theirs, &mut self.ours] {
            assert_eq!(raw.call(&["FLUSHALL"]), b"+OK\r\n");
        }
        self.unwatch();
        if let Some(probe) = &mut self.probe {
            self.refused = late_sets(probe);
        }
        self.story.clear();
    }
}

/// SETs that the node has refused as late fills, on whatever connection.
fn late_sets(probe: &mut Raw) -> i64 {
    let Value::Array(figures) = value_of(probe.call(&["CW.STATS"])) else {
        panic!("CW.STATS is a list in RESP2")
    };
    let names = figures.chunks(2).filter_map(|pair| Some((pair[0].as_bytes()?, &pair[1])));
    let refused = names.filter(|(name, _)| [&b"late_sets_refused"[..], b"fills_refused"].contains(name));
    refused.map(|(_, figure)| if let Value::Integer(count) = figure { *count } else { 0 }).sum()
}

fn is_gone(raw: &mut Raw, key: &[u8]) -> bool {
    raw.call(&[b"EXISTS", key]) == b":0\r\n"
}

/// What is queued after a request that was answered so.
fn after(queued: Option<Vec<Request>>, request: &Request, reply: &Value) -> Option<Vec<Request>> {
    let name = request[0].to_ascii_lowercase();
    match (queued, &*name) {
        (None, b"multi") if *reply == Value::Simple(b"OK".to_vec()) => Some(Vec::new()),
        (Some(_), b"exec" | b"discard") if !matches!(reply, Value::Error(text) if text.starts_with(b"ERR")) => {
            None
        }
        (Some(mut queued), _) => {
            if *reply == Value::Simple(b"QUEUED".to_vec()) {
                queued.push(request.clone());
            }
            Some(queued)
        }
        (None, _) => None,
    }
}

/// A reply as a person reads it.
fn reply(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(reply).collect::<Vec<_>>().join(", ")),
        Value::Integer(number) => format!("(integer) {number}"),
        Value::Error(text) => format!("(error) {}", text.escape_ascii()),
        other => other
            .as_bytes()
            .map_or_else(|| format!("{other:?}"), |text| format!("\"{}\"", text.escape_ascii())),
    }
}

fn value(raw: &mut Raw) -> Value {
    value_of(raw.reply().expect("the server answers"))
}

fn value_of(bytes: Vec<u8>) -> Value {
    let read = Reader::new().next(&bytes).expect("a reply of the protocol");
    let (value, length) = read.expect("a whole reply");
    assert_eq!(length, bytes.len());
    value
}
