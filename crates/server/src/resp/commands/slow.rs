//! SLOWLOG and LATENCY.

use std::collections::HashSet;

use clearwell_protocol::{Args, CommandError, parse_i64};

use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

const BAD_COUNT: CommandError = CommandError::literal("ERR count should be greater than or equal to -1");

/// SLOWLOG GET: ten without a count, all with -1.
pub fn get(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let count = match (args.len(), args.get(2)) {
        (2, _) => 10,
        (3, Some(count)) => match parse_i64(count) {
            Some(-1) => usize::MAX,
            count => count.and_then(|count| usize::try_from(count).ok()).ok_or(BAD_COUNT)?,
        },
        _ => return Err(CommandError::SYNTAX),
    };
    let latest = context.server.slowlog.latest(count);
    let mut reply = context.reply();
    reply.array(latest.len());
    for slow in latest {
        reply.array(6);
        reply.integer(i64::try_from(slow.id).unwrap_or(i64::MAX));
        reply.integer(slow.at_unix);
        reply.integer(i64::try_from(slow.micros).unwrap_or(i64::MAX));
        reply.bulks(&slow.args);
        reply.bulk(slow.peer);
        reply.bulk(slow.name);
    }
    Ok(Step::Done)
}

/// SLOWLOG LEN.
pub fn len(context: &mut Context<'_>) -> Outcome {
    let len = i64::try_from(context.server.slowlog.len()).unwrap_or(i64::MAX);
    context.reply().integer(len);
    Ok(Step::Done)
}

/// SLOWLOG RESET.
pub fn reset(context: &mut Context<'_>) -> Outcome {
    context.server.slowlog.reset();
    context.reply().ok();
    Ok(Step::Done)
}

/// LATENCY LATEST: no event of this server is watched for spikes; its histograms tell more.
pub fn latency_latest(context: &mut Context<'_>) -> Outcome {
    context.reply().array(0);
    Ok(Step::Done)
}

/// LATENCY RESET: how many events were forgotten.
pub fn latency_reset(context: &mut Context<'_>) -> Outcome {
    context.reply().integer(0);
    Ok(Step::Done)
}

/// LATENCY HISTOGRAM: for each command, how many calls stayed below each power of two of microseconds.
pub fn latency_histogram(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let wanted: HashSet<Vec<u8>> = args.from(2).iter().map(<[u8]>::to_ascii_lowercase).collect();
    let is_wanted = |name: &str| {
        let container = name.split('|').next().unwrap_or(name);
        wanted.is_empty() || wanted.contains(name.as_bytes()) || wanted.contains(container.as_bytes())
    };
    let summaries = context.server.summaries();
    let shown: Vec<_> =
        summaries.iter().filter(|(command, summary)| summary.calls > 0 && is_wanted(command.name)).collect();
    let mut reply = context.reply();
    reply.map(shown.len());
    for (command, summary) in shown {
        let rows = summary.cumulative_micros();
        reply.bulk(command.name);
        reply.map(2);
        reply.bulk("calls");
        reply.integer(i64::try_from(summary.calls).unwrap_or(i64::MAX));
        reply.bulk("histogram_usec");
        reply.map(rows.len());
        for (limit, count) in rows {
            reply.integer(i64::try_from(limit).unwrap_or(i64::MAX));
            reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    Ok(Step::Done)
}
