//! The read of what lies in memory: the rule by which a copy is served.

use clearwell_cluster::{Bytes, Level, Planted, Service, Token};
use clearwell_engine::{Ask, Lookup, Millis, OnMiss, Tolerate, View};

use crate::Host;

impl Host {
    /// Shows the copy of a key to `read`, when it may be served at this level to a session that has seen `token`, with the age of the
    /// proof that it is current in milliseconds (`None`: nothing proves it, and the answer is marked stale). `None`: the read is to be
    /// asked of the deciding part.
    ///
    /// While changes that were decided are on their way into the store, it may be older than what the deciding part can prove; while
    /// something does not last on disk yet, it may be what a crash takes back. Then nothing is proven. Nor is anything where changes were
    /// decided and carried out between the copy being found and being judged: what is known by then may be why it has gone.
    pub fn look<R>(
        &self,
        now: Millis,
        key: &[u8],
        level: Level,
        token: &Token,
        read: impl FnOnce(&View<'_>, Option<u64>) -> R,
    ) -> Option<R> {
        let may_be_unproven = matches!(level, Level::Eventual | Level::Weak);
        let found = self.settled();
        if !may_be_unproven && found.is_none() {
            return None;
        }
        let tolerate = if level == Level::Weak { Tolerate::Stale } else { Tolerate::Fresh };
        let ask = Ask { now, tolerate, on_miss: OnMiss::Pass, early_refresh: 0.0, chance: 1.0, class: 0 };
        let judged = self.engine.lookup(key, ask, |view| {
            let (service, judged) = self.judge(now, view, level, token);
            let settled = judged.is_some() && judged == found;
            let Service::Serve { age_ms } = service else { return None };
            let is_proven = settled && !view.stale();
            (settled || may_be_unproven).then(|| read(view, age_ms.filter(|_| is_proven)))
        });
        match judged {
            Lookup::Hit { read, .. } => read,
            Lookup::Miss { .. } | Lookup::Lead(_) | Lookup::Wait(_) => None,
        }
    }

    /// Whether an entry may be served at this level, asked while its shard is held. For what is changed under its lock ([`Host::shared`]): an
    /// invalidation is acknowledged only after it was applied here or this node's lease has ended, so what still lies here under a lease was not
    /// acknowledged to be old.
    pub fn may_serve_view(&self, now: Millis, view: &View<'_>, level: Level, token: &Token) -> bool {
        matches!(self.judge(now, view, level, token).0, Service::Serve { .. })
    }

    /// What the deciding part says of an entry that is held here, and when the store was as it was decided then: while it judges,
    /// nothing is decided.
    fn judge(&self, now: Millis, view: &View<'_>, level: Level, token: &Token) -> (Service, Option<u64>) {
        let key = Bytes::from(view.key());
        let tags: Vec<Bytes> = view.tags().map(Bytes::from).collect();
        let dependencies: Vec<Bytes> = view.dependencies().map(Bytes::from).collect();
        let actor = self.deciding.actor();
        (actor.may_serve(now, &key, (&tags, &dependencies), level, token), self.settled())
    }

    /// How many turns were given, if the store is as it was decided and all of that lasts.
    fn settled(&self) -> Option<u64> {
        let turns = &self.deciding.turns;
        match self.has(Planted::ProofEarly) {
            true => Some(0),
            false => turns.settled().filter(|_| turns.all_lasts()),
        }
    }
}
