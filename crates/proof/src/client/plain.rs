//! A client of RESP that knows nothing of clusters.

use std::net::SocketAddr;

use clearwell_protocol::Value;

use super::{ClientSurface, PATIENCE, all_keys};
use crate::clock;
use crate::history::{AskedLevel, ClientKey, ClientOp, Did, Outcome, tag_name};
use crate::node::Places;
use crate::resp::{NoAnswer, RespConnection};

/// A connection to one node, made anew when it breaks.
pub struct Plain {
    name: &'static str,
    host: u32,
    address: SocketAddr,
    connection: Option<RespConnection>,
}

impl Plain {
    /// A client of a host's node.
    pub fn new(host: u32, name: &'static str) -> Plain {
        Plain { name, host, address: Places::of(host).resp, connection: None }
    }

    fn call(&mut self, words: &[String]) -> Result<Value, NoAnswer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => RespConnection::open(self.address, PATIENCE)?,
        };
        let value = connection.call(words)?;
        self.connection = Some(connection);
        Ok(value)
    }
}

impl ClientSurface for Plain {
    fn name(&self) -> (String, u32) {
        (format!("{}-{}", self.name, self.host), self.host)
    }

    fn ask(&mut self, did: Did) -> Outcome {
        match self.call(&words(did)) {
            Ok(value) => read_reply(did, &value),
            Err(NoAnswer::Unsent(why)) => Outcome::Refused(why),
            Err(NoAnswer::Lost(why)) => Outcome::Unknown(why),
        }
    }
}

/// Reads all keys through a node once, for the time of rest.
pub fn read_all_through(host: u32) -> Vec<ClientOp> {
    let mut client = Plain::new(host, "rest");
    let read = |key| {
        let did = Did::Read(key, AskedLevel::Plain);
        let began = clock::now();
        let outcome = client.ask(did);
        ClientOp { client: "at rest".into(), node: host, began, ended: clock::now(), did, outcome }
    };
    all_keys().map(read).collect()
}

/// What a key's owner tells of how it came to what it is.
pub fn why(hosts: &[u32], key: ClientKey) -> String {
    let told =
        hosts.iter().find_map(|host| Plain::new(*host, "why").call(&["CW.WHY".into(), key.name()]).ok());
    format!("{}: {}", key.name(), told.as_ref().map(text).unwrap_or_default())
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Integer(number) => number.to_string(),
        other => String::from_utf8_lossy(other.as_bytes().or(other.as_error()).unwrap_or(b"-")).into_owned(),
    }
}

/// The command for an operation.
pub fn words(did: Did) -> Vec<String> {
    let text = match did {
        Did::Read(key, AskedLevel::Plain) => format!("GET {}", key.name()),
        Did::Read(key, level) => format!("CW.GET {} LEVEL {}", key.name(), level.word()),
        // A plain SET might be taken for the late fill of a miss, which is another promise.
        Did::Write { key, value, ttl_ms } => {
            let ttl = ttl_ms.map(|ms| format!(" PX {ms}")).unwrap_or_default();
            let tags = key.tag().map(|tag| format!(" TAGS 1 {}", tag_name(tag))).unwrap_or_default();
            format!("CW.SET {} {value}{ttl}{tags} WRITE cache-only", key.name())
        }
        Did::Remove(key) => format!("DEL {}", key.name()),
        Did::Increment(key) => format!("INCR {}", key.name()),
        Did::Invalidate(tag) => format!("CW.INVALIDATE TAGS 1 {}", tag_name(tag)),
    };
    text.split(' ').map(str::to_owned).collect()
}

/// What a reply means.
fn read_reply(did: Did, value: &Value) -> Outcome {
    if let Some(error) = value.as_error() {
        return refusal(&String::from_utf8_lossy(error));
    }
    let strange = || Outcome::Strange(format!("{value:?}"));
    match (did, value) {
        (Did::Read(..), Value::Null) => Outcome::Saw(None),
        (Did::Read(..), Value::Bulk(text)) => {
            number(text).map_or_else(strange, |seen| Outcome::Saw(Some(seen)))
        }
        (Did::Increment(_), Value::Integer(count)) => Outcome::Counted(count.cast_unsigned()),
        (Did::Write { .. }, Value::Simple(ok)) if ok == b"OK" => Outcome::Done,
        (Did::Remove(_), Value::Integer(_)) | (Did::Invalidate(_), Value::Array(_)) => Outcome::Done,
        _ => strange(),
    }
}

/// What an error says about what was done.
pub fn refusal(error: &str) -> Outcome {
    match error.split(' ').next().unwrap_or_default() {
        "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" => Outcome::Refused(error.to_owned()),
        "UNKNOWN" => Outcome::Unknown(error.to_owned()),
        _ => Outcome::Strange(error.to_owned()),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
