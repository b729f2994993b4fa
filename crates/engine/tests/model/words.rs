//! The few names that the model plays with.

use clearwell_engine::{Event, EventPattern};

pub const KEYS: u8 = 50;
pub const TAGS: u8 = 6;

/// `a:0` to `e:9`.
pub fn key(key: u8) -> [u8; 3] {
    [b'a' + key / 10, b':', b'0' + key % 10]
}

pub fn key_number(name: &[u8]) -> u8 {
    (name[0] - b'a') * 10 + name[2] - b'0'
}

pub fn tag(tag: u8) -> [u8; 2] {
    [b't', b'0' + tag]
}

/// What an entry may depend on: a key, or a tag's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Key(u8),
    Tag(u8),
}

pub fn name(name: Name) -> Vec<u8> {
    match name {
        Name::Key(number) => key(number).to_vec(),
        Name::Tag(number) => tag(number).to_vec(),
    }
}

const PATTERNS: [&str; 4] = ["user{id=1}", "user", "u*", "order{id=2,region=eu}"];
const EVENTS: [(&str, &[(&str, &str)]); 4] = [
    ("user", &[("id", "1")]),
    ("user", &[("id", "2")]),
    ("order", &[("id", "2"), ("region", "eu")]),
    ("upload", &[]),
];

/// Which pattern names which event, written down rather than computed.
pub fn event_matches(pattern: u8, event: u8) -> bool {
    const TABLE: [[bool; 4]; 4] = [
        [true, false, false, false],
        [true, true, false, false],
        [true, true, false, true],
        [false, false, true, false],
    ];
    TABLE[pattern as usize][event as usize]
}

pub fn patterns() -> Vec<EventPattern> {
    PATTERNS.iter().map(|text| EventPattern::parse(text).expect("well formed")).collect()
}

pub fn events() -> Vec<Event> {
    let attributes =
        |list: &[(&str, &str)]| list.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    EVENTS.iter().map(|(name, list)| Event::new(name, attributes(list)).expect("well formed")).collect()
}
