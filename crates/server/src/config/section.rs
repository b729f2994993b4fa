//! One table of the file, read key by key, with the line of everything.

use std::ops::Range;

use clearwell_source::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;

/// The text of a configuration and what it is called.
#[derive(Clone, Copy)]
pub struct File<'t> {
    pub name: &'t str,
    pub text: &'t str,
}

impl File<'_> {
    /// The error `message` at the line of `span`.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        ConfigError { file: self.name.into(), line: Some(line), message: message.into() }
    }
}

/// A table and what it is called in messages, such as `[[keyspace]]`.
pub struct Section<'t> {
    pub file: File<'t>,
    pub title: String,
    pub table: &'t DeTable<'t>,
    pub span: Range<usize>,
}

impl<'t> Section<'t> {
    /// The section, if it has none but the known keys.
    pub fn new(
        file: File<'t>,
        title: impl Into<String>,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        known: &[&str],
    ) -> Result<Self, ConfigError> {
        let section = Section { file, title: title.into(), table, span };
        let unknown =
            table.keys().filter(|key| !known.contains(&&**key.get_ref())).min_by_key(|k| k.span().start);
        match unknown {
            None => Ok(section),
            Some(key) => {
                let name = key.get_ref();
                let hint = nearest(name, known);
                Err(file.error(key.span(), format!("unknown key \"{name}\" in {}{hint}", section.title)))
            }
        }
    }

    /// The error `message` about a key, or about the whole section when it lacks that key.
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let place = self.table.keys().find(|name| **name.get_ref() == *key);
        self.file.error(place.map_or(self.span.clone(), Spanned::span), message)
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| **name.get_ref() == *key).map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> ConfigError {
        let found = match value.get_ref().type_str() {
            "array" => "a list".to_string(),
            "integer" => "an integer".to_string(),
            other => format!("a {other}"),
        };
        self.file.error(value.span(), format!("{key} in {} must be {wanted}, not {found}", self.title))
    }

    /// Whether the key is given.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'t str>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.get_ref().as_str().map(Some).ok_or_else(|| self.wrong_type(key, value, "a string"))
    }

    /// A text that must be given.
    pub fn needed(&self, key: &str) -> Result<&'t str, ConfigError> {
        self.text(key)?.ok_or_else(|| self.error(key, format!("{} needs {key}", self.title)))
    }

    /// A text that a function reads further.
    pub fn read<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong_type(key, value, "a string"))?;
        let told = |wrong| self.file.error(value.span(), format!("{key} in {}: {wrong}", self.title));
        read(text).map(Some).map_err(told)
    }

    /// A list of texts, each with its place; empty when it is not given.
    pub fn texts(&self, key: &str) -> Result<Vec<Spanned<&'t str>>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = |value| self.wrong_type(key, value, "a list of strings");
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value))?;
        let text = |item: &'t Spanned<DeValue<'t>>| match item.get_ref().as_str() {
            Some(text) => Ok(Spanned::new(item.span(), text)),
            None => Err(wrong(item)),
        };
        list.iter().map(text).collect()
    }

    /// A number, whole or not, not negative.
    pub fn number(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse().ok(),
            DeValue::Float(x) => x.as_str().parse().ok(),
            _ => return Err(self.wrong_type(key, value, "a number")),
        };
        match number {
            Some(number) if (0.0..=1e6).contains(&number) => Ok(Some(number)),
            _ => Err(self
                .file
                .error(value.span(), format!("{key} in {} must be from 0 to 1000000", self.title))),
        }
    }

    /// A whole number that counts something.
    pub fn count(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "an integer"));
        };
        let range = || {
            self.file.error(value.span(), format!("{key} in {} must be a whole number from 0 up", self.title))
        };
        u64::from_str_radix(number.as_str(), number.radix()).map(Some).map_err(|_| range())
    }

    /// A whole number from 0 to 255.
    pub fn byte(&self, key: &str) -> Result<Option<u8>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "an integer"));
        };
        let range =
            || self.file.error(value.span(), format!("{key} in {} must be from 0 to 255", self.title));
        u8::from_str_radix(number.as_str(), number.radix()).map(Some).map_err(|_| range())
    }

    /// A switch.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.get_ref().as_bool().map(Some).ok_or_else(|| self.wrong_type(key, value, "true or false"))
    }

    /// The table under a key.
    pub fn table(&self, key: &str) -> Result<Option<&'t DeTable<'t>>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.get_ref().as_table().map(Some).ok_or_else(|| self.wrong_type(key, value, "a table"))
    }

    /// The tables under a key that may be given more than once (`[[key]]`), each with its place.
    pub fn tables(&self, key: &str) -> Result<Vec<(&'t DeTable<'t>, Range<usize>)>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = |value| {
            let path = if self.title == super::TOP { key.to_string() } else { format!("keyspace.{key}") };
            self.wrong_type(key, value, &format!("tables, each begun with [[{path}]]"))
        };
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value))?;
        let table = |item: &'t Spanned<DeValue<'t>>| match item.get_ref().as_table() {
            Some(table) => Ok((table, item.span())),
            None => Err(wrong(item)),
        };
        list.iter().map(table).collect()
    }
}
