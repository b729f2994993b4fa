//! What one step decided, on its way to be carried out.

use std::vec::IntoIter;

use clearwell_cluster::{
    Answer, Apply, Ask, Bytes, Event, Job, Message, Outbox, Outcome, Persist, Ticket, To,
};
use clearwell_engine::{Applied, Invalidation};

use crate::turns::{Changes, Turn};

/// The outputs of one step. [`Host::next`](crate::Host::next) takes them out one by one, in the order of [`Outbox`].
#[derive(Debug)]
pub struct Batch {
    pub(crate) turn: Turn,
    /// A key whose value lies in the store already, of which the index of keys does not know yet.
    pub(crate) stored: Option<Bytes>,
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
            stored: None,
            persist: out.persist.into_iter(),
            apply: out.apply.into_iter(),
            ask: out.ask.into_iter(),
            send: out.send.into_iter(),
            answer: out.answer.into_iter(),
            tell: out.tell.into_iter(),
        }
    }

    /// The same for what was decided while the key was held whose value is stored with it.
    pub(crate) fn of_stored(turn: Turn, out: Outbox, key: Option<Bytes>) -> Batch {
        Batch { stored: key, ..Batch::new(turn, out) }
    }

    /// The change of the store that comes next, if that is what comes next.
    pub fn next_apply(&self) -> Option<&Apply> {
        self.apply.as_slice().first().filter(|_| self.persist.as_slice().is_empty())
    }

    /// What carrying out its next output changes.
    pub(crate) fn what_is_next(&self) -> Changes {
        let is_done =
            self.stored.is_none() && self.persist.as_slice().is_empty() && self.apply.as_slice().is_empty();
        if is_done { Changes::Nothing } else { self.turn.changes() }
    }

    /// Whether what comes next is true however far earlier batches are: the answer of one that took away, to whoever asked for that; news.
    pub(crate) fn answers_for_itself(&self, next: Changes) -> bool {
        let only_answers = self.ask.as_slice().is_empty() && self.send.as_slice().is_empty();
        let took_away = self.turn.changes() == Changes::TakesAway || self.answer.as_slice().is_empty();
        next == Changes::Nothing && only_answers && took_away
    }

    /// Whether nothing is left but news, which make no difference to anybody who is not there any more.
    pub fn is_settled(&self) -> bool {
        self.stored.is_none()
            && self.persist.as_slice().is_empty()
            && self.apply.as_slice().is_empty()
            && self.ask.as_slice().is_empty()
            && self.send.as_slice().is_empty()
            && self.answer.as_slice().is_empty()
    }
}

/// What carrying out the next output led to.
#[derive(Debug)]
pub enum Next {
    /// Nothing: an earlier batch has something left for the disk or the store, which comes first. Carry on with that one, or wait
    /// for the thread that does ([`Host::wait`](crate::Host::wait)).
    Waits,
    /// What an invalidation covers was taken away.
    Invalidated(Invalidation, Applied),
    /// Nothing: what this batch or an earlier one handed to the disk does not last yet. Carry on after [`Host::lasts`](crate::Host::lasts).
    Unsynced,
    /// The store was changed, or looked at for a question that is answered later ([`Host::work`](crate::Host::work)). `refused` says
    /// that a value was not kept.
    Did {
        /// Whether a value was not kept.
        refused: bool,
    },
    /// The store has answered. To be given back as [`Input::Done`](clearwell_cluster::Input::Done).
    Done(Job, Outcome),
    /// To be handed to the disk, behind all that was handed to it before. The host hears when it lasts
    /// ([`Host::lasts`](crate::Host::lasts)); the batch is carried on with meanwhile.
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
