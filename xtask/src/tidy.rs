//! What no compiler checks: file lengths, addresses, paths and leftovers; which room of the server knows which, and what
//! types are called.

mod code;
mod cycles;
mod glossary;
mod links;
mod map;
mod names;

use crate::repo;
use names::TypeNames;
use std::path::Path;

/// The most lines of a source file before its tests.
const LONGEST: usize = 500;

/// Words that no committed text may hold, and why. Written in two halves, so that this file holds none.
const REFUSED: &[(&str, &str, &str)] = &[
    ("registry.npm", "js.org", "a registry's address: lock files are made without them"),
    ("\"reso", "lved\":", "an address in a lock file; use --omit-lockfile-registry-resolved"),
    ("files.python", "hosted.org", "a registry's address"),
    ("--index", "-url", "a registry's address"),
    ("/ro", "ot/", "a path of one machine"),
    ("/ho", "me/", "a path of one machine"),
    ("/wo", "rk/", "a path of one machine"),
    ("/tmp", "/wt", "a path of one machine"),
    ("/tmp", "/target", "a path of one machine"),
    ("/Us", "ers/", "a path of one machine"),
    ("../sha", "red/", "a folder that a clone does not have"),
];

/// Words that no committed Rust code may hold.
const UNFINISHED: &[(&str, &str)] = &[("to", "do!("), ("unimple", "mented!("), ("db", "g!(")];

/// Checks every file of the repository and lists all that is wrong.
pub fn run() -> Result<(), String> {
    let mut wrong = Vec::new();
    let files = repo::files()?;
    for file in &files {
        // What is not text has no lines to check.
        if let Ok(text) = std::fs::read_to_string(repo::top().join(file)) {
            check(file, &text, &mut wrong);
            links::check(file, &text, |target| repo::top().join(target).exists(), &mut wrong);
        }
    }
    map::check(
        &read(Path::new("ARCHITECTURE.md")),
        &files,
        |path| repo::top().join(path).exists(),
        &mut wrong,
    );
    cycles::check(&files, read, &mut wrong);
    let names = TypeNames::of(&files, read);
    names.check(&mut wrong);
    glossary::check(&read(Path::new("docs/glossary.md")), &names, &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(format!("untidy:\n  {}", wrong.join("\n  "))) }
}

/// Prints the names of types that mean more than one thing, and how many in a hundred they are.
pub fn names() -> Result<(), String> {
    println!("{}", TypeNames::of(&repo::files()?, read).table());
    Ok(())
}

/// The text of a file; of one that is not there, none.
fn read(file: &Path) -> String {
    std::fs::read_to_string(repo::top().join(file)).unwrap_or_default()
}

fn check(file: &Path, text: &str, wrong: &mut Vec<String>) {
    let is_source = file
        .extension()
        .is_some_and(|e| ["rs", "py", "cjs", "mjs", "js", "html", "css"].iter().any(|x| e == *x));
    let is_rust = file.extension().is_some_and(|e| e == "rs");
    let lines = text.lines().take_while(|line| !(is_rust && line.trim() == "#[cfg(test)]")).count();
    if is_source && lines > LONGEST {
        wrong.push(format!("{}: {lines} lines before its tests; at most {LONGEST}", file.display()));
    }
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", file.display(), number + 1);
        for (first, rest, why) in REFUSED {
            if holds(line, first, rest) {
                wrong.push(format!("{}: {first}{rest}: {why}", place()));
            }
        }
        for (first, rest) in UNFINISHED {
            if is_rust && holds(line, first, rest) {
                wrong.push(format!("{}: unfinished: {first}{rest}..)", place()));
            }
        }
    }
}

/// Whether `line` holds `first` directly followed by `rest`.
fn holds(line: &str, first: &str, rest: &str) -> bool {
    line.match_indices(first).any(|(at, _)| line[at + first.len()..].starts_with(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(file: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        check(Path::new(file), text, &mut wrong);
        wrong
    }

    #[test]
    fn long_files_are_found_up_to_their_tests() {
        let short = "x\n".repeat(LONGEST);
        assert_eq!(wrong("a.rs", &short), [] as [String; 0]);
        assert_eq!(wrong("a.rs", &format!("{short}x\n")).len(), 1);
        assert_eq!(wrong("a.rs", &format!("{short}#[cfg(test)]\nx\n")), [] as [String; 0]);
        assert_eq!(wrong("a.txt", &short.repeat(3)), [] as [String; 0]);
    }

    #[test]
    fn refused_words_are_found_with_their_line() {
        let (path, unfinished) = (["/ho", "me/me"].concat(), ["to", "do!()"].concat());
        assert_eq!(wrong("a.md", &format!("fine\n{path}")).len(), 1);
        assert!(wrong("a.md", &format!("fine\n{path}"))[0].starts_with("a.md:2: "));
        assert_eq!(wrong("a.rs", &unfinished).len(), 1);
        assert_eq!(wrong("a.md", &unfinished), [] as [String; 0]);
    }
}
