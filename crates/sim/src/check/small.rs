//! Small histories by hand, for the checkers' own tests.

use std::num::NonZeroU64;

use clearwell_cluster::Level;
use clearwell_cluster::request::Strategy;

use super::{Violation, all};
use crate::history::{Covered, Deed, Found, Got, History, Op, RANKS};
use crate::names::{KeyId, Names};
use crate::queue::Micros;
use crate::source::Source;
use crate::value::{Value, WriteId};

/// Key 0 has a source, key 3 depends on key 1; key 6 is written back, key 8 has no source.
pub const SOURCE: KeyId = 0;
pub const BACK: KeyId = 6;
pub const CACHE: KeyId = 8;

/// A history in the making. Times are milliseconds.
pub struct Small(pub History);

impl Small {
    pub fn new() -> Small {
        let names = Names::new(10, 3);
        let source = Source::new(&names, 8, 0);
        Small(History::new(names, source))
    }

    fn op(&mut self, client: u16, begin: u64, end: u64, key: KeyId, deed: Deed, got: Got) -> u32 {
        let op = Op { begin: begin * 1000, end: Micros::MAX, client, host: 0, key, deed, got: Got::Nothing };
        let index = self.0.begin(op);
        self.0.end(index, end * 1000, got);
        index
    }

    /// A commit of a new write, through the cluster or behind its back (known when `told`).
    pub fn commit(&mut self, at: u64, key: KeyId, told: Option<u64>) -> (WriteId, u64) {
        let write = self.0.source.intend(key, false);
        let version = self.0.source.commit(write, told.is_none(), true, at * 1000).0;
        self.0.source.log.last_mut().expect("just committed").told = told.map(|at| at * 1000);
        (write, version)
    }

    /// An acknowledged write with its version.
    pub fn wrote(
        &mut self,
        client: u16,
        time: (u64, u64),
        key: KeyId,
        how: Strategy,
        write: WriteId,
        version: u64,
    ) {
        self.0.rank(write, version);
        let got = Got::Done { version: Some(version), survives: true };
        self.op(client, time.0, time.1, key, Deed::Write(how, write), got);
    }

    /// A write of a key that only the cache orders, acknowledged.
    pub fn put(&mut self, client: u16, time: (u64, u64), key: KeyId, place: u64) -> WriteId {
        let write = self.0.source.intend(key, false);
        self.wrote(client, time, key, Strategy::CacheOnly, write, RANKS + place);
        write
    }

    /// A read from the owner.
    pub fn read(
        &mut self,
        client: u16,
        time: (u64, u64),
        key: KeyId,
        level: Level,
        what: (WriteId, u64),
        read: u64,
    ) {
        let value = (what.0 != 0).then_some(Value { write: what.0, read: read * 1000 });
        let found = Found { value, version: what.1, local: false, age_ms: None };
        self.op(client, time.0, time.1, key, Deed::Read(level), Got::Value(found));
    }

    /// A read from the memory of the host, with the age that it told.
    pub fn local(
        &mut self,
        at: u64,
        key: KeyId,
        level: Level,
        what: (WriteId, u64),
        read: u64,
        age_ms: Option<u64>,
    ) {
        let value = Some(Value { write: what.0, read: read * 1000 });
        let found = Found { value, version: what.1, local: true, age_ms };
        self.op(0, at, at, key, Deed::Read(level), Got::Value(found));
    }

    /// An acknowledged invalidation.
    pub fn invalidated(&mut self, client: u16, time: (u64, u64), covered: Covered, wait: bool) {
        let got = Got::Done { version: None, survives: true };
        self.op(client, time.0, time.1, 0, Deed::Invalidate(covered, wait), got);
    }

    /// An acknowledged touch; without a version when it found nothing.
    pub fn touched(
        &mut self,
        client: u16,
        time: (u64, u64),
        key: KeyId,
        ttl_ms: Option<NonZeroU64>,
        version: Option<u64>,
    ) {
        self.op(client, time.0, time.1, key, Deed::Touch(ttl_ms), Got::Done { version, survives: true });
    }

    /// Anything else that was asked, and answered.
    pub fn asked(&mut self, client: u16, time: (u64, u64), deed: Deed, got: Got) -> u32 {
        self.op(client, time.0, time.1, SOURCE, deed, got)
    }

    /// A token is handed over.
    pub fn hand_over(&mut self, from: u16, to: u16, at: u64) {
        let got = Got::Done { version: None, survives: true };
        self.op(to, at, at, 0, Deed::TakeToken { from }, got);
    }

    /// Who sees something wrong.
    pub fn seen_by(&self) -> Vec<&'static str> {
        let mut seen: Vec<&str> =
            all(&self.0).violations.iter().map(|violation: &Violation| violation.checker).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }
}
