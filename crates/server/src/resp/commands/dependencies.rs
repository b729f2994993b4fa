//! CW.DEPENDENCIES: what depends on what.

use clearwell_engine::{Dependent, PageFrom};
use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError, Encoder};

use crate::clock::NodeClock;
use crate::node::{cursor_of, parse_cursor, state_of};
use crate::resp::aside::aside;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// Dependents that are told at most.
const DEPENDENTS: usize = 1_000;
/// Rows of a page where no number is asked for, and the most.
const PAGE: i64 = 100;
const PAGE_MOST: i64 = 1_000;

/// CW.DEPENDENCIES [CURSOR cursor] [COUNT count] lists all; with a key its neighbours.
pub fn dependencies(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match args.get(2) {
        _ if args.len() == 1 => list(context, args),
        None => of_key(context, args, false),
        Some(word) if word.eq_ignore_ascii_case(b"TRANSITIVE") && args.len() == 3 => {
            of_key(context, args, true)
        }
        Some(_) => list(context, args),
    }
}

fn of_key(context: &mut Context<'_>, args: Args<'_>, transitive: bool) -> Outcome {
    let key: Box<[u8]> = args[1].into();
    Ok(aside(context, move |node, reply| {
        let found = node.dependencies(&key, DEPENDENTS);
        let edges = transitive.then(|| node.edges(&key, DEPENDENTS));
        reply.map(if transitive { 6 } else { 4 });
        reply.bulk("depends_on");
        reply.bulks(&found.depends_on);
        reply.bulk("tags");
        reply.bulks(&found.tags);
        reply.bulk("events");
        reply.bulks(found.events.iter().map(|event| event.as_bytes()));
        reply.bulk("dependents");
        reply.bulks(&found.dependents);
        if let Some(edges) = edges {
            let pairs = || edges.above.iter().chain(&edges.below);
            reply.bulk("edges");
            reply.array(pairs().count());
            for (key, name) in pairs() {
                reply.array(2);
                reply.bulk(key);
                reply.bulk(name);
            }
            reply.bulk("truncated");
            reply.boolean(edges.truncated);
        }
    }))
}

/// A page of all that depends on something.
fn list(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 1);
    let (mut count, mut from) = (PAGE, PageFrom::Entries(0));
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"COUNT") {
            count = words.integer()?;
        } else if word.eq_ignore_ascii_case(b"CURSOR") {
            let cursor = words.required()?;
            from = std::str::from_utf8(cursor)
                .ok()
                .and_then(parse_cursor)
                .ok_or(CommandError::literal("ERR the cursor is not one that a page before answered"))?;
        } else {
            return Err(CommandError::literal(
                "ERR expected a key, a key and TRANSITIVE, or CURSOR cursor and COUNT count",
            ));
        }
    }
    if !(1..=PAGE_MOST).contains(&count) {
        return Err(CommandError::literal("ERR COUNT is 1 to 1000"));
    }
    let page = context.node().dependents(&from, usize::try_from(count).unwrap_or(0));
    let clock = context.node().clock().clone();
    let mut reply = context.reply();
    reply.map(2);
    reply.bulk("cursor");
    reply.bulk_or_null(page.next.as_ref().map(cursor_of));
    reply.bulk("dependencies");
    reply.array(page.rows.len());
    page.rows.iter().for_each(|row| tell(&mut reply, row, &clock));
    Ok(Step::Done)
}

fn tell(reply: &mut Encoder<'_>, row: &Dependent, clock: &NodeClock) {
    reply.map(5);
    reply.bulk("key");
    reply.bulk(&row.key);
    reply.bulk("depends_on");
    reply.bulks(&row.depends_on);
    for (name, at) in [("created_at_ms", row.created), ("last_update_ms", row.updated)] {
        reply.bulk(name);
        match at {
            Some(at) => reply.integer(clock.unix_ms_of(at)),
            None => reply.null(),
        }
    }
    reply.bulk("state");
    reply.bulk(state_of(row));
}
