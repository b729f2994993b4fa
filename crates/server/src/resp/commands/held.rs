//! CW.HELD: invalidations that wait for a time or an event.

use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError, Encoder};

use crate::clock::NodeClock;
use crate::held::{HeldInvalidation, Until};
use crate::node::{cause_of, scope_of};
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// Those that LIST tells when it is not asked for a number, and the most that it tells at once.
const LISTED: i64 = 100;
const LISTED_MOST: i64 = 1_000;

/// CW.HELD LIST: by number, after the one that is given.
pub fn list(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 2);
    let (mut count, mut after) = (LISTED, 0);
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"COUNT") {
            count = words.integer()?;
        } else if word.eq_ignore_ascii_case(b"AFTER") {
            after = words.integer()?;
        } else {
            return Err(CommandError::literal("ERR expected COUNT count or AFTER id"));
        }
    }
    if !(1..=LISTED_MOST).contains(&count) || after < 0 {
        return Err(CommandError::literal(
            "ERR COUNT is 1 to 1000, and AFTER the number of a held invalidation",
        ));
    }
    let items = context.node().list_held(after.unsigned_abs(), usize::try_from(count).unwrap_or(0));
    let clock = context.node().clock().clone();
    let mut reply = context.reply();
    reply.array(items.len());
    items.iter().for_each(|(item, left)| tell(&mut reply, item, *left, &clock));
    Ok(Step::Done)
}

fn tell(reply: &mut Encoder<'_>, item: &HeldInvalidation, left_ms: Option<u64>, clock: &NodeClock) {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (scope, name) = scope_of(&item.statement.scope);
    reply.map(10);
    reply.bulk("id");
    reply.integer(number(item.id));
    reply.bulk("scope");
    reply.bulk(scope);
    reply.bulk("name");
    reply.bulk(&name);
    reply.bulk("mode");
    reply.bulk(item.until.to_string());
    reply.bulk("due_ms");
    match item.until {
        Until::Time { due, .. } => reply.integer(clock.unix_ms_of(due)),
        Until::Event(_) => reply.null(),
    }
    reply.bulk("left_ms");
    match left_ms {
        Some(left) => reply.integer(number(left)),
        None => reply.null(),
    }
    reply.bulk("since_ms");
    reply.integer(clock.unix_ms_of(item.since));
    reply.bulk("asked");
    reply.integer(number(item.asked));
    reply.bulk("cascade");
    reply.boolean(item.statement.cascade);
    reply.bulk("cause");
    reply.bulk(cause_of(item.statement.cause));
}

/// CW.HELD CANCEL: how many were taken back.
pub fn cancel(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 2);
    let cancelled = match words.peek() {
        Some(word) if word.eq_ignore_ascii_case(b"ALL") && args.len() == 3 => {
            context.node().cancel_held(None)
        }
        _ => {
            let mut ids = Vec::new();
            while words.peek().is_some() {
                let id = u64::try_from(words.integer()?);
                ids.push(id.map_err(|_| {
                    CommandError::literal("ERR the number of a held invalidation is positive")
                })?);
            }
            context.node().cancel_held(Some(&ids))
        }
    };
    context.reply().integer(i64::try_from(cancelled.len()).unwrap_or(i64::MAX));
    Ok(Step::Done)
}
