//! COMMAND and HELP: the shapes that cluster clients and redis-cli read, byte for byte as Redis 7.0.15 writes them.

mod support;

use clearwell_protocol::{Encoder, Reader, Resp, Value, introspect, lookup, table};
use support::{args, encoded};

fn answer(resp: Resp, line: &str) -> String {
    let request = args(line);
    let bytes = encoded(resp, |encoder| write(encoder, line, request.as_args()));
    String::from_utf8(bytes).expect("the table is ASCII")
}

fn write(encoder: &mut Encoder<'_>, line: &str, request: clearwell_protocol::Args<'_>) {
    let mut result = Ok(());
    match line.split(' ').nth(1) {
        None => introspect::command(encoder),
        Some("info") => introspect::info(encoder, request),
        Some("docs") => introspect::docs(encoder, request),
        Some("count") => introspect::count(encoder),
        Some("help") => introspect::help(encoder, request),
        Some("list") => {
            result = introspect::list(encoder, request, |pattern, name| name.starts_with(pattern));
        }
        Some(word) => result = introspect::get_keys(encoder, request, word == "getkeysandflags"),
    }
    if let Err(error) = result {
        encoder.error(error);
    }
}

fn value(line: &str) -> Value {
    let bytes = answer(Resp::V3, line);
    let read = Reader::new().next(bytes.as_bytes()).expect("a reply").expect("a whole one");
    assert_eq!(read.1, bytes.len(), "nothing after the reply");
    read.0
}

#[test]
fn an_entry_has_ten_elements_in_both_protocols() {
    assert_eq!(
        answer(Resp::V2, "command info get"),
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n\
         *3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n\
         $12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n\
         $9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n\
         $7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n"
    );
    assert_eq!(
        answer(Resp::V3, "command info get"),
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n\
         ~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n\
         $12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n\
         $9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n\
         $7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n"
    );
}

#[test]
fn key_positions_are_redis_ones() {
    let positions = |name: &str| {
        let command = lookup(name.as_bytes()).expect("in the table");
        (command.first_key(), command.last_key(), command.key_step())
    };
    assert_eq!(positions("get"), (1, 1, 1));
    assert_eq!(positions("mget"), (1, -1, 1));
    assert_eq!(positions("mset"), (1, -1, 2));
    assert_eq!(positions("rename"), (1, 2, 1));
    assert_eq!(positions("cw.set"), (1, 1, 1));
    assert_eq!(positions("cw.invalidate"), (0, 0, 0));
}

#[test]
fn everything_is_listed_once() {
    let Value::Array(entries) = value("command") else { panic!("COMMAND answers an array") };
    assert_eq!(entries.len(), table::all().count());
    assert!(entries.iter().all(|entry| matches!(entry, Value::Array(parts) if parts.len() == 10)));
    assert_eq!(value("command count"), Value::Integer(entries.len() as i64));
    assert!(matches!(value("command list"), Value::Array(names) if names.len() == entries.len()));
    assert!(matches!(value("command docs"), Value::Map(docs) if docs.len() == entries.len()));
}

#[test]
fn names_that_are_none() {
    assert_eq!(answer(Resp::V2, "command info nope"), "*1\r\n$-1\r\n");
    assert_eq!(answer(Resp::V3, "command info nope"), "*1\r\n_\r\n");
    assert_eq!(answer(Resp::V3, "command docs nope"), "%0\r\n");
    let Value::Array(found) = value("command info client|id") else { panic!("an array") };
    assert!(matches!(&found[0], Value::Array(parts) if parts[0].as_bytes() == Some(b"client|id")));
}

#[test]
fn docs_come_from_the_syntax_line() {
    let argument =
        "*1\r\n%3\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:0\r\n";
    let docs = answer(Resp::V3, "command docs get");
    assert!(docs.starts_with("%1\r\n$3\r\nget\r\n%5\r\n$7\r\nsummary\r\n"), "{docs}");
    assert!(docs.ends_with(&format!("$9\r\narguments\r\n{argument}")), "{docs}");
    let docs = answer(Resp::V2, "command docs set");
    for part in ["oneof", "pure-token", "unix-time", "optional", "EXAT", "KEEPTTL"] {
        assert!(docs.contains(part), "{part} in {docs}");
    }
}

#[test]
fn list_filters() {
    assert_eq!(answer(Resp::V2, "command list FILTERBY pattern getd"), "*1\r\n$6\r\ngetdel\r\n");
    assert_eq!(answer(Resp::V2, "command list filterby aclcat nope"), "*0\r\n");
    assert_eq!(answer(Resp::V2, "command list filterby module x"), "*0\r\n");
    assert_eq!(answer(Resp::V2, "command list filterby foo x"), "-ERR syntax error\r\n");
    assert_eq!(answer(Resp::V2, "command list filterby aclcat"), "-ERR syntax error\r\n");
    assert!(answer(Resp::V2, "command list filterby aclcat dangerous").contains("config|set"));
}

#[test]
fn keys_of_a_whole_request() {
    let get = |line: &str| answer(Resp::V3, line);
    assert_eq!(get("command getkeys mget a b"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_eq!(get("command getkeys object encoding k"), "*1\r\n$1\r\nk\r\n");
    assert_eq!(get("command getkeys foo a"), "-ERR Invalid command specified\r\n");
    assert_eq!(get("command getkeys client foo"), "-ERR Invalid command specified\r\n");
    assert_eq!(get("command getkeys client id"), "-ERR The command has no key arguments\r\n");
    assert_eq!(get("command getkeys get a b"), "-ERR Invalid number of arguments specified for command\r\n");
    assert_eq!(
        get("command getkeys cw.invalidate TAGS 0"),
        "-ERR Invalid arguments specified for command\r\n"
    );
    assert_eq!(get("command getkeysandflags set a b"), "*1\r\n*2\r\n$1\r\na\r\n~2\r\n+OW\r\n+update\r\n");
    assert_eq!(
        get("command getkeysandflags set a b get"),
        "*1\r\n*2\r\n$1\r\na\r\n~3\r\n+RW\r\n+access\r\n+update\r\n"
    );
}

#[test]
fn help_names_every_subcommand() {
    for container in table::all().filter(|command| !command.subcommands.is_empty()) {
        let Value::Array(lines) = value(&format!("{} help", container.name)) else { panic!("lines") };
        let lines: Vec<String> = lines
            .iter()
            .map(|line| String::from_utf8_lossy(line.as_bytes().unwrap_or(b"")).into_owned())
            .collect();
        let name = container.name.to_uppercase();
        assert_eq!(lines[0], format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for sub in container.subcommands {
            let usage = sub.short_name().to_uppercase();
            assert!(lines.iter().any(|line| line.split(' ').next() == Some(&usage)), "{usage} in {lines:?}");
        }
    }
}

/// Flags and positions that clients route by, as Redis tells them. Left out there: what came after it, and our own.
#[test]
fn the_table_says_what_redis_says() {
    let sorted = |names: Vec<&str>| {
        let mut names = names;
        names.sort_unstable();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    };
    let mut checked = 0;
    for row in include_str!("data/commands-of-redis-7.0.15.txt").lines().skip(1) {
        let name = row.split(" | ").next().expect("a row begins with a name");
        let command = table::all_with_subcommands().find(|command| command.name == name).expect(name);
        let access: Vec<String> = command.keys.iter().map(|spec| spec.access.names().join(" ")).collect();
        let told = format!(
            "{name} | {} | {} | {} {} {} | {} | {} | {}",
            command.arity,
            sorted(command.flags.names().collect()),
            command.first_key(),
            command.last_key(),
            command.key_step(),
            sorted(command.categories.names().collect()),
            if command.tips.is_empty() { "-".to_owned() } else { command.tips.join(" ") },
            if access.is_empty() { "-".to_owned() } else { access.join(", ") },
        );
        assert_eq!(told, row);
        checked += 1;
    }
    let newer = ["client|setinfo", "client|no-touch", "client|capa", "cluster|myshardid"];
    let own = table::all_with_subcommands().filter(|command| command.name.starts_with("cw.")).count();
    assert_eq!(checked + newer.len() + own, table::all_with_subcommands().count());
}
