//! The command table: consistent with itself, found in any case, refused in Redis's words.

mod support;

use std::collections::BTreeSet;

use clearwell_protocol::{Command, CommandId, Flags, keys, lookup, resolve, table};
use support::args;

#[test]
fn names_are_unique_and_lower_case() {
    let names: Vec<&str> = table::all_with_subcommands().map(|command| command.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        assert!(!name.chars().any(|c| c.is_ascii_uppercase()), "{name}");
    }
}

#[test]
fn every_id_is_in_the_table_once_but_help() {
    let mut seen = Vec::new();
    for command in table::all_with_subcommands().filter(|command| command.id != CommandId::Help) {
        assert!(!seen.contains(&command.id), "{:?}", command.id);
        seen.push(command.id);
    }
}

#[test]
fn every_name_is_found_in_any_case() {
    for command in table::all() {
        let mixed: String = command
            .name
            .char_indices()
            .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect();
        for name in [command.name, &command.name.to_uppercase(), &mixed] {
            assert_eq!(lookup(name.as_bytes()).map(|found| found.id), Some(command.id), "{name}");
        }
        // One byte more, one less, and one bit away are other names.
        let longer = format!("{}x", command.name);
        assert!(lookup(longer.as_bytes()).is_none_or(|found| found.name == longer), "{longer}");
        let control: Vec<u8> = command.name.bytes().map(|byte| byte & !0x20 & 0x1f).collect();
        assert!(lookup(&control).is_none(), "{control:?}");
    }
    assert!(lookup(b"").is_none());
}

#[test]
fn subcommands_are_named_after_their_container() {
    for container in table::all() {
        for sub in container.subcommands {
            assert_eq!(sub.name, format!("{}|{}", container.name, sub.short_name()));
            let request = args(&format!("{} {}", container.name, sub.short_name().to_uppercase()));
            let found = container.subcommand(&request.as_args()[1]).map(|found| found.name);
            assert_eq!(found, Some(sub.name));
        }
        if !container.subcommands.is_empty() {
            assert!(container.subcommand(b"help").is_some(), "{} has no HELP", container.name);
        }
    }
}

/// The fewest arguments, and whether there may be more, as a syntax line tells.
fn arity_of_syntax(command: &Command) -> i32 {
    let names = if command.name.contains('|') { 2 } else { 1 };
    let (mut depth, mut required, mut optional) = (0, 0, false);
    let spaced =
        command.syntax.replace('[', " [ ").replace(']', " ] ").replace('(', " ( ").replace(')', " ) ");
    for word in spaced.split_whitespace() {
        match word {
            "[" | "(" => {
                // A choice that must be made takes one word at least.
                required += i32::from(word == "(" && depth == 0);
                optional |= word == "[" || command.name.starts_with("cw.") && word == "(";
                depth += 1;
            }
            "]" | ")" => depth -= 1,
            _ => required += i32::from(depth == 0),
        }
    }
    let least = names + required;
    if optional { -least } else { least }
}

#[test]
fn arity_agrees_with_syntax() {
    for command in table::all_with_subcommands().filter(|command| command.subcommands.is_empty()) {
        let expected = match command.name {
            // QUIT has always ignored what follows; these need one option, or one of two words, at least.
            "quit" => -1,
            "cw.invalidate" => -2,
            "client|setinfo" => 4,
            "command|getkeys" | "command|getkeysandflags" => -4,
            _ => arity_of_syntax(command),
        };
        assert_eq!(command.arity, expected, "{} {}", command.name, command.syntax);
    }
}

#[test]
fn every_command_says_what_it_is() {
    for command in table::all_with_subcommands() {
        for text in [command.summary, command.since, command.complexity] {
            assert!(!text.is_empty(), "{}", command.name);
        }
        let reads_and_writes = command.flags.has(Flags::READONLY) && command.flags.has(Flags::WRITE);
        assert!(!reads_and_writes, "{}", command.name);
    }
}

fn refusal(line: &str) -> String {
    resolve(args(line).as_args())
        .map(|command| command.name.to_owned())
        .unwrap_or_else(|error| error.to_string())
}

#[test]
fn refusals_have_redis_texts() {
    assert_eq!(refusal("FOO bar baz"), "ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' ");
    assert_eq!(refusal("foo"), "ERR unknown command 'foo', with args beginning with: ");
    assert_eq!(refusal("get"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(refusal("GET a b"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(refusal("client"), "ERR wrong number of arguments for 'client' command");
    assert_eq!(refusal("CLIENT ID x"), "ERR wrong number of arguments for 'client|id' command");
    assert_eq!(refusal("CLIENT FOO"), "ERR unknown subcommand 'FOO'. Try CLIENT HELP.");
    assert_eq!(refusal("command getkeys"), "ERR wrong number of arguments for 'command|getkeys' command");
    assert_eq!(refusal("EVAL x 0"), "ERR unknown command 'EVAL', with args beginning with: 'x' '0' ");
    assert_eq!(refusal("CLIENT TRACKING ON"), "ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.");
    assert_eq!(refusal("Command"), "command");
    assert_eq!(refusal("cLiEnT iD"), "client|id");
}

#[test]
fn refusals_repeat_128_bytes_as_redis_does() {
    let x = |count: usize| "x".repeat(count);
    let start = "ERR unknown command 'foo', with args beginning with: ";
    assert_eq!(refusal(&format!("foo {}", x(200))), format!("{start}'{}' ", x(128)));
    assert_eq!(refusal(&format!("foo {} yyy", x(125))), format!("{start}'{}' ", x(125)));
    assert_eq!(refusal(&format!("foo {} yyyyyyy z", x(124))), format!("{start}'{}' 'y' ", x(124)));
    assert_eq!(refusal("foo a\0b c"), format!("{start}'a' 'c' "));
    let long = format!("ERR unknown command '{}', with args beginning with: ", x(128));
    assert_eq!(refusal(&x(200)), long);
    assert_eq!(
        refusal(&format!("client {}", x(200))),
        format!("ERR unknown subcommand '{}'. Try CLIENT HELP.", x(128))
    );
}

fn key_words(line: &str) -> Vec<String> {
    let request = args(line);
    let request = request.as_args();
    let command = resolve(request).expect("a command of the table");
    keys(command, request).map(|place| String::from_utf8_lossy(&request[place]).into_owned()).collect()
}

#[test]
fn keys_are_found() {
    assert_eq!(key_words("get a"), ["a"]);
    assert_eq!(key_words("mget a b c"), ["a", "b", "c"]);
    assert_eq!(key_words("mset a 1 b 2"), ["a", "b"]);
    assert_eq!(key_words("rename a b"), ["a", "b"]);
    assert_eq!(key_words("object encoding a"), ["a"]);
    assert_eq!(key_words("ping"), Vec::<String>::new());
    assert_eq!(key_words("cw.set a v TAGS 1 keys"), ["a"]);
    assert_eq!(key_words("cw.warm KEYS 2 a b"), ["a", "b"]);
    assert_eq!(key_words("cw.warm tags 1 keys rate 2 keys 1 a"), ["a"]);
    assert_eq!(key_words("cw.warm pattern keys"), Vec::<String>::new());
}

#[test]
fn movable_keys_are_not_taken_for_other_words() {
    assert_eq!(key_words("cw.invalidate TAGS 1 keys PATTERN keys KEYS 2 a b DRYRUN"), ["a", "b"]);
    assert_eq!(key_words("cw.invalidate EVENT keys ATTRIBUTES 1 keys 2 MODE on-event keys KEYS 1 a"), ["a"]);
    assert_eq!(key_words("cw.invalidate EVENT e ATTRIBUTES 2 a 1 b KEYS KEYS 1 x"), ["x"]);
    assert_eq!(key_words("cw.invalidate TAGS 1 keys"), Vec::<String>::new());
    assert_eq!(key_words("cw.invalidate KEYS 9 a"), ["a"], "a lying count finds what is there");
    assert_eq!(key_words("cw.invalidate KEYS -1 a"), Vec::<String>::new());
}
