//! CONFIG: settings under the names that Redis's tools know. What `clearwell.toml` fixes can be read and not set.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use clearwell_engine::Glob;
use clearwell_protocol::{Args, CommandError};

use crate::resp::dispatch::Context;
use crate::resp::policy;
use crate::resp::server::Server;
use crate::resp::step::{Outcome, Step};

type Get = fn(&Server) -> String;
type Set = fn(&Server, &str) -> Result<(), String>;

/// A setting; without a `set` it cannot be changed while the server runs.
struct Setting {
    name: &'static str,
    get: Get,
    set: Option<Set>,
}

const fn fixed(name: &'static str, get: Get) -> Setting {
    Setting { name, get, set: None }
}

const fn settable(name: &'static str, get: Get, set: Set) -> Setting {
    Setting { name, get, set: Some(set) }
}

const SETTINGS: &[Setting] = &[
    fixed("appendonly", |_| "no".into()),
    fixed("bind", |server| server.address.ip().to_string()),
    settable(
        "client-query-buffer-limit",
        |server| server.settings.max_request.load(Relaxed).to_string(),
        |server, text| bytes(text, 1 << 20).map(|n| server.settings.max_request.store(n, Relaxed)),
    ),
    fixed("cluster-enabled", |_| "no".into()),
    fixed("databases", |_| "1".into()),
    fixed("hz", |_| "1000".into()),
    fixed("io-threads", |server| server.workers.len().to_string()),
    settable(
        "latency-tracking",
        |server| yes_no(server.settings.latency_tracking.load(Relaxed)),
        |server, text| switch(text).map(|on| server.settings.latency_tracking.store(on, Relaxed)),
    ),
    fixed("lazyfree-lazy-user-del", |_| "yes".into()),
    fixed("lazyfree-lazy-user-flush", |_| "yes".into()),
    settable(
        "maxclients",
        |server| server.settings.max_clients.load(Relaxed).to_string(),
        |server, text| number(text, 1).map(|n| server.settings.max_clients.store(n as usize, Relaxed)),
    ),
    fixed("maxmemory", |server| server.node.config().max_memory.to_string()),
    settable(
        "maxmemory-policy",
        |server| policy::word(server.node.eviction()),
        |server, text| policy::named(text).map(|eviction| server.node.evict_by(eviction)),
    ),
    settable(
        "notify-keyspace-events",
        |server| server.channels.flags.letters(),
        |server, text| server.channels.notify(text),
    ),
    fixed("port", |server| server.address.port().to_string()),
    settable(
        "proto-max-bulk-len",
        |server| server.settings.max_bulk.load(Relaxed).to_string(),
        |server, text| bytes(text, 1 << 20).map(|n| server.settings.max_bulk.store(n, Relaxed)),
    ),
    settable(
        "requirepass",
        |server| server.settings.password.load_full().map(|text| text.to_string()).unwrap_or_default(),
        |server, text| {
            server.settings.password.store((!text.is_empty()).then(|| Arc::new(text.to_owned())));
            Ok(())
        },
    ),
    fixed("save", |_| String::new()),
    settable(
        "slowlog-log-slower-than",
        |server| server.settings.slower_than_us.load(Relaxed).to_string(),
        |server, text| number(text, -1).map(|n| server.settings.slower_than_us.store(n, Relaxed)),
    ),
    settable(
        "slowlog-max-len",
        |server| server.settings.slowlog_most.load(Relaxed).to_string(),
        |server, text| {
            number(text, 0).map(|n| server.settings.slowlog_most.store((n as usize).min(100_000), Relaxed))
        },
    ),
    settable(
        "tcp-keepalive",
        |server| server.settings.keepalive_s.load(Relaxed).to_string(),
        |server, text| number(text, 0).map(|n| server.settings.keepalive_s.store(n as u64, Relaxed)),
    ),
    settable(
        "timeout",
        |server| server.settings.timeout_s.load(Relaxed).to_string(),
        |server, text| number(text, 0).map(|n| server.settings.timeout_s.store(n as u64, Relaxed)),
    ),
];

fn yes_no(on: bool) -> String {
    if on { "yes" } else { "no" }.into()
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".into()),
    }
}

fn number(text: &str, least: i64) -> Result<i64, String> {
    let most = i64::from(i32::MAX);
    let parsed: Option<i64> = text.parse().ok();
    let number = parsed.ok_or("argument couldn't be parsed into an integer")?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("argument must be between {least} and {most} inclusive"))
    }
}

/// A number of bytes with one of Redis's units: `kb` is 1024, `k` is 1000.
fn bytes(text: &str, least: usize) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match &lower[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err("argument must be a memory value".into()),
    };
    let parsed: Option<usize> = digits.parse().ok();
    let bytes = parsed.and_then(|n| n.checked_mul(factor)).ok_or("argument must be a memory value")?;
    if bytes >= least { Ok(bytes) } else { Err(format!("argument must be at least {least}")) }
}

/// CONFIG GET: every setting that one of the globs matches, once.
pub fn get(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let globs: Vec<Glob> =
        args.from(2).iter().filter_map(|pattern| Glob::new(&pattern.to_ascii_lowercase()).ok()).collect();
    let is_wanted = |name: &str| globs.iter().any(|glob| glob.matches(name.as_bytes()));
    let found: Vec<&Setting> = SETTINGS.iter().filter(|setting| is_wanted(setting.name)).collect();
    let server = context.server;
    let mut reply = context.reply();
    reply.map(found.len());
    for setting in found {
        reply.bulk(setting.name);
        reply.bulk((setting.get)(server));
    }
    Ok(Step::Done)
}

/// CONFIG SET: all that is given, or nothing when one is wrong.
pub fn set(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let pairs = args.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity("config|set"));
    }
    let server = context.server;
    let mut undo: Vec<(Set, String)> = Vec::new();
    for place in (0..pairs.len()).step_by(2) {
        let (name, value) = (&pairs[place], String::from_utf8_lossy(&pairs[place + 1]).into_owned());
        match set_one(server, name, &value) {
            Ok(Some(before)) => undo.push(before),
            Ok(None) => {}
            Err(error) => {
                // The old values were accepted once, so they are again.
                undo.into_iter().rev().for_each(|(set, before)| drop(set(server, &before)));
                return Err(error);
            }
        }
    }
    context.reply().ok();
    Ok(Step::Done)
}

/// Sets one; tells how to undo it. A fixed setting accepts the value that it has.
fn set_one(server: &Server, name: &[u8], value: &str) -> Result<Option<(Set, String)>, CommandError> {
    let shown = String::from_utf8_lossy(name);
    let failed = |why: &str| {
        CommandError::new(format!("ERR CONFIG SET failed (possibly related to argument '{shown}') - {why}"))
    };
    let known = SETTINGS.iter().find(|setting| setting.name.as_bytes().eq_ignore_ascii_case(name));
    let setting = known.ok_or_else(|| {
        CommandError::new(format!("ERR Unknown option or number of arguments for CONFIG SET - '{shown}'"))
    })?;
    let before = (setting.get)(server);
    match setting.set {
        Some(set) => {
            set(server, value).map_err(|why| failed(&why))?;
            Ok(Some((set, before)))
        }
        None if before == value => Ok(None),
        None => Err(failed(
            "can't set immutable config; it is fixed at the start, by clearwell.toml where it can be chosen",
        )),
    }
}

/// CONFIG RESETSTAT.
pub fn resetstat(context: &mut Context<'_>) -> Outcome {
    context.server.reset_stats();
    context.reply().ok();
    Ok(Step::Done)
}

/// CONFIG REWRITE: the file is the operator's.
pub fn rewrite() -> Outcome {
    Err(CommandError::literal("ERR The server is running without a config file"))
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, bytes, number};

    #[test]
    fn memory_values_have_units_of_1000_and_1024() {
        let cases = [("100", 100), ("1k", 1000), ("1kb", 1024), ("2mb", 2 << 20), ("1GB", 1 << 30)];
        for (text, expected) in cases {
            assert_eq!(bytes(text, 0), Ok(expected), "{text}");
        }
        for wrong in ["", "kb", "1x", "-1", "1 mb", "99999999999999999999"] {
            assert!(bytes(wrong, 0).is_err(), "{wrong}");
        }
        assert!(bytes("10", 100).is_err() && number("x", 0).is_err() && number("-2", -1).is_err());
    }

    #[test]
    fn settings_stand_in_the_order_of_their_names() {
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    }
}
