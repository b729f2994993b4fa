//! Events as a configuration writes them: `user_updated{user_id={author_id}}`.

use std::sync::Arc;

use clearwell_engine::{Event, EventPattern};
use clearwell_source::Cell;

use super::template::Template;

/// An event's name and attributes, whose values may have slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTemplate {
    name: Box<str>,
    attributes: Vec<(Box<str>, Template)>,
}

impl EventTemplate {
    /// Compiles the written form; says what is wrong with a malformed one.
    pub fn parse(text: &str) -> Result<EventTemplate, String> {
        let (name, inner) = match text.split_once('{') {
            None => (text, None),
            Some((name, rest)) => match rest.strip_suffix('}') {
                Some(inner) => (name, Some(inner)),
                None => return Err("an event's attributes end with }".into()),
            },
        };
        let name = name.trim();
        if name.is_empty() {
            return Err("an event needs a name".into());
        }
        let mut attributes: Vec<(Box<str>, Template)> = Vec::new();
        for attribute in inner.into_iter().flat_map(|inner| inner.split(',')) {
            let Some((key, value)) = attribute.split_once('=') else {
                return Err(format!("\"{attribute}\" is not an attribute: write name=value"));
            };
            let key = key.trim();
            if attributes.iter().any(|(known, _)| **known == *key) {
                return Err(format!("the attribute \"{key}\" is given twice"));
            }
            attributes.push((key.into(), Template::parse(value.trim())?));
        }
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        let template = EventTemplate { name: name.into(), attributes };
        template.check()?;
        Ok(template)
    }

    /// Whether it can be written as a pattern at all.
    fn check(&self) -> Result<(), String> {
        let slot = Cell::Text("1".into());
        EventPattern::parse(&self.written(|_| Some(&slot)).unwrap_or_default()).map(drop)
    }

    /// The names of the slots.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<str>> {
        self.attributes.iter().flat_map(|(_, value)| value.slots())
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether an event that is made by `told` can be one that an entry with this pattern depends on. Values are compared
    /// without what fills their slots.
    pub fn is_met_by(&self, told: &EventTemplate) -> bool {
        let has = |(name, value): &(Box<str>, Template)| {
            told.attributes.iter().any(|(other, given)| other == name && given.shape() == value.shape())
        };
        self.name == told.name && self.attributes.iter().all(has)
    }

    /// The attributes, by name.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.attributes.iter().map(|(name, value)| (&**name, value))
    }

    /// The event that a row makes. `None` when a slot is NULL or its value is not text.
    pub fn event<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Option<Event> {
        Event::new(&self.name, self.attributes(value)?).ok()
    }

    /// The pattern that an entry depends on. `None` when a slot is NULL or its value is not text.
    pub fn pattern<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Option<EventPattern> {
        EventPattern::parse(&self.written(value)?).ok()
    }

    /// The pattern as it is written: what a slot brings in stands for itself, the rest may be a glob.
    fn written<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Option<String> {
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for (key, template) in &self.attributes {
            let escaped = template.render_escaped(&value, |text| match std::str::from_utf8(text) {
                Ok(text) => EventPattern::literal(text).into_bytes(),
                Err(_) => text.to_vec(),
            })?;
            let value = String::from_utf8(escaped.into()).ok()?;
            attributes.push(format!("{}={value}", EventPattern::literal(key)));
        }
        match attributes.is_empty() {
            true => Some(self.name.to_string()),
            false => Some(format!("{}{{{}}}", self.name, attributes.join(","))),
        }
    }

    fn attributes<'c>(&self, value: impl Fn(&str) -> Option<&'c Cell>) -> Option<Vec<(Box<str>, Box<str>)>> {
        self.attributes
            .iter()
            .map(|(key, template)| {
                let text = String::from_utf8(template.render(&value)?.into()).ok()?;
                Some((key.clone(), text.into()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_depends_on_the_event_of_its_row_whatever_its_values() {
        let template = EventTemplate::parse("moved{to={to},kind=row}").unwrap();
        for value in ["7", "", " a b ", "a=b,c={d}", "back\\slash", "*?[x]", "ü\0"] {
            let cell = Cell::Text(value.into());
            let (event, pattern) = (template.event(|_| Some(&cell)), template.pattern(|_| Some(&cell)));
            assert!(pattern.unwrap().matches(&event.unwrap()), "{value:?}");
            let other = Cell::Text(format!("{value}x").into());
            let pattern = template.pattern(|_| Some(&cell)).unwrap();
            assert!(!pattern.matches(&template.event(|_| Some(&other)).unwrap()), "{value:?}");
        }
        assert_eq!(template.pattern(|_| Some(&Cell::Null)), None);
    }

    #[test]
    fn what_the_configuration_writes_may_be_a_glob_and_what_a_row_brings_is_none() {
        let template = EventTemplate::parse("moved{id=*,to={to}}").unwrap();
        let brought = Cell::Text("a*".into());
        let pattern = template.pattern(|_| Some(&brought)).unwrap();
        let event = |id: &str, to: &str| {
            Event::new("moved", vec![("id".into(), id.into()), ("to".into(), to.into())])
        };
        assert!(pattern.matches(&event("7", "a*").unwrap()));
        assert!(!pattern.matches(&event("7", "ab").unwrap()));
    }

    #[test]
    fn a_row_makes_an_event() {
        let template = EventTemplate::parse("user_updated{user_id={id}, kind=row}").unwrap();
        let id = Cell::Integer(7);
        let event = template.event(|slot| (slot == "id").then_some(&id)).unwrap();
        assert_eq!(&*event.name, "user_updated");
        assert_eq!(event.attributes, [("kind".into(), "row".into()), ("user_id".into(), "7".into())]);
        assert_eq!(template.event(|_| Some(&Cell::Null)), None);
    }

    #[test]
    fn malformed_events_say_what_is_wrong() {
        for (text, wrong) in [
            ("", "an event needs a name"),
            ("{a=1}", "an event needs a name"),
            ("e{a=1", "an event's attributes end with }"),
            ("e{a}", "\"a\" is not an attribute: write name=value"),
            ("e{a=1,a=2}", "the attribute \"a\" is given twice"),
            ("e{a=[x}", "in the value of attribute \"a\": pattern opens a '[' at byte 0 that nothing closes"),
            ("e{a={1}}", "\"1\" is not a name (letters, digits and _, no digit first)"),
        ] {
            assert_eq!(EventTemplate::parse(text), Err(wrong.to_string()), "{text}");
        }
    }
}
