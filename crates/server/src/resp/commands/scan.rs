//! SCAN and KEYS. What is known to be absent is no key.

use clearwell_engine::{Glob, View};
use clearwell_protocol::options::ScanOptions;
use clearwell_protocol::{Args, CommandError};

use crate::node::Node;
use crate::resp::aside::aside;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// Entries that one SCAN looks at, whatever COUNT says: other connections of this thread wait meanwhile.
const COUNT_MOST: usize = 10_000;
/// Entries that KEYS looks at before it lets go of a shard.
const SLICE: usize = 2_000;

/// SCAN.
pub fn scan(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = ScanOptions::parse(args)?;
    let glob = glob(options.pattern)?;
    let is_string = options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(b"string"));
    let mut keys: Vec<Box<[u8]>> = Vec::new();
    let count = options.count.min(COUNT_MOST);
    let next = context.node().scan(options.cursor, count, |view| {
        if is_string && is_wanted(view, glob.as_ref()) {
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
        let mut keys = Vec::new();
        let mut cursor = slice(node, 0, glob.as_ref(), &mut keys);
        while cursor != 0 {
            cursor = slice(node, cursor, glob.as_ref(), &mut keys);
        }
        reply.bulks(&keys);
    }))
}

fn slice(node: &Node, cursor: u64, glob: Option<&Glob>, keys: &mut Vec<Box<[u8]>>) -> u64 {
    node.scan(cursor, SLICE, |view| {
        if is_wanted(view, glob) {
            keys.push(view.key().into());
        }
    })
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
