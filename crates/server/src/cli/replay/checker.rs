//! The database that the replay pretends to have, and the proof that no read was stale.
//!
//! A key's row changes in two ways: by a write of its own, and by a change of the group that it belongs to (an author
//! who is renamed). Both are counted; a value says at which counts it was read. A commit counts at once; when the
//! cache has acknowledged its invalidation, no read that is sent later may find an older value.

/// The counts of a key's own writes and of its group's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteCounts {
    /// Writes of the key.
    pub key: u32,
    /// Changes of its group.
    pub group: u32,
}

/// A commit that the cache has not acknowledged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// A key's own write: the key, and its count after it.
    Key(u32, u32),
    /// A group's change.
    Group(u32, u32),
}

/// What a value found by a read turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing newer had been acknowledged when the read was sent.
    Fresh,
    /// Something newer had been.
    Stale,
    /// No such row was ever committed.
    Impossible,
}

/// Keys in a group.
pub const GROUP: u32 = 8;

/// The group of a key: those that came up one after the other.
pub fn group_of(key: u32) -> u32 {
    key / GROUP
}

#[derive(Debug, Default, Clone, Copy)]
struct CheckedCounts {
    committed: u32,
    acknowledged: u32,
}

/// The database's counts and what the cache acknowledged of them. One caller at a time: the order of its calls is the
/// order in which commits, sends and replies happened.
#[derive(Debug, Default)]
pub struct Checker {
    keys: Vec<CheckedCounts>,
    groups: Vec<CheckedCounts>,
}

impl Checker {
    /// Adds the next key.
    pub fn add(&mut self) -> u32 {
        let key = u32::try_from(self.keys.len())
            .expect("a trace of four thousand million keys does not fit into memory");
        self.keys.push(CheckedCounts::default());
        if group_of(key) as usize == self.groups.len() {
            self.groups.push(CheckedCounts::default());
        }
        key
    }

    /// The row as the database holds it now.
    pub fn row(&self, key: u32) -> WriteCounts {
        WriteCounts { key: self.key(key).committed, group: self.group(key).committed }
    }

    /// Commits a write of the key.
    pub fn write(&mut self, key: u32) -> Commit {
        let counts = &mut self.keys[key as usize];
        counts.committed += 1;
        Commit::Key(key, counts.committed)
    }

    /// Commits a change of the whole group.
    pub fn change(&mut self, group: u32) -> Commit {
        let counts = &mut self.groups[group as usize];
        counts.committed += 1;
        Commit::Group(group, counts.committed)
    }

    /// The cache has acknowledged the commit's invalidation.
    pub fn acknowledge(&mut self, commit: Commit) {
        let (counts, count) = match commit {
            Commit::Key(key, count) => (&mut self.keys[key as usize], count),
            Commit::Group(group, count) => (&mut self.groups[group as usize], count),
        };
        counts.acknowledged = counts.acknowledged.max(count);
    }

    /// The oldest row that a read of `key` sent now may find.
    pub fn oldest(&self, key: u32) -> WriteCounts {
        WriteCounts { key: self.key(key).acknowledged, group: self.group(key).acknowledged }
    }

    /// Judges what a read found; `oldest` was taken when it was sent.
    pub fn judge(&self, key: u32, oldest: WriteCounts, found: WriteCounts) -> Finding {
        let row = self.row(key);
        match () {
            () if found.key > row.key || found.group > row.group => Finding::Impossible,
            () if found.key < oldest.key || found.group < oldest.group => Finding::Stale,
            () => Finding::Fresh,
        }
    }

    fn key(&self, key: u32) -> CheckedCounts {
        self.keys[key as usize]
    }

    fn group(&self, key: u32) -> CheckedCounts {
        self.groups[group_of(key) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_keys(keys: u32) -> Checker {
        let mut checker = Checker::default();
        for _ in 0..keys {
            checker.add();
        }
        checker
    }

    #[test]
    fn a_planted_stale_read_is_found() {
        let mut checker = with_keys(1);
        let old = checker.row(0);
        let commit = checker.write(0);
        let before_the_answer = checker.oldest(0);
        checker.acknowledge(commit);
        let after_the_answer = checker.oldest(0);
        assert_eq!(
            checker.judge(0, before_the_answer, old),
            Finding::Fresh,
            "the invalidation was under way"
        );
        assert_eq!(checker.judge(0, after_the_answer, old), Finding::Stale);
        assert_eq!(checker.judge(0, after_the_answer, checker.row(0)), Finding::Fresh);
    }

    #[test]
    fn a_change_of_the_group_makes_all_its_keys_stale_and_no_other() {
        let mut checker = with_keys(GROUP + 1);
        let rows: Vec<_> = (0..=GROUP).map(|key| checker.row(key)).collect();
        let commit = checker.change(0);
        checker.acknowledge(commit);
        let found: Vec<_> =
            (0..=GROUP).map(|key| checker.judge(key, checker.oldest(key), rows[key as usize])).collect();
        assert!(found[..GROUP as usize].iter().all(|finding| *finding == Finding::Stale));
        assert_eq!(found[GROUP as usize], Finding::Fresh);
    }

    #[test]
    fn answers_that_overtake_each_other_count_by_the_newest() {
        let mut checker = with_keys(1);
        let first = checker.write(0);
        let between = checker.row(0);
        let second = checker.write(0);
        checker.acknowledge(second);
        checker.acknowledge(first);
        assert_eq!(checker.judge(0, checker.oldest(0), between), Finding::Stale);
    }

    #[test]
    fn a_row_that_was_never_committed_is_impossible() {
        let checker = with_keys(1);
        let invented = WriteCounts { key: 1, group: 0 };
        assert_eq!(checker.judge(0, checker.oldest(0), invented), Finding::Impossible);
    }
}
