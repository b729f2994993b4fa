//! RENAME, RENAMENX and COPY: an entry under another key, with all that is kept with it. The node does it in one step, whoever
//! writes meanwhile by whichever surface.

use clearwell_engine::{Relocated, Relocation};
use clearwell_protocol::options::CopyOptions;
use clearwell_protocol::{Args, CommandError};

use super::write::{may_write, only_plain};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

/// RENAME.
pub fn rename(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match relocate(context, &args[1], &args[2], Relocation { replace: true, keep: false }, "RENAME")? {
        Relocated::Missing => Err(CommandError::NO_SUCH_KEY),
        Relocated::Done | Relocated::Occupied | Relocated::Refused => {
            context.reply().ok();
            Ok(Step::Done)
        }
    }
}

/// RENAMENX.
pub fn renamenx(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match relocate(context, &args[1], &args[2], Relocation { replace: false, keep: false }, "RENAMENX")? {
        Relocated::Missing => Err(CommandError::NO_SUCH_KEY),
        relocated => {
            context.reply().integer(i64::from(relocated == Relocated::Done));
            Ok(Step::Done)
        }
    }
}

fn relocate(
    context: &Context<'_>,
    from: &[u8],
    to: &[u8],
    how: Relocation,
    command: &str,
) -> Result<Relocated, CommandError> {
    let node = context.node();
    only_plain(node, from, command)?;
    may_write(node, to, command)?;
    node.relocate(from, to, how, context.now).map_err(|error| step::write_error(&error))
}

/// COPY.
pub fn copy(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = CopyOptions::parse(args)?;
    if options.source == options.destination {
        return Err(CommandError::literal("ERR source and destination objects are the same"));
    }
    let how = Relocation { replace: options.replace, keep: true };
    let copied = relocate(context, options.source, options.destination, how, "COPY")?;
    context.reply().integer(i64::from(copied == Relocated::Done));
    Ok(Step::Done)
}
