//! SUBSCRIBE, PSUBSCRIBE, their opposites, PUBLISH, PUBSUB.

use clearwell_engine::Glob;
use clearwell_protocol::{Args, CommandError, CommandId};

use crate::resp::dispatch::Context;
use crate::resp::session::Session;
use crate::resp::step::{Outcome, Step};

const IN_MULTI: CommandError = CommandError::literal("ERR Command not allowed inside a transaction");

/// Whether a connection of RESP2 that listens may send it: messages and replies look alike there.
pub fn is_allowed_beside_messages(id: CommandId) -> bool {
    use CommandId as Id;
    matches!(
        id,
        Id::Subscribe | Id::Unsubscribe | Id::Psubscribe | Id::Punsubscribe | Id::Ping | Id::Quit | Id::Reset
    )
}

/// The refusal of any other.
pub fn refused_beside_messages(name: &str) -> CommandError {
    CommandError::new(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    ))
}

/// A confirmation for each name would break the reply of EXEC, which is an array of one reply a command.
fn refuse_in_multi(session: &mut Session) -> Result<(), CommandError> {
    match &mut session.queue {
        Some(queue) => {
            queue.broken = true;
            Err(IN_MULTI)
        }
        None => Ok(()),
    }
}

fn malformed(why: String) -> CommandError {
    CommandError::new(format!("ERR {why}"))
}

/// SUBSCRIBE, or PSUBSCRIBE: all of them, or none when one is wrong.
pub fn subscribe(context: &mut Context<'_>, args: Args<'_>, patterns: bool) -> Outcome {
    refuse_in_multi(context.session)?;
    let names = args.from(1);
    let mut globs = Vec::new();
    if patterns {
        for name in names.iter() {
            globs.push((name, Glob::forgiving(name).map_err(malformed)?));
        }
    }
    let (channels, client) = (&context.server.channels, context.session.client.clone());
    let counts = match patterns {
        true => channels.psubscribe(&client, &globs)?,
        false => channels.subscribe(&client, &names.iter().collect::<Vec<_>>())?,
    };
    let kind = if patterns { "psubscribe" } else { "subscribe" };
    for (name, count) in names.iter().zip(counts) {
        confirm(context, kind, Some(name), count);
    }
    Ok(Step::Done)
}

/// UNSUBSCRIBE, or PUNSUBSCRIBE: of the names given, or of all.
pub fn unsubscribe(context: &mut Context<'_>, args: Args<'_>, patterns: bool) -> Outcome {
    refuse_in_multi(context.session)?;
    let (channels, client) = (&context.server.channels, context.session.client.clone());
    let names: Vec<Box<[u8]>> = match args.len() {
        1 => channels.names_of(client.id, patterns),
        _ => args.from(1).iter().map(Box::from).collect(),
    };
    let counts = channels.unsubscribe(&client, &names, patterns);
    // What was sent before comes before.
    client.take_mail(context.out);
    let kind = if patterns { "punsubscribe" } else { "unsubscribe" };
    if names.is_empty() {
        confirm(context, kind, None, client.subscriptions());
    }
    for (name, count) in names.iter().zip(counts) {
        confirm(context, kind, Some(name), count);
    }
    Ok(Step::Done)
}

fn confirm(context: &mut Context<'_>, kind: &str, name: Option<&[u8]>, count: usize) {
    let mut reply = context.reply();
    reply.push(3);
    reply.bulk(kind);
    reply.bulk_or_null(name);
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// PUBLISH: answers to how many it went.
pub fn publish(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let reached = context.server.channels.publish(&args[1], &args[2]);
    context.reply().integer(i64::try_from(reached).unwrap_or(i64::MAX));
    Ok(Step::Done)
}

/// PUBSUB CHANNELS.
pub fn channels(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        let asked = String::from_utf8_lossy(&args[1]).into_owned();
        return Err(CommandError::new(format!(
            "ERR unknown subcommand or wrong number of arguments for '{asked}'. Try PUBSUB HELP."
        )));
    }
    let glob = args.get(2).map(Glob::forgiving).transpose().map_err(malformed)?;
    let names = context.server.channels.names(glob.as_ref());
    context.reply().bulks(names);
    Ok(Step::Done)
}

/// PUBSUB NUMSUB.
pub fn numsub(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (names, server) = (args.from(2), context.server);
    let mut reply = context.reply();
    reply.array(names.len().saturating_mul(2));
    for name in names.iter() {
        reply.bulk(name);
        reply.integer(i64::try_from(server.channels.listeners(name)).unwrap_or(i64::MAX));
    }
    Ok(Step::Done)
}

/// PUBSUB NUMPAT.
pub fn numpat(context: &mut Context<'_>) -> Outcome {
    let (_, patterns) = context.server.channels.counts();
    context.reply().integer(i64::try_from(patterns).unwrap_or(i64::MAX));
    Ok(Step::Done)
}
