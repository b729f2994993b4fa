//! INCR and its kin: numbers in text.

use clearwell_engine::Change;
use clearwell_protocol::{Args, CommandError, parse_i64};

use super::decimal;
use super::read::integer;
use super::write::{may_write, value_of};
use crate::node::{Asked, Put};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

const OVERFLOW: CommandError = CommandError::literal("ERR increment or decrement would overflow");

/// INCR.
pub fn incr(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    add(context, &args[1], 1, "INCR")
}

/// DECR.
pub fn decr(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    add(context, &args[1], -1, "DECR")
}

/// INCRBY.
pub fn incrby(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    add(context, &args[1], integer(&args[2])?, "INCRBY")
}

/// DECRBY.
pub fn decrby(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let by = integer(&args[2])?.checked_neg();
    let by = by.ok_or(CommandError::literal("ERR decrement would overflow"))?;
    add(context, &args[1], by, "DECRBY")
}

fn add(context: &mut Context<'_>, key: &[u8], by: i64, command: &str) -> Outcome {
    let mut sum = 0;
    replace(context, key, command, |old| {
        let old = old.map_or(Ok(0), |text| parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER))?;
        sum = old.checked_add(by).ok_or(OVERFLOW)?;
        Ok(sum.to_string().into_bytes())
    })?;
    context.reply().integer(sum);
    Ok(Step::Done)
}

/// INCRBYFLOAT.
pub fn incrbyfloat(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let by = &args[2];
    decimal::check(by)?;
    let mut sum = Vec::new();
    replace(context, &args[1], "INCRBYFLOAT", |old| {
        sum = decimal::add(old.unwrap_or(b"0"), by)?.into_bytes();
        Ok(sum.clone())
    })?;
    context.reply().bulk(sum);
    Ok(Step::Done)
}

/// Replaces a value by what `make` makes of it, in one step; the time to live and the names stay.
pub fn replace(
    context: &mut Context<'_>,
    key: &[u8],
    command: &str,
    make: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>, CommandError>,
) -> Result<(), CommandError> {
    let (node, now) = (context.node(), context.now);
    may_write(node, key, command)?;
    let fresh = node.draft_of(key, Put::default());
    let mut made = Vec::new();
    let made = &mut made;
    let replaced = fresh.lend(|draft| {
        node.update(key, now, move |view| {
            let old = value_of(view);
            match make(old) {
                Err(error) => (Change::Keep, Err(error)),
                Ok(value) if old.is_some() => (Change::Value(value), Ok(())),
                Ok(value) => {
                    *made = value;
                    let mut draft = draft.clone();
                    draft.value = Some(made);
                    (Change::Put(draft), Ok(()))
                }
            }
        })
    });
    replaced.map_err(|error| step::write_error(&error))??;
    let event = match command {
        "APPEND" => "append",
        "SETRANGE" => "setrange",
        "INCRBYFLOAT" => "incrbyfloat",
        _ => "incrby",
    };
    node.notify(Asked::STRINGS, event, key);
    Ok(())
}
