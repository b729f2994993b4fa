//! When values were overwritten: looked up by halving, not by walking.

use super::order::{KeyOrders, OrderPlace};
use crate::history::{Covered, Deed, Found, Got, History};
use crate::names::{Class, KeyId};
use crate::queue::Micros;

/// Something that makes older values old.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// Values from before it are old: a version, or a time.
    from: u64,
    /// From this moment on they may be called overwritten: the earliest of this one and all later ones.
    at: Micros,
}

/// Changes in order of `from`.
#[derive(Debug, Default)]
struct Line(Vec<Change>);

impl Line {
    fn close(&mut self) {
        self.0.sort_by_key(|change| change.from);
        let mut least = Micros::MAX;
        for change in self.0.iter_mut().rev() {
            least = least.min(change.at);
            change.at = least;
        }
    }

    /// When something of `from` or less was first overwritten.
    fn after(&self, from: u64) -> Micros {
        let next = self.0.partition_point(|change| change.from <= from);
        self.0.get(next).map_or(Micros::MAX, |change| change.at)
    }
}

/// The index of a history.
#[derive(Debug)]
pub struct Index {
    orders: KeyOrders,
    /// By key: commits by version, at the time when the cluster knew (commits through it: the commit itself).
    known: Vec<Line>,
    /// By key: commits by version, at their own time.
    commits: Vec<Line>,
    /// By key: commits by time, for values that are made from that key.
    by_time: Vec<Line>,
    /// By key: writes by their place, for keys that are not ordered by the source alone.
    ranked: Vec<Line>,
    /// The same for what others committed at their source, at its own time.
    behind: Vec<Line>,
    /// Invalidations by the time when they were asked for, at the time when they were acknowledged.
    keys: Vec<Line>,
    tags: Vec<Line>,
    events: Vec<Line>,
    classes: [Line; 3],
    everything: Line,
    /// By write: when it was acknowledged.
    acknowledged: Vec<Micros>,
}

impl Index {
    /// Reads a history.
    pub fn new(history: &History) -> Index {
        let keys = history.names.key_count() as usize;
        let lines = |count: usize| (0..count).map(|_| Line::default()).collect::<Vec<_>>();
        let mut index = Index {
            orders: KeyOrders::new(history),
            known: lines(keys),
            commits: lines(keys),
            by_time: lines(keys),
            ranked: lines(keys),
            behind: lines(keys),
            keys: lines(keys),
            tags: lines(history.names.tag_count() as usize),
            events: lines(history.names.events.told_count() as usize),
            classes: [Line::default(), Line::default(), Line::default()],
            everything: Line::default(),
            acknowledged: vec![Micros::MAX; history.source.writes.len()],
        };
        index.add_commits(history);
        index.add_ops(history);
        index.close();
        index
    }

    fn add_commits(&mut self, history: &History) {
        for (commit, version) in history.source.log.iter().zip(1..) {
            let key = commit.key as usize;
            let known = if commit.through { commit.at } else { commit.told.unwrap_or(Micros::MAX) };
            self.known[key].0.push(Change { from: version, at: known });
            self.commits[key].0.push(Change { from: version, at: commit.at });
            self.by_time[key].0.push(Change { from: commit.at, at: known });
            let others = !commit.through && history.names.class(commit.key) != Class::Source;
            if let Some(place) = self.orders.place(commit.key, version).filter(|_| others) {
                self.ranked[key].0.push(Change { from: place.least, at: known });
                self.behind[key].0.push(Change { from: place.least, at: commit.at });
            }
        }
    }

    fn add_ops(&mut self, history: &History) {
        for op in &history.ops {
            let Got::Done { version, .. } = op.got else { continue };
            match op.deed {
                Deed::Write(_, write) => {
                    // A fill is as old as its miss.
                    let miss = history.fills.get(&write).map(|&read| history.ops[read as usize].end);
                    self.acknowledged[write as usize] = miss.unwrap_or(op.end);
                    let counts =
                        history.names.class(op.key) != Class::Source && history.lost_at(op).is_none();
                    let version = version.filter(|_| counts);
                    if let Some(place) = version.and_then(|version| self.orders.place(op.key, version)) {
                        self.ranked[op.key as usize].0.push(Change { from: place.least, at: op.end });
                    }
                }
                Deed::Invalidate(covered, _) => {
                    self.invalidates(covered, Change { from: op.begin, at: op.end });
                }
                Deed::Read(_)
                | Deed::Touch(_)
                | Deed::Hold(..)
                | Deed::Cancel(_)
                | Deed::TakeToken { .. } => {}
            }
        }
        for &(hold, at) in &history.effects {
            let op = &history.ops[hold as usize];
            if let Deed::Hold(covered, later) = op.deed {
                self.invalidates(covered, Change { from: super::held::earliest(history, op, later), at });
            }
        }
    }

    fn invalidates(&mut self, covered: Covered, change: Change) {
        let line = match covered {
            Covered::Key(key) => &mut self.keys[key as usize],
            Covered::Tag(tag) => &mut self.tags[tag as usize],
            Covered::Event(event) => &mut self.events[event as usize],
            Covered::Class(letter) => &mut self.classes[class_place(letter)],
            Covered::Everything => &mut self.everything,
        };
        line.0.push(change);
    }

    fn close(&mut self) {
        let by_key = [
            &mut self.known,
            &mut self.commits,
            &mut self.by_time,
            &mut self.ranked,
            &mut self.behind,
            &mut self.keys,
        ];
        by_key
            .into_iter()
            .flatten()
            .chain(&mut self.tags)
            .chain(&mut self.events)
            .chain(&mut self.classes)
            .for_each(Line::close);
        self.everything.close();
    }

    /// The place of a version in its key's order.
    pub fn order(&self, key: KeyId, version: u64) -> Option<OrderPlace> {
        self.orders.place(key, version)
    }

    /// When somebody else than the cluster committed something newer than what has this place.
    pub fn next_behind(&self, key: KeyId, place: u64) -> Micros {
        self.behind[key as usize].after(place)
    }

    /// The newest place of what was acknowledged, or of what others committed; 0 for none.
    pub fn newest(&self, key: KeyId) -> u64 {
        self.ranked[key as usize].0.last().map_or(0, |change| change.from)
    }

    /// When a source's value was overwritten by a commit.
    pub fn next_commit(&self, key: KeyId, version: u64) -> Micros {
        self.commits[key as usize].after(version)
    }

    /// When what a read found was overwritten, as far as the cluster could know: never is `Micros::MAX`.
    pub fn overwritten(&self, history: &History, key: KeyId, found: &Found) -> Micros {
        let class = history.names.class(key);
        let by_value = match class {
            Class::Source => self.known[key as usize].after(found.version),
            // That there is none is always allowed for a key without source, and says nothing of when.
            _ if found.value.is_none() => return Micros::MAX,
            _ => self
                .order(key, found.version)
                .map_or(Micros::MAX, |order| self.ranked[key as usize].after(order.most)),
        };
        by_value.min(self.invalidated(history, key, found))
    }

    /// When what a read found was made old by an invalidation, or by a commit to what it was made from.
    pub fn invalidated(&self, history: &History, key: KeyId, found: &Found) -> Micros {
        let Some(value) = found.value else { return Micros::MAX };
        let class = history.names.class(key);
        let since = match class {
            Class::Source => value.read,
            Class::Cache => self.acknowledged[value.write as usize],
            // A value in the journal is the truth, whatever is invalidated.
            Class::Back => return Micros::MAX,
        };
        let tag = self.tags[history.source.tag_of(value.write) as usize].after(since);
        let names = self.keys[key as usize].after(since).min(tag).min(self.everything.after(since));
        let names = names.min(self.classes[class as usize].after(since));
        let patterns = history.source.event_of(value.write);
        let reached =
            (0..self.events.len()).filter(|&told| history.names.events.covers(told as u32, patterns));
        let names = reached.map(|told| self.events[told].after(since)).fold(names, Micros::min);
        match history.names.depends(key) {
            Some(on) => {
                names.min(self.by_time[on as usize].after(since)).min(self.keys[on as usize].after(since))
            }
            None => names,
        }
    }
}

/// Where a class's line is.
fn class_place(letter: char) -> usize {
    match letter {
        's' => Class::Source as usize,
        'b' => Class::Back as usize,
        _ => Class::Cache as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_earliest_of_all_later_changes() {
        let change = |(from, at)| Change { from, at };
        let mut line = Line([(3, 30), (1, 50), (2, 40)].map(change).to_vec());
        line.close();
        assert_eq!((line.after(0), line.after(1), line.after(2), line.after(3)), (30, 30, 30, Micros::MAX));
    }
}
