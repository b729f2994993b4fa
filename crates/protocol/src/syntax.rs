//! Reads a command's syntax line into the tree of arguments that COMMAND DOCS answers, so that both cannot differ.
//!
//! Lower case is a value, upper case a word to be typed, `[]` may be left out, `|` separates choices, `()` is a choice
//! that must be made, and `name [name ...]` or `[name ...]` repeats.

/// One argument, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Argument {
    pub name: String,
    pub kind: ArgumentKind,
    /// The word before the value.
    pub token: Option<String>,
    pub optional: bool,
    pub multiple: bool,
    pub children: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum ArgumentKind {
    #[default]
    Value,
    PureToken,
    OneOf,
    Block,
}

/// The arguments of a syntax line.
pub(crate) fn parse(line: &str) -> Vec<Argument> {
    let lexemes = lex(line);
    let mut rest = lexemes.as_slice();
    let (mut choices, _) = choices(&mut rest);
    if choices.len() == 1 { choices.remove(0) } else { vec![one_of(choices)] }
}

fn lex(line: &str) -> Vec<&str> {
    let mut lexemes = Vec::new();
    let mut word_start = None;
    for (at, char) in line.char_indices() {
        if matches!(char, '[' | ']' | '(' | ')' | '|' | ' ') {
            if let Some(start) = word_start.take() {
                lexemes.push(&line[start..at]);
            }
            if char != ' ' {
                lexemes.push(&line[at..at.saturating_add(1)]);
            }
        } else if word_start.is_none() {
            word_start = Some(at);
        }
    }
    lexemes.extend(word_start.map(|start| &line[start..]));
    lexemes
}

/// Reads choices up to a closing bracket or the end; tells whether they end with `...`.
fn choices(rest: &mut &[&str]) -> (Vec<Vec<Argument>>, bool) {
    let mut choices = vec![Vec::new()];
    let mut repeats = false;
    while let Some((&lexeme, after)) = rest.split_first() {
        *rest = after;
        let sequence = choices.last_mut().expect("there is one from the start");
        match lexeme {
            "]" | ")" => break,
            "|" => choices.push(Vec::new()),
            "..." => repeats = true,
            "[" | "(" => group(sequence, rest, lexeme == "["),
            word => push(sequence, value_or_token(word)),
        }
    }
    (choices, repeats)
}

fn value_or_token(word: &str) -> Argument {
    let is_token = word.chars().any(|c| c.is_ascii_uppercase());
    let kind = if is_token { ArgumentKind::PureToken } else { ArgumentKind::Value };
    Argument {
        name: word.to_lowercase(),
        kind,
        token: is_token.then(|| word.to_owned()),
        ..Argument::default()
    }
}

/// Adds an argument; a word to be typed before a value becomes the value's token.
fn push(sequence: &mut Vec<Argument>, mut argument: Argument) {
    let takes_value = argument.kind != ArgumentKind::PureToken && !argument.optional;
    if takes_value && let Some(token) = sequence.pop_if(|last| last.kind == ArgumentKind::PureToken) {
        argument.token = token.token;
    }
    sequence.push(argument);
}

fn group(sequence: &mut Vec<Argument>, rest: &mut &[&str], optional: bool) {
    let (mut found, multiple) = choices(rest);
    if found.len() > 1 {
        return push(sequence, Argument { optional, multiple, ..one_of(found) });
    }
    let inner = found.remove(0);
    if multiple && repeats_end_of(sequence, &inner) {
        return repeat_last(sequence, inner.len());
    }
    push(sequence, Argument { optional, multiple, ..single(inner) });
}

/// Whether `inner` says again what `sequence` ends with, as in `key value [key value ...]`.
fn repeats_end_of(sequence: &[Argument], inner: &[Argument]) -> bool {
    let start = sequence.len().checked_sub(inner.len());
    let end = start.and_then(|start| sequence.get(start..)).unwrap_or(&[]);
    !end.is_empty() && end.iter().map(|a| &a.name).eq(inner.iter().map(|a| &a.name))
}

fn repeat_last(sequence: &mut Vec<Argument>, count: usize) {
    let start = sequence.len().saturating_sub(count);
    let mut last = single(sequence.split_off(start));
    last.multiple = true;
    sequence.push(last);
}

/// One argument, or a block of several.
fn single(mut sequence: Vec<Argument>) -> Argument {
    if sequence.len() == 1 {
        return sequence.remove(0);
    }
    let name = joined(&sequence, "-");
    Argument { name, kind: ArgumentKind::Block, children: sequence, ..Argument::default() }
}

fn one_of(choices: Vec<Vec<Argument>>) -> Argument {
    let children: Vec<Argument> = choices.into_iter().map(single).collect();
    let name = joined(&children, "-or-");
    Argument { name, kind: ArgumentKind::OneOf, children, ..Argument::default() }
}

/// A name for a group, made of its first members' names.
fn joined(members: &[Argument], between: &str) -> String {
    members.iter().take(3).map(|a| a.name.as_str()).collect::<Vec<_>>().join(between)
}
