//! Which arguments are keys.

use std::ops::Range;

use crate::args::Args;
use crate::command::{Command, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::number::parse_i64;

/// The places of a request's keys among its arguments, in order.
#[derive(Clone, Debug)]
pub struct KeyPositions {
    specs: &'static [KeySpec],
    /// The run that is being walked: next place, one past the last, step.
    next: usize,
    end: usize,
    step: usize,
    access: KeyAccess,
    len: usize,
}

/// The keys among `args` by the table; for commands with movable keys, by their options.
pub fn keys(command: &Command, args: Args<'_>) -> KeyPositions {
    let mut positions = KeyPositions {
        specs: command.keys,
        next: 0,
        end: 0,
        step: 1,
        access: KeyAccess::Peek,
        len: args.len(),
    };
    let movable = match command.id {
        CommandId::CwInvalidate => counted_keys_of_invalidate(args).map(|run| (run, KeyAccess::Delete)),
        CommandId::CwDependencies => key_of_dependencies(args).map(|run| (run, KeyAccess::Peek)),
        CommandId::CwWarmKeys | CommandId::CwWarmPattern | CommandId::CwWarmTags => {
            counted_keys_of_invalidate(args).map(|run| (run, KeyAccess::Overwrite))
        }
        _ => None,
    };
    if let Some((run, access)) = movable {
        positions.next = run.start;
        positions.end = run.end;
        positions.access = access;
    }
    positions
}

/// `KEYS n key ...` among the options of CW.INVALIDATE and CW.WARM, whose other words may be called anything, `keys` included.
fn counted_keys_of_invalidate(args: Args<'_>) -> Option<Range<usize>> {
    let mut at = 1usize;
    while let Some(word) = args.get(at) {
        let count =
            || args.get(at.saturating_add(1)).and_then(parse_i64).and_then(|n| usize::try_from(n).ok());
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let width = if is("keys") {
            return run(args, at.saturating_add(2), count()?);
        } else if is("tags") || is("dependencies") {
            count()?.saturating_add(2)
        } else if is("attributes") {
            count()?.saturating_mul(2).saturating_add(2)
        } else if is("mode") {
            let mode = args.get(at.saturating_add(1)).unwrap_or(&[]);
            let takes_more = mode.eq_ignore_ascii_case(b"delayed") || mode.eq_ignore_ascii_case(b"on-event");
            if takes_more { 3 } else { 2 }
        } else if ["pattern", "prefix", "event", "cascade", "coalesce", "rate"].into_iter().any(is) {
            2
        } else {
            1
        };
        at = at.saturating_add(width);
    }
    None
}

/// The key stands alone, or before TRANSITIVE; else all are listed.
fn key_of_dependencies(args: Args<'_>) -> Option<Range<usize>> {
    let alone = args.len() == 2;
    let transitive = args.len() == 3 && args.get(2)?.eq_ignore_ascii_case(b"transitive");
    (alone || transitive).then_some(1..2)
}

/// `count` arguments from `first`, or as many as there are.
fn run(args: Args<'_>, first: usize, count: usize) -> Option<Range<usize>> {
    let end = first.saturating_add(count).min(args.len());
    (first < end).then_some(first..end)
}

impl KeyPositions {
    /// The next key's place and what happens to it.
    pub fn next_with_access(&mut self) -> Option<(usize, KeyAccess)> {
        while self.next >= self.end {
            let (spec, rest) = self.specs.split_first()?;
            self.specs = rest;
            self.next = spec.first;
            self.end = match usize::try_from(spec.last) {
                Ok(last) => last.saturating_add(1).min(self.len),
                Err(_) => self.len,
            };
            self.step = spec.step.max(1);
            self.access = spec.access;
        }
        let place = self.next;
        self.next = place.saturating_add(self.step);
        Some((place, self.access))
    }
}

impl Iterator for KeyPositions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.next_with_access().map(|(place, _)| place)
    }
}
