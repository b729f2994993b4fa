//! Judges a history: is each read as fresh as its level promises, and did every acknowledged write happen?
//!
//! Values carry the version that the database gave them, so that no order has to be searched for: each read is compared
//! with the oldest version that it may show, its floor. A read costs as much as the interleaving has operations.

use super::chain::{Chains, Version};
use super::history::{Did, History, Key, Level, Op, Outcome, Scope, Seen, Strategy, Us};

/// What is asked of the feed.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long after a commit an eventual read may still show what was before it.
    pub feed: Us,
    /// How long ago the node has heard of the source at most when it says that a value is not stale.
    pub quiet: Us,
    /// How long after an outage things may still fail.
    pub recovery: Us,
}

/// What must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The promise that was broken.
    pub rule: &'static str,
    /// The operation that shows it.
    pub op: Op,
    pub why: String,
}

/// The first violation of a history, if there is any.
pub fn check(history: &History, bounds: Bounds) -> Result<(), Box<Violation>> {
    let chains = Chains::of(history);
    let checker = Checker { history, chains, bounds };
    history.ops.iter().try_for_each(|op| {
        let judged = match (&op.did, &op.outcome) {
            (_, Outcome::Failed(why)) => checker.failure(op, why),
            (Did::Read(key, level), Outcome::Saw(seen)) => checker.read(op, *key, *level, seen),
            (Did::Write { key, id, strategy, bad }, _) => checker.write(op, *key, *id, *strategy, *bad),
            _ => Ok(()),
        };
        judged.map_err(|(rule, why)| Box::new(Violation { rule, op: op.clone(), why }))
    })
}

pub type Judged = Result<(), (&'static str, String)>;

pub struct Checker<'h> {
    history: &'h History,
    pub chains: Chains,
    pub bounds: Bounds,
}

/// The oldest version that may be shown, and by what promise.
#[derive(Clone, Copy)]
pub struct Floor {
    pub n: u64,
    rule: &'static str,
}

impl Floor {
    pub fn raise(&mut self, n: u64, rule: &'static str) {
        if n > self.n {
            *self = Floor { n, rule };
        }
    }
}

impl Checker<'_> {
    /// Failing is allowed while the source is away, where a value is refused, and to a transaction that meets another.
    fn failure(&self, op: &Op, why: &str) -> Judged {
        let allowed = match &op.did {
            Did::Write { bad, .. } => *bad,
            Did::Sql { .. } => true,
            Did::Read(..) | Did::Remove(_) | Did::Invalidate { .. } => false,
        };
        let away = self.history.was_away(op.began.saturating_sub(self.bounds.recovery), op.ended);
        if allowed || away { Ok(()) } else { Err(("nothing fails without a cause", why.into())) }
    }

    /// An acknowledged write is in the database, unless a later one was written back over it.
    fn write(&self, op: &Op, key: Key, id: u32, strategy: Strategy, bad: bool) -> Judged {
        let Some(row) = key.row() else { return Ok(()) };
        let is_logged = self.chains.by(row, id).is_some();
        match (strategy, bad) {
            (Strategy::Back, true) => Ok(()),
            (_, true) => Err(("a refused write is not acknowledged", format!("write {id} is bad"))),
            (Strategy::Back, false) => {
                let covered = self.written_back(key).any(|(other, by, _)| by != id && other.ended > op.began);
                if is_logged || covered { Ok(()) } else { Err(LOST).map_err(|rule| (rule, lost(id))) }
            }
            (_, false) if is_logged => Ok(()),
            (_, false) => Err((LOST, lost(id))),
        }
    }

    /// Acknowledged or not, writes of a key through the node.
    fn writes(&self, of: Key) -> impl Iterator<Item = (&Op, u32)> {
        self.history.ops.iter().filter_map(move |op| match op.did {
            Did::Write { key, id, .. } if key == of => Some((op, id)),
            _ => None,
        })
    }

    /// Those that were written back, and whether the database would refuse them.
    fn written_back(&self, of: Key) -> impl Iterator<Item = (&Op, u32, bool)> {
        self.history.ops.iter().filter_map(move |op| match op.did {
            Did::Write { key, id, strategy: Strategy::Back, bad } if key == of => Some((op, id, bad)),
            _ => None,
        })
    }

    fn read(&self, op: &Op, key: Key, level: Level, seen: &Seen) -> Judged {
        self.claimed(op, key, level)?;
        let level = Checker::obtained(op, level);
        match (key, seen) {
            (Key::Only(_), Seen::Absent) => Ok(()),
            (Key::Only(_) | Key::Back(_), Seen::Raw(id)) => self.raw(op, key, level, *id),
            (Key::Group(group), Seen::Group(rows)) => self.group(op, level, group, rows),
            (Key::Group(group), Seen::Absent) => self.group(op, level, group, &[]),
            (Key::Aside(_), Seen::Absent) => Ok(()),
            (_, Seen::Absent) => self.absent(op, key, level),
            (_, Seen::Row(n, id)) => match key.row() {
                Some(row) => self.shown(op, key, level, row, *n, *id),
                None => Err((PHANTOM, format!("{seen:?}"))),
            },
            _ => Err((PHANTOM, format!("{seen:?}"))),
        }
    }

    /// A version of a row was shown.
    fn shown(&self, op: &Op, key: Key, level: Level, row: u8, n: u64, id: u32) -> Judged {
        let version = self.chains.find(row, n).filter(|version| version.id == Some(id));
        let Some(version) = version.filter(|version| version.group.is_some()) else {
            return Err((PHANTOM, format!("row {row} never had version {n} by write {id}")));
        };
        if version.lo > op.ended {
            return Err((PHANTOM, format!("version {n} was written after it was read")));
        }
        let floor = self.floor(op, key, level, row, Some(*version));
        if n < floor.n {
            return Err((
                floor.rule,
                format!("row {row} is shown at {n}; it may not be older than {}", floor.n),
            ));
        }
        Ok(())
    }

    fn absent(&self, op: &Op, key: Key, level: Level) -> Judged {
        let Some(row) = key.row() else { return Ok(()) };
        let floor = self.floor(op, key, level, row, None);
        self.hidden(op, row, floor, None)
    }

    /// A row was not shown: there was none, or none of this group, at or after the floor.
    fn hidden(&self, op: &Op, row: u8, floor: Floor, group: Option<u8>) -> Judged {
        let could_be = self.chains.row(row).iter().any(|version| {
            let fits = version.group.is_none() || group.is_some() && version.group != group;
            fits && version.n >= floor.n && version.lo <= op.ended
        });
        match could_be {
            true => Ok(()),
            false => {
                Err((floor.rule, format!("row {row} is not shown; it has been there since {}", floor.n)))
            }
        }
    }

    /// Rows of a group, as one statement read them.
    fn group(&self, op: &Op, level: Level, group: u8, rows: &[(u8, u64, u32)]) -> Judged {
        let key = Key::Group(group);
        let of = |row: u8| rows.iter().find(|(shown, ..)| *shown == row).map(|(_, n, id)| (*n, *id));
        for (row, n, id) in rows {
            self.shown(op, key, level, *row, *n, *id)?;
        }
        for row in self.chains.grouped() {
            if of(row).is_none() {
                let floor = self.floor(op, key, level, row, None);
                self.hidden(op, row, floor, Some(group))?;
            }
        }
        // Of a transaction, what is shown of one row is shown of all.
        for (row, n, _) in rows {
            for version in self.chains.row(*row).iter().filter(|version| 0 < version.n && version.n <= *n) {
                let Some(id) = version.id.filter(|id| *id > 0) else { continue };
                for other in self.chains.grouped() {
                    let Some(with) = self.chains.by(other, id) else { continue };
                    let whole = Floor { n: with.n, rule: "a transaction is seen whole" };
                    match of(other) {
                        Some((shown, _)) if shown < with.n => {
                            let why = format!("write {id} is seen in row {row} and not in row {other}");
                            return Err((whole.rule, why));
                        }
                        Some(_) => {}
                        None => self.hidden(op, other, whole, Some(group))?,
                    }
                }
            }
        }
        Ok(())
    }

    /// A value that a client wrote, and that does not say where it stands: nothing may have been written over it that was
    /// acknowledged before the read began.
    fn raw(&self, op: &Op, key: Key, level: Level, id: u32) -> Judged {
        let Some((wrote, _)) = self.writes(key).find(|(_, by)| *by == id) else {
            return Err((PHANTOM, format!("write {id} is of another key")));
        };
        if wrote.began > op.ended {
            return Err((PHANTOM, format!("write {id} began after it was read")));
        }
        self.aged(op, wrote)?;
        let is_fresh = op.claim.as_ref().is_some_and(|claim| !claim.stale);
        let level = if level == Level::Weak && is_fresh { Level::Eventual } else { level };
        if let Some(row) = key.row() {
            if level == Level::AtRest {
                return Err((CONVERGE, format!("write {id} is not flushed")));
            }
            // Flushed or not when it was read: what the level asks for is not older than what it was flushed as. An
            // invalidation takes away what was read, and not a write that is on its way.
            if let Some(version) = self.chains.by(row, id) {
                let floor = self.floor_of_level(op, key, level, row);
                if version.n < floor.n {
                    let why =
                        format!("write {id} is version {}; it may not be older than {}", version.n, floor.n);
                    return Err((floor.rule, why));
                }
                return Ok(());
            }
        }
        let over = self.history.ops.iter().find(|over| {
            let covers = match &over.did {
                Did::Write { key: of, bad, strategy, .. } => {
                    *of == key && (!bad || *strategy == Strategy::Back) && level != Level::Weak
                }
                Did::Remove(of) => *of == key,
                Did::Invalidate { scope: Scope::Keys(keys, _), held: false } => {
                    key.row().is_none() && keys.contains(&key) && level != Level::Weak
                }
                _ => false,
            };
            covers && over.outcome == Outcome::Done && wrote.ended < over.began && over.ended <= op.began
        });
        match over {
            Some(over) => Err(("what was overwritten is not read", format!("write {id} was, by: {over}"))),
            None => Ok(()),
        }
    }

    /// The oldest version of `row` that a read of `key` may show; `seen` is the one that it does show.
    fn floor(&self, op: &Op, key: Key, level: Level, row: u8, seen: Option<Version>) -> Floor {
        let mut floor = self.floor_of_level(op, key, level, row);
        if level != Level::Weak {
            self.raise_by_invalidations(op, key, row, seen, &mut floor);
        }
        if let Some(claim) = &op.claim {
            self.raise_by_claim(claim, op, key, row, seen, &mut floor);
        }
        floor
    }

    /// The same, whatever was invalidated.
    pub fn floor_of_level(&self, op: &Op, key: Key, level: Level, row: u8) -> Floor {
        let mut floor = Floor { n: 0, rule: PHANTOM };
        if level == Level::Weak {
            return floor;
        }
        if !matches!(key, Key::Aside(_)) {
            if let Some((cut, rule)) = self.cut(op, level) {
                floor.raise(self.chains.committed(row, cut), rule);
            }
            self.raise_by_writes(op, row, &mut floor);
        }
        if level == Level::Session {
            self.raise_by_session(op, key, row, &mut floor);
        }
        floor
    }

    /// Nothing is shown that was read before an invalidation of it.
    pub fn raise_by_invalidations(
        &self,
        op: &Op,
        key: Key,
        row: u8,
        seen: Option<Version>,
        floor: &mut Floor,
    ) {
        let (group, shown) = (seen.and_then(|version| version.group), seen.and_then(|version| version.id));
        // A write-through stores what it wrote when it is acknowledged: an invalidation meanwhile comes before it.
        let through = shown.and_then(|id| {
            self.history.ops.iter().find(
                |op| matches!(op.did, Did::Write { id: by, strategy: Strategy::Through, .. } if by == id),
            )
        });
        for before in self.history.ops.iter().filter(|before| before.ended <= op.began) {
            let covers = before.outcome == Outcome::Done && covers(&before.did, key, group);
            if covers && through.is_none_or(|wrote| wrote.ended <= before.began) {
                let n = self.chains.committed(row, before.began);
                floor.raise(n, "what was read before an invalidation is not read after it");
            }
        }
    }

    /// Up to when commits must be seen at this level.
    fn cut(&self, op: &Op, level: Level) -> Option<(Us, &'static str)> {
        match level {
            Level::Strong => Some((op.began, "strong: every commit before the read")),
            // Nothing is under way any more: all that the log has counts.
            Level::AtRest => Some((Us::MAX, CONVERGE)),
            Level::Bounded(ms) => {
                Some((op.began.saturating_sub(ms * 1000), "bounded: nothing overwritten longer ago"))
            }
            Level::Eventual | Level::Session => {
                let cut = op.began.saturating_sub(self.bounds.feed);
                // While the feed was away nobody told.
                let told = !self.history.was_away(cut, op.began);
                told.then_some((cut, "eventual: the feed has told of it long ago"))
            }
            Level::Weak => None,
        }
    }

    /// Whoever wrote through the node was answered after every copy was dropped.
    fn raise_by_writes(&self, op: &Op, row: u8, floor: &mut Floor) {
        const RULE: &str = "an acknowledged write is seen";
        for before in &self.history.ops {
            if before.outcome != Outcome::Done || before.ended > op.began {
                continue;
            }
            let n = match &before.did {
                Did::Write { key, id, strategy: Strategy::Back, .. } if key.row() == Some(row) => {
                    self.place_of_written_back(before, *key, *id)
                }
                Did::Write { key, id, .. } if key.row() == Some(row) => {
                    self.chains.by(row, *id).map(|version| version.n)
                }
                Did::Remove(key) if key.row() == Some(row) && matches!(key, Key::Doc(_)) => {
                    let removed = self.chains.row(row).iter().find(|version| version.id.is_none());
                    removed.map(|version| version.n)
                }
                _ => None,
            };
            floor.raise(n.unwrap_or(0), RULE);
        }
    }

    /// The version as which a written-back value, or one that was acknowledged after it and took its place, came to the
    /// database.
    fn place_of_written_back(&self, wrote: &Op, key: Key, id: u32) -> Option<u64> {
        let row = key.row()?;
        if let Some(version) = self.chains.by(row, id) {
            return Some(version.n);
        }
        let after = || self.written_back(key).filter(|(other, ..)| other.ended > wrote.began);
        // A refused value takes with it what it was written over.
        let may_be_refused = after().any(|(_, _, bad)| bad);
        let place = after().filter_map(|(_, by, _)| self.chains.by(row, by)).map(|version| version.n).min();
        place.filter(|_| !may_be_refused)
    }

    /// What this connection has read of the key before.
    fn raise_by_session(&self, op: &Op, key: Key, row: u8, floor: &mut Floor) {
        for before in &self.history.ops {
            let earlier = before.connection == op.connection && before.ended <= op.began;
            let Did::Read(of, level) = &before.did else { continue };
            if !earlier || *of != key || *level == Level::Weak {
                continue;
            }
            if let Outcome::Saw(Seen::Row(n, _)) = &before.outcome {
                floor.raise(*n, "session: reads do not go back");
            } else if let Outcome::Saw(Seen::Group(rows)) = &before.outcome {
                let shown = rows.iter().find(|(of, ..)| *of == row).map_or(0, |(_, n, _)| *n);
                floor.raise(shown, "session: reads do not go back");
            }
        }
    }
}

const PHANTOM: &str = "only what was written is read";
const LOST: &str = "an acknowledged write is not lost";
const CONVERGE: &str = "at rest, cache and database agree";

fn lost(id: u32) -> String {
    format!("write {id} is not in the database")
}

/// Whether this took away what a read of `key`, which showed a version in `group`, would otherwise find.
fn covers(did: &Did, key: Key, group: Option<u8>) -> bool {
    match did {
        Did::Remove(of) => *of == key || card_of(*of) == Some(key),
        Did::Invalidate { held: false, scope } => match scope {
            Scope::Keys(keys, cascade) => {
                keys.contains(&key) || *cascade && keys.iter().any(|of| card_of(*of) == Some(key))
            }
            Scope::Tag(tag) => key == Key::Group(*tag) || matches!(key, Key::Doc(_)) && group == Some(*tag),
            Scope::Docs { .. } => matches!(key, Key::Doc(_)),
        },
        _ => false,
    }
}

fn card_of(key: Key) -> Option<Key> {
    if let Key::Doc(row) = key { Some(Key::Card(row)) } else { None }
}
