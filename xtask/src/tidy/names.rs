//! The names of types: one name, one meaning, in the whole workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::code;

/// The most names with a second meaning, in a hundred.
const MOST: usize = 7;

/// TypeNames that occur more than once with one meaning, and what that is.
const SAME: &[(&str, &str)] = &[
    (
        "Catalog",
        "what a source described, and what its database's catalog was like then: one for each kind of database",
    ),
    ("Decree", "a choice of the cluster, and its first form on the wire"),
    ("Operation", "what an operator asks for, and its first form on the wire"),
    ("Placement", "members and the copies on them, and its first form on the wire"),
];

/// Every name of a struct, enum, union or trait of the sources (private ones too), with its definitions.
pub struct TypeNames(BTreeMap<String, Vec<Definition>>);

struct Definition {
    file: PathBuf,
    is_public: bool,
}

impl TypeNames {
    /// Reads the names; `read` gives the text of a file.
    pub fn of(files: &[PathBuf], read: impl Fn(&Path) -> String) -> TypeNames {
        let mut names: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
        for file in files.iter().filter(|file| is_source(file)) {
            for (_, line) in code::lines(&read(file)) {
                if let Some(name) = defined(line) {
                    let is_public = line.starts_with("pub ");
                    names
                        .entry(name.to_owned())
                        .or_default()
                        .push(Definition { file: file.clone(), is_public });
                }
            }
        }
        TypeNames(names)
    }

    /// Whether there is a type of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The types that a folder gives to others.
    pub fn public_under<'n>(&'n self, folder: &'n Path) -> impl Iterator<Item = &'n str> {
        let is_there = move |one: &Definition| one.is_public && one.file.starts_with(folder);
        self.0.iter().filter(move |(_, all)| all.iter().any(is_there)).map(|(name, _)| name.as_str())
    }

    /// The names that mean more than one thing, with the files that define them.
    fn ambiguous<'n>(
        &'n self,
        same: &'n [(&str, &str)],
    ) -> impl Iterator<Item = (&'n str, &'n [Definition])> {
        let is_same = |name: &str| same.iter().any(|(listed, _)| *listed == name);
        let many = self.0.iter().filter(move |(name, all)| all.len() > 1 && !is_same(name));
        many.map(|(name, all)| (name.as_str(), all.as_slice()))
    }

    /// Adds what is wrong: too many names with a second meaning, and words on the list that say nothing any more.
    pub fn check(&self, wrong: &mut Vec<String>) {
        self.check_with(SAME, wrong);
    }

    fn check_with(&self, same: &[(&str, &str)], wrong: &mut Vec<String>) {
        let (many, all) = (self.ambiguous(same).count(), self.0.len());
        if many * 100 > all * MOST {
            wrong.push(format!(
                "{many} of {all} names of types have a second meaning, at most {MOST} % may: cargo xtask names lists them"
            ));
        }
        let meanings: BTreeSet<&str> = same.iter().map(|(name, _)| *name).collect();
        for name in meanings {
            if self.0.get(name).is_none_or(|all| all.len() < 2) {
                wrong.push(format!(
                    "xtask/src/tidy/names.rs: {name} occurs once or never: it needs no excuse"
                ));
            }
        }
    }

    /// The table: each name with a second meaning and where it has which, then those that are excused.
    pub fn table(&self) -> String {
        let mut lines = Vec::new();
        for (name, all) in self.ambiguous(SAME) {
            let files: Vec<String> = all.iter().map(|one| one.file.display().to_string()).collect();
            lines.push(format!("{name}: {}", files.join(", ")));
        }
        let share = lines.len() * 1000 / self.0.len().max(1);
        lines.push(format!(
            "{} of {} names have a second meaning: {}.{} %",
            lines.len(),
            self.0.len(),
            share / 10,
            share % 10
        ));
        lines.extend(SAME.iter().map(|(name, meaning)| format!("one meaning: {name}, {meaning}")));
        lines.join("\n")
    }
}

/// Whether a file is a source of a crate and no test.
fn is_source(file: &Path) -> bool {
    let is_rust = file.extension().is_some_and(|extension| extension == "rs");
    is_rust && file.iter().any(|part| part == "src") && !code::is_test(file)
}

/// The type that a line defines, if it does.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ")?.1,
        None => line.strip_prefix("pub ").unwrap_or(line),
    };
    let line = line.strip_prefix("unsafe ").unwrap_or(line);
    let rest = ["struct ", "enum ", "union ", "trait "].iter().find_map(|word| line.strip_prefix(word))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.starts_with(|c: char| c.is_ascii_uppercase()).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[(&str, &str)]) -> TypeNames {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| PathBuf::from(name)).collect();
        let read = |path: &Path| {
            files.iter().find(|(name, _)| path == Path::new(name)).map(|(_, text)| text.to_string()).unwrap()
        };
        TypeNames::of(&paths, read)
    }

    #[test]
    fn definitions_are_found_and_uses_are_not() {
        for (line, name) in [
            ("pub struct Slot(u16);", Some("Slot")),
            ("    pub(super) enum Mode<'a> {", Some("Mode")),
            ("unsafe trait Heap: Sized {", Some("Heap")),
            ("struct Batch;", Some("Batch")),
            ("impl Slot {", None),
            ("let a = structure;", None),
            ("pub type Held = Box<[u8]>;", None),
        ] {
            assert_eq!(defined(line), name, "{line}");
        }
    }

    #[test]
    fn a_second_meaning_counts_once_whatever_its_files() {
        let found = names(&[
            ("crates/a/src/lib.rs", "struct Slot;\nstruct Two;"),
            ("crates/b/src/x.rs", "pub struct Slot;\n#[cfg(test)]\nstruct Two;"),
            ("crates/b/src/y.rs", "enum Slot {}"),
            ("crates/b/tests/z.rs", "struct Two;"),
        ]);
        let many: Vec<&str> = found.ambiguous(&[]).map(|(name, _)| name).collect();
        assert_eq!(many, ["Slot"]);
        let mut wrong = Vec::new();
        found.check_with(&[], &mut wrong);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("1 of 2 names"), "{wrong:?}");
    }

    #[test]
    fn an_excuse_must_be_needed() {
        let found = names(&[
            ("crates/a/src/lib.rs", "struct Slot;\nstruct Two;"),
            ("crates/b/src/x.rs", "struct Slot;"),
        ]);
        let mut wrong = Vec::new();
        found.check_with(&[("Slot", "a hash slot")], &mut wrong);
        assert_eq!(wrong, [""; 0]);
        found.check_with(&[("Slot", "a hash slot"), ("Two", "twins")], &mut wrong);
        assert_eq!(wrong, ["xtask/src/tidy/names.rs: Two occurs once or never: it needs no excuse"]);
    }
}
