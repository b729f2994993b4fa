//! CW.REFUSED: the SETs that were dropped because they may have been late fills, newest first.

use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError};

use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// Refusals that GET tells when it is not asked for a number.
const TOLD: i64 = 10;

/// CW.REFUSED GET.
pub fn get(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 2);
    let count = if words.peek().is_some() { words.integer()? } else { TOLD };
    if words.next().is_some() {
        return Err(CommandError::SYNTAX);
    }
    let most = match count {
        -1 => usize::MAX,
        count => usize::try_from(count)
            .map_err(|_| CommandError::literal("ERR count should be greater than or equal to -1"))?,
    };
    let told = context.node().dropped_fills(most);
    let mut reply = context.reply();
    reply.array(told.len());
    for refusal in told {
        reply.map(6);
        reply.bulk("id");
        reply.integer(i64::try_from(refusal.id).unwrap_or(i64::MAX));
        reply.bulk("at_unix_ms");
        reply.integer(refusal.at_unix_ms);
        reply.bulk("key");
        reply.bulk(&refusal.key);
        reply.bulk("why");
        reply.bulk(refusal.why.text());
        reply.bulk("client");
        reply.bulk(&*refusal.client);
        reply.bulk("name");
        reply.bulk(&*refusal.name);
    }
    Ok(Step::Done)
}

/// CW.REFUSED LEN.
pub fn len(context: &mut Context<'_>) -> Outcome {
    let len = i64::try_from(context.node().dropped_fills_kept()).unwrap_or(i64::MAX);
    context.reply().integer(len);
    Ok(Step::Done)
}

/// CW.REFUSED RESET.
pub fn reset(context: &mut Context<'_>) -> Outcome {
    context.node().forget_dropped_fills();
    context.reply().ok();
    Ok(Step::Done)
}
