//! JSON bodies: every field is checked by itself, so that the error names it.

use std::fmt;

use axum::http::StatusCode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::names::unknown;
use super::openapi;
use super::problem::{Problem, Reply};

/// How deep a value may be nested, so that whoever reads it again does not run out of stack.
const DEEPEST: usize = 100;

/// The fields of a JSON object, not yet looked at.
pub struct Fields<'a> {
    known: Vec<&'static str>,
    given: Given<'a>,
}

/// A JSON object as written.
struct Given<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object that may have the fields of the schema `T` and no others, none twice.
    pub fn parse<T: ToSchema>(body: &'a [u8]) -> Reply<Fields<'a>> {
        let known = openapi::fields(&T::name());
        let given: Given = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Problem::bad("wrong-type", format!("the body is not a JSON object: {error}"))
            }
            _ => Problem::bad("bad-json", format!("the body is not JSON: {error}")),
        })?;
        for (at, (name, raw)) in given.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(Problem::bad("unknown-field", unknown("field", name, &known)));
            }
            if given.0[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::bad("bad-value", format!("field {name:?} is given twice")));
            }
            if depth(raw.get()) > DEEPEST {
                let detail = format!("field {name:?} is nested deeper than {DEEPEST}");
                return Err(Problem::bad("too-deep", detail));
            }
        }
        Ok(Fields { known, given })
    }

    /// A field as written; `None`: not given.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        debug_assert!(self.known.contains(&name), "the schema has no field {name:?}");
        self.given.0.iter().find(|(given, _)| given == name).map(|(_, raw)| *raw)
    }

    /// A field of some type, with `expected` saying which. `null` is not a value of any type.
    fn typed<T: Deserialize<'a>>(&self, name: &str, expected: &str) -> Reply<Option<T>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong_type(name, raw.get(), expected))
    }

    pub fn text(&self, name: &str) -> Reply<Option<String>> {
        self.typed(name, "a string")
    }

    pub fn flag(&self, name: &str) -> Reply<Option<bool>> {
        self.typed(name, "true or false")
    }

    pub fn texts(&self, name: &str) -> Reply<Vec<String>> {
        Ok(self.typed(name, "an array of strings")?.unwrap_or_default())
    }

    pub fn names(&self, name: &str) -> Reply<Vec<Box<[u8]>>> {
        Ok(self.texts(name)?.into_iter().map(|text| text.into_bytes().into()).collect())
    }

    pub fn map(&self, name: &str) -> Reply<serde_json::Map<String, serde_json::Value>> {
        Ok(self.typed(name, "an object")?.unwrap_or_default())
    }

    /// A whole number from `least` to `most`.
    pub fn whole(&self, name: &str, least: i64, most: i64) -> Reply<Option<i64>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        whole(name, raw.get(), least, most).map(Some)
    }
}

/// A whole number from `least` to `most`, written in a body or a query.
pub fn whole(name: &str, written: &str, least: i64, most: i64) -> Reply<i64> {
    let range = format!("a whole number from {least} to {most}");
    match written.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Err(_) if written.parse::<f64>().is_err() => Err(wrong_type(name, written, &range)),
        _ => {
            let shown = shown(written);
            Err(Problem::bad("bad-value", format!("{name} is {shown}: {range} is needed")))
        }
    }
}

/// Says of a field what was written and what is needed.
pub fn wrong_type(name: &str, written: &str, expected: &str) -> Problem {
    let shown = shown(written);
    Problem::new(StatusCode::BAD_REQUEST, "wrong-type", format!("{name} is {shown}: {expected} is needed"))
}

/// The beginning of what was written.
fn shown(written: &str) -> String {
    match written.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &written[..end]),
        None => written.to_owned(),
    }
}

/// How deep the arrays and objects of a JSON text are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object).map(Given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a":["]",[1]],"b\"[":2}"#), 3);
    }
}
