//! `clearwell get`, `set` and `del`: entries of a node, over the wire.

use std::io::Read;
use std::process::ExitCode;

use clearwell_protocol::Value;
use serde_json::json;

use super::remote::{Remote, json, object, print, print_json};
use super::table::{TextTable, cell};
use super::wire::pairs;
use crate::rest::base64_unless_text;

/// Reads a key.
///
/// Prints the value as it is. Exits with 1 when there is none.
#[derive(Debug, Clone, clap::Args)]
pub struct GetArgs {
    /// The key
    pub key: String,
    /// How fresh it must be: strong, session, causal, bounded(2s), eventual or weak
    #[arg(long)]
    pub level: Option<String>,
    /// Take a stale value too
    #[arg(long)]
    pub stale: bool,
    /// Print what is known about the value beside it
    #[arg(long)]
    pub meta: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// Gives a key a value.
#[derive(Debug, Clone, clap::Args)]
pub struct SetArgs {
    /// The key
    pub key: String,
    /// The value; - reads it from the standard input
    #[arg(allow_hyphen_values = true)]
    pub value: String,
    /// How long it lives, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub ttl: Option<u64>,
    /// A tag
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// A key or tag that it depends on
    #[arg(long, value_name = "NAME")]
    pub depends: Vec<String>,
    /// How dear it is, 0 to 255
    #[arg(long)]
    pub priority: Option<u8>,
    /// write-through, write-invalidate, write-back or cache-only
    #[arg(long, value_name = "STRATEGY")]
    pub write: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// Takes keys away from the cache.
#[derive(Debug, Clone, clap::Args)]
pub struct DelArgs {
    /// The keys
    #[arg(required = true, value_name = "KEY")]
    pub keys: Vec<String>,
    /// Remove the rows in their source too
    #[arg(long)]
    pub row: bool,
    #[command(flatten)]
    pub remote: Remote,
}

impl GetArgs {
    fn words(&self) -> Vec<&str> {
        let mut words = vec!["CW.GET", &self.key, "META"];
        if let Some(level) = &self.level {
            words.extend(["LEVEL", level]);
        }
        if self.stale {
            words.push("STALE");
        }
        words
    }
}

/// Runs `clearwell get`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn get(args: &GetArgs) -> Result<ExitCode, String> {
    let answer = args.remote.ask(&bytes(&args.words()))?;
    let value = pairs(answer.clone()).into_iter().find(|(name, _)| name.as_bytes() == Some(b"value"));
    let value = value.and_then(|(_, value)| value.as_bytes().map(<[u8]>::to_vec));
    let mut known = object(answer);
    if args.remote.json {
        if let Some(base64) = value.as_deref().and_then(base64_unless_text) {
            known.insert("value_base64".to_owned(), json!(base64));
        }
        known.insert("key".to_owned(), json!(args.key));
        print_json(&known.into())?;
    } else if args.meta {
        let mut table = TextTable::new(&["of the value", ""]);
        known.iter().for_each(|(name, value)| table.row([name.clone(), cell(value)]));
        print(table.text().as_bytes())?;
    } else if let Some(value) = &value {
        print(&[value, &b"\n"[..]].concat())?;
    }
    match value {
        Some(_) => Ok(ExitCode::SUCCESS),
        None if args.remote.json => Ok(ExitCode::FAILURE),
        None => Err(format!("no value for {:?}", args.key)),
    }
}

/// Runs `clearwell set`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn set(args: &SetArgs) -> Result<ExitCode, String> {
    let mut value = args.value.clone().into_bytes();
    if args.value == "-" {
        value.clear();
        let read = std::io::stdin().lock().read_to_end(&mut value);
        read.map_err(|error| format!("cannot read the value: {error}"))?;
    }
    let mut options: Vec<String> = Vec::new();
    if let Some(ttl) = args.ttl {
        options.extend(["EX".to_owned(), ttl.to_string()]);
    }
    for (word, names) in [("TAGS", &args.tag), ("DEPENDS", &args.depends)] {
        if !names.is_empty() {
            options.extend([word.to_owned(), names.len().to_string()]);
            options.extend(names.iter().cloned());
        }
    }
    if let Some(priority) = args.priority {
        options.extend(["PRIORITY".to_owned(), priority.to_string()]);
    }
    if let Some(strategy) = &args.write {
        options.extend(["WRITE".to_owned(), strategy.clone()]);
    }
    let mut words: Vec<&[u8]> = vec![b"CW.SET", args.key.as_bytes(), &value];
    words.extend(options.iter().map(String::as_bytes));
    let answer = args.remote.ask(&words)?;
    if args.remote.json {
        print_json(&json!({ "key": args.key, "answer": json(&answer) }))?;
    } else {
        print(b"OK\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `clearwell del`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn del(args: &DelArgs) -> Result<ExitCode, String> {
    let mut words = vec![if args.row { "CW.DEL" } else { "DEL" }];
    words.extend(args.keys.iter().map(String::as_str));
    let answer = args.remote.ask(&bytes(&words))?;
    let Value::Integer(count) = answer else { return Err(format!("unexpected answer {answer:?}")) };
    if args.remote.json {
        print_json(&json!({ "deleted": count }))?;
    } else {
        print(format!("deleted {count}\n").as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn bytes<'a>(words: &[&'a str]) -> Vec<&'a [u8]> {
    words.iter().map(|word| word.as_bytes()).collect()
}
