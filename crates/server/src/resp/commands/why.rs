//! CW.WHY: what became of a key.

use clearwell_engine::Noted;
use clearwell_protocol::{Args, Encoder};

use crate::node::{WhyStep, cause_of, effect_of, scope_of};
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// CW.WHY.
pub fn why(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = &args[1];
    let why = context.node().why(key);
    let unverified = context.node().doubt(key).map(|doubt| doubt.why.to_string());
    let clock = context.node().clock().clone();
    let mut reply = context.reply();
    reply.map(7);
    reply.bulk("key");
    reply.bulk(key);
    reply.bulk("state");
    reply.bulk(why.state);
    reply.bulk("why");
    reply.bulk(&why.sentence);
    reply.bulk("unverified");
    reply.bulk_or_null(unverified);
    reply.bulk("known_since_ms");
    reply.integer(why.known_since_ms);
    reply.bulk("complete");
    reply.boolean(why.complete);
    reply.bulk("steps");
    reply.array(why.steps.len());
    why.steps.iter().for_each(|step| tell(&mut reply, step, &clock));
    Ok(Step::Done)
}

fn tell(reply: &mut Encoder<'_>, step: &WhyStep, clock: &crate::clock::NodeClock) {
    reply.map(5);
    reply.bulk("at_ms");
    match step.at_ms {
        Some(at) => reply.integer(at),
        None => reply.null(),
    }
    reply.bulk("state");
    reply.bulk(step.state);
    reply.bulk("times");
    match step.times {
        Some(times) => reply.integer(i64::try_from(times).unwrap_or(i64::MAX)),
        None => reply.null(),
    }
    reply.bulk("detail");
    reply.bulk(&step.detail);
    reply.bulk("by");
    match &step.by {
        Some(noted) => by(reply, noted, clock),
        None => reply.null(),
    }
}

fn by(reply: &mut Encoder<'_>, noted: &Noted, clock: &crate::clock::NodeClock) {
    let (scope, name) = scope_of(&noted.scope);
    reply.map(6);
    reply.bulk("scope");
    reply.bulk(scope);
    reply.bulk("name");
    reply.bulk(&name);
    reply.bulk("effect");
    reply.bulk(effect_of(noted.effect));
    reply.bulk("cause");
    reply.bulk(cause_of(noted.cause));
    reply.bulk("at_ms");
    reply.integer(clock.unix_ms_of(noted.at));
    reply.bulk("position");
    match noted.position.and_then(|position| i64::try_from(position).ok()) {
        Some(position) => reply.integer(position),
        None => reply.null(),
    }
}
