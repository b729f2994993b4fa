//! COMMAND DOCS: the table as a manual.

use crate::command::Command;
use crate::reply::Encoder;
use crate::syntax::{self, Argument, ArgumentKind};

/// Writes a command's name and what is said about it.
pub(crate) fn named_entry(encoder: &mut Encoder<'_>, command: &Command) {
    encoder.bulk(command.name);
    let arguments = syntax::parse(command.syntax);
    let optional = [!arguments.is_empty(), !command.subcommands.is_empty()];
    encoder.map(optional.into_iter().filter(|&is_there| is_there).count().saturating_add(4));
    pair(encoder, "summary", command.summary);
    pair(encoder, "since", command.since);
    pair(encoder, "group", command.group.name());
    pair(encoder, "complexity", command.complexity);
    if !arguments.is_empty() {
        encoder.bulk("arguments");
        encoder.array(arguments.len());
        let mut keys = 0;
        arguments.iter().for_each(|argument| entry(encoder, argument, command, &mut keys));
    }
    if !command.subcommands.is_empty() {
        encoder.bulk("subcommands");
        encoder.map(command.subcommands.len());
        command.subcommands.iter().for_each(|sub| named_entry(encoder, sub));
    }
}

fn pair(encoder: &mut Encoder<'_>, name: &str, text: &str) {
    encoder.bulk(name);
    encoder.bulk(text);
}

/// Writes one argument; `keys` counts the keys written, which stand in the order of the key specifications.
fn entry(encoder: &mut Encoder<'_>, argument: &Argument, command: &Command, keys: &mut usize) {
    let kind = kind_name(argument, command);
    let is_key = kind == "key" && *keys < command.keys.len();
    let flags: Vec<&str> = [("optional", argument.optional), ("multiple", argument.multiple)]
        .into_iter()
        .filter_map(|(name, is_set)| is_set.then_some(name))
        .collect();
    let parts = [is_key, argument.token.is_some(), !flags.is_empty(), !argument.children.is_empty()];
    encoder.map(parts.into_iter().filter(|&is_there| is_there).count().saturating_add(2));
    pair(encoder, "name", &argument.name);
    pair(encoder, "type", kind);
    if is_key {
        encoder.bulk("key_spec_index");
        encoder.integer(i64::try_from(*keys).unwrap_or(0));
        *keys = keys.saturating_add(1);
    }
    if let Some(token) = &argument.token {
        pair(encoder, "token", token);
    }
    if !flags.is_empty() {
        encoder.bulk("flags");
        encoder.set(flags.len());
        flags.iter().for_each(|flag| encoder.simple(flag));
    }
    if !argument.children.is_empty() {
        encoder.bulk("arguments");
        encoder.array(argument.children.len());
        argument.children.iter().for_each(|child| entry(encoder, child, command, keys));
    }
}

fn kind_name(argument: &Argument, command: &Command) -> &'static str {
    match argument.kind {
        ArgumentKind::PureToken => return "pure-token",
        ArgumentKind::OneOf => return "oneof",
        ArgumentKind::Block => return "block",
        ArgumentKind::Value => {}
    }
    match argument.name.as_str() {
        "key" | "newkey" | "source" | "destination" => "key",
        "pattern" | "glob" => "pattern",
        "increment" if command.name == "incrbyfloat" => "double",
        name if name.starts_with("unix-time") => "unix-time",
        "seconds" | "milliseconds" | "increment" | "decrement" | "offset" | "start" | "end" | "count"
        | "cursor" | "timeout" | "index" | "numreplicas" | "client-id" | "protover" | "destination-db"
        | "n" | "priority" => "integer",
        _ => "string",
    }
}
