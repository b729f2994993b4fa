//! An entry as JSON shows it.

use clearwell_engine::{Millis, View};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::names::{base64_unless_text, text, texts};
use super::words::rfc3339;
use crate::node::{Answer, Node};

/// An entry with all that is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// The key; bytes that are no UTF-8 are shown as U+FFFD.
    key: String,
    /// The key in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    /// The value: JSON as it was set; text as a string; null when it is not UTF-8.
    #[schema(value_type = serde_json::Value)]
    value: Box<RawValue>,
    /// The value in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    /// The media type it was stored with; null for plain text or bytes, as Redis clients store them.
    content_type: Option<String>,
    /// Seconds until it expires, rounded up; null: it does not.
    ttl: Option<u64>,
    /// Seconds that it was to live when that was said last, rounded up; null: for ever.
    original_ttl: Option<u64>,
    /// When it was stored (RFC 3339).
    created_at: String,
    /// When it was last read (RFC 3339), to about a second.
    last_accessed: String,
    /// How often it was read.
    access_count: u32,
    /// Keys and tags that it depends on.
    dependencies: Vec<String>,
    /// Names that it shares with other entries.
    tags: Vec<String>,
    /// Events after which it is old.
    events: Vec<String>,
    /// Higher stays longer under pressure.
    priority: u8,
    /// The source's order of this value; null without a source.
    version: Option<u64>,
    /// Whole seconds since its value was read from its source, or set.
    age: u64,
    /// Whether it is known to be old and was served because the reader allowed it.
    stale: bool,
    /// The level of freshness that was obtained.
    level: String,
    /// Why changes of its source may be missed just now; null while they are not.
    unverified: Option<String>,
    /// Whether its source's changes are told of; null for keys without a source.
    followed: Option<bool>,
    /// Which keyspace it is no key of but nearly, and what would be right; null for all others. Its value never reaches that
    /// keyspace's source.
    near: Option<String>,
}

/// What memory knows of an entry beside its value.
pub struct Beside {
    pub stamp: u64,
    pub created: Millis,
    pub expires: Option<Millis>,
    ttl_ms: Option<u64>,
    last_accessed: Millis,
    access_count: u32,
    dependencies: Vec<String>,
    tags: Vec<String>,
    events: Vec<String>,
    priority: u8,
}

impl Beside {
    fn of(view: &View<'_>) -> Beside {
        Beside {
            stamp: view.stamp(),
            created: view.created(),
            expires: view.expires(),
            ttl_ms: view.ttl_ms(),
            last_accessed: view.last_accessed(),
            access_count: view.access_count(),
            dependencies: texts(view.dependencies()),
            tags: texts(view.tags()),
            events: view.events().map(str::to_owned).collect(),
            priority: view.priority(),
        }
    }

    /// What memory knows beside an answer. What was served without being kept (its fill was refused, or its entry is
    /// gone again) has nothing beside it.
    pub fn answer(node: &Node, key: &[u8], answer: &Answer) -> Beside {
        let same = |view: &View<'_>| {
            view.stamp() == answer.stamp || (answer.stamp == 0 && view.value() == answer.value.as_deref())
        };
        let now = node.clock().tick();
        let kept = node.peek(key, |view| same(view).then(|| Beside::of(view))).flatten();
        kept.unwrap_or(Beside {
            stamp: answer.stamp,
            created: answer.created,
            expires: answer.expires,
            ttl_ms: answer.ttl_ms,
            last_accessed: now,
            access_count: 0,
            dependencies: Vec::new(),
            tags: Vec::new(),
            events: Vec::new(),
            priority: 0,
        })
    }
}

impl EntryView {
    pub fn new(node: &Node, key: &[u8], bytes: &[u8], answer: &Answer, beside: Beside) -> EntryView {
        let now = node.clock().tick();
        let (value, value_base64) = shown(bytes, answer.content_type.as_deref(), has_source(node, key));
        EntryView {
            key: text(key).into_owned(),
            key_base64: base64_unless_text(key),
            value,
            value_base64,
            content_type: answer.content_type.as_deref().map(str::to_owned),
            ttl: beside.expires.map(|at| seconds_left(at, now)),
            original_ttl: beside.ttl_ms.map(|ms| ms.div_ceil(1000)),
            created_at: rfc3339(node.clock().unix_ms_of(beside.created)),
            last_accessed: rfc3339(node.clock().unix_ms_of(beside.last_accessed)),
            access_count: beside.access_count,
            dependencies: beside.dependencies,
            tags: beside.tags,
            events: beside.events,
            priority: beside.priority,
            version: answer.version.map(|version| version.0),
            age: now.since(answer.created) / 1000,
            stale: answer.stale,
            level: answer.level.to_string(),
            unverified: answer.unverified.as_deref().map(str::to_owned),
            followed: answer.followed,
            near: node.near_told(key),
        }
    }
}

/// Whole seconds until a moment, rounded up.
pub fn seconds_left(at: Millis, now: Millis) -> u64 {
    at.since(now).div_ceil(1000)
}

/// Whether a key's values come from a source, which keeps text but no media types.
pub fn has_source(node: &Node, key: &[u8]) -> bool {
    node.has_source(key)
}

/// A value as JSON, and in base64 where it is no text (decision 0004).
fn shown(bytes: &[u8], content_type: Option<&str>, sourced: bool) -> (Box<RawValue>, Option<String>) {
    let null = || RawValue::NULL.to_owned();
    let Ok(value) = std::str::from_utf8(bytes) else {
        return (null(), base64_unless_text(bytes));
    };
    let is_structure = value.starts_with(['{', '[']);
    if content_type == Some("application/json") || (sourced && content_type.is_none() && is_structure) {
        // A Redis client may have changed what was set as JSON, and a source may hold what only looks like it.
        if let Ok(json) = RawValue::from_string(value.trim().to_owned()) {
            return (json, None);
        }
    }
    (serde_json::value::to_raw_value(value).unwrap_or_else(|_| null()), None)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn values_come_back_as_they_were_set() {
        const JSON: Option<&str> = Some("application/json");
        for (bytes, content_type, sourced, expected, base64) in [
            (&b"abc"[..], None, false, "\"abc\"", None),
            (b"42", None, false, "\"42\"", None),
            (b"42", JSON, false, "42", None),
            (b"12345678901234567890123.50", JSON, false, "12345678901234567890123.50", None),
            (b"null", JSON, false, "null", None),
            (b"{\"a\": [1, 2]}", JSON, false, "{\"a\": [1, 2]}", None),
            (b"{\"a\":1}", None, false, "\"{\\\"a\\\":1}\"", None),
            (b"{\"a\":1}", None, true, "{\"a\":1}", None),
            (b"{\"a\":", None, true, "\"{\\\"a\\\":\"", None),
            (b"42", None, true, "\"42\"", None),
            (b"no json", JSON, false, "\"no json\"", None),
            (b"\xff\x00", None, false, "null", Some("/wA=")),
        ] {
            let (value, in_base64) = shown(bytes, content_type, sourced);
            assert_eq!((value.get(), in_base64.as_deref()), (expected, base64));
        }
    }
}
