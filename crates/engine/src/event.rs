//! Events: named happenings with attributes, and the patterns by which entries depend on them.

/// A named happening with attributes, such as `user_updated {user_id: 123}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// The name; not empty.
    pub name: Box<str>,
    /// Attribute names and values, sorted by name, no name twice.
    pub attributes: Vec<(Box<str>, Box<str>)>,
}

impl Event {
    /// An event; sorts the attributes. Refuses empty names, an attribute given twice, and more than the limits say.
    pub fn new(name: &str, attributes: Vec<(Box<str>, Box<str>)>) -> Result<Event, String> {
        let _ = (name, attributes);
        todo!()
    }
}

/// What an entry declares to depend on: an event name, or a glob over names, and the attributes that must be equal.
/// Written `user_updated{user_id=123}`, `user_*`, `order_paid{shop=7,region=eu}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventPattern {
    name: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
}

impl EventPattern {
    /// Parses the written form; the error says what was wrong.
    pub fn parse(text: &str) -> Result<EventPattern, String> {
        let _ = text;
        todo!()
    }

    /// Whether `event` is one that this pattern names.
    pub fn matches(&self, event: &Event) -> bool {
        let _ = event;
        todo!()
    }
}

impl std::fmt::Display for EventPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = f;
        todo!()
    }
}
