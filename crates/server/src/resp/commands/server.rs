//! INFO, TIME, ROLE, WAIT, MONITOR.

use std::time::{SystemTime, UNIX_EPOCH};

use clearwell_protocol::Args;

use super::read::integer;
use crate::resp::dispatch::Context;
use crate::resp::info::{self, InfoReader};
use crate::resp::step::{Outcome, Step};

/// INFO.
pub fn info(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let reader = InfoReader { now: context.now, routing: context.session.routing };
    let text = info::text(context.server, args.from(1), reader);
    context.reply().verbatim(text);
    Ok(Step::Done)
}

/// TIME: the wall clock, to the microsecond.
pub fn time(context: &mut Context<'_>) -> Outcome {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    context.reply().bulks([since.as_secs().to_string(), since.subsec_micros().to_string()]);
    Ok(Step::Done)
}

/// ROLE: a node alone is a master without replicas.
pub fn role(context: &mut Context<'_>) -> Outcome {
    let position = i64::try_from(context.node().position().0).unwrap_or(i64::MAX);
    let mut reply = context.reply();
    reply.array(3);
    reply.bulk("master");
    reply.integer(position);
    reply.array(0);
    Ok(Step::Done)
}

/// WAIT: no replica, so none that has the writes.
pub fn wait(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    integer(&args[1])?;
    let timeout = integer(&args[2])?;
    if timeout < 0 {
        return Err(clearwell_protocol::CommandError::literal("ERR timeout is negative"));
    }
    context.reply().integer(0);
    Ok(Step::Done)
}

/// MONITOR.
pub fn monitor(context: &mut Context<'_>) -> Outcome {
    if context.session.queue.is_some() {
        return Err(clearwell_protocol::CommandError::literal(
            "ERR Command not allowed inside a transaction",
        ));
    }
    context.session.monitoring = true;
    context.server.monitors.add(context.session.client.clone());
    context.reply().ok();
    Ok(Step::Done)
}
