//! Events: named happenings with attributes, and the patterns by which entries depend on them.

use std::fmt;

use crate::Glob;

/// Attribute names and values, sorted by name, no name twice.
type Attributes = Vec<(Box<str>, Box<str>)>;

/// The longest name, attribute name or value, and the most attributes, of an event and of a pattern.
const LONGEST: usize = Glob::LONGEST;
const ATTRIBUTES_MOST: usize = 64;

/// A named happening with attributes, such as `user_updated {user_id: 123}`; or all happenings of a name whose attributes
/// match patterns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// The name: a word.
    pub name: Box<str>,
    /// Attribute names and values, sorted by name, no name twice.
    pub attributes: Vec<(Box<str>, Box<str>)>,
    /// Whether the values are patterns.
    pattern: bool,
}

impl Event {
    /// An event that happened; sorts the attributes. Refuses a name that is no word (empty, longer than 1024 bytes, with a
    /// space or one of `{}[],=*?\\`), an attribute given twice, and more than 64 attributes; the error says what was wrong.
    pub fn new(name: &str, attributes: Vec<(Box<str>, Box<str>)>) -> Result<Event, String> {
        check_name(name)?;
        Ok(Event { name: name.into(), attributes: in_order(attributes)?, pattern: false })
    }

    /// All events of a name whose attributes match these globs, as they are asked for to be invalidated: `user_id` `1*`.
    pub fn asked(name: &str, attributes: Vec<(Box<str>, Box<str>)>) -> Result<Event, String> {
        let event = Event::new(name, attributes)?;
        let mut pattern = false;
        for (attribute, value) in &event.attributes {
            pattern |= !value_glob(attribute, value)?.is_literal();
        }
        Ok(Event { pattern, ..event })
    }

    /// Whether it stands for all events whose attributes match its own.
    pub fn is_pattern(&self) -> bool {
        self.pattern
    }
}

impl fmt::Display for Event {
    /// As a pattern over it is written: `user_updated{user_id=123}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &str| if self.pattern { value.to_owned() } else { escaped(value) };
        let attributes = self.attributes.iter().map(|(name, it)| format!("{}={}", escaped(name), value(it)));
        let attributes: Vec<String> = attributes.collect();
        match attributes.is_empty() {
            true => f.write_str(&self.name),
            false => write!(f, "{}{{{}}}", self.name, attributes.join(",")),
        }
    }
}

/// A name that events can have.
fn check_name(name: &str) -> Result<(), String> {
    check_length("event name", name)?;
    let wrong = |c: &char| c.is_whitespace() || c.is_control() || "{}[],=*?\\".contains(*c);
    match name.chars().find(wrong) {
        Some(c) => Err(format!(
            "event name {name:?} holds {c:?}: a name is a word such as user_updated, and attributes are given beside it"
        )),
        None => Ok(()),
    }
}

fn value_glob(attribute: &str, value: &str) -> Result<Glob, String> {
    Glob::new(value.as_bytes()).map_err(|wrong| format!("in the value of attribute {attribute:?}: {wrong}"))
}

/// What an entry declares to depend on: an event name, or a glob over names, and globs over attributes.
/// Written `user_updated{user_id=123}`, `user_*`, `order_paid{shop=7,region=eu*}`. In names and values a `\` takes
/// the character after it literally: one of `{ } , = \`, a space that begins an attribute, or a glob's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventPattern {
    name: Glob,
    /// Sorted by name, no name twice.
    attributes: Vec<(Box<str>, Glob)>,
}

impl EventPattern {
    /// Parses the written form; the error says what was wrong.
    pub fn parse(text: &str) -> Result<EventPattern, String> {
        let (name, rest) = match find(text, '{') {
            Some(brace) => (&text[..brace], Some(&text[brace + 1..])),
            None => (text, None),
        };
        check_length("event name", name)?;
        let glob = Glob::new(name.as_bytes()).map_err(|wrong| format!("in event name {name:?}: {wrong}"))?;
        let attributes = match rest {
            Some(rest) => parse_attributes(rest)?,
            None => Vec::new(),
        };
        Ok(EventPattern { name: glob, attributes })
    }

    /// Whether `event` is one that this pattern names; of one that stands for several, whether any of them is.
    pub fn matches(&self, event: &Event) -> bool {
        let fits = |wanted: &Glob, value: &str| match event.pattern {
            true => Glob::new(value.as_bytes()).is_ok_and(|asked| wanted.overlaps(&asked)),
            false => wanted.matches(value.as_bytes()),
        };
        let has = |(name, wanted): &(Box<str>, Glob)| {
            event.attributes.iter().any(|(attribute, value)| attribute == name && fits(wanted, value))
        };
        self.name.matches(event.name.as_bytes()) && self.attributes.iter().all(has)
    }

    /// A text as an attribute's value says it literally in the written form.
    pub fn literal(text: &str) -> String {
        escaped(text)
    }

    /// Whether it is the name of events and no more.
    pub fn is_name(&self) -> bool {
        self.attributes.is_empty() && self.name.is_literal()
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |glob: &'_ Glob| String::from_utf8_lossy(glob.as_bytes()).into_owned();
        f.write_str(&text(&self.name))?;
        for (n, (name, value)) in self.attributes.iter().enumerate() {
            f.write_str(if n == 0 { "{" } else { "," })?;
            write!(f, "{}={}", escaped(name), text(value))?;
        }
        f.write_str(if self.attributes.is_empty() { "" } else { "}" })
    }
}

/// What stands after the opening brace.
fn parse_attributes(text: &str) -> Result<Vec<(Box<str>, Glob)>, String> {
    let Some(end) = find(text, '}') else {
        return Err("event pattern opens a '{' that nothing closes".into());
    };
    if end + 1 < text.len() {
        return Err(format!("event pattern goes on after its '}}': {:?}", &text[end + 1..]));
    }
    let (mut attributes, mut rest) = (Vec::new(), Some(&text[..end]));
    while let Some(text) = rest {
        let (attribute, after) = match find(text, ',') {
            Some(comma) => (&text[..comma], Some(&text[comma + 1..])),
            None => (text, None),
        };
        let attribute = attribute.trim_start_matches(' ');
        let Some(equals) = find(attribute, '=') else {
            return Err(format!("attribute {attribute:?} is not written name=value"));
        };
        attributes.push((unescaped(&attribute[..equals]), attribute[equals + 1..].into()));
        rest = after;
    }
    let globs = in_order(attributes)?.into_iter().map(|(name, value)| {
        let glob = value_glob(&name, &value)?;
        Ok((name, glob))
    });
    globs.collect()
}

fn in_order(mut attributes: Attributes) -> Result<Attributes, String> {
    if attributes.len() > ATTRIBUTES_MOST {
        return Err(format!("{} attributes are more than the {ATTRIBUTES_MOST} allowed", attributes.len()));
    }
    for (name, value) in &attributes {
        check_length("attribute name", name)?;
        if value.len() > LONGEST {
            return Err(format!("value of attribute {name:?} is longer than the {LONGEST} bytes allowed"));
        }
    }
    attributes.sort_unstable();
    match attributes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("attribute {:?} is given twice", pair[0].0)),
        None => Ok(attributes),
    }
}

fn check_length(what: &str, text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err(format!("{what} is empty")),
        1..=LONGEST => Ok(()),
        length => Err(format!("{what} of {length} bytes is longer than the {LONGEST} allowed")),
    }
}

/// Where `wanted` first stands without a `\` before it.
fn find(text: &str, wanted: char) -> Option<usize> {
    let mut literal = false;
    text.char_indices().find_map(|(at, c)| {
        let found = c == wanted && !literal;
        literal = c == '\\' && !literal;
        found.then_some(at)
    })
}

fn unescaped(text: &str) -> Box<str> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain.into()
}

/// A text as an attribute of a pattern says it literally.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| "{},=\\ *?[]^".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(name: &str, attributes: &[(&str, &str)]) -> Event {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Event::new(name, attributes).unwrap()
    }

    #[track_caller]
    fn says(pattern: &str, event: &Event, expected: bool) {
        assert_eq!(EventPattern::parse(pattern).unwrap().matches(event), expected, "{pattern} on {event:?}");
    }

    #[test]
    fn a_pattern_names_events_and_the_attributes_that_count() {
        let paid = event("order_paid", &[("shop", "7"), ("region", "eu"), ("sum", "12")]);
        says("order_paid", &paid, true);
        says("order_paid{shop=7}", &paid, true);
        says("order_*{region=eu, shop=7}", &paid, true);
        says("order_paid{shop=8}", &paid, false);
        says("order_paid{user=7}", &paid, false);
        says("order", &paid, false);
        says("*", &paid, true);
        says("e{c\\=d=\\}\\,}", &event("e", &[("c=d", "},")]), true);
        says("order_paid{region=e*}", &paid, true);
        says("order_paid{region=[a-d]*}", &paid, false);
        says("order_paid{sum=1?,shop=*}", &paid, true);
        says("order_paid{user=*}", &paid, false);
        says("e{a=\\*}", &event("e", &[("a", "*")]), true);
        says("e{a=\\*}", &event("e", &[("a", "b")]), false);
        says("e{a=}", &event("e", &[("a", "")]), true);
    }

    #[test]
    fn the_written_form_is_canonical() {
        let form = |text: &str| EventPattern::parse(text).unwrap().to_string();
        assert_eq!(form("order_paid{shop=7, region=eu}"), "order_paid{region=eu,shop=7}");
        assert_eq!(form("user_*"), "user_*");
    }

    #[test]
    fn malformed_patterns_are_refused_with_the_reason() {
        let refusal = |text: &str| EventPattern::parse(text).unwrap_err();
        assert_eq!(refusal(""), "event name is empty");
        assert_eq!(refusal("{a=1}"), "event name is empty");
        assert_eq!(refusal("e{a=1"), "event pattern opens a '{' that nothing closes");
        assert_eq!(refusal("e{a=1}x"), "event pattern goes on after its '}': \"x\"");
        assert_eq!(refusal("e{}"), "attribute \"\" is not written name=value");
        assert_eq!(refusal("e{a}"), "attribute \"a\" is not written name=value");
        assert_eq!(refusal("e{=1}"), "attribute name is empty");
        assert_eq!(refusal("e{a=1,a=2}"), "attribute \"a\" is given twice");
        assert_eq!(
            refusal("e{a=[x}"),
            "in the value of attribute \"a\": pattern opens a '[' at byte 0 that nothing closes"
        );
        assert_eq!(refusal("e["), "in event name \"e[\": pattern opens a '[' at byte 1 that nothing closes");
    }

    #[test]
    fn what_is_asked_for_by_pattern_meets_what_depends_by_name_and_by_pattern() {
        let asked = |value: &str| Event::asked("moved", vec![("id".into(), value.into())]).unwrap();
        for (pattern, value, meets) in [
            ("moved{id=7}", "*", true),
            ("moved{id=7}", "7", true),
            ("moved{id=7}", "8*", false),
            ("moved{id=7*}", "*9", true),
            ("moved{id=*}", "7", true),
            ("moved{id=[1-4]}", "[4-9]", true),
            ("moved{id=[1-3]}", "[4-9]", false),
            ("moved", "*", true),
            ("other{id=7}", "*", false),
            ("moved{id=7,to=x}", "*", false),
            ("moved{id=\\*}", "\\*", true),
            ("moved{id=x}", "\\*", false),
        ] {
            assert_eq!(
                EventPattern::parse(pattern).unwrap().matches(&asked(value)),
                meets,
                "{pattern} {value}"
            );
        }
        let refused = Event::asked("moved", vec![("id".into(), "[7".into())]).unwrap_err();
        assert_eq!(
            refused,
            "in the value of attribute \"id\": pattern opens a '[' at byte 0 that nothing closes"
        );
    }

    #[test]
    fn a_name_that_is_no_word_is_refused() {
        for name in ["user_updated{user_id=3}", "a b", "a=b", "user_*", "[", "a,b", "x\\y", "\n"] {
            let refused = Event::new(name, Vec::new()).unwrap_err();
            assert!(refused.contains("a name is a word such as user_updated"), "{refused}");
        }
    }

    #[test]
    fn malformed_events_are_refused_with_the_reason() {
        let twice = vec![("a".into(), "1".into()), ("a".into(), "2".into())];
        assert_eq!(Event::new("e", twice).unwrap_err(), "attribute \"a\" is given twice");
        assert_eq!(Event::new("", Vec::new()).unwrap_err(), "event name is empty");
        assert_eq!(Event::new("e", vec![("".into(), "".into())]).unwrap_err(), "attribute name is empty");
        let many = (0..65).map(|n| (n.to_string().into(), "".into())).collect();
        assert_eq!(Event::new("e", many).unwrap_err(), "65 attributes are more than the 64 allowed");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            name in "[a-z_.\u{e9}]{1,6}",
            attributes in prop::collection::btree_map("[a-c{},=\\\\ \u{e9}]{1,4}", "[a-c{},=\\\\ \u{e9}]{0,4}", 0..4),
        ) {
            let attributes: Vec<(Box<str>, Box<str>)> =
                attributes.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let event = Event::new(&name, attributes).unwrap();
            let pattern = EventPattern::parse(&event.to_string()).unwrap();
            prop_assert_eq!(EventPattern::parse(&pattern.to_string()), Ok(pattern.clone()));
            prop_assert!(pattern.matches(&event));
            let other = Event::new(&name, vec![("zz".into(), "".into())]).unwrap();
            prop_assert_eq!(pattern.matches(&other), event.attributes.is_empty());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a{},=\\\\ *\\[\u{e9}]{0,16}") {
            if let Ok(pattern) = EventPattern::parse(&text) {
                prop_assert_eq!(EventPattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
