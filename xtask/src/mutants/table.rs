//! What became of the mutations, as a table for people or as JSON, a line each.

use super::hunt::Found;
use super::list::Mutant;

/// A line of the table.
pub struct Line<'a> {
    pub mutant: &'a Mutant,
    pub verdict: Verdict,
}

/// What became of a mutation.
pub enum Verdict {
    /// A checker complained; whether the list expects that.
    Found(Found, bool),
    /// Hidden by another mechanism, as the second mutation shows.
    Masked(String, Found),
    /// Nothing observable changes, as the list says.
    Equivalent { reached: bool },
    /// Nobody complained, and the list says that nobody knows why.
    Open { reached: bool },
    /// Nobody complained, and the list does not say why.
    Survived { reached: bool },
    /// The list names a mechanism that hides it, but nobody complains without that either.
    NotShown(String),
    /// It could not be tried.
    Failed(String),
}

impl Verdict {
    /// In words.
    pub fn text(&self) -> String {
        let found = |found: &Found| match found.seed {
            Some(seed) => format!("found at seed {seed} ({})", found.checker),
            None => found.checker.clone(),
        };
        let reached = |reached: &bool| if *reached { "" } else { ", no world was changed by it" };
        match self {
            Verdict::Found(by, true) => found(by),
            Verdict::Found(by, false) => format!("{}, which the list does not expect", found(by)),
            Verdict::Masked(other, by) => format!("masked: with `{other}` as well {}", found(by)),
            Verdict::Equivalent { reached: any } => format!("equivalent{}", reached(any)),
            Verdict::Open { reached: any } => format!("open: not found{}", reached(any)),
            Verdict::Survived { reached: true } => "SURVIVED".into(),
            Verdict::Survived { reached: false } => "NOT REACHED: no world was changed by it".into(),
            Verdict::NotShown(other) => format!("SURVIVED, with `{other}` as well"),
            Verdict::Failed(error) => format!("FAILED: {error}"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Verdict::Found(..) => "found",
            Verdict::Masked(..) => "masked",
            Verdict::Equivalent { .. } => "equivalent",
            Verdict::Open { .. } => "open",
            Verdict::Survived { .. } | Verdict::NotShown(_) => "survived",
            Verdict::Failed(_) => "failed",
        }
    }

    fn found(&self) -> Option<&Found> {
        match self {
            Verdict::Found(found, _) | Verdict::Masked(_, found) => Some(found),
            _ => None,
        }
    }

    /// Whether it is what the list says.
    fn is_right(&self) -> bool {
        matches!(
            self,
            Verdict::Found(_, true) | Verdict::Masked(..) | Verdict::Equivalent { .. } | Verdict::Open { .. }
        )
    }
}

/// Prints all of them.
pub fn print(lines: &[Line], json: bool) {
    if !json {
        println!("| mutation | where | what it does | worlds | outcome |\n| --- | --- | --- | --- | --- |");
    }
    for Line { mutant, verdict } in lines {
        match json {
            true => println!("{}", as_json(mutant, verdict)),
            false => println!("{}", as_row(mutant, verdict)),
        }
    }
}

fn as_row(mutant: &Mutant, verdict: &Verdict) -> String {
    let Mutant { id, file, function, what, lean, why, .. } = mutant;
    let lean = lean.as_deref().unwrap_or("");
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("| `{id}` | `{file}` `{function}` | {what} | {lean} | {}{why} |", verdict.text())
}

fn as_json(mutant: &Mutant, verdict: &Verdict) -> String {
    let mut fields = vec![
        format!("\"mutation\":{}", quoted(&mutant.id)),
        format!("\"file\":{}", quoted(&mutant.file)),
        format!("\"function\":{}", quoted(&mutant.function)),
        format!("\"outcome\":{}", quoted(verdict.kind())),
        format!("\"text\":{}", quoted(&verdict.text())),
    ];
    if let Some(found) = verdict.found() {
        fields.push(format!("\"checker\":{}", quoted(&found.checker)));
        fields.extend(found.seed.map(|seed| format!("\"seed\":{seed}")));
    }
    format!("{{{}}}", fields.join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => quoted += &format!("\\u{:04x}", u32::from(control)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// Says how many of them are what, and fails when one of them is not what the list says.
pub fn conclusion(lines: &[Line]) -> Result<(), String> {
    let count = |kind: &str| lines.iter().filter(|line| line.verdict.kind() == kind).count();
    let all = lines.len();
    eprintln!(
        "{all} mutations: {} found, {} masked, {} equivalent, {} open",
        count("found"),
        count("masked"),
        count("equivalent"),
        count("open")
    );
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| !line.verdict.is_right())
        .map(|line| format!("{}: {}", line.mutant.id, line.verdict.text()))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("not as the list says:\n  {}", wrong.join("\n  "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_told_in_words() {
        let found = Found { seed: Some(7), checker: "age".into() };
        assert_eq!(Verdict::Found(found.clone(), true).text(), "found at seed 7 (age)");
        assert_eq!(
            Verdict::Masked("b".into(), found).text(),
            "masked: with `b` as well found at seed 7 (age)"
        );
        let hangs = Found { seed: None, checker: "hangs".into() };
        assert_eq!(Verdict::Found(hangs, true).text(), "hangs");
        assert!(!Verdict::Survived { reached: true }.is_right());
    }

    #[test]
    fn a_text_is_quoted_as_json_wants_it() {
        assert_eq!(quoted("a \"b\\\n"), r#""a \"b\\\u000a""#);
    }
}
