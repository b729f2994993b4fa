//! RENAME, RENAMENX and COPY: an entry under another key, with all that is kept with it. No other command comes between
//! the steps, since all of them keep the other workers out.

use clearwell_engine::{Change, Draft, EventPattern, Millis, Packed, Version, View};
use clearwell_protocol::options::CopyOptions;
use clearwell_protocol::{Args, CommandError};

use super::keys::{is_there, look};
use super::write::{may_write, only_plain};
use crate::node::WriteError;
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

/// An entry, owned.
struct Whole {
    value: Vec<u8>,
    expires: Option<Millis>,
    tags: Vec<Box<[u8]>>,
    dependencies: Vec<Box<[u8]>>,
    events: Vec<EventPattern>,
    version: Option<Version>,
    priority: u8,
    content_type: Option<Box<str>>,
}

impl Whole {
    fn of(view: &View<'_>) -> Whole {
        Whole {
            value: view.value().unwrap_or(&[]).to_vec(),
            expires: view.expires(),
            tags: view.tags().map(Box::from).collect(),
            dependencies: view.dependencies().map(Box::from).collect(),
            events: view.events().filter_map(|event| EventPattern::parse(event).ok()).collect(),
            version: view.version(),
            priority: view.priority(),
            content_type: view.content_type().map(Box::from),
        }
    }

    fn put(&self, context: &Context<'_>, key: &[u8]) -> Result<(), CommandError> {
        let tags: Vec<&[u8]> = self.tags.iter().map(|tag| &**tag).collect();
        let dependencies: Vec<&[u8]> = self.dependencies.iter().map(|name| &**name).collect();
        let keyspace = context.node().keyspaces.find(key).map(|(keyspace, _)| keyspace);
        if let Some(Err(invalid)) = keyspace.map(|keyspace| keyspace.values.check(&self.value)) {
            return Err(step::write_error(&WriteError::Invalid(invalid)));
        }
        let packed = keyspace.and_then(|keyspace| keyspace.values.pack(&self.value));
        let draft = Draft {
            value: Some(&self.value),
            packed: packed.as_ref().map(|(codec, bytes)| Packed { codec: *codec, bytes }),
            expires: self.expires,
            grace_ms: 0,
            tags: &tags,
            dependencies: &dependencies,
            events: &self.events,
            version: self.version,
            priority: self.priority,
            content_type: self.content_type.as_deref(),
            load_ms: 0,
        };
        let stored = context.node().engine.put(key, &draft, context.now);
        stored.map_err(|unfit| step::write_error(&WriteError::Unfit(unfit)))
    }
}

/// RENAME.
pub fn rename(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    relocate(context, &args[1], &args[2], "RENAME")?;
    context.reply().ok();
    Ok(Step::Done)
}

/// RENAMENX.
pub fn renamenx(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (from, to) = (&args[1], &args[2]);
    may_write(context.node(), to, "RENAMENX")?;
    let moved = if is_there(context, from) && is_there(context, to) {
        false
    } else {
        relocate(context, from, to, "RENAMENX")?;
        true
    };
    context.reply().integer(i64::from(moved));
    Ok(Step::Done)
}

fn relocate(context: &Context<'_>, from: &[u8], to: &[u8], command: &str) -> Result<(), CommandError> {
    let node = context.node();
    only_plain(node, from, command)?;
    may_write(node, to, command)?;
    let whole = look(context, from, Whole::of).ok_or(CommandError::NO_SUCH_KEY)?;
    if from == to {
        return Ok(());
    }
    whole.put(context, to)?;
    let removed = node.update(from, context.now, |_| (Change::Remove, ()));
    removed.map_err(|error| step::write_error(&error))
}

/// COPY.
pub fn copy(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = CopyOptions::parse(args)?;
    if options.source == options.destination {
        return Err(CommandError::literal("ERR source and destination objects are the same"));
    }
    only_plain(context.node(), options.source, "COPY")?;
    may_write(context.node(), options.destination, "COPY")?;
    let whole = look(context, options.source, Whole::of);
    let copied = match whole {
        Some(whole) if options.replace || !is_there(context, options.destination) => {
            whole.put(context, options.destination)?;
            true
        }
        _ => false,
    };
    context.reply().integer(i64::from(copied));
    Ok(Step::Done)
}
