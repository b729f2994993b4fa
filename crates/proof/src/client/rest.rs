//! A client of REST, which follows to the node that serves a key.

use std::time::Duration;

use super::{ClientSurface, PATIENCE};
use crate::history::{AskedLevel, Did, Outcome, tag_name};
use crate::node::Places;

/// How often it follows: while slots move, two nodes may send to one another.
const FOLLOWS: usize = 4;

/// A client that asks one node first.
pub struct Rest {
    host: u32,
    agent: ureq::Agent,
}

/// What a request is.
struct RestRequest {
    method: &'static str,
    target: String,
    body: String,
    json: bool,
}

impl Rest {
    /// A client of a host's node.
    pub fn new(host: u32) -> Rest {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(1)))
            .timeout_global(Some(PATIENCE));
        Rest { host, agent: config.build().into() }
    }

    /// Sends it, and again where another node is named: a node that names one has done nothing.
    fn send(&self, request: &RestRequest) -> RestReply {
        let mut url = format!("http://{}{}", Places::of(self.host).http, request.target);
        for _ in 0..FOLLOWS {
            let made = ureq::http::Request::builder().method(request.method).uri(&url);
            let kind = if request.json { "application/json" } else { "text/plain" };
            let made = made.header("content-type", kind).body(request.body.clone());
            let made = match made {
                Ok(made) => made,
                Err(error) => return RestReply::Lost(error.to_string()),
            };
            match self.agent.run(made) {
                Err(ureq::Error::ConnectionFailed | ureq::Error::HostNotFound) => {
                    return RestReply::Unsent("connection refused".into());
                }
                Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    return RestReply::Unsent(error.to_string());
                }
                Err(ureq::Error::Timeout(ureq::Timeout::Connect)) => {
                    return RestReply::Unsent("no connection in time".into());
                }
                Err(error) => return RestReply::Lost(error.to_string()),
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    let location = answer.headers().get("location").and_then(|at| at.to_str().ok());
                    let location = location.map(str::to_owned);
                    // The whole answer is read, so that the connection can be used again.
                    let text = match answer.body_mut().read_to_string() {
                        Ok(text) => text,
                        Err(error) => return RestReply::Lost(error.to_string()),
                    };
                    match (status, location) {
                        (307, Some(there)) => url = there,
                        _ => return RestReply::Answered(status, text),
                    }
                }
            }
        }
        RestReply::Unsent("sent from node to node".into())
    }
}

/// What became of a request.
enum RestReply {
    Answered(u16, String),
    Unsent(String),
    Lost(String),
}

impl ClientSurface for Rest {
    fn name(&self) -> (String, u32) {
        (format!("rest-{}", self.host), self.host)
    }

    /// REST has no counters: it reads them. Its times to live are whole seconds.
    fn fits(&self, did: Did) -> Did {
        match did {
            Did::Increment(key) => Did::Read(key, AskedLevel::Plain),
            Did::Write { key, value, ttl_ms } => {
                Did::Write { key, value, ttl_ms: ttl_ms.map(|ms| ms.div_ceil(1_000) * 1_000) }
            }
            other => other,
        }
    }

    fn ask(&mut self, did: Did) -> Outcome {
        match self.send(&request(did)) {
            RestReply::Answered(status, text) => answer(did, status, &text),
            RestReply::Unsent(why) => Outcome::Refused(why),
            RestReply::Lost(why) => Outcome::Unknown(why),
        }
    }
}

fn request(did: Did) -> RestRequest {
    let text = |method, target: String| RestRequest { method, target, body: String::new(), json: false };
    match did {
        Did::Read(key, AskedLevel::Plain) => text("GET", format!("/api/cache/{}?raw=1", key.name())),
        Did::Read(key, level) => {
            text("GET", format!("/api/cache/{}?raw=1&level={}", key.name(), level.word()))
        }
        Did::Write { key, value, ttl_ms } => {
            let ttl = ttl_ms.map_or("null".into(), |ms| (ms / 1_000).to_string());
            let tag = key.tag().map(|tag| format!("&tag={}", tag_name(tag))).unwrap_or_default();
            let target = format!("/api/cache/{}?write=cache-only&ttl={ttl}{tag}", key.name());
            RestRequest { body: value.to_string(), ..text("PUT", target) }
        }
        Did::Remove(key) => text("DELETE", format!("/api/cache/{}", key.name())),
        Did::Invalidate(tag) => RestRequest {
            body: format!("{{\"tags\": [\"{}\"]}}", tag_name(tag)),
            json: true,
            ..text("POST", "/api/cache/invalidate".into())
        },
        Did::Increment(key) => text("GET", format!("/api/cache/{}?raw=1", key.name())),
    }
}

fn answer(did: Did, status: u16, text: &str) -> Outcome {
    let code = || {
        let problem: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        problem["code"].as_str().unwrap_or("no code").to_owned()
    };
    match (did, status) {
        (Did::Read(..), 200) => match text.parse() {
            Ok(value) => Outcome::Saw(Some(value)),
            Err(_) => Outcome::Strange(text.to_owned()),
        },
        (Did::Read(..), 404) => Outcome::Saw(None),
        // That there was none is said of what is gone.
        (Did::Remove(_), 204 | 404) | (Did::Write { .. } | Did::Invalidate(_), 200 | 201) => Outcome::Done,
        (_, 503) => match code().as_str() {
            refused @ ("no-owner" | "moving") => Outcome::Refused(refused.into()),
            "unknown" => Outcome::Unknown("unknown".into()),
            other => Outcome::Strange(format!("503 {other}")),
        },
        _ => Outcome::Strange(format!("{status} {text}")),
    }
}
