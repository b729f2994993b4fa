//! What one step decided, on its way to be carried out.

use std::vec::IntoIter;

use clearwell_cluster::{Answer, Apply, Ask, Event, Job, Message, Outbox, Outcome, Persist, Ticket, To};

/// The outputs of one step. [`Host::next`](crate::Host::next) takes them out one by one, in the order of [`Outbox`].
#[derive(Debug)]
pub struct Batch {
    pub(crate) turn: Turn,
    pub(crate) persist: IntoIter<Persist>,
    pub(crate) apply: IntoIter<Apply>,
    pub(crate) ask: IntoIter<(Job, Ask)>,
    pub(crate) send: IntoIter<(To, Message)>,
    pub(crate) answer: IntoIter<(Ticket, Answer)>,
    pub(crate) tell: IntoIter<Event>,
}

impl Batch {
    pub(crate) fn new(turn: Turn, out: Outbox) -> Batch {
        Batch {
            turn,
            persist: out.persist.into_iter(),
            apply: out.apply.into_iter(),
            ask: out.ask.into_iter(),
            send: out.send.into_iter(),
            answer: out.answer.into_iter(),
            tell: out.tell.into_iter(),
        }
    }

    /// The change of the store that comes next, if that is what comes next.
    pub fn next_apply(&self) -> Option<&Apply> {
        self.apply.as_slice().first().filter(|_| self.persist.as_slice().is_empty())
    }

    /// Whether nothing is left but news, which make no difference to anybody who is not there any more.
    pub fn is_settled(&self) -> bool {
        self.persist.as_slice().is_empty()
            && self.apply.as_slice().is_empty()
            && self.ask.as_slice().is_empty()
            && self.send.as_slice().is_empty()
            && self.answer.as_slice().is_empty()
    }
}

/// What carrying out the next output led to.
#[derive(Debug)]
pub enum Next {
    /// Nothing: an earlier batch has something left for the disk or the store, which comes first. Carry on with that one.
    Waits,
    /// The store was changed, or looked at for a question that is answered later ([`Host::work`](crate::Host::work)). `refused` says
    /// that a value was not kept.
    Did {
        /// Whether a value was not kept.
        refused: bool,
    },
    /// The store has answered. To be given back as [`Input::Done`](clearwell_cluster::Input::Done).
    Done(Job, Outcome),
    /// To be written to disk. It must last before this batch is carried on with.
    Persist(Persist),
    /// A statement for the source; its outcome comes back as [`Input::Done`](clearwell_cluster::Input::Done).
    Ask(Job, Ask),
    /// To be sent.
    Send(To, Message),
    /// To be answered.
    Answer(Ticket, Answer),
    /// To be told to whoever wants to know.
    Tell(Event),
}

/// A batch's place among those that change disk or store, which they do in the order of the steps: so many earlier ones have to be
/// through with it.
#[derive(Debug)]
pub(crate) struct Turn {
    after: u64,
    /// Whether later batches wait for this one.
    is_open: bool,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    given: u64,
    done: u64,
}

impl Turns {
    /// The turn of a batch that was decided just now.
    pub fn give(&mut self, changes: bool) -> Turn {
        let turn = Turn { after: self.given, is_open: changes };
        self.given += u64::from(changes);
        turn
    }

    /// Whether all changes before a turn have been made.
    pub fn has_come(&self, turn: &Turn) -> bool {
        self.done >= turn.after
    }

    /// A batch whose turn it is has made its changes.
    pub fn end(&mut self, turn: &mut Turn) {
        if std::mem::take(&mut turn.is_open) {
            debug_assert_eq!(self.done, turn.after, "changes are made in the order of the steps");
            self.done += 1;
        }
    }

    /// Whether all changes that were decided have been made.
    pub fn all_are_done(&self) -> bool {
        self.done == self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_changes_nothing_waits_for_those_before_it_and_for_no_others() {
        let mut turns = Turns::default();
        let (mut reads_before, mut changes) = (turns.give(false), turns.give(true));
        let (reads, mut later) = (turns.give(false), turns.give(true));
        turns.end(&mut reads_before);
        assert!(turns.has_come(&reads_before) && turns.has_come(&changes));
        assert!(!turns.has_come(&reads) && !turns.has_come(&later) && !turns.all_are_done());
        turns.end(&mut changes);
        turns.end(&mut changes);
        assert!(turns.has_come(&reads) && turns.has_come(&later) && !turns.all_are_done());
        turns.end(&mut later);
        assert!(turns.all_are_done());
    }
}
