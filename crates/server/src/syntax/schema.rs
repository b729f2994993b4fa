//! JSON Schemas, which say what values may be (decision 0036).

use std::fmt;

use serde_json::Value;

/// Characters of a complaint that are told: it may quote the value.
const TOLD_MOST: usize = 300;

/// Why a value does not fit its keyspace's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The schema's file.
    pub schema: String,
    /// Where in the value, as a JSON pointer; empty is the whole.
    pub pointer: String,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.pointer.is_empty() { "the value" } else { &self.pointer };
        write!(f, "it does not fit the schema {}: at {at}: {}", self.schema, self.why)
    }
}

/// A compiled JSON Schema.
pub struct Schema {
    file: String,
    validator: jsonschema::Validator,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(file: &str, text: &str) -> Result<Schema, String> {
        let schema: Value =
            serde_json::from_str(text).map_err(|error| format!("{file} is not JSON: {error}"))?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "the top".to_owned() } else { at };
            format!("{file} is not a JSON Schema: at {at}: {}", cut(&error.to_string()))
        })?;
        Ok(Schema { file: file.to_owned(), validator })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// It does not fit.
    pub fn check(&self, value: &[u8]) -> Result<(), Invalid> {
        let invalid = |pointer: String, why: String| Invalid { schema: self.file.clone(), pointer, why };
        let value: Value = serde_json::from_slice(value)
            .map_err(|error| invalid(String::new(), format!("it is not JSON: {error}")))?;
        let checked = self.validator.validate(&value);
        checked.map_err(|error| invalid(error.instance_path().to_string(), cut(&error.to_string())))
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TOLD_MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_schema_is_told_with_its_place() {
        for (text, told) in [
            ("{\n  \"type\": }", "user.json is not JSON: expected value at line 2 column 11"),
            (r#"{"type": "objekt"}"#, "user.json is not a JSON Schema: at /type: "),
            (
                r#"{"properties": {"a": {"minimum": "1"}}}"#,
                "user.json is not a JSON Schema: at /properties/a/minimum: ",
            ),
            // Nothing is fetched.
            (r#"{"$ref": "http://127.0.0.1:1/other.json"}"#, "user.json is not a JSON Schema: "),
        ] {
            let wrong = Schema::compile("user.json", text).expect_err(text);
            assert!(wrong.starts_with(told), "{wrong}");
        }
    }
}
