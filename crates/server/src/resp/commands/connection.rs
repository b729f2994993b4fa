//! HELLO, AUTH, PING, ECHO, QUIT, RESET, SELECT.

use std::sync::atomic::Ordering::Relaxed;

use clearwell_protocol::options::{AuthOptions, HelloOptions, parse_db_index};
use clearwell_protocol::{Args, CommandError, Resp};

use crate::resp::dispatch::Context;
use crate::resp::info::REDIS_VERSION;
use crate::resp::route::Routing;
use crate::resp::step::{Outcome, Step};

const NOT_IN_A_CLUSTER: CommandError = CommandError::literal("ERR SELECT is not allowed in cluster mode");
const WRONGPASS: CommandError =
    CommandError::literal("WRONGPASS invalid username-password pair or user is disabled.");
const NO_PASSWORD: CommandError = CommandError::literal(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);
const HELLO_FIRST: CommandError = CommandError::literal(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> \
     option can be used to authenticate the client and select the RESP protocol version at the same time",
);

/// HELLO: what is refused changes nothing.
pub fn hello(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = HelloOptions::parse(args)?;
    match options.auth {
        Some(login) => log_in(context, &login)?,
        None if !context.session.authenticated => return Err(HELLO_FIRST),
        None => {}
    }
    if let Some(name) = options.name {
        context.session.client.names.lock().name = String::from_utf8_lossy(name).into_owned();
    }
    if let Some(resp) = options.resp {
        context.session.resp = resp;
        // Messages that come from now on are written in it.
        context.session.client.activity.resp3.store(resp == Resp::V3, Relaxed);
    }
    let id = i64::try_from(context.session.client.id).unwrap_or(i64::MAX);
    let proto = if context.session.resp == Resp::V3 { 3 } else { 2 };
    let mode = context.session.routing.mode();
    let mut reply = context.reply();
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name);
        reply.bulk(value);
    }
    for (name, value) in [("proto", proto), ("id", id)] {
        reply.bulk(name);
        reply.integer(value);
    }
    for (name, value) in [("mode", mode), ("role", "master")] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("modules");
    reply.array(0);
    Ok(Step::Done)
}

/// AUTH.
pub fn auth(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let login = AuthOptions::parse(args)?;
    if !login.named && !context.server.settings.asks_password() {
        return Err(NO_PASSWORD);
    }
    log_in(context, &login)?;
    context.reply().ok();
    Ok(Step::Done)
}

fn log_in(context: &mut Context<'_>, login: &AuthOptions<'_>) -> Result<(), CommandError> {
    // Both are looked at, so that the time does not tell which was wrong.
    let is_password = context.server.settings.is_password(login.password);
    if login.user != b"default" || !is_password {
        return Err(WRONGPASS);
    }
    context.session.authenticated = true;
    Ok(())
}

/// PING.
pub fn ping(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let messages = context.session.is_narrow();
    match (args.len(), args.get(1)) {
        (1 | 2, message) if messages => context.reply().bulks([&b"pong"[..], message.unwrap_or_default()]),
        (1, _) => context.reply().simple("PONG"),
        (2, Some(message)) => context.reply().bulk(message),
        _ => return Err(CommandError::wrong_arity("ping")),
    }
    Ok(Step::Done)
}

/// ECHO.
pub fn echo(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    context.reply().bulk(&args[1]);
    Ok(Step::Done)
}

/// QUIT.
pub fn quit(context: &mut Context<'_>) -> Outcome {
    context.reply().ok();
    Ok(Step::Close)
}

/// RESET: as a connection that has just begun.
pub fn reset(context: &mut Context<'_>) -> Outcome {
    context.server.monitors.remove(context.session.client.id);
    context.server.channels.remove(&context.session.client);
    // What was shown to it until now, this RESET included, no longer concerns it.
    context.session.client.take_mail(&mut Vec::new());
    let authenticated = !context.server.settings.asks_password();
    let client = context.session.client.clone();
    let library = client.names.lock().lib_name.clone();
    let place = context.server.pools.join(client.peer.ip(), &library);
    context.session.reset(authenticated, place);
    context.reply().simple("RESET");
    Ok(Step::Done)
}

/// SELECT: there is one database.
pub fn select(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if parse_db_index(&args[1], 1).is_err() && context.session.routing == Routing::Redirect {
        return Err(NOT_IN_A_CLUSTER);
    }
    parse_db_index(&args[1], 1)?;
    context.reply().ok();
    Ok(Step::Done)
}
