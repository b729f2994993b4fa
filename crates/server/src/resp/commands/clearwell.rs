//! CW.GET, CW.SET, CW.ENTRY, CW.STATS.

use clearwell_engine::{EventPattern, Millis, View};
use clearwell_protocol::options::{CwGetOptions, CwSetOptions};
use clearwell_protocol::{Args, CommandError, Encoder};

use super::read::{self, encoded};
use super::write::{deadline, origin, refused};
use crate::figures::{Snapshot, cw_stats};
use crate::node::{Answer, Demand, Node, Put, ReadError, Turn, Why, WriteError, Written};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

/// CW.GET: the value, or with META (or LEASE, whose answer needs it) a map of what is known about it.
pub fn get(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = CwGetOptions::parse(args)?;
    // Its fill says by the lease which miss it answers. Counted as a plain one, the miss would stay unresolved and put plain
    // SETs of other keys in doubt.
    let demand = Demand {
        level: options.level,
        stale: options.stale,
        remember: !options.fill_lease,
        ..read::filling(context)
    };
    let (resp, clock, whole) =
        (context.session.resp, context.node().clock().clone(), options.meta || options.fill_lease);
    let lease = options.fill_lease;
    let near = whole.then(|| context.node().near_told(options.key)).flatten();
    let write = move |reply: &mut Encoder<'_>, answer: Result<Answer, ReadError>| match answer {
        Err(error) => reply.error(step::read_error(&error)),
        Ok(answer) if whole => meta(reply, &answer, near.as_deref(), clock.tick(), lease),
        Ok(answer) => reply.bulk_or_null(answer.value),
    };
    match context.node().read(options.key, demand) {
        Turn::Now(answer) => {
            if matches!(&answer, Ok(answer) if answer.value.is_none()) {
                context.node().note_missed_near(options.key);
            }
            write(&mut context.reply(), answer);
            Ok(Step::Done)
        }
        Turn::Later(later) => Ok(Step::Wait(Box::pin(async move {
            let answer = later.await;
            encoded(resp, |reply| write(reply, answer))
        }))),
    }
}

fn meta(reply: &mut Encoder<'_>, answer: &Answer, near: Option<&str>, now: Millis, wants_lease: bool) {
    reply.map(12);
    reply.bulk("value");
    reply.bulk_or_null(answer.value.as_deref());
    reply.bulk("stale");
    reply.boolean(answer.stale);
    reply.bulk("hit");
    reply.boolean(answer.hit);
    reply.bulk("level");
    reply.bulk(answer.level.to_string());
    reply.bulk("age_ms");
    reply.integer(whole(now.since(answer.created)));
    reply.bulk("ttl_ms");
    reply.integer(answer.expires.map_or(-1, |at| whole(at.since(now))));
    reply.bulk("original_ttl_ms");
    reply.integer(answer.ttl_ms.map_or(-1, whole));
    reply.bulk("version");
    match answer.version {
        Some(version) => reply.integer(whole(version.0)),
        None => reply.null(),
    }
    reply.bulk("unverified");
    reply.bulk_or_null(answer.unverified.as_deref());
    reply.bulk("followed");
    reply.bulk_or_null(answer.followed.map(yes_or_no));
    reply.bulk("near");
    reply.bulk_or_null(near);
    reply.bulk("lease");
    reply.bulk_or_null(answer.lease.as_deref().filter(|_| wants_lease));
}

fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// CW.SET: OK; with LEASE 1 when the fill was taken and 0 when it was refused.
pub fn set(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = CwSetOptions::parse(args)?;
    let put = put_of(context, &options)?;
    let node = context.node();
    if let Some(lease) = options.fill_lease {
        if options.write.is_some() {
            return Err(CommandError::literal(
                "ERR a fill with LEASE only stores what the source has; leave WRITE out",
            ));
        }
        let lease = std::str::from_utf8(lease).unwrap_or("");
        let filled = node.fill(options.key, lease, put).map_err(|error| step::write_error(&error))?;
        if filled == Written::Refused {
            let client = &context.session.client;
            node.note_refused(options.key, Why::Lease, &client.peer.to_string(), &client.names.lock().name);
        }
        context.reply().integer(i64::from(filled == Written::Stored));
        return Ok(Step::Done);
    }
    let origin = origin(context, options.key);
    let resp = context.session.resp;
    let write = |reply: &mut Encoder<'_>, written: Result<Written, WriteError>| match written {
        Ok(_) => reply.ok(),
        Err(error) => reply.error(step::write_error(&error)),
    };
    match node.set(options.key, put, origin) {
        Turn::Now(written) => {
            if written == Ok(Written::Refused) {
                refused(context, options.key, origin);
            }
            write(&mut context.reply(), written);
            Ok(Step::Done)
        }
        Turn::Later(later) => Ok(Step::Wait(Box::pin(async move {
            let written = later.await;
            encoded(resp, |reply| write(reply, written))
        }))),
    }
}

fn put_of<'a>(context: &Context<'_>, options: &CwSetOptions<'a>) -> Result<Put<'a>, CommandError> {
    let expires = options.expiry.map(|expiry| deadline(context, expiry, "cw.set")).transpose()?;
    let names = |names: Option<Args<'_>>| -> Vec<Box<[u8]>> {
        names.map_or_else(Vec::new, |names| names.iter().map(Box::from).collect())
    };
    let events = options.events.map_or_else(|| Ok(Vec::new()), |events| events.iter().map(pattern).collect());
    let priority = options.priority.map(|priority| {
        u8::try_from(priority)
            .map_err(|_| CommandError::new(format!("ERR PRIORITY is 0 to 255, not {priority}")))
    });
    Ok(Put {
        value: options.value.into(),
        expires: expires.map(Some),
        tags: names(options.tags),
        dependencies: names(options.depends),
        events: events?,
        priority: priority.transpose()?,
        content_type: options.content_type.map(|text| text_of(text, "TYPE")).transpose()?.map(Box::from),
        write: options.write,
        condition: None,
    })
}

fn pattern(text: &[u8]) -> Result<EventPattern, CommandError> {
    let text = text_of(text, "EVENTS")?;
    EventPattern::parse(text).map_err(|why| CommandError::new(format!("ERR malformed event '{text}': {why}")))
}

/// A word that has to be text.
pub fn text_of<'a>(word: &'a [u8], what: &str) -> Result<&'a str, CommandError> {
    std::str::from_utf8(word).map_err(|_| CommandError::new(format!("ERR {what} takes UTF-8 text")))
}

/// CW.ENTRY: null without an entry.
pub fn entry(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (node, now, resp) = (context.node(), context.now, context.session.resp);
    let written = node.peek(&args[1], |view| encoded(resp, |reply| describe(reply, view, node, now)));
    match written {
        Some(bytes) => context.out.extend_from_slice(&bytes),
        None => context.reply().null(),
    }
    Ok(Step::Done)
}

fn describe(reply: &mut Encoder<'_>, view: &View<'_>, node: &Node, now: Millis) {
    let keyspace = node.keyspace_of(view.key());
    let strings = |reply: &mut Encoder<'_>, name: &str, items: Vec<Vec<u8>>| {
        reply.bulk(name);
        reply.bulks(&items);
    };
    let number = |reply: &mut Encoder<'_>, name: &str, value: Option<i64>| {
        reply.bulk(name);
        match value {
            Some(value) => reply.integer(value),
            None => reply.null(),
        }
    };
    reply.map(19);
    reply.bulk("key");
    reply.bulk(view.key());
    reply.bulk("keyspace");
    reply.bulk_or_null(keyspace.as_deref());
    reply.bulk("absent");
    reply.boolean(view.value().is_none());
    reply.bulk("stale");
    reply.boolean(view.stale());
    reply.bulk("unverified");
    reply.bulk_or_null(node.doubt(view.key()).map(|doubt| doubt.why.to_string()));
    reply.bulk("followed");
    reply.bulk_or_null(node.is_followed(view.key()).map(yes_or_no));
    reply.bulk("near");
    reply.bulk_or_null(node.near_told(view.key()));
    number(reply, "size", view.value().map(|value| whole(value.len() as u64)));
    number(reply, "created_at_ms", Some(node.clock().unix_ms_of(view.created())));
    number(reply, "last_accessed_at_ms", Some(node.clock().unix_ms_of(view.last_accessed())));
    number(reply, "access_count", Some(i64::from(view.access_count())));
    number(reply, "ttl_ms", view.expires().map(|at| whole(at.since(now))));
    number(reply, "original_ttl_ms", view.ttl_ms().map(whole));
    number(reply, "version", view.version().map(|version| whole(version.0)));
    number(reply, "priority", Some(i64::from(view.priority())));
    reply.bulk("content_type");
    reply.bulk_or_null(view.content_type());
    strings(reply, "tags", view.tags().map(<[u8]>::to_vec).collect());
    strings(reply, "depends_on", view.dependencies().map(<[u8]>::to_vec).collect());
    strings(reply, "events", view.events().map(|event| event.as_bytes().to_vec()).collect());
}

/// CW.STATS.
pub fn stats(context: &mut Context<'_>) -> Outcome {
    let snapshot = Snapshot::take(context.node(), &context.server.metrics);
    cw_stats(&snapshot, &mut context.reply());
    Ok(Step::Done)
}
