//! ETags and the headers that make a request conditional.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::problem::{Problem, Reply};
use crate::node::Node;

/// An entry's ETag. It begins with the node's run, so that no tag from before a restart can match; the view and the raw
/// bytes are two representations, so their tags differ.
pub fn etag(node: &Node, stamp: u64, view: bool) -> String {
    format!("\"{:x}-{stamp}{}\"", node.run_id, if view { VIEW } else { "" })
}

const VIEW: &str = "-view";

/// Whether one of the tags in a header (or `*`) is that of the entry; `None`: there is no such header.
fn names(headers: &HeaderMap, name: HeaderName, node: &Node, stamp: u64) -> Option<bool> {
    let mut given = headers.get_all(name).into_iter().peekable();
    given.peek()?;
    let tag = format!("{:x}-{stamp}", node.run_id);
    let is_it = |word: &str| {
        let word = word.trim();
        let bare = word.trim_start_matches("W/").trim_matches('"');
        stamp != 0 && (word == "*" || bare.strip_suffix(VIEW).unwrap_or(bare) == tag)
    };
    Some(given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(is_it))
}

/// Whether a reader already has this entry (`If-None-Match`).
pub fn is_known(headers: &HeaderMap, node: &Node, stamp: u64) -> bool {
    names(headers, header::IF_NONE_MATCH, node, stamp).unwrap_or(false)
}

/// Refuses a change whose `If-Match` or `If-None-Match` does not hold for the entry as it is now (stamp 0: none).
pub fn check(headers: &HeaderMap, node: &Node, stamp: u64) -> Reply<()> {
    let failed = |detail: &str| {
        let problem =
            |detail: String| Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail);
        if stamp == 0 {
            return problem(format!("{detail}: there is no such entry"));
        }
        let tag = etag(node, stamp, false);
        problem(format!("{detail}: the entry's ETag is {tag}")).with(header::ETAG, tag)
    };
    if names(headers, header::IF_MATCH, node, stamp) == Some(false) {
        return Err(failed("If-Match does not hold"));
    }
    if names(headers, header::IF_NONE_MATCH, node, stamp) == Some(true) {
        return Err(failed("If-None-Match does not hold"));
    }
    Ok(())
}
