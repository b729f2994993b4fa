//! Templates: names made from a key's captures and a row's columns.

use std::sync::Arc;

use clearwell_source::Cell;

use super::meet::{ByteClass, Step, literal};
use super::pattern::TemplatePiece;

/// What stands for a slot in a shape; no UTF-8 text contains it.
pub const HOLE: &[u8] = b"\xff";

/// A text with slots, such as `author:{author_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<TemplatePart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(Box<[u8]>),
    Slot(Arc<str>),
}

impl Template {
    /// Compiles a template; says what is wrong with a malformed one.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            parts.push(match piece {
                TemplatePiece::Literal(literal) => TemplatePart::Text(literal.as_bytes().into()),
                TemplatePiece::Slot(name) if is_name(name) => TemplatePart::Slot(name.into()),
                TemplatePiece::Slot(name) => {
                    return Err(format!("\"{name}\" is not a name (letters, digits and _, no digit first)"));
                }
            });
        }
        if parts.is_empty() {
            return Err("a name cannot be empty".into());
        }
        Ok(Template(parts))
    }

    /// The names of the slots.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Slot(name) => Some(name),
            TemplatePart::Text(_) => None,
        })
    }

    /// The template with its slots' names left out.
    pub fn shape(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|part| match part {
                TemplatePart::Text(text) => text,
                TemplatePart::Slot(_) => HOLE,
            })
            .copied()
            .collect()
    }

    /// The template with `{}` for each slot, to be compared by people's eyes.
    pub fn bare(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            TemplatePart::Text(text) => String::from_utf8_lossy(text),
            TemplatePart::Slot(_) => "{}".into(),
        });
        parts.collect()
    }

    /// The texts that it can make.
    pub fn steps(&self) -> Vec<Step> {
        let steps = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => literal(text).collect(),
            TemplatePart::Slot(_) => vec![Step::Many(ByteClass::Any)],
        };
        self.0.iter().flat_map(steps).collect()
    }

    /// Fills the slots. `None` when one of them has no value or is NULL.
    pub fn render<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Option<Box<[u8]>> {
        self.render_escaped(value, <[u8]>::to_vec)
    }

    /// The same, with what the slots bring in escaped.
    pub fn render_escaped<'c>(
        &self,
        value: impl Fn(&str) -> Option<&'c Cell>,
        escape: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Option<Box<[u8]>> {
        let mut name = Vec::new();
        for part in &self.0 {
            match part {
                TemplatePart::Text(text) => name.extend_from_slice(text),
                TemplatePart::Slot(slot) => name.extend_from_slice(&escape(&value(slot)?.to_bytes()?)),
            }
        }
        Some(name.into())
    }
}

/// Cuts a pattern or template at its braces.
pub(super) fn pieces(text: &str) -> Result<Vec<TemplatePiece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            pieces.push(TemplatePiece::Literal(&rest[..=at]));
            rest = after;
            continue;
        }
        let Some(slot) = from.strip_prefix('{') else {
            return Err("a } was never opened (write }} for the brace itself)".into());
        };
        let Some(end) = slot.find('}') else {
            return Err("a { is never closed (write {{ for the brace itself)".into());
        };
        if !before.is_empty() {
            pieces.push(TemplatePiece::Literal(before));
        }
        pieces.push(TemplatePiece::Slot(&slot[..end]));
        rest = &slot[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(TemplatePiece::Literal(rest));
    }
    Ok(pieces)
}

/// Whether a text can name a capture, a column in a template or a parameter.
pub fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> Option<String> {
        let (one, null) = (Cell::Integer(1), Cell::Null);
        let name = Template::parse(template).unwrap().render(|slot| match slot {
            "one" => Some(&one),
            "null" => Some(&null),
            _ => None,
        })?;
        Some(String::from_utf8(name.into()).unwrap())
    }

    #[test]
    fn slots_are_filled() {
        assert_eq!(render("author:{one}").as_deref(), Some("author:1"));
        assert_eq!(render("{one}{one}/x").as_deref(), Some("11/x"));
        assert_eq!(render("plain").as_deref(), Some("plain"));
        assert_eq!(render("{{{one}}}").as_deref(), Some("{1}"));
    }

    #[test]
    fn a_slot_without_a_value_gives_no_name() {
        assert_eq!(render("author:{null}"), None);
        assert_eq!(render("author:{unknown}"), None);
    }

    #[test]
    fn shapes_forget_names_only() {
        let shape = |text| Template::parse(text).unwrap().shape();
        assert_eq!(shape("author:{id}"), shape("author:{author_id}"));
        assert_ne!(shape("author:{id}"), shape("author:id"));
    }
}
