//! What is known of a key's past, step by step.

use crate::history::{HistoryEvent, HistoryLine, Made, Through, UNKNOWN};
use crate::ledger::Noted;
use crate::shared::Standing;
use crate::{Cause, Millis};

/// What became of a key, as far as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    /// What its entry is worth now; `None`: it has none.
    pub standing: Option<Standing>,
    /// Oldest first.
    pub steps: Vec<Step>,
    /// What happened to the key until then may be forgotten; `None`: nothing is forgotten. What an entry that stands says of
    /// itself is known all the same.
    pub forgotten: Option<Millis>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When; `None`: that is forgotten. Reads are known to about a second.
    pub at: Option<Millis>,
    /// What happened.
    pub state: State,
    /// The invalidation behind it.
    pub by: By,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An entry came to be.
    Created(Made),
    /// Its value was replaced so many times, the last time in this way and then; 65,535 stands for as many or more.
    Overwritten(Made, u16),
    /// It was read so many times, the last time then.
    Accessed(u32),
    /// It was marked stale.
    Stale,
    /// Its time was over.
    Expired,
    /// What it was made from changed, or somebody said so.
    Invalidated,
    /// A plain SET was refused that may be newer than it.
    Doubted,
    /// Its time was over, and it was invalidated: which came first is forgotten.
    Unclear,
    /// It left for space.
    Evicted,
    /// A client removed it.
    Removed,
    /// So many fills were refused, the first one then: something that covers them was invalidated after their loads began.
    Refused(u16),
}

/// Which invalidation was behind a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// None was.
    Nothing,
    /// This one, and what it reached the entry by.
    Invalidation(Noted, Through),
    /// One that reached it by this; which one is forgotten.
    Forgotten(Through),
}

impl By {
    /// The invalidation, if it is known.
    pub fn invalidation(&self) -> Option<&Noted> {
        match self {
            By::Invalidation(noted, _) => Some(noted),
            By::Nothing | By::Forgotten(_) => None,
        }
    }
}

/// Steps from lines in the order of writing. What was written down about an entry while it stood comes before its end.
pub(crate) fn steps(lines: &[(HistoryLine, bool)], noted: impl Fn(&HistoryLine) -> By) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut waiting: Vec<(Millis, Step)> = Vec::new();
    for (line, ended) in lines {
        match line.what {
            HistoryEvent::Staled if *ended => waiting.push((line.at, step(line, State::Stale, &noted))),
            HistoryEvent::Refused => waiting.push((line.at, step(line, State::Refused(line.writes), &noted))),
            _ => {
                let begins = waiting.iter().position(|(at, step)| {
                    *at >= line.first && (*at > line.first || step.state == State::Stale)
                });
                let within = waiting.split_off(begins.unwrap_or(waiting.len()));
                steps.extend(waiting.drain(..).map(|(_, step)| step));
                // The memory of one that has ended for its readers may be given back later.
                let over = |at: Millis| at > line.at || at == line.at && line.what == HistoryEvent::Expired;
                let after = |(at, step): &(Millis, Step)| *ended && over(*at) && step.at.is_some();
                let (after, within) = within.into_iter().partition(after);
                life(line, *ended, within, &noted, &mut steps);
                waiting = after;
            }
        }
    }
    steps.extend(waiting.into_iter().map(|(_, step)| step));
    steps
}

/// The steps of one entry.
fn life(
    line: &HistoryLine,
    ended: bool,
    within: Vec<(Millis, Step)>,
    noted: &impl Fn(&HistoryLine) -> By,
    steps: &mut Vec<Step>,
) {
    let plain = |at: Millis, state| (at, Step { at: Some(at), state, by: By::Nothing });
    steps.push(plain(line.first, State::Created(line.made)).1);
    let mut between = within;
    if line.writes > 0 {
        between.push(plain(line.written, State::Overwritten(line.rewritten, line.writes)));
    }
    if line.reads > 0 {
        let read = Millis(u64::from(line.read_at) * 1000).max(line.first);
        between.push(plain(read, State::Accessed(line.reads)));
    }
    between.sort_by_key(|(at, _)| *at);
    steps.extend(between.into_iter().map(|(_, step)| step));
    let state = match line.what {
        HistoryEvent::Expired => State::Expired,
        HistoryEvent::Invalidated => State::Invalidated,
        HistoryEvent::Doubted => State::Doubted,
        HistoryEvent::Unclear => State::Unclear,
        HistoryEvent::Evicted => State::Evicted,
        HistoryEvent::Removed => State::Removed,
        HistoryEvent::Staled | HistoryEvent::Refused => return,
    };
    if ended {
        steps.push(step(line, state, noted));
    }
}

fn step(line: &HistoryLine, state: State, noted: &impl Fn(&HistoryLine) -> By) -> Step {
    let by = match state {
        State::Stale | State::Invalidated | State::Unclear | State::Refused(_) | State::Removed => {
            noted(line)
        }
        _ => By::Nothing,
    };
    // A removal of everything that was seen by its mark first.
    let removed = state == State::Invalidated
        && matches!(&by, By::Invalidation(noted, Through::Key) if noted.cause == Cause::Removal);
    let state = if removed { State::Removed } else { state };
    Step { at: (line.at != UNKNOWN).then_some(line.at), state, by }
}
