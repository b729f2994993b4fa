//! Key patterns: literals and typed captures, matched without backtracking.

mod near;

use std::sync::Arc;

use clearwell_source::Cell;
use clearwell_source::nearest;

use super::Captures;
use super::meet::{ByteClass, Step, literal};

/// A compiled pattern such as `post:{id:int}` or `user:{name}:profile`.
///
/// A capture takes at least one byte, and as few as it can: up to the first place where the literal behind it stands. The
/// one before a final literal ends where that literal begins, and a final capture takes all that is left, separators
/// included. `{{` and `}}` are the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What each key begins with.
    prefix: Box<[u8]>,
    /// Each capture with the literal behind it; only the last literal may be empty.
    captures: Vec<Capture>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Capture {
    name: Arc<str>,
    kind: CaptureKind,
    until: Box<[u8]>,
}

/// What a capture takes. Each value has exactly one written form, so that one row has one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CaptureKind {
    /// A signed 64-bit integer without leading zeros or `+`.
    Int,
    /// Any bytes: text if they are UTF-8, else a blob.
    Str,
    /// A UUID in lower case with hyphens.
    Uuid,
}

/// The types that a capture can have.
pub const KINDS: [&str; 3] = ["int", "str", "uuid"];

impl Pattern {
    /// Compiles a pattern; says what is wrong with a malformed one.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let mut pattern = Pattern { prefix: Box::default(), captures: Vec::new() };
        let mut literal = Vec::new();
        for piece in super::template::pieces(text)? {
            match piece {
                TemplatePiece::Literal(bytes) => literal.extend_from_slice(bytes.as_bytes()),
                TemplatePiece::Slot(slot) => {
                    let capture = Capture::parse(slot)?;
                    if literal.is_empty() && !pattern.captures.is_empty() {
                        return Err(format!("nothing stands between {{{slot}}} and the capture before it"));
                    }
                    if pattern.captures.iter().any(|c| c.name == capture.name) {
                        return Err(format!("{{{}}} is captured twice", capture.name));
                    }
                    pattern.close(std::mem::take(&mut literal));
                    pattern.captures.push(capture);
                }
            }
        }
        pattern.close(literal);
        if pattern.prefix.is_empty() && pattern.captures.is_empty() {
            return Err("a pattern cannot be empty".into());
        }
        Ok(pattern)
    }

    fn close(&mut self, literal: Vec<u8>) {
        match self.captures.last_mut() {
            None => self.prefix = literal.into(),
            Some(capture) => capture.until = literal.into(),
        }
    }

    /// The names of the captures, in the pattern's order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.captures.iter().map(|capture| &capture.name)
    }

    /// The captures, with what is known of their values.
    pub fn typed(&self) -> impl Iterator<Item = (&Arc<str>, clearwell_source::ColumnKind)> {
        let kind = |kind| match kind {
            CaptureKind::Int => clearwell_source::ColumnKind::Integer,
            CaptureKind::Uuid => clearwell_source::ColumnKind::Uuid,
            CaptureKind::Str => clearwell_source::ColumnKind::Other,
        };
        self.captures.iter().map(move |capture| (&capture.name, kind(capture.kind)))
    }

    /// What every matching key begins with.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The pattern with its captures' names and types left out; two keys of one shape may be the same key.
    pub fn shape(&self) -> Vec<u8> {
        let mut shape = self.prefix.to_vec();
        for capture in &self.captures {
            shape.extend_from_slice(super::template::HOLE);
            shape.extend_from_slice(&capture.until);
        }
        shape
    }

    /// The texts that match, roughly: captures do not have to be as short as they are.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = literal(&self.prefix).collect();
        for capture in &self.captures {
            steps.extend(capture.kind.steps());
            steps.extend(literal(&capture.until));
        }
        steps
    }

    /// A key that matches, to show to people.
    pub fn example(&self) -> String {
        let mut example = String::from_utf8_lossy(&self.prefix).into_owned();
        for capture in &self.captures {
            example.push_str(match capture.kind {
                CaptureKind::Int | CaptureKind::Str => "1",
                CaptureKind::Uuid => "00000000-0000-4000-8000-000000000001",
            });
            example.push_str(&String::from_utf8_lossy(&capture.until));
        }
        example
    }

    /// The key that these values make, when it is one that captures them again.
    ///
    /// # Errors
    /// Says which value is lacking or does not fit.
    pub fn render<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Result<Box<[u8]>, String> {
        let bytes = |name: &Arc<str>| {
            let cell = value(name).ok_or_else(|| format!("there is no column {name}"))?;
            cell.to_bytes().ok_or_else(|| format!("{name} is NULL"))
        };
        let mut key = self.prefix.to_vec();
        for capture in &self.captures {
            key.extend_from_slice(&bytes(&capture.name)?);
            key.extend_from_slice(&capture.until);
        }
        let mut differs = None;
        let same = self.walk(&key, |capture, captured| {
            let is_it = bytes(&capture.name).is_ok_and(|own| own == captured);
            differs = differs.take().or((!is_it).then(|| capture.name.clone()));
        });
        let shown = String::from_utf8_lossy(&key);
        match (same, differs) {
            (Some(()), None) => Ok(key.into()),
            (Some(()), Some(name)) => Err(format!("{shown:?} is the key of a row with another {name}")),
            (None, _) => Err(format!("{shown:?} is no key of the keyspace")),
        }
    }

    /// The only key that matches, of a pattern without captures.
    pub fn only(&self) -> Option<&[u8]> {
        self.captures.is_empty().then_some(&*self.prefix)
    }

    /// Whether both match the same keys.
    pub fn same_keys(&self, other: &Pattern) -> bool {
        self.shape() == other.shape()
            && self.captures.iter().zip(&other.captures).all(|(a, b)| a.kind == b.kind)
    }

    /// Whether `key` matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        self.walk(key, |_, _| ()).is_some()
    }

    /// What the pattern captures from `key`; `None` when it does not match.
    pub fn capture(&self, key: &[u8]) -> Option<Captures> {
        let mut captures = Vec::with_capacity(self.captures.len());
        self.walk(key, |capture, bytes| captures.push((capture.name.clone(), capture.kind.cell(bytes))))?;
        Some(Captures(captures))
    }

    fn walk<'k>(&self, key: &'k [u8], mut found: impl FnMut(&Capture, &'k [u8])) -> Option<()> {
        let mut rest = key.strip_prefix(&*self.prefix)?;
        for (place, capture) in self.captures.iter().enumerate() {
            let last = place + 1 == self.captures.len();
            let end = match (last, &*capture.until) {
                (true, until) => {
                    rest.len().checked_sub(until.len()).filter(|&at| rest.ends_with(until) && at > 0)?
                }
                // The first byte belongs to the capture whatever it is: a capture is never empty.
                (false, until) => 1 + find(rest.get(1..)?, until)?,
            };
            let (bytes, tail) = rest.split_at(end);
            if !capture.kind.accepts(bytes) {
                return None;
            }
            found(capture, bytes);
            rest = &tail[capture.until.len()..];
        }
        rest.is_empty().then_some(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A piece of a pattern or a template as it is written.
pub(super) enum TemplatePiece<'t> {
    Literal(&'t str),
    Slot(&'t str),
}

impl Capture {
    fn parse(slot: &str) -> Result<Capture, String> {
        let (name, kind) = slot.split_once(':').unwrap_or((slot, "str"));
        if !super::template::is_name(name) {
            return Err(format!(
                "\"{name}\" in {{{slot}}} is not a name (letters, digits and _, no digit first)"
            ));
        }
        if name == super::VALUE {
            return Err("a capture cannot be called \"value\": that is the value being stored".into());
        }
        let kind = match kind {
            "int" => CaptureKind::Int,
            "str" => CaptureKind::Str,
            "uuid" => CaptureKind::Uuid,
            other => {
                let hint = nearest(other, &KINDS);
                return Err(format!("unknown type \"{other}\" in {{{slot}}}{hint}"));
            }
        };
        Ok(Capture { name: name.into(), kind, until: Box::default() })
    }
}

impl CaptureKind {
    fn accepts(self, bytes: &[u8]) -> bool {
        match self {
            CaptureKind::Int => integer(bytes).is_some(),
            CaptureKind::Str => true,
            CaptureKind::Uuid => is_uuid(bytes),
        }
    }

    fn steps(self) -> Vec<Step> {
        match self {
            CaptureKind::Int => vec![Step::One(ByteClass::Sign), Step::Many(ByteClass::Digit)],
            CaptureKind::Str => vec![Step::One(ByteClass::Any), Step::Many(ByteClass::Any)],
            CaptureKind::Uuid => {
                let digit = |place: usize| match place {
                    8 | 13 | 18 | 23 => ByteClass::Byte(b'-'),
                    _ => ByteClass::Hex,
                };
                (0..36).map(|place| Step::One(digit(place))).collect()
            }
        }
    }

    fn cell(self, bytes: &[u8]) -> Cell {
        match (self, std::str::from_utf8(bytes)) {
            (CaptureKind::Int, _) => integer(bytes).map_or(Cell::Null, Cell::Integer),
            (CaptureKind::Str | CaptureKind::Uuid, Ok(text)) => Cell::Text(text.into()),
            (CaptureKind::Str | CaptureKind::Uuid, Err(_)) => Cell::Blob(bytes.into()),
        }
    }
}

fn integer(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let canonical = match digits {
        [b'0'] => bytes.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    std::str::from_utf8(bytes).ok().filter(|_| canonical)?.parse().ok()
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(pattern: &str, key: &str) -> Option<Vec<(String, Cell)>> {
        let captures = Pattern::parse(pattern).unwrap().capture(key.as_bytes())?;
        Some(captures.0.into_iter().map(|(name, cell)| (name.to_string(), cell)).collect())
    }

    fn text(name: &str, value: &str) -> (String, Cell) {
        (name.into(), Cell::Text(value.into()))
    }

    #[test]
    fn the_example_matches() {
        for text in ["post:{id:int}", "a:{x}/{y:uuid}:z", "plain", "{all}"] {
            let pattern = Pattern::parse(text).unwrap();
            assert!(pattern.matches(pattern.example().as_bytes()), "{text}: {}", pattern.example());
        }
    }

    #[test]
    fn one_integer_has_one_key() {
        let id = |key| capture("post:{id:int}", key).map(|c| c[0].1.clone());
        assert_eq!(id("post:0"), Some(Cell::Integer(0)));
        assert_eq!(id("post:-7"), Some(Cell::Integer(-7)));
        assert_eq!(id("post:9223372036854775807"), Some(Cell::Integer(i64::MAX)));
        assert_eq!(id("post:-9223372036854775808"), Some(Cell::Integer(i64::MIN)));
        for key in [
            "post:",
            "post:01",
            "post:+1",
            "post:-0",
            "post:-",
            "post:1x",
            "post: 1",
            "post:1 ",
            "post",
            "pos",
            "post:9223372036854775808",
            "post:99999999999999999999999999",
            "post:1\0",
            "Post:1",
        ] {
            assert_eq!(id(key), None, "{key}");
            assert!(!Pattern::parse("post:{id:int}").unwrap().matches(key.as_bytes()));
        }
    }

    #[test]
    fn a_capture_goes_up_to_the_next_literal() {
        assert_eq!(capture("user:{id}:profile", "user:a:profile"), Some(vec![text("id", "a")]));
        assert_eq!(capture("user:{id}:profile", "user:a:b:profile"), Some(vec![text("id", "a:b")]));
        assert_eq!(capture("user:{id}:profile", "user::profile"), None);
        assert_eq!(capture("user:{id}:profile", "user:a:profile:x"), None);
        assert_eq!(capture("{a}/{b}", "x/y/z"), Some(vec![text("a", "x"), text("b", "y/z")]));
        assert_eq!(capture("{a}/{b}", "/y"), None);
        assert_eq!(capture("{a}/{b}", "x/"), None);
        assert_eq!(
            capture("{a}::{b:int}", "x::7"),
            Some(vec![text("a", "x"), ("b".into(), Cell::Integer(7))])
        );
        assert_eq!(capture("config", "config"), Some(vec![]));
        assert_eq!(capture("config", "configs"), None);
        assert_eq!(capture("{{tag}}:{id}", "{tag}:1"), Some(vec![text("id", "1")]));
    }

    #[test]
    fn a_key_is_made_of_values_that_it_captures_again() {
        let made = |pattern: &str, values: &[(&str, Cell)]| {
            let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, cell)| cell);
            let key = Pattern::parse(pattern).unwrap().render(value);
            key.map(|key| String::from_utf8_lossy(&key).into_owned())
        };
        let text = |name, text: &str| (name, Cell::Text(text.into()));
        assert_eq!(made("post:{id:int}", &[("id", Cell::Integer(-7))]), Ok("post:-7".into()));
        assert_eq!(made("{a}/{b}:x", &[text("a", "x"), text("b", "y/z")]), Ok("x/y/z:x".into()));
        for (pattern, values, wrong) in [
            ("post:{id:int}", [("id", Cell::Null)], "id is NULL"),
            ("post:{id:int}", [text("ID", "1")], "there is no column id"),
            ("post:{id:int}", [text("id", "07")], "\"post:07\" is no key of the keyspace"),
            ("post:{id}", [text("id", "")], "\"post:\" is no key of the keyspace"),
        ] {
            assert_eq!(made(pattern, &values), Err(wrong.to_owned()));
        }
        let split = made("{a}/{b}", &[text("a", "x/y"), text("b", "z")]);
        assert_eq!(split, Err("\"x/y/z\" is the key of a row with another a".to_owned()));
    }

    #[test]
    fn bytes_that_are_not_text_are_captured_as_bytes() {
        let captured = Pattern::parse("k:{id}").unwrap().capture(b"k:\xff\0");
        assert_eq!(captured, Some(Captures(vec![("id".into(), Cell::Blob(b"\xff\0".as_slice().into()))])));
    }

    #[test]
    fn uuids_have_one_form() {
        let p = Pattern::parse("u:{id:uuid}").unwrap();
        assert!(p.matches(b"u:123e4567-e89b-12d3-a456-426614174000"));
        assert!(!p.matches(b"u:123E4567-e89b-12d3-a456-426614174000"));
        assert!(!p.matches(b"u:123e4567e89b12d3a456426614174000"));
    }

    #[test]
    fn malformed_patterns_say_what_is_wrong() {
        for (pattern, wrong) in [
            ("", "a pattern cannot be empty"),
            ("a:{id", "a { is never closed (write {{ for the brace itself)"),
            ("a:id}", "a } was never opened (write }} for the brace itself)"),
            ("a:{}", "\"\" in {} is not a name (letters, digits and _, no digit first)"),
            ("a:{1x}", "\"1x\" in {1x} is not a name (letters, digits and _, no digit first)"),
            ("a:{x:in}", "unknown type \"in\" in {x:in}; did you mean \"int\"?"),
            ("a:{x}{y}", "nothing stands between {y} and the capture before it"),
            ("a:{x}:{x}", "{x} is captured twice"),
            ("a:{value}", "a capture cannot be called \"value\": that is the value being stored"),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(wrong.to_string()), "{pattern}");
        }
    }

    #[test]
    fn patterns_of_the_same_keys_are_told() {
        let same = |a, b| Pattern::parse(a).unwrap().same_keys(&Pattern::parse(b).unwrap());
        assert!(same("a:{x}", "a:{y:str}"));
        assert!(!same("a:{x}", "a:{x:int}"));
        assert!(!same("a:{x}", "b:{x}"));
    }
}
