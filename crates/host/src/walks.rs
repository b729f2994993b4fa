//! Questions about many entries, which are answered as soon as the index is whole: it is made between other work.

use std::collections::VecDeque;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

use clearwell_cluster::{Bytes, Job, Outcome, Part, Slot, digest};
use clearwell_engine::Millis;
use parking_lot::Mutex;

use crate::Host;
use crate::index::Index;

/// Questions that are not answered yet.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    questions: Mutex<VecDeque<Question>>,
    /// Whether there are any, for who only asks that.
    any: AtomicBool,
}

impl Walks {
    fn push(&self, question: Question) {
        let mut questions = self.questions.lock();
        questions.push_back(question);
        self.any.store(true, Release);
    }

    fn pop(&self) -> Option<Question> {
        let mut questions = self.questions.lock();
        let first = questions.pop_front();
        self.any.store(!questions.is_empty(), Release);
        first
    }
}

/// What is asked of a part of slots.
#[derive(Debug)]
pub(crate) struct Question {
    pub job: Job,
    pub part: Part,
    pub most: Most,
}

/// How much of it is wanted at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Most {
    /// Entries that take so many bytes.
    Bytes(usize),
    /// The digests of so many entries.
    Digests(usize),
}

impl Host {
    /// Whether questions wait for [`Host::work`].
    pub fn has_work(&self) -> bool {
        self.walks.any.load(Acquire)
    }

    /// Goes on for well below a millisecond with what one output could not finish. What is answered now is to be given back as
    /// [`Input::Done`](clearwell_cluster::Input::Done).
    pub fn work(&self, now: Millis) -> Vec<(Job, Outcome)> {
        if !self.has_work() {
            return Vec::new();
        }
        let mut index = self.index.lock();
        if !index.go_on(&self.engine, self.slots, now) {
            return Vec::new();
        }
        let question = self.walks.pop();
        question.map(|question| (question.job, self.answer(&mut index, &question, now))).into_iter().collect()
    }

    /// What a part contains, if that is known at once.
    pub(crate) fn question(&self, question: Question, now: Millis) -> Option<Outcome> {
        let mut index = self.index.lock();
        if !self.has_work() && index.go_on(&self.engine, self.slots, now) {
            return Some(self.answer(&mut index, &question, now));
        }
        self.walks.push(question);
        None
    }

    fn answer(&self, index: &mut Index, question: &Question, now: Millis) -> Outcome {
        match question.most {
            Most::Bytes(bytes) => self.exported(index, &question.part, bytes, now),
            Most::Digests(most) => self.digested(index, &question.part, most, now),
        }
    }

    /// The digests of entries of a part, and where they end when there are more. Keys that are not there any more leave the index.
    fn digested(&self, index: &mut Index, part: &Part, most: usize, now: Millis) -> Outcome {
        let (mut digests, mut gone) = (Vec::new(), Vec::new());
        let mut last: Option<&(Slot, Bytes)> = None;
        let (mut end, looked_at_most) = (None, 2 * index.slice());
        for (looked_at, place) in index.keys(part).enumerate() {
            if looked_at == looked_at_most || digests.len() == most {
                end = last.cloned();
                break;
            }
            last = Some(place);
            match self.digest_at(&place.1, now) {
                Some(digest) => digests.extend(digest.map(|digest| (place.1.clone(), digest))),
                None => gone.push(place.clone()),
            }
        }
        index.forget(&gone);
        Outcome::Digested { digests, end }
    }

    /// The digests of the entries of these keys.
    pub(crate) fn digests_of(&self, keys: Vec<Bytes>, now: Millis) -> Outcome {
        let digest = |key: Bytes| self.digest_at(&key, now).flatten().map(|digest| (key, digest));
        Outcome::Digested { digests: keys.into_iter().filter_map(digest).collect(), end: None }
    }

    /// The digest of the entry at a key; `Some(None)` for one that is stale.
    fn digest_at(&self, key: &[u8], now: Millis) -> Option<Option<u64>> {
        self.engine.peek(key, now, |view| {
            let digest = || digest::digest(view.key(), view.version().unwrap_or_default(), view.value());
            (!view.stale()).then(digest)
        })
    }
}
