//! How often that happened in a world which a seed draws: a fault that never comes proves nothing.

use std::fmt;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A batch waited for a disk before it said anything; once more for each time that the disk was done with too little.
    Unsynced,
    /// A write that was on its way to the disk was gone after a crash.
    LostByCrash,
    /// One was there nevertheless.
    KeptByCrash,
    /// A full disk refused a write.
    FullDisk,
    /// Something reached a host that takes nothing in before its disk does.
    PutOffByDisk,
}

impl Count {
    const ALL: [Count; 5] =
        [Count::Unsynced, Count::LostByCrash, Count::KeptByCrash, Count::FullDisk, Count::PutOffByDisk];

    fn text(self) -> &'static str {
        match self {
            Count::Unsynced => "times a batch waited for a disk",
            Count::LostByCrash => "writes were lost on their way to a disk",
            Count::KeptByCrash => "writes on their way outlasted a crash",
            Count::FullDisk => "writes were refused by a full disk",
            Count::PutOffByDisk => "inputs waited for a host whose disk takes nothing",
        }
    }
}

/// How often each happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Count::ALL.len()]);

impl Counts {
    /// It happened so often.
    pub fn add(&mut self, what: Count, times: u64) {
        self.0[what as usize] += times;
    }
}

/// The same for many worlds.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountsOfWorlds {
    times: Counts,
    worlds: Counts,
}

impl CountsOfWorlds {
    /// One more world.
    pub fn add(&mut self, counts: &Counts) {
        for what in Count::ALL {
            let times = counts.0[what as usize];
            self.times.add(what, times);
            self.worlds.add(what, u64::from(times > 0));
        }
    }
}

/// A line each.
impl fmt::Display for CountsOfWorlds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, what) in Count::ALL.into_iter().enumerate() {
            let end = if at + 1 == Count::ALL.len() { "" } else { "\n" };
            let (times, worlds) = (self.times.0[what as usize], self.worlds.0[what as usize]);
            write!(f, "{times:>9} in {worlds} worlds: {}{end}", what.text())?;
        }
        Ok(())
    }
}
