//! CW.INVALIDATE and CW.EVENT: the words of the one road.

use std::sync::Arc;

use clearwell_engine::{Cause, Event, Glob, Scope};
use clearwell_protocol::options::{EventOptions, InvalidateOptions};
use clearwell_protocol::{Args, CommandError, Encoder, Resp};
use clearwell_source::Later;
use clearwell_words::Bytes;

use super::clearwell::text_of;
use super::encoded;
use crate::node::{Invalidated, Node, Reached};
use crate::resp::aside::aside;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step, unordered};
use crate::road::{self, InvalidationRequest};

/// CW.INVALIDATE: what is given together is one request.
pub fn invalidate(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = InvalidateOptions::parse(args)?;
    let request = InvalidationRequest {
        cascade: options.cascade.unwrap_or(true),
        mode: options.mode.clone().unwrap_or_default(),
        coalesce: options.coalesce,
        ..InvalidationRequest::now(scopes(&options)?, Cause::Command)
    };
    if let Some(why) = context.node().holds_nothing(&request) {
        return Err(CommandError::new(format!("ERR {why}")));
    }
    if options.dry_run {
        return Ok(aside(context, move |node, reply| {
            let entries = node.would_reach(&request);
            write(reply, Reached { entries, position: node.position(), ..Reached::default() });
        }));
    }
    let walks = |scope: &Scope| matches!(scope, Scope::Pattern(_) | Scope::Prefix(_) | Scope::Everything);
    if request.scopes.iter().any(walks) {
        return Ok(aside_acknowledged(context, move |node| node.invalidate(request), write));
    }
    let invalidated = context.node().invalidate(request);
    acknowledged(context, invalidated, write)
}

/// Replies when an invalidation is acknowledged: at once, where there is nobody to wait for.
fn acknowledged(
    context: &mut Context<'_>,
    invalidated: Invalidated,
    write: fn(&mut Encoder<'_>, Reached),
) -> Outcome {
    if invalidated.is_acknowledged() {
        write(&mut context.reply(), invalidated.reached);
        return Ok(Step::Done);
    }
    Ok(Step::Wait(told(context.session.resp, invalidated, write)))
}

fn told(resp: Resp, invalidated: Invalidated, write: fn(&mut Encoder<'_>, Reached)) -> Later<Vec<u8>> {
    Box::pin(async move {
        let answer = invalidated.acknowledged().await;
        encoded(resp, |reply| match answer {
            Ok(reached) => write(reply, reached),
            Err(why) => reply.error(unordered(why)),
        })
    })
}

/// The same for what walks over many entries, aside of what the worker does for others.
pub(super) fn aside_acknowledged(
    context: &mut Context<'_>,
    invalidate: impl FnOnce(&Arc<Node>) -> Invalidated + Send + 'static,
    write: fn(&mut Encoder<'_>, Reached),
) -> Step {
    if !context.node().is_in_cluster() {
        return aside(context, move |node, reply| write(reply, invalidate(node).reached));
    }
    let (node, resp, walks) = (context.node().clone(), context.session.resp, context.server.walks.clone());
    Step::Wait(Box::pin(async move {
        match walks.run(move || invalidate(&node)).await {
            Some(invalidated) => told(resp, invalidated, write).await,
            None => encoded(resp, |reply| reply.error("ERR internal error; it is in the log")),
        }
    }))
}

fn scopes(options: &InvalidateOptions<'_>) -> Result<Vec<Scope>, CommandError> {
    let mut scopes = Vec::new();
    let mut each = |names: Option<Args<'_>>, scope: fn(Bytes) -> Scope| {
        let names = names.iter().flat_map(Args::iter);
        scopes.extend(names.map(|name| scope(name.into())));
    };
    each(options.keys, Scope::Key);
    each(options.tags, Scope::Tag);
    each(options.dependencies, Scope::Dependents);
    let is_empty = |given: Option<&[u8]>| given.is_some_and(<[u8]>::is_empty);
    if is_empty(options.pattern) || is_empty(options.prefix) {
        return Err(CommandError::literal(
            "ERR an empty PATTERN matches the empty key only, and an empty PREFIX every key: say KEYS 1 \"\" or EVERYTHING",
        ));
    }
    if let Some(pattern) = options.pattern {
        let glob =
            Glob::new(pattern).map_err(|why| CommandError::new(format!("ERR malformed PATTERN: {why}")))?;
        scopes.push(Scope::Pattern(glob));
    }
    if let Some(prefix) = options.prefix {
        scopes.push(Scope::Prefix(prefix.into()));
    }
    if let Some(asked) = options.event {
        scopes.push(Scope::Event(event_of(asked.name, asked.attributes, true)?));
    }
    if options.everything {
        scopes.push(Scope::Everything);
    }
    Ok(scopes)
}

/// CW.EVENT.
pub fn event(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = EventOptions::parse(args)?;
    let event = event_of(options.name, Some(options.attributes), false)?;
    let invalidated = context.node().event(event);
    acknowledged(context, invalidated, write)
}

/// An event, its attributes in order.
fn event_of(name: &[u8], attributes: Option<Args<'_>>, asked: bool) -> Result<Event, CommandError> {
    let name = text_of(name, "an event's name")?;
    let words: Vec<&[u8]> = attributes.iter().flat_map(Args::iter).collect();
    let mut pairs = Vec::with_capacity(words.len() / 2);
    for pair in words.chunks_exact(2) {
        pairs.push((
            Box::from(text_of(pair[0], "an attribute")?),
            Box::from(text_of(pair[1], "an attribute")?),
        ));
    }
    road::event(name, pairs, asked).map_err(|why| CommandError::new(format!("ERR {why}")))
}

fn write(reply: &mut Encoder<'_>, reached: Reached) {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    reply.map(3);
    reply.bulk("reached");
    reply.integer(number(reached.entries));
    reply.bulk("held");
    reply.integer(number(reached.held as u64));
    reply.bulk("position");
    reply.integer(number(reached.position.0));
}
