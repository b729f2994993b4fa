//! COMMAND and HELP, which the protocol crate answers from the table.

use clearwell_engine::Glob;
use clearwell_protocol::{Args, introspect};

use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

/// COMMAND.
pub fn command(context: &mut Context<'_>) -> Outcome {
    introspect::command(&mut context.reply());
    Ok(Step::Done)
}

/// COMMAND COUNT.
pub fn count(context: &mut Context<'_>) -> Outcome {
    introspect::count(&mut context.reply());
    Ok(Step::Done)
}

/// COMMAND INFO.
pub fn info(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    introspect::info(&mut context.reply(), args);
    Ok(Step::Done)
}

/// COMMAND DOCS.
pub fn docs(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    introspect::docs(&mut context.reply(), args);
    Ok(Step::Done)
}

/// COMMAND LIST.
pub fn list(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    introspect::list(&mut context.reply(), args, |pattern, name| {
        let pattern = Glob::new(&pattern.to_ascii_lowercase());
        pattern.is_ok_and(|glob| glob.matches(&name.to_ascii_lowercase()))
    })?;
    Ok(Step::Done)
}

/// COMMAND GETKEYS, or with flags.
pub fn getkeys(context: &mut Context<'_>, args: Args<'_>, flags: bool) -> Outcome {
    introspect::get_keys(&mut context.reply(), args, flags)?;
    Ok(Step::Done)
}

/// HELP of any container.
pub fn help(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    introspect::help(&mut context.reply(), args);
    Ok(Step::Done)
}
