//! The answers of COMMAND and of every HELP.

use crate::args::Args;
use crate::command::{Command, KeyAccess, KeySpec};
use crate::docs;
use crate::error::CommandError;
use crate::flags::Categories;
use crate::help as help_lines;
use crate::keys::keys;
use crate::lookup::{find, lookup};
use crate::reply::Encoder;
use crate::table;

/// COMMAND: every command.
pub fn command(encoder: &mut Encoder<'_>) {
    encoder.array(table::all().count());
    table::all().for_each(|command| entry(encoder, command));
}

/// COMMAND COUNT.
pub fn count(encoder: &mut Encoder<'_>) {
    encoder.integer(i64::try_from(table::all().count()).unwrap_or(i64::MAX));
}

/// COMMAND INFO: the commands named, null for a name that is none; without names every command.
pub fn info(encoder: &mut Encoder<'_>, args: Args<'_>) {
    if args.len() <= 2 {
        return command(encoder);
    }
    let names = args.from(2);
    encoder.array(names.len());
    for name in names.iter() {
        match find(name) {
            Some(command) => entry(encoder, command),
            None => encoder.null(),
        }
    }
}

/// COMMAND DOCS: the commands named, leaving out names that are none; without names every command.
pub fn docs(encoder: &mut Encoder<'_>, args: Args<'_>) {
    let named: Vec<&Command> = match args.len() {
        ..=2 => table::all().collect(),
        _ => args.from(2).iter().filter_map(find).collect(),
    };
    encoder.map(named.len());
    named.into_iter().for_each(|command| docs::named_entry(encoder, command));
}

/// COMMAND LIST, filtered or not. `glob` tells whether a pattern (first) matches a name, in any case.
///
/// # Errors
/// `ERR syntax error`.
pub fn list(
    encoder: &mut Encoder<'_>,
    args: Args<'_>,
    glob: impl Fn(&[u8], &[u8]) -> bool,
) -> Result<(), CommandError> {
    let is =
        |at: usize, word: &str| args.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let names = |keep: &dyn Fn(&Command) -> bool| -> Vec<&str> {
        let kept = table::all_with_subcommands().filter(|command| keep(command));
        kept.map(|command| command.name).collect()
    };
    let found = match (args.len(), args.get(4)) {
        (2, _) => table::all().map(|command| command.name).collect(),
        (5, Some(wanted)) if is(2, "FILTERBY") => match () {
            () if is(3, "MODULE") => Vec::new(),
            () if is(3, "ACLCAT") => match Categories::named(wanted) {
                Some(category) => names(&|command| command.categories.has(category)),
                None => Vec::new(),
            },
            () if is(3, "PATTERN") => names(&|command| glob(wanted, command.name.as_bytes())),
            () => return Err(CommandError::SYNTAX),
        },
        _ => return Err(CommandError::SYNTAX),
    };
    encoder.bulks(found);
    Ok(())
}

/// COMMAND GETKEYS, or with `with_flags` COMMAND GETKEYSANDFLAGS: the keys of the request that `args` carries from the
/// third on.
///
/// # Errors
/// Redis's texts for a request that is none or has no keys.
pub fn get_keys(encoder: &mut Encoder<'_>, args: Args<'_>, with_flags: bool) -> Result<(), CommandError> {
    let inner = args.from(2);
    let invalid = CommandError::literal("ERR Invalid command specified");
    let mut command = lookup(inner.get(0).unwrap_or(&[])).ok_or(invalid.clone())?;
    if let (false, Some(name)) = (command.subcommands.is_empty(), inner.get(1)) {
        command = command.subcommand(name).ok_or(invalid)?;
    }
    if command.keys.is_empty() && !command.flags.has(crate::Flags::MOVABLEKEYS) {
        return Err(CommandError::literal("ERR The command has no key arguments"));
    }
    if !command.check_arity(inner.len()) {
        return Err(CommandError::literal("ERR Invalid number of arguments specified for command"));
    }
    let mut positions = keys(command, inner);
    let found: Vec<_> = std::iter::from_fn(|| positions.next_with_access()).collect();
    if found.is_empty() {
        return Err(CommandError::literal("ERR Invalid arguments specified for command"));
    }
    encoder.array(found.len());
    for (place, access) in found {
        if with_flags {
            encoder.array(2);
        }
        encoder.bulk(&inner[place]);
        if with_flags {
            names(encoder, told_apart(access, inner).names().iter().copied(), "");
        }
    }
    Ok(())
}

/// What a command with variable access (SET) does in this request: it reads only to answer the old value.
fn told_apart(access: KeyAccess, request: Args<'_>) -> KeyAccess {
    let reads = || request.from(3).iter().any(|word| word.eq_ignore_ascii_case(b"get"));
    match access {
        KeyAccess::Variable if reads() => KeyAccess::ReadUpdate,
        KeyAccess::Variable => KeyAccess::Overwrite,
        access => access,
    }
}

/// HELP of the container that a request names.
pub fn help(encoder: &mut Encoder<'_>, args: Args<'_>) {
    let container = args.get(0).and_then(lookup);
    encoder.simples(container.map(help_lines::lines).unwrap_or_default());
}

/// One entry of COMMAND: ten elements.
fn entry(encoder: &mut Encoder<'_>, command: &Command) {
    encoder.array(10);
    encoder.bulk(command.name);
    encoder.integer(i64::from(command.arity));
    names(encoder, command.flags.names(), "");
    encoder.integer(position(command.first_key()));
    encoder.integer(i64::from(command.last_key()));
    encoder.integer(position(command.key_step()));
    names(encoder, command.categories.names(), "@");
    encoder.set(command.tips.len());
    command.tips.iter().for_each(|tip| encoder.bulk(tip));
    encoder.set(command.keys.len());
    command.keys.iter().for_each(|spec| key_spec(encoder, spec));
    match command.subcommands {
        [] => encoder.set(0),
        subs => {
            encoder.array(subs.len());
            subs.iter().for_each(|sub| entry(encoder, sub));
        }
    }
}

/// A set of simple strings.
fn names(encoder: &mut Encoder<'_>, names: impl Iterator<Item = &'static str> + Clone, prefix: &str) {
    encoder.set(names.clone().count());
    names.for_each(|name| encoder.simple(format!("{prefix}{name}")));
}

fn key_spec(encoder: &mut Encoder<'_>, spec: &KeySpec) {
    let first = position(spec.first);
    // Counted from the first key, unless from the end.
    let last = if spec.last < 0 { i64::from(spec.last) } else { i64::from(spec.last).saturating_sub(first) };
    encoder.map(3);
    encoder.bulk("flags");
    names(encoder, spec.access.names().iter().copied(), "");
    search(encoder, "begin_search", "index", &[("index", first)]);
    let range = [("lastkey", last), ("keystep", position(spec.step)), ("limit", 0)];
    search(encoder, "find_keys", "range", &range);
}

fn search(encoder: &mut Encoder<'_>, name: &str, kind: &str, spec: &[(&str, i64)]) {
    encoder.bulk(name);
    encoder.map(2);
    encoder.bulk("type");
    encoder.bulk(kind);
    encoder.bulk("spec");
    encoder.map(spec.len());
    for (name, number) in spec {
        encoder.bulk(name);
        encoder.integer(*number);
    }
}

fn position(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(0)
}
