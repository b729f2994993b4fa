//! SCAN, KEYS and DBSIZE. What is known to be absent is no key.

use clearwell_engine::{Glob, View};
use clearwell_protocol::options::ScanOptions;
use clearwell_protocol::{Args, CommandError};

use crate::node::Node;
use crate::resp::aside::aside;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// Entries that one SCAN looks at, whatever COUNT says: other connections of this thread wait meanwhile.
const COUNT_MOST: usize = 10_000;
/// Entries that are looked at before a shard is let go of.
const SLICE: usize = 2_000;

/// SCAN.
pub fn scan(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = ScanOptions::parse(args)?;
    let glob = glob(options.pattern)?;
    let is_string = options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(b"string"));
    let mut keys: Vec<Box<[u8]>> = Vec::new();
    let count = options.count.min(COUNT_MOST);
    let own = context.node().own_slots();
    let next = context.node().scan(options.cursor, count, |view| {
        if is_string && is_wanted(view, glob.as_ref()) && own.has(view.key()) {
            keys.push(view.key().into());
        }
    });
    let mut reply = context.reply();
    reply.array(2);
    reply.bulk(next.to_string());
    reply.bulks(&keys);
    Ok(Step::Done)
}

/// KEYS.
pub fn keys(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let glob = glob(Some(&args[1]))?;
    Ok(aside(context, move |node, reply| {
        let mut keys: Vec<Box<[u8]>> = Vec::new();
        each_own(node, |view| {
            if is_wanted(view, glob.as_ref()) {
                keys.push(view.key().into());
            }
        });
        reply.bulks(&keys);
    }))
}

/// DBSIZE: what is known to be absent is no key, and what lies here for another owner is that one's. In a cluster they are counted one by one.
pub fn dbsize(context: &mut Context<'_>) -> Outcome {
    if !context.node().is_in_cluster() {
        let account = context.node().account();
        let keys = account.entries.saturating_sub(account.negative_entries);
        context.reply().integer(i64::try_from(keys).unwrap_or(i64::MAX));
        return Ok(Step::Done);
    }
    Ok(aside(context, |node, reply| {
        let mut count = 0i64;
        each_own(node, |view| count += i64::from(view.value().is_some()));
        reply.integer(count);
    }))
}

/// Visits the entries of the slots that the node owns, and lets go of a shard now and then.
fn each_own(node: &Node, mut visit: impl FnMut(&View<'_>)) {
    let (own, mut cursor) = (node.own_slots(), 0);
    loop {
        cursor = node.scan(cursor, SLICE, |view| {
            if own.has(view.key()) {
                visit(view);
            }
        });
        if cursor == 0 {
            return;
        }
    }
}

fn is_wanted(view: &View<'_>, glob: Option<&Glob>) -> bool {
    view.value().is_some() && glob.is_none_or(|glob| glob.matches(view.key()))
}

/// `None` matches every key. What Redis takes for a pattern is one here: nothing is lost by a wrong guess.
fn glob(pattern: Option<&[u8]>) -> Result<Option<Glob>, CommandError> {
    match pattern {
        None | Some(b"*") => Ok(None),
        Some(pattern) => match Glob::forgiving(pattern) {
            Ok(glob) => Ok(Some(glob)),
            Err(why) => Err(CommandError::new(format!("ERR malformed pattern: {why}"))),
        },
    }
}
