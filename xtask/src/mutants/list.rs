//! The list of mutations, `xtask/mutants.txt`: a paragraph each, a field a line.

use crate::repo;

/// Where the list is.
pub const FILE: &str = "xtask/mutants.txt";

/// One mutation.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutant {
    /// Its name.
    pub id: String,
    /// The file in the mutated crate's sources, and the function in it.
    pub file: String,
    pub function: String,
    /// A text that stands in the function once, and from where to where in it the mutation goes.
    pub original: String,
    pub part: (usize, usize),
    /// The expression that takes its place; `None` leaves a statement out.
    pub mutated: Option<String>,
    /// The worlds that it is looked for in; ordinary ones when none is named.
    pub lean: Option<String>,
    /// The seed that is known to show it.
    pub seed: Option<u64>,
    /// What the mutation means, for people.
    pub what: String,
    /// What the worlds make of it.
    pub expected: Expected,
    /// The test that shows it together with the mutation that it is masked by, where no world does.
    pub shown_by: Option<String>,
    /// Why they do not find it.
    pub why: String,
}

/// What the worlds make of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A checker complains.
    Found,
    /// A scenario breaks, by its name.
    Scenario(String),
    /// A test of the mutated crate fails, by its path.
    Test(String),
    /// Another mechanism hides it: with this mutation as well a checker complains.
    Masked(String),
    /// Nothing observable changes.
    Equivalent,
    /// No world has found it yet, and nobody knows why: work that is left.
    Open,
}

impl Mutant {
    /// Whether it is looked for with the simulator, not with tests alone.
    pub fn needs_worlds(&self) -> bool {
        !matches!((&self.expected, &self.shown_by), (Expected::Test(_), _) | (Expected::Masked(_), Some(_)))
    }
}

impl Expected {
    /// Something turns red.
    pub fn is_found(&self) -> bool {
        matches!(self, Expected::Found | Expected::Scenario(_) | Expected::Test(_))
    }
}

/// Reads the list.
pub fn read() -> Result<Vec<Mutant>, String> {
    let path = repo::top().join(FILE);
    let text = std::fs::read_to_string(path).map_err(|error| format!("{FILE}: {error}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut paragraph: Vec<(usize, &str)> = Vec::new();
    for (number, line) in text.lines().enumerate().chain([(usize::MAX, "")]) {
        if line.starts_with('#') {
            continue;
        }
        if !line.trim().is_empty() {
            paragraph.push((number + 1, line));
            continue;
        }
        if !paragraph.is_empty() {
            let mutant = one(&paragraph)?;
            if mutants.iter().any(|other| other.id == mutant.id) {
                return Err(format!("{FILE}: two mutations are called {}", mutant.id));
            }
            mutants.push(mutant);
            paragraph.clear();
        }
    }
    Ok(mutants)
}

/// A paragraph: `[name]`, then fields.
fn one(lines: &[(usize, &str)]) -> Result<Mutant, String> {
    let at = |number: usize, what: &str| format!("{FILE}:{number}: {what}");
    let (first, title) = lines[0];
    let id = title.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let id = id.ok_or_else(|| at(first, "a paragraph begins with [name]"))?;
    let field = |name: &str| {
        let mut values =
            lines[1..].iter().filter_map(|(_, line)| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().map(str::to_owned)
    };
    let must = |name: &str| field(name).ok_or_else(|| at(first, &format!("{id} has no {name}")));
    const FIELDS: [&str; 10] =
        ["at", "original", "mutated", "left out", "lean", "seed", "what", "expected", "shown by", "why"];
    for &(number, line) in &lines[1..] {
        let name = line.split_once(": ").map(|(name, _)| name);
        if !name.is_some_and(|name| FIELDS.contains(&name)) {
            return Err(at(number, &format!("a line is one of {}", FIELDS.join(", "))));
        }
    }
    let place = must("at")?;
    let (file, function) = place.split_once(' ').ok_or_else(|| at(first, "at: FILE FUNCTION"))?;
    let (original, mutated) = match field("left out") {
        Some(statement) => (statement, None),
        None => (must("original")?, Some(must("mutated")?)),
    };
    let (original, part) = marked(&original).ok_or_else(|| at(first, "«» stand around one part"))?;
    let expected = match field("expected").as_deref() {
        None | Some("found") => Expected::Found,
        Some("equivalent") => Expected::Equivalent,
        Some("open") => Expected::Open,
        Some(text) => named(text).ok_or_else(|| {
            at(first, "expected: found, scenario NAME, test NAME, masked by NAME, equivalent, or open")
        })?,
    };
    let seed = field("seed").map(|seed| seed.parse().map_err(|_| at(first, "seed: a number")));
    Ok(Mutant {
        id: id.to_owned(),
        file: file.to_owned(),
        function: function.to_owned(),
        original,
        part,
        mutated,
        lean: field("lean"),
        seed: seed.transpose()?,
        what: must("what")?,
        expected,
        shown_by: field("shown by"),
        why: field("why").unwrap_or_default(),
    })
}

/// An expectation that names something.
fn named(text: &str) -> Option<Expected> {
    let after = |words: &str| text.strip_prefix(words).map(str::to_owned);
    let story = after("scenario ").map(Expected::Scenario);
    story.or(after("test ").map(Expected::Test)).or(after("masked by ").map(Expected::Masked))
}

/// The text without its marks, and the part between them: all of it when there are none.
fn marked(text: &str) -> Option<(String, (usize, usize))> {
    let Some((before, rest)) = text.split_once('«') else { return Some((text.to_owned(), (0, text.len()))) };
    let (part, after) = rest.split_once('»')?;
    let range = (before.len(), before.len() + part.len());
    (!after.contains('«')).then(|| (format!("{before}{part}{after}"), range))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "# Views\n\n[a]\nat: b.rs c\noriginal: x && «y»;\nmutated: true\nwhat: it\n";

    #[test]
    fn a_paragraph_is_a_mutation() {
        let mutants = parse(ONE).expect("it is right");
        let [one] = &mutants[..] else { panic!("{mutants:?}") };
        assert_eq!((one.id.as_str(), one.file.as_str(), one.function.as_str()), ("a", "b.rs", "c"));
        assert_eq!((one.original.as_str(), one.part), ("x && y;", (5, 6)));
        assert_eq!((one.mutated.as_deref(), &one.expected), (Some("true"), &Expected::Found));
        let other = ONE.replace("original: x && «y»;\nmutated: true", "left out: z;")
            + "seed: 7\nexpected: masked by b\n";
        let mutants = parse(&other).expect("it is right");
        assert_eq!(
            (mutants[0].mutated.as_deref(), &mutants[0].expected),
            (None, &Expected::Masked("b".into()))
        );
        assert_eq!(mutants[0].seed, Some(7));
        assert_eq!(named("test a::b"), Some(Expected::Test("a::b".into())));
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        let wrong = |text: &str| parse(text).expect_err("it is wrong");
        assert_eq!(wrong(&format!("{ONE}\n{ONE}")), "xtask/mutants.txt: two mutations are called a");
        assert_eq!(wrong("at: b.rs c"), "xtask/mutants.txt:1: a paragraph begins with [name]");
        assert_eq!(wrong("[a]\nwhat: it"), "xtask/mutants.txt:1: a has no at");
        assert!(wrong(&ONE.replace("what:", "wat:")).starts_with("xtask/mutants.txt:7: a line is one of"));
        assert!(wrong(&ONE.replace('»', "")).contains("stand around one part"));
    }
}
