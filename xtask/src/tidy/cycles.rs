//! The rooms of the server: no two know one another, not even by way of a third. A room is a module at the top of the crate with all
//! that lies in it; tests are no part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::code;

/// Where the rooms are.
const HOME: &str = "crates/server/src";

/// Which room knows which, and the first place where it does.
type Known = BTreeMap<(String, String), String>;

/// Adds each pair of rooms that is part of a cycle. `read` gives the text of a file.
pub fn check(files: &[PathBuf], read: impl Fn(&Path) -> String, wrong: &mut Vec<String>) {
    let mut known = Known::new();
    for file in files {
        if let Some(inside) = room_file(file) {
            note(file, &inside, &read(file), &mut known);
        }
    }
    for ((room, other), place) in &known {
        if reaches(&known, other, room) {
            wrong.push(format!("{place}: the room {room} knows {other}, and {other} knows {room} again"));
        }
    }
}

/// A file's parts below the top of the crate; `None` for files of other crates, for tests, and for the crate's own two, which may
/// know every room.
fn room_file(file: &Path) -> Option<Vec<String>> {
    let inside = file.strip_prefix(HOME).ok()?.with_extension("");
    let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_code = file.extension().is_some_and(|extension| extension == "rs") && !code::is_test(file);
    if !is_code || ["lib", "main"].iter().any(|name| parts == [*name]) {
        return None;
    }
    parts.retain(|part| part != "mod");
    Some(parts)
}

/// Notes the rooms that a file names: behind `crate::`, and behind as many `super::` as lead to the top.
fn note(file: &Path, inside: &[String], text: &str, known: &mut Known) {
    let room = &inside[0];
    let above = "super::".repeat(inside.len());
    for (number, line) in code::lines(text) {
        for other in named(line, "crate::").chain(named(line, &above)) {
            if other != *room {
                let place = || format!("{}:{number}", file.display());
                known.entry((room.clone(), other)).or_insert_with(place);
            }
        }
    }
}

/// The first names of the paths that begin so in a line; a group in braces must stand in one line.
fn named<'l>(line: &'l str, beginning: &'l str) -> impl Iterator<Item = String> + 'l {
    let is_start = |at: &usize| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c));
    let starts = line.match_indices(beginning).map(|(at, _)| at).filter(is_start);
    starts.flat_map(move |at| {
        let rest = &line[at + beginning.len()..];
        let paths: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
            None => vec![rest],
        };
        paths.into_iter().map(first_word).filter(|word| is_module(word)).collect::<Vec<_>>()
    })
}

fn first_word(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Modules are small; what else may stand there is `super` once more.
fn is_module(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && !["super", "self"].contains(&word)
}

/// Whether one room leads to another.
fn reaches(known: &Known, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(room) = open.pop() {
        if room == to {
            return true;
        }
        let next = known.keys().filter(|(one, _)| one == room).map(|(_, other)| other.as_str());
        open.extend(next.filter(|other| seen.insert(other)));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(files: &[(&str, &str)]) -> Vec<String> {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| Path::new(HOME).join(name)).collect();
        let read = |path: &Path| {
            files.iter().find(|(name, _)| path.ends_with(name)).map(|(_, text)| text.to_string()).unwrap()
        };
        let mut wrong = Vec::new();
        check(&paths, read, &mut wrong);
        wrong
    }

    #[test]
    fn rooms_that_know_one_another_are_found() {
        let files =
            [("node/read.rs", "\nuse crate::warm::Job;"), ("warm/run.rs", "    crate::node::Node::new()")];
        assert_eq!(
            wrong(&files),
            [
                "crates/server/src/node/read.rs:2: the room node knows warm, and warm knows node again",
                "crates/server/src/warm/run.rs:1: the room warm knows node, and node knows warm again",
            ]
        );
    }

    #[test]
    fn a_way_round_by_a_third_room_is_a_cycle() {
        let files = [
            ("a.rs", "use crate::{b, c};"),
            ("b/mod.rs", "use super::d::D;"),
            ("c.rs", ""),
            ("d.rs", "use crate::a;"),
        ];
        assert_eq!(wrong(&files).len(), 3);
        assert!(wrong(&files)[0].starts_with("crates/server/src/a.rs:1: the room a knows b"));
    }

    #[test]
    fn a_room_may_know_itself_and_tests_and_comments_may_know_all() {
        let files = [
            ("a/mod.rs", "use crate::a::one;\nuse crate::b::B;\nuse crate::Top;"),
            ("a/one.rs", "use super::b;\nuse super::super::b::B;"),
            (
                "b.rs",
                "//! See [`crate::a`].\n// crate::a\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}",
            ),
            ("b_tests.rs", "use crate::a::A;"),
            ("lib.rs", "pub use crate::a::A;"),
        ];
        assert_eq!(wrong(&files), [""; 0]);
    }
}
