//! Commands that give keys values.
//!
//! A plain SET is the node's `set`: by the keyspace's strategy, and refused when it is a late fill. Everything that looks at
//! the old value first is a write of one step on the entry in memory, and is refused where a source is the truth.

use clearwell_engine::{Change, Millis, Origin, View};
use clearwell_protocol::options::{Expiry, SetCondition, SetOptions, SetTtl, TimeUnit};
use clearwell_protocol::{Args, CommandError};
use clearwell_source::Later;

use super::read::encoded;
use crate::node::{Asked, Node, Put, Turn, Why, WriteError, Written};
use crate::resp::dispatch::Context;
use crate::resp::misses::Past;
use crate::resp::session::Session;
use crate::resp::step::{self, Outcome, Step};

/// SET.
#[inline]
pub fn set(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = SetOptions::parse(args)?;
    let is_plain = options.condition == SetCondition::Always && !options.get && options.ttl != SetTtl::Keep;
    if is_plain {
        put(context, &options, "set")
    } else {
        put_if(context, &options, "SET with NX, XX, GET or KEEPTTL")
    }
}

/// SETEX.
pub fn setex(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    put(context, &SetOptions::parse_setex(args, TimeUnit::Seconds)?, "setex")
}

/// PSETEX.
pub fn psetex(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    put(context, &SetOptions::parse_setex(args, TimeUnit::Milliseconds)?, "psetex")
}

/// GETSET.
pub fn getset(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = SetOptions { get: true, ..plain(&args[1], &args[2]) };
    put_if(context, &options, "GETSET")
}

/// SETNX.
pub fn setnx(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    may_write(context.node(), &args[1], "SETNX")?;
    let options = SetOptions { condition: SetCondition::IfMissing, ..plain(&args[1], &args[2]) };
    let (_, done) = change(context, &options)?;
    context.reply().integer(i64::from(done));
    Ok(Step::Done)
}

/// GETDEL.
pub fn getdel(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    only_plain(context.node(), &args[1], "GETDEL")?;
    let old = context.node().update(&args[1], context.now, |view| {
        let old = value_of(view).map(<[u8]>::to_vec);
        (if old.is_some() { Change::Remove } else { Change::Keep }, old)
    });
    let old = old.map_err(|error| step::write_error(&error))?;
    context.reply().bulk_or_null(old);
    Ok(Step::Done)
}

fn plain<'a>(key: &'a [u8], value: &'a [u8]) -> SetOptions<'a> {
    SetOptions { key, value, condition: SetCondition::Always, get: false, ttl: SetTtl::Default }
}

/// A plain SET.
fn put(context: &mut Context<'_>, options: &SetOptions<'_>, command: &str) -> Outcome {
    let expires = expires(context, options.ttl, command)?;
    let resp = context.session.resp;
    match begin_put(context, options.key, options.value, expires) {
        Turn::Now(Ok(Written::Stored | Written::Refused)) => {
            context.reply().ok();
            Ok(Step::Done)
        }
        Turn::Now(Err(error)) => Err(step::write_error(&error)),
        Turn::Later(later) => Ok(Step::Wait(Box::pin(async move {
            let written = later.await;
            encoded(resp, |reply| match written {
                Ok(_) => reply.ok(),
                Err(error) => reply.error(step::write_error(&error)),
            })
        }))),
    }
}

/// A refused late fill answers OK like any other: the client's copy of the value was right when it was read, and a plain
/// client has no word for more.
fn begin_put(
    context: &mut Context<'_>,
    key: &[u8],
    value: &[u8],
    expires: Option<Option<Millis>>,
) -> Turn<Result<Written, WriteError>> {
    let origin = origin(context, key);
    let set = context.node().set(key, Put { value: value.into(), expires, ..Put::default() }, origin);
    if let Turn::Now(Ok(Written::Refused)) = set {
        refused(context, key, origin);
    }
    set
}

/// What this connection did with a key that it SETs now.
pub fn origin(context: &mut Context<'_>, key: &[u8]) -> Origin {
    let node = &context.server.node;
    let Session { misses, place, client, .. } = &mut *context.session;
    let past = if misses.is_empty() { Past::default() } else { misses.set(node.hash_of(key)) };
    let only_writes = place.only_writes();
    place.wrote();
    if past.miss.is_some() && !past.wrote {
        place.filled();
    }
    Origin {
        miss: past.miss,
        one_client: place.is_one_client(),
        wrote: past.wrote,
        writes: past.writes,
        only_writes,
        client: client.id,
        ..Origin::default()
    }
}

/// Makes it seen that a SET was dropped.
#[cold]
pub fn refused(context: &Context<'_>, key: &[u8], origin: Origin) {
    let why = if origin.miss.is_some() { Why::OwnMiss } else { Why::OtherMiss };
    let client = &context.session.client;
    context.node().note_refused(key, why, &client.peer.to_string(), &client.names.lock().name);
}

/// When an option says that the entry expires; `None` leaves it to the keyspace.
fn expires(
    context: &Context<'_>,
    ttl: SetTtl,
    command: &str,
) -> Result<Option<Option<Millis>>, CommandError> {
    match ttl {
        SetTtl::Default | SetTtl::Keep => Ok(None),
        SetTtl::Set(expiry) => deadline(context, expiry, command).map(|at| Some(Some(at))),
    }
}

/// The moment that a time argument of `command` means. One in the past is the first moment there was.
pub fn deadline(context: &Context<'_>, expiry: Expiry, command: &str) -> Result<Millis, CommandError> {
    let unix_ms = expiry.resolve_positive(context.unix_ms(), command)?;
    Ok(context.node().clock().at_unix_ms(unix_ms).max(Millis(1)))
}

/// SET that looks at the old value first.
fn put_if(context: &mut Context<'_>, options: &SetOptions<'_>, name: &str) -> Outcome {
    may_write(context.node(), options.key, name)?;
    let (old, done) = change(context, options)?;
    // A SET with a condition is no fill; it orders what this connection SETs after it.
    let Session { misses, place, .. } = &mut *context.session;
    place.wrote();
    if done && !misses.is_empty() {
        misses.wrote(context.server.node.hash_of(options.key));
    }
    let mut reply = context.reply();
    match (options.get, done) {
        (true, _) => reply.bulk_or_null(old),
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(Step::Done)
}

/// Reads, decides and writes in one step; the old value, if it is asked for, and whether the new one is stored.
fn change(
    context: &mut Context<'_>,
    options: &SetOptions<'_>,
) -> Result<(Option<Vec<u8>>, bool), CommandError> {
    let expires = expires(context, options.ttl, "set")?;
    let (node, now) = (context.node(), context.now);
    let put = Put { value: options.value.into(), expires, ..Put::default() };
    let changed = node.draft_of(options.key, put).lend(|draft| {
        node.update(options.key, now, |view| {
            let old = value_of(view);
            let done = match options.condition {
                SetCondition::Always => true,
                SetCondition::IfMissing => old.is_none(),
                SetCondition::IfPresent => old.is_some(),
            };
            let answer = (old.filter(|_| options.get).map(<[u8]>::to_vec), done);
            let mut draft = draft.clone();
            if options.ttl == SetTtl::Keep && old.is_some() {
                draft.expires = view.and_then(View::expires);
            }
            (if done { Change::Put(draft) } else { Change::Keep }, answer)
        })
    });
    let changed = changed.map_err(|error| step::write_error(&error))?;
    if changed.1 {
        node.notify(Asked::STRINGS, "set", options.key);
    }
    Ok(changed)
}

/// MSET: one step for other connections, as far as the keys have no source.
pub fn mset(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let pairs: Vec<(&[u8], &[u8])> = pairs(args, "mset")?.collect();
    let near = pairs.iter().try_for_each(|(key, _)| context.node().check_near(key));
    near.map_err(|error| step::write_error(&error))?;
    let resp = context.session.resp;
    let mut storing: Vec<Later<Result<Written, WriteError>>> = Vec::new();
    for (key, value) in pairs {
        match begin_put(context, key, value, None) {
            Turn::Now(Ok(_)) => {}
            Turn::Now(Err(error)) => return Err(step::write_error(&error)),
            Turn::Later(later) => storing.push(later),
        }
    }
    if storing.is_empty() {
        context.reply().ok();
        return Ok(Step::Done);
    }
    Ok(Step::Wait(Box::pin(async move {
        let stored: Result<Vec<Written>, WriteError> = step::all(storing).await.into_iter().collect();
        encoded(resp, |reply| match stored {
            Ok(_) => reply.ok(),
            Err(error) => reply.error(step::write_error(&error)),
        })
    })))
}

/// MSETNX: all or nothing. Each is stored only where there is none; one that another surface stored meanwhile takes the others back.
pub fn msetnx(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let pairs: Vec<(&[u8], &[u8])> = pairs(args, "msetnx")?.collect();
    let (node, now) = (context.node().clone(), context.now);
    pairs.iter().try_for_each(|(key, _)| may_write(&node, key, "MSETNX"))?;
    let is_there = |key: &[u8]| node.peek(key, |view| view.value().is_some()) == Some(true);
    if pairs.iter().any(|(key, _)| is_there(key)) {
        context.reply().integer(0);
        return Ok(Step::Done);
    }
    let mut stored: Vec<(&[u8], &[u8])> = Vec::with_capacity(pairs.len());
    let mut failed = None;
    for (key, value) in pairs {
        // A key that is given twice has its last value, as in Redis.
        let own = stored.iter().any(|(mine, _)| *mine == key);
        let condition = if own { SetCondition::Always } else { SetCondition::IfMissing };
        match change(context, &SetOptions { condition, ..plain(key, value) }) {
            Ok((_, true)) => stored.push((key, value)),
            Ok((_, false)) => failed = Some(None),
            Err(error) => failed = Some(Some(error)),
        }
        if failed.is_some() {
            break;
        }
    }
    let Some(error) = failed else {
        context.reply().integer(1);
        return Ok(Step::Done);
    };
    for (key, value) in stored {
        // What somebody has written over it since stays.
        let removed = node.update(key, now, |view| match value_of(view) {
            Some(there) if there == value => (Change::Remove, ()),
            _ => (Change::Keep, ()),
        });
        removed.map_err(|error| step::write_error(&error))?;
    }
    error.map_or(Ok(()), Err)?;
    context.reply().integer(0);
    Ok(Step::Done)
}

fn pairs<'a>(
    args: Args<'a>,
    command: &str,
) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])>, CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity(command));
    }
    let places = (1..args.len()).step_by(2);
    Ok(places.filter_map(move |place| Some((args.get(place)?, args.get(place + 1)?))))
}

/// The value that a command which changes it sees; a row known to be absent is no value.
pub fn value_of<'v>(view: Option<&'v View<'_>>) -> Option<&'v [u8]> {
    view.and_then(|view| view.value())
}

/// Refuses to change a value in memory whose truth is elsewhere, or of a key that was meant to be such a one.
pub fn may_write(node: &Node, key: &[u8], command: &str) -> Result<(), CommandError> {
    only_plain(node, key, command)?;
    node.check_near(key).map_err(|error| step::write_error(&error))
}

/// Refuses to change a value in memory whose truth is elsewhere.
pub fn only_plain(node: &Node, key: &[u8], command: &str) -> Result<(), CommandError> {
    match node.belongs_to_source(key) {
        Some(keyspace) => Err(CommandError::new(format!(
            "ERR {command} cannot be used on a key of keyspace {keyspace}, whose values belong to its source; SET the whole value, \
             or change it in the source"
        ))),
        None => Ok(()),
    }
}
