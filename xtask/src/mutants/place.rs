//! Mutations in a source text: where each stands, and the text with all of them, each behind its switch.

use super::list::Mutant;
use std::ops::Range;

/// What takes the place of a part of a text.
#[derive(Debug)]
struct Edit<'a> {
    part: Range<usize>,
    number: usize,
    mutated: Option<&'a str>,
}

/// The source with all these mutations, each with the number of its switch.
pub fn mutate(source: &str, mutants: &[(usize, &Mutant)]) -> Result<String, String> {
    let mut edits = Vec::new();
    for &(number, mutant) in mutants {
        let part = find(source, mutant)?;
        edits.push(Edit { part, number, mutated: mutant.mutated.as_deref() });
    }
    // The widest of those that begin together comes first: it holds the others.
    edits.sort_by_key(|edit| (edit.part.start, usize::MAX - edit.part.end));
    for pair in edits.windows(2) {
        let (one, next) = (&pair[0].part, &pair[1].part);
        if next.start < one.end && next.end > one.end {
            return Err(format!("mutations overlap at {:?}", &source[next.start..one.end]));
        }
    }
    Ok(render(source, 0..source.len(), &edits))
}

/// A part of the source with the edits in it.
fn render(source: &str, part: Range<usize>, edits: &[Edit]) -> String {
    let (mut text, mut at, mut edits) = (String::new(), part.start, edits);
    while let [first, rest @ ..] = edits {
        let inside = rest.partition_point(|edit| edit.part.start < first.part.end);
        text += &source[at..first.part.start];
        let original = render(source, first.part.clone(), &rest[..inside]);
        text += &switched(first.number, &original, first.mutated);
        at = first.part.end;
        edits = &rest[inside..];
    }
    text + &source[at..part.end]
}

/// Either of both, by the switch. Off, it is noted where the mutation would have made a difference; where only running shows that, that it was come to.
fn switched(number: usize, original: &str, mutated: Option<&str>) -> String {
    let Some(mutated) = mutated else {
        return format!("if !crate::mutant({number}) {{ crate::reached({number}); {original} }}");
    };
    let kept = match is_condition(original, mutated) {
        true => format!("crate::judged({number}, {original}, {mutated})"),
        false => format!("{{ crate::reached({number}); {original} }}"),
    };
    format!("(if crate::mutant({number}) {{ {mutated} }} else {{ {kept} }})")
}

/// Whether both are conditions, and the mutated one can be asked beside the original one.
fn is_condition(original: &str, mutated: &str) -> bool {
    const SIGNS: [&str; 7] = [" < ", " <= ", " == ", " != ", " >= ", " > ", "&& "];
    let compares = |text: &str| SIGNS.iter().any(|sign| text.contains(sign));
    matches!(mutated, "true" | "false") || (compares(original) && compares(mutated))
}

/// Where a mutation goes: its original stands once in its function.
pub fn find(source: &str, mutant: &Mutant) -> Result<Range<usize>, String> {
    let Mutant { id, file, function, original, part, .. } = mutant;
    let code = &source[..source.find("\n#[cfg(test)]").unwrap_or(source.len())];
    let functions = functions(code, function);
    if functions.is_empty() {
        return Err(format!("{id}: {file} has no function {function} any more"));
    }
    let places: Vec<usize> = functions
        .into_iter()
        .flat_map(|body| {
            code[body.clone()].match_indices(original.as_str()).map(move |(at, _)| body.start + at)
        })
        .collect();
    match places[..] {
        [at] => Ok(at + part.0..at + part.1),
        [] => Err(format!("{id}: `{original}` does not stand in {function} of {file} any more")),
        _ => Err(format!("{id}: `{original}` stands in {function} of {file} {} times", places.len())),
    }
}

/// The functions of a name, from their first line to their last, by the indentation that rustfmt gives them.
fn functions(code: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let text = line.trim_end();
        let end = at + text.len();
        match &open {
            Some((from, last)) if text == last => {
                found.push(*from..end);
                open = None;
            }
            None if is_begin(text, name) => match text.ends_with('{') || text.ends_with('(') {
                true => {
                    let indent = &text[..text.len() - text.trim_start().len()];
                    open = Some((at, format!("{indent}}}")));
                }
                false => found.push(at..end),
            },
            _ => {}
        }
        at += line.len();
    }
    found
}

fn is_begin(line: &str, name: &str) -> bool {
    let words = line.split_once("fn ").map(|(before, rest)| (before.trim(), rest));
    words.is_some_and(|(before, rest)| {
        let is_modifier = before.is_empty() || before.starts_with("pub") || before.ends_with("const");
        let after = rest.strip_prefix(name).unwrap_or("");
        is_modifier && (after.starts_with('(') || after.starts_with('<'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::list::Expected;
    use super::*;

    const SOURCE: &str = "\
impl A {
    pub(super) fn one(&self) -> bool {
        if self.a < self.b && self.c {
            return false;
        }
        self.stop();
        true
    }

    fn other(
        &self,
    ) -> bool {
        self.a < self.b
    }
}

#[cfg(test)]
mod tests {
    fn one() { self.stop(); }
}
";

    fn mutant(function: &str, original: &str, mutated: Option<&str>) -> Mutant {
        Mutant {
            id: "m".into(),
            file: "a.rs".into(),
            function: function.into(),
            original: original.into(),
            part: (0, original.len()),
            mutated: mutated.map(str::to_owned),
            lean: None,
            what: String::new(),
            seed: None,
            expected: Expected::Found,
            shown_by: None,
            why: String::new(),
        }
    }

    #[test]
    fn each_mutation_stands_behind_its_switch_and_may_stand_in_another() {
        let condition = mutant("one", "self.a < self.b && self.c", Some("true"));
        let part = mutant("one", "self.c", Some("false"));
        let statement = mutant("one", "self.stop();", None);
        let other = mutant("other", "self.a < self.b", Some("false"));
        let all = [(7, &condition), (8, &part), (9, &statement), (10, &other)];
        let text = mutate(SOURCE, &all).expect("all have their place");
        let expected = SOURCE
            .replacen(
                "if self.a < self.b && self.c {",
                "if (if crate::mutant(7) { true } else { crate::judged(7, self.a < self.b && \
                 (if crate::mutant(8) { false } else { crate::judged(8, self.c, false) }), true) }) {",
                1,
            )
            .replacen("        self.stop();\n", "        if !crate::mutant(9) { crate::reached(9); self.stop(); }\n", 1)
            .replacen(
                "        self.a < self.b\n",
                "        (if crate::mutant(10) { false } else { crate::judged(10, self.a < self.b, false) })\n",
                1,
            );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_that_is_gone_or_not_the_only_one_is_an_error() {
        let wrong = |function: &str, original: &str| {
            mutate(SOURCE, &[(1, &mutant(function, original, Some("x")))]).expect_err("it has no place")
        };
        assert_eq!(wrong("one", "self.d"), "m: `self.d` does not stand in one of a.rs any more");
        assert_eq!(wrong("one", "self."), "m: `self.` stands in one of a.rs 4 times");
        assert_eq!(wrong("two", "self."), "m: a.rs has no function two any more");
        let (one, two) =
            (mutant("one", "self.b && self.c", Some("x")), mutant("one", "self.a < self.b", Some("x")));
        assert!(mutate(SOURCE, &[(1, &one), (2, &two)]).expect_err("they overlap").contains("overlap"));
    }
}
