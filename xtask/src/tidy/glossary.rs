//! The glossary (`docs/glossary.md`): the types that it names exist, and every shared word stands in it.

use std::path::Path;

use super::names::TypeNames;

/// Where the shared words are defined.
const WORDS: &str = "crates/words";

/// Adds the types that the glossary names and nobody defines, and the shared ones that it does not name.
pub fn check(glossary: &str, names: &TypeNames, wrong: &mut Vec<String>) {
    let mut told: Vec<&str> = Vec::new();
    for (number, line) in glossary.lines().enumerate() {
        for name in types(line) {
            if !names.has(name) {
                wrong.push(format!("docs/glossary.md:{}: there is no type {name}", number + 1));
            }
            told.push(name);
        }
    }
    for name in names.public_under(Path::new(WORDS)).filter(|name| !told.contains(name)) {
        wrong.push(format!("docs/glossary.md: it does not name {name}, a type of {WORDS}"));
    }
}

/// What stands in backticks and is written as types are: `Slot`, `FillLease`; the commands' words have no small letters.
fn types(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|text| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
            && text.chars().any(|c| c.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(glossary: &str) -> Vec<String> {
        let files = ["crates/words/src/slot.rs", "crates/engine/src/mark.rs"].map(Into::into);
        let read = |path: &Path| match path.ends_with("slot.rs") {
            true => "pub struct Slot(u16);".to_owned(),
            false => "struct Mark;".to_owned(),
        };
        let mut wrong = Vec::new();
        check(glossary, &TypeNames::of(&files, read), &mut wrong);
        wrong
    }

    #[test]
    fn a_type_that_nobody_defines_is_found() {
        assert_eq!(wrong("| slot | `Slot`, `KEYS`, `ttl` |\n| mark | `Mark` |"), [""; 0]);
        assert_eq!(wrong("`Slot`\n`FillLease`"), ["docs/glossary.md:2: there is no type FillLease"]);
    }

    #[test]
    fn a_shared_word_that_the_glossary_lacks_is_found() {
        assert_eq!(wrong("`Mark`"), ["docs/glossary.md: it does not name Slot, a type of crates/words"]);
    }
}
