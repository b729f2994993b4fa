//! Loads under way, and how they end.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clearwell_engine::{Draft, FillLease, Filled, Landing, Outcome, Seq};

use crate::history::Covered;
use crate::model::{Entry, Tale, Worth};
use crate::words;
use crate::world::{Load, Waiter, World, bytes};

impl World {
    pub fn drop_load(&mut self) {
        if !self.loads.is_empty() {
            let load = self.loads.swap_remove(self.random.usize(..self.loads.len()));
            let flight = (load.key, load.tick);
            let leads = load.lease.is_some();
            drop(load);
            if leads {
                self.landed(flight, |_| false);
            }
        }
    }

    pub fn end_load(&mut self) {
        if !self.loads.is_empty() {
            let index = self.random.usize(..self.loads.len());
            self.settle(self.loads[index].key);
            self.finish(index);
        }
    }

    pub fn finish(&mut self, index: usize) {
        let mut load = self.loads.swap_remove(index);
        let names = self.names(load.key);
        let entry = self.entry(load.value, names, false);
        match load.lease.take() {
            Some(lease) => self.land(&load, lease, entry),
            None if load.plain => self.offer(&load, entry),
            None => {
                let filled = self.with_draft(&entry, |engine, draft, now| {
                    engine.fill(&words::key(load.key), load.began, draft, now)
                });
                self.filled(&load, entry, filled);
            }
        }
    }

    pub fn land(&mut self, load: &Load, lease: FillLease, entry: Entry) {
        let flight = (load.key, load.tick);
        if self.random.u8(..10) == 0 {
            let failed = Outcome::Failed(Arc::new(std::fmt::Error));
            let filled = self.engine.land(lease, failed, &Draft::default(), self.now());
            self.agree(filled == Filled::Refused, "a failed load stored");
            self.landed(flight, |_| true);
            return;
        }
        let outcome = match entry.value {
            Some(value) => Outcome::Value(bytes(value).into()),
            None => Outcome::Absent,
        };
        let filled = self.with_draft(&entry, |engine, draft, now| engine.land(lease, outcome, draft, now));
        let stored = filled == Filled::Stored;
        self.filled(load, entry, filled);
        let began = load.began;
        self.landed(flight, |joined| stored || joined <= began);
    }

    /// The waiters of a flight are told; `good` says whether one that joined at a count gets the outcome.
    pub fn landed(&mut self, flight: (u8, u64), good: impl Fn(Seq) -> bool) {
        if self.flights.get(&flight.0) == Some(&flight.1) {
            self.flights.remove(&flight.0);
        }
        let mut context = Context::from_waker(Waker::noop());
        let (told, rest): (Vec<Waiter>, Vec<Waiter>) =
            std::mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.flight == flight);
        self.waiters = rest;
        for mut waiter in told {
            match waiter.waiting.as_mut().poll(&mut context) {
                Poll::Ready(landing) => {
                    let landed = matches!(landing, Landing::Landed(_));
                    self.agree(landed == good(waiter.joined), format_args!("a waiter was told {landing:?}"));
                }
                Poll::Pending => self.agree(false, "a waiter was forgotten"),
            }
        }
    }

    /// Compares what became of a fill.
    pub fn filled(&mut self, load: &Load, entry: Entry, filled: Filled) {
        let key = load.key;
        let covered = self.model.covered(key, &entry.names, load.tick);
        let newer = self.newer_stands(key, &entry);
        match filled {
            Filled::Stored => {
                self.agree(
                    covered != Covered::Surely,
                    format_args!(
                        "{key}: an old fill was stored; began {}, {:?}; {}",
                        load.tick,
                        entry.names,
                        Tale(&self.model, key)
                    ),
                );
                self.agree(!newer || !self.strict, format_args!("{key}: a newer version was overwritten"));
                self.store(key, entry);
            }
            Filled::Refused => {
                let may = covered != Covered::No || newer || !self.strict;
                self.agree(
                    may,
                    format_args!(
                        "{key}: a fill was refused for nothing; began {}; {}",
                        load.tick,
                        Tale(&self.model, key)
                    ),
                );
            }
            Filled::TooLarge(unfit) => self.agree(false, format_args!("{unfit:?}")),
        }
    }

    pub fn newer_stands(&self, key: u8, entry: &Entry) -> bool {
        let fresh = self.model.worth(key) == [Worth::Fresh];
        fresh && entry.version.is_some() && self.model.entries[&key].version > entry.version
    }

    pub fn store(&mut self, key: u8, entry: Entry) {
        let over = entry.expires.is_some_and(|expires| expires <= self.model.now);
        self.model.store(key, entry);
        let stamp = self.engine.stamp(&words::key(key), self.now());
        let fine = if stamp == 0 { over || !self.strict } else { self.stamps.insert(stamp) };
        self.agree(fine, format_args!("{key}: stamp {stamp}"));
    }
}
