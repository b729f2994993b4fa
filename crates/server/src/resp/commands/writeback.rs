//! CW.WRITEBACK: writes that the sources do not have yet, and those that they refused.

use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError, Encoder};

use super::read::encoded;
use crate::node::WriteError;
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};
use crate::writeback::PendingWrite;

/// Refused writes that LIST tells when it is not asked for a number.
const LISTED: i64 = 100;

/// CW.WRITEBACK STATUS.
pub fn status(context: &mut Context<'_>) -> Outcome {
    let status = context.node().write_back_status();
    let mut reply = context.reply();
    reply.map(status.figures().len() + 1);
    for (name, figure) in status.figures() {
        reply.bulk(name);
        reply.integer(i64::try_from(figure).unwrap_or(i64::MAX));
    }
    reply.bulk("error");
    reply.bulk_or_null(status.error);
    Ok(Step::Done)
}

/// CW.WRITEBACK LIST: what the sources refused, by key.
pub fn list(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut words = Words::new(args, 2);
    let count = if words.peek().is_some() { words.integer()? } else { LISTED };
    if words.next().is_some() {
        return Err(CommandError::SYNTAX);
    }
    let rows = context.node().parked(usize::try_from(count).unwrap_or(0));
    let mut reply = context.reply();
    reply.array(rows.len());
    rows.iter().for_each(|row| tell(&mut reply, row));
    Ok(Step::Done)
}

fn tell(reply: &mut Encoder<'_>, row: &PendingWrite) {
    reply.map(5);
    reply.bulk("key");
    reply.bulk(&row.key);
    reply.bulk("write");
    reply.bulk(if row.value.is_some() { "set" } else { "delete" });
    reply.bulk("value");
    reply.bulk_or_null(row.value.as_deref());
    reply.bulk("message");
    reply.bulk(&row.message);
    reply.bulk("at_unix_ms");
    reply.integer(row.at_unix_ms);
}

/// The keys after ALL or KEYS; `None` is all.
fn keys(args: Args<'_>) -> Result<Option<Vec<Box<[u8]>>>, CommandError> {
    let mut words = Words::new(args, 2);
    let word = words.required()?;
    let keys = if word.eq_ignore_ascii_case(b"ALL") {
        None
    } else if word.eq_ignore_ascii_case(b"KEYS") {
        Some(words.counted("KEYS", 1)?.iter().map(Box::from).collect())
    } else {
        return Err(CommandError::literal("ERR expected ALL or KEYS n key [key ...]"));
    };
    if words.next().is_some() { Err(CommandError::SYNTAX) } else { Ok(keys) }
}

/// CW.WRITEBACK RETRY: how many are written again.
pub fn retry(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (keys, node, resp) = (keys(args)?, context.node().clone(), context.session.resp);
    Ok(Step::Wait(Box::pin(async move {
        let retried = node.retry_parked(keys.as_deref()).await;
        encoded(resp, |reply| count(reply, retried))
    })))
}

/// CW.WRITEBACK DROP: how many are given up.
pub fn give_up(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (keys, node, resp) = (keys(args)?, context.node().clone(), context.session.resp);
    Ok(Step::Wait(Box::pin(async move {
        let dropped = node.drop_parked(keys.as_deref()).await;
        encoded(resp, |reply| count(reply, dropped))
    })))
}

fn count(reply: &mut Encoder<'_>, done: Result<u64, WriteError>) {
    match done {
        Ok(count) => reply.integer(i64::try_from(count).unwrap_or(i64::MAX)),
        Err(error) => reply.error(step::write_error(&error)),
    }
}

/// CW.WRITEBACK FLUSH: how many writes the sources took and refused meanwhile, and how many are parked now.
pub fn flush(context: &mut Context<'_>) -> Outcome {
    let (node, resp) = (context.node().clone(), context.session.resp);
    Ok(Step::Wait(Box::pin(async move {
        let flushed = node.flush_write_back().await;
        encoded(resp, |reply| match flushed {
            Ok(flushed) => {
                reply.map(flushed.figures().len());
                for (name, figure) in flushed.figures() {
                    reply.bulk(name);
                    reply.integer(i64::try_from(figure).unwrap_or(i64::MAX));
                }
            }
            Err(error) => reply.error(step::write_error(&error)),
        })
    })))
}
