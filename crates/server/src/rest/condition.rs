//! ETags and the headers that make a request conditional.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::problem::Problem;
use crate::node::{Condition, Node};

/// An entry's ETag. It begins with the node's run, so that no tag from before a restart can match; the view, the raw bytes
/// and these compressed are representations, so their tags differ.
pub fn etag(node: &Node, stamp: u64, form: &str) -> String {
    format!("\"{:x}-{stamp}{form}\"", node.run_id())
}

/// The raw bytes.
pub const RAW: &str = "";
/// The entry's view.
pub const VIEW: &str = "-view";
/// The raw bytes, compressed on the way.
pub const ZSTD: &str = "-zstd";

/// What one of these headers names.
struct NamedStamps {
    /// `*`: any entry.
    any: bool,
    /// Entries of this run of the node, by their stamps.
    stamps: Vec<u64>,
}

impl NamedStamps {
    /// `None`: there is no such header.
    fn by(headers: &HeaderMap, name: HeaderName, node: &Node) -> Option<NamedStamps> {
        let mut given = headers.get_all(name).into_iter().peekable();
        given.peek()?;
        let run = format!("{:x}-", node.run_id());
        let words = given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let words: Vec<&str> = words.map(str::trim).collect();
        let stamp = |word: &&str| {
            let bare = word.trim_start_matches("W/").trim_matches('"');
            let form = [VIEW, ZSTD].into_iter().find_map(|form| bare.strip_suffix(form));
            form.unwrap_or(bare).strip_prefix(&run)?.parse().ok()
        };
        Some(NamedStamps { any: words.contains(&"*"), stamps: words.iter().filter_map(stamp).collect() })
    }

    fn covers(&self, stamp: u64) -> bool {
        stamp != 0 && (self.any || self.stamps.contains(&stamp))
    }
}

/// Whether a reader already has this entry (`If-None-Match`).
pub fn is_known(headers: &HeaderMap, node: &Node, stamp: u64) -> bool {
    NamedStamps::by(headers, header::IF_NONE_MATCH, node).is_some_and(|named| named.covers(stamp))
}

/// What `If-Match` and `If-None-Match` ask of a change, where `stamp` is the entry's just now: the node decides it in the step
/// that changes the entry.
pub fn of_change(headers: &HeaderMap, node: &Node, stamp: u64) -> Option<Condition> {
    /// No entry has it.
    const NEVER: Condition = Condition::Stamp(0);
    let wanted = NamedStamps::by(headers, header::IF_MATCH, node);
    let unwanted = NamedStamps::by(headers, header::IF_NONE_MATCH, node);
    match (wanted, unwanted) {
        (Some(_), Some(unwanted)) if unwanted.any || unwanted.covers(stamp) => Some(NEVER),
        (Some(wanted), _) if wanted.any => Some(Condition::Present),
        // Of several one can be the entry's, and no entry gets a stamp again that another one had.
        (Some(wanted), _) => {
            let one = wanted.stamps.iter().find(|&&one| one == stamp).or(wanted.stamps.first());
            Some(one.map_or(NEVER, |&one| Condition::Stamp(one)))
        }
        (None, Some(unwanted)) if unwanted.any => Some(Condition::Absent),
        (None, Some(unwanted)) if unwanted.covers(stamp) => Some(NEVER),
        (None, _) => None,
    }
}

/// The answer to a change whose condition does not hold for the entry with this stamp (0: none).
pub fn failed(headers: &HeaderMap, node: &Node, stamp: u64) -> Problem {
    let header = if headers.contains_key(header::IF_MATCH) { "If-Match" } else { "If-None-Match" };
    let problem =
        |detail: String| Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail);
    if stamp == 0 {
        return problem(format!("{header} does not hold: there is no such entry"));
    }
    let tag = etag(node, stamp, RAW);
    problem(format!("{header} does not hold: the entry's ETag is {tag}")).with(header::ETAG, tag)
}
