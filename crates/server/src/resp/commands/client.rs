//! CLIENT: connections among themselves.

use std::sync::atomic::Ordering::Relaxed;

use clearwell_protocol::options::{KillOptions, ListOptions, PauseOptions, ReplyMode, check_client_name};
use clearwell_protocol::{Args, CommandError};

use crate::resp::dispatch::Context;
use crate::resp::registry::ListedClient;
use crate::resp::route::Routing;
use crate::resp::session::Replies;
use crate::resp::step::{Outcome, Step};

/// CLIENT ID.
pub fn id(context: &mut Context<'_>) -> Outcome {
    let id = i64::try_from(context.session.client.id).unwrap_or(i64::MAX);
    context.reply().integer(id);
    Ok(Step::Done)
}

/// CLIENT GETNAME.
pub fn getname(context: &mut Context<'_>) -> Outcome {
    let name = context.session.names().name;
    context.reply().bulk_or_null((!name.is_empty()).then_some(name));
    Ok(Step::Done)
}

/// CLIENT SETNAME.
pub fn setname(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let name = &args[2];
    check_client_name(name)?;
    context.session.client.names.lock().name = String::from_utf8_lossy(name).into_owned();
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT CAPA. `node`: another node of the cluster forwards over this connection, which is therefore used by many clients.
pub fn capa(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if args.from(2).iter().any(|word| word.eq_ignore_ascii_case(b"node")) {
        context.session.routing = Routing::Node;
        context.session.place.share();
    }
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT SETINFO.
pub fn setinfo(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (attribute, value) = (&args[2], &args[3]);
    let upper = String::from_utf8_lossy(attribute).to_ascii_uppercase();
    let is_version = match upper.as_str() {
        "LIB-NAME" => false,
        "LIB-VER" => true,
        _ => {
            let shown = String::from_utf8_lossy(attribute);
            return Err(CommandError::new(format!("ERR Unrecognized option '{shown}'")));
        }
    };
    if check_client_name(value).is_err() {
        return Err(CommandError::new(format!(
            "ERR {upper} cannot contain spaces, newlines or special characters."
        )));
    }
    let value = String::from_utf8_lossy(value).into_owned();
    let mut names = context.session.client.names.lock();
    if is_version {
        names.lib_ver = value;
    } else {
        let address = context.session.client.peer.ip();
        context.session.place = context.server.pools.join(address, &value);
        names.lib_name = value;
    }
    drop(names);
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT LIST.
pub fn list(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = ListOptions::parse(args)?;
    context.session.publish(context.now.0);
    let wanted = |client: &ListedClient| match &options {
        ListOptions::All => true,
        ListOptions::Kind(kind) => *kind == client.kind(),
        ListOptions::Ids(ids) => ids.iter().any(|&id| u64::try_from(id) == Ok(client.id)),
    };
    let clients = context.server.registry.all();
    let lines: String =
        clients.iter().filter(|client| wanted(client)).map(|client| client.line(context.now)).collect();
    context.reply().verbatim(lines);
    Ok(Step::Done)
}

/// CLIENT INFO.
pub fn info(context: &mut Context<'_>) -> Outcome {
    context.session.publish(context.now.0);
    let line = context.session.client.line(context.now);
    context.reply().verbatim(line);
    Ok(Step::Done)
}

/// CLIENT KILL.
pub fn kill(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = KillOptions::parse(args)?;
    if let Some(user) = options.user.filter(|&user| user != b"default") {
        let user = String::from_utf8_lossy(user);
        return Err(CommandError::new(format!("ERR No such user '{user}'")));
    }
    let own = context.session.client.id;
    let mut killed = 0;
    let mut kills_itself = false;
    for client in context.server.registry.all() {
        if !client.matches(&options) || (client.id == own && options.skip_me) {
            continue;
        }
        killed += 1;
        if client.id == own {
            kills_itself = true;
        } else {
            client.kill();
        }
    }
    match (options.old_form, killed) {
        (true, 0) => return Err(CommandError::literal("ERR No such client")),
        (true, _) => context.reply().ok(),
        (false, _) => context.reply().integer(killed),
    }
    Ok(if kills_itself { Step::Close } else { Step::Done })
}

/// CLIENT REPLY.
pub fn reply(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mode = ReplyMode::parse(args)?;
    let is_off = matches!(context.session.replies, Replies::Off);
    match mode {
        ReplyMode::On => {
            context.session.replies = Replies::On;
            context.reply().ok();
        }
        ReplyMode::Off => context.session.replies = Replies::Off,
        ReplyMode::Skip if !is_off => context.session.replies = Replies::SkipNext,
        ReplyMode::Skip => {}
    }
    Ok(Step::Done)
}

/// CLIENT NO-EVICT: noted and shown; connections are never closed to save memory here.
pub fn no_evict(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let on = ReplyMode::parse_switch(args)?;
    context.session.client.activity.no_evict.store(on, Relaxed);
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT NO-TOUCH.
pub fn no_touch(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    context.session.no_touch = ReplyMode::parse_switch(args)?;
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT PAUSE.
pub fn pause(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = PauseOptions::parse(args)?;
    let until = context.node().clock().tick().plus(options.timeout_ms);
    context.server.pause.begin(until, options.writes_only);
    context.reply().ok();
    Ok(Step::Done)
}

/// CLIENT UNPAUSE.
pub fn unpause(context: &mut Context<'_>) -> Outcome {
    context.server.pause.end();
    context.reply().ok();
    Ok(Step::Done)
}
