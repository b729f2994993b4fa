//! The checkers: what was promised, looked for in what was seen. Each is a function over a history and nothing else.

mod answered;
mod bounded;
mod converged;
mod durable;
mod expired;
mod filled;
mod genuine;
mod held;
mod index;
mod linear;
mod newest;
mod order;
mod session;
#[cfg(test)]
mod small;
mod waited;

use crate::history::History;
use crate::queue::Micros;
pub use index::Index;

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Who saw it.
    pub checker: &'static str,
    /// When.
    pub at: Micros,
    /// The operation, where it is one.
    pub op: Option<u32>,
    /// The key, where it is about one.
    pub key: Option<u32>,
    /// What is wrong.
    pub text: String,
}

/// Names of all checkers, those within steps (`owners`, `views`, `panics`), on the links (`wire`) and at the end (`settled`) included.
pub const NAMES: [&str; 17] = [
    "owners",
    "views",
    "panics",
    "wire",
    "strong",
    "session",
    "bounded",
    "age",
    "waited",
    "durable",
    "expired",
    "filled",
    "genuine",
    "held",
    "converged",
    "answered",
    "settled",
];

/// The oldest value that reads of each of [`BOUNDS_MS`] returned, in microseconds since it was overwritten.
pub type Oldest = [Micros; BOUNDS_MS.len()];

/// The bounds that clients ask for.
pub const BOUNDS_MS: [u64; 3] = [500, 2000, 5000];

/// What looking at a history gave.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was wrong.
    pub violations: Vec<Violation>,
    /// What bounded reads saw.
    pub oldest_bounded: Oldest,
}

/// Looks at a history with all checkers.
pub fn all(history: &History) -> Verdict {
    let index = Index::new(history);
    let mut violations = Vec::new();
    linear::check(history, &index, &mut violations);
    session::check(history, &index, &mut violations);
    let oldest_bounded = bounded::check(history, &index, &mut violations);
    waited::check(history, &mut violations);
    durable::check(history, &mut violations);
    expired::check(history, &mut violations);
    filled::check(history, &mut violations);
    genuine::check(history, &mut violations);
    held::check(history, &mut violations);
    converged::check(history, &index, &mut violations);
    answered::check(history, &mut violations);
    violations.sort_by_key(|violation| violation.at);
    Verdict { violations, oldest_bounded }
}

/// A violation by an operation.
fn by_op(history: &History, checker: &'static str, op: u32, text: String) -> Violation {
    let at = &history.ops[op as usize];
    let end = if at.end == Micros::MAX { at.begin } else { at.end };
    Violation { checker, at: end, op: Some(op), key: Some(at.key), text }
}

/// Milliseconds as text.
fn ms(us: Micros) -> String {
    format!("{:.3} ms", us as f64 / 1000.0)
}
