//! The node that a subcommand talks to, and how its answers are printed: a table for people, JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use clearwell_protocol::Value;
use serde_json::{Map, Value as Json};

use super::wire::{RemoteError, RemoteLink, pairs};

/// Which node, and how to print.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    /// The node's RESP address
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "CLEARWELL_ADDR",
        default_value = "127.0.0.1:7379"
    )]
    pub addr: String,
    /// The password of that node
    #[arg(long, global = true, env = "CLEARWELL_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Remote {
    /// Runs what talks to the node, on this thread.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn run<T>(
        &self,
        talk: impl AsyncFnOnce(&mut RemoteLink) -> Result<T, RemoteError>,
    ) -> Result<T, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let done = runtime.block_on(async {
            let mut wire = self.open().await?;
            talk(&mut wire).await
        });
        done.map_err(|error| self.explained(&error))
    }

    /// A connection.
    ///
    /// # Errors
    /// The node cannot be reached, or refuses the password.
    pub async fn open(&self) -> Result<RemoteLink, RemoteError> {
        RemoteLink::open(&self.addr, self.password.as_deref()).await
    }

    /// One request, and its answer.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn ask(&self, words: &[&[u8]]) -> Result<Value, String> {
        self.run(async |wire| wire.call(words).await)
    }

    /// One request in RESP3, where maps are told from lists, and its answer as JSON.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn ask_json(&self, words: &[&str]) -> Result<Json, String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let answer = self.run(async |wire| {
            wire.call(&[b"HELLO", b"3"]).await?;
            wire.call(&words).await
        });
        answer.map(|answer| json(&answer))
    }

    /// The same of a node that has so long to answer.
    ///
    /// # Errors
    /// What went wrong, in words; it took longer.
    pub fn ask_json_within(&self, words: &[&str], patience: Duration) -> Result<Json, String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let asked = async {
            let mut wire = self.open().await?;
            wire.call(&[b"HELLO", b"3"]).await?;
            wire.call(&words).await
        };
        match runtime.block_on(async { tokio::time::timeout(patience, asked).await }) {
            Ok(answer) => answer.map(|answer| json(&answer)).map_err(|error| self.explained(&error)),
            Err(_) => Err(format!("{} does not answer", self.addr)),
        }
    }

    /// An error, with what to do about it.
    pub fn explained(&self, error: &RemoteError) -> String {
        let advice = match error {
            RemoteError::Connect(..) => {
                "; is a node running? `clearwell serve` starts one, --addr names another"
            }
            RemoteError::Refused(why) if why.starts_with("NOAUTH") => {
                "; give --password, or set CLEARWELL_PASSWORD"
            }
            _ => "",
        };
        format!("{error}{advice}")
    }
}

/// Writes to the standard output. Whoever reads it may have had enough: then nothing more is to be said, and all is well.
///
/// # Errors
/// Anything else that keeps it from being written.
pub fn print(bytes: &[u8]) -> Result<Audience, String> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Audience::All),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Audience::Enough),
        Err(error) => Err(format!("cannot print: {error}")),
    }
}

/// Whether the reader of the output still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// It does.
    All,
    /// It does not.
    Enough,
}

/// Prints a JSON value on a line.
///
/// # Errors
/// It cannot be written.
pub fn print_json(json: &Json) -> Result<Audience, String> {
    print(format!("{json}\n").as_bytes())
}

/// An answer as JSON.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Boolean(yes) => Json::from(*yes),
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (text(name), json(value))).collect(),
        Value::Array(items) | Value::Set(items) => items.iter().map(json).collect(),
        other => Json::from(text(other)),
    }
}

/// An answer that is a map, as an object.
pub fn object(value: Value) -> Map<String, Json> {
    pairs(value).iter().map(|(name, value)| (text(name), json(value))).collect()
}

/// A text; what is no UTF-8 is shown as U+FFFD.
pub fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}
