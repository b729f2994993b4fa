//! Keys that are written, read and removed.

use std::collections::HashMap;

use super::{Promises, Stale, Verdict, Violation};
use crate::clock::{Micros, SECOND, seconds};
use crate::history::{AskedLevel, ClientKey, ClientOp, Did, KeyClass, Outcome};

pub const OVERWRITTEN: &str = "what was overwritten is not read";
pub const REMOVED: &str = "what was removed or invalidated is not read";
pub const LOST: &str = "an acknowledged write is not lost";
pub const EXPIRED: &str = "nothing is read past its expiry";
pub const INVENTED: &str = "what is read was written";
pub const REFUSED: &str = "what was refused is not done";

/// When a change surely was done, and when it began.
struct Floor<'h> {
    ended: Micros,
    /// The newest beginning among this one and those that ended earlier, and whose that is.
    began: Micros,
    op: &'h ClientOp,
}

/// Changes that were acknowledged, in the order of their ends.
struct ChangeFloors<'h>(Vec<Floor<'h>>);

impl<'h> ChangeFloors<'h> {
    fn of(changes: impl Iterator<Item = &'h ClientOp>) -> ChangeFloors<'h> {
        let mut floors: Vec<Floor<'h>> =
            changes.map(|op| Floor { ended: op.ended, began: op.began, op }).collect();
        floors.sort_by_key(|floor| floor.ended);
        for at in 1..floors.len() {
            if floors[at - 1].began > floors[at].began {
                (floors[at].began, floors[at].op) = (floors[at - 1].began, floors[at - 1].op);
            }
        }
        ChangeFloors(floors)
    }

    /// The newest of those that ended before.
    fn before(&self, time: Micros) -> Option<&Floor<'h>> {
        let at = self.0.partition_point(|floor| floor.ended < time);
        at.checked_sub(1).map(|at| &self.0[at])
    }

    /// When the first of those ended that began after.
    fn first_after(&self, began: Micros) -> Option<Micros> {
        self.0.iter().filter(|floor| floor.op.began > began).map(|floor| floor.op.ended).min()
    }
}

/// A write, and when it had happened at the latest.
struct ClientWrite<'h> {
    op: &'h ClientOp,
    happened: Micros,
    ttl: Option<Micros>,
}

struct Register<'h, 'p> {
    key: ClientKey,
    promises: &'p Promises,
    written: HashMap<u64, ClientWrite<'h>>,
    /// Acknowledged writes that last, and what takes away.
    writes: ChangeFloors<'h>,
    removals: ChangeFloors<'h>,
    /// The same without invalidations of tags: a weak read is given what nothing proves.
    own_removals: ChangeFloors<'h>,
    /// Whether or not they last: staleness is measured by all.
    all: ChangeFloors<'h>,
    removed: Vec<&'h ClientOp>,
}

/// Judges the reads of a key.
pub fn check(key: ClientKey, ops: &[&ClientOp], promises: &Promises, verdict: &mut Verdict) {
    let register = Register::of(key, ops, promises);
    for op in ops {
        let Some((level, value)) = op.saw() else { continue };
        let judged = match value {
            Some(value) => register.judge(op, level, value),
            None => register.judge_absence(op),
        };
        verdict.violations.extend(judged.err().map(|violation| *violation));
        if let Some(age) = register.staleness(op, value) {
            verdict.stale.push(Stale { at: op.began, age, level });
        }
    }
}

fn is_done(op: &ClientOp) -> bool {
    op.outcome == Outcome::Done
}

impl<'h, 'p> Register<'h, 'p> {
    fn of(key: ClientKey, ops: &[&'h ClientOp], promises: &'p Promises) -> Register<'h, 'p> {
        let mut written = HashMap::new();
        for op in ops {
            if let Did::Write { value, ttl_ms, .. } = op.did {
                let happened = if is_done(op) { op.ended } else { Micros::MAX };
                written
                    .insert(value, ClientWrite { op, happened, ttl: ttl_ms.map(|ms| ms * SECOND / 1_000) });
            }
        }
        for op in ops {
            if let Some((_, Some(value))) = op.saw()
                && let Some(written) = written.get_mut(&value)
            {
                written.happened = written.happened.min(op.ended);
            }
        }
        let is_write = |op: &&ClientOp| matches!(op.did, Did::Write { .. });
        let is_removal = |op: &&ClientOp| matches!(op.did, Did::Remove(_) | Did::Invalidate(_));
        let done = || ops.iter().copied().filter(|op| is_done(op));
        Register {
            key,
            promises,
            written,
            writes: ChangeFloors::of(done().filter(is_write).filter(|op| promises.lasts(op.ended))),
            removals: ChangeFloors::of(done().filter(is_removal)),
            own_removals: ChangeFloors::of(done().filter(|op| matches!(op.did, Did::Remove(_)))),
            all: ChangeFloors::of(done().filter(|op| is_write(op) || is_removal(op))),
            removed: ops.iter().copied().filter(is_removal).collect(),
        }
    }

    fn judge(&self, read: &ClientOp, level: AskedLevel, value: u64) -> Result<(), Box<Violation>> {
        let broken =
            |promise, why: String, shown: &[&ClientOp]| Err(Box::new(Violation::new(promise, why, shown)));
        let Some(ClientWrite { op: write, happened, ttl }) = self.written.get(&value) else {
            return broken(INVENTED, format!("nobody wrote {value:x}"), &[read]);
        };
        if write.began > read.ended {
            return broken(INVENTED, format!("{value:x} was written later"), &[write, read]);
        }
        if matches!(write.outcome, Outcome::Refused(_)) {
            return broken(REFUSED, format!("{value:x} is there"), &[write, read]);
        }
        let removals = if level == AskedLevel::Weak { &self.own_removals } else { &self.removals };
        for (promise, floors) in [(OVERWRITTEN, &self.writes), (REMOVED, removals)] {
            if let Some(floor) = floors.before(read.began).filter(|floor| *happened < floor.began) {
                let late = seconds(read.began - floor.op.ended);
                let why = format!("{value:x} is read {late:.3} s after a later change was acknowledged");
                return broken(promise, why, &[write, floor.op, read]);
            }
        }
        let expired = ttl.map(|ttl| happened.saturating_add(ttl).saturating_add(self.promises.tick));
        match expired.filter(|expired| read.began > *expired) {
            Some(expired) => {
                let why = format!("{value:x} is read {:.3} s too late", seconds(read.began - expired));
                broken(EXPIRED, why, &[write, read])
            }
            None => Ok(()),
        }
    }

    /// That there is nothing needs a reason where a write was acknowledged. An entry with a tag may be missed, and one that expires may expire early.
    fn judge_absence(&self, read: &ClientOp) -> Result<(), Box<Violation>> {
        if self.key.class != KeyClass::Register {
            return Ok(());
        }
        let Some(floor) = self.writes.before(read.began) else { return Ok(()) };
        let taken_away = |removal: &&&ClientOp| {
            removal.began < read.ended && !matches!(removal.outcome, Outcome::Refused(_))
        };
        let happened = |removal: &&ClientOp| if is_done(removal) { removal.ended } else { Micros::MAX };
        let newest = self.removed.iter().filter(taken_away).map(happened).max();
        // The write that its owner may have lost was there, too: what it had overwritten is what came back.
        if newest.is_some_and(|newest| newest >= floor.began) {
            return Ok(());
        }
        let why = format!("nothing is read {:.3} s after it", seconds(read.began - floor.op.ended));
        Err(Box::new(Violation::new(LOST, why, &[floor.op, read])))
    }

    /// For how long what a read showed had been overwritten.
    fn staleness(&self, read: &ClientOp, value: Option<u64>) -> Option<Micros> {
        let written = self.written.get(&value?)?;
        self.all.before(read.began).filter(|floor| written.happened < floor.began)?;
        let ended = self.all.first_after(written.happened)?;
        Some(read.began.saturating_sub(ended))
    }
}
