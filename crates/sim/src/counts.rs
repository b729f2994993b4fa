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
    /// A host went on with a walk over its store after other work.
    SlicesOfWalks,
    /// An owner told holders of records that it had written in an earlier step.
    ToldLater,
    /// An owner went on with requests that could go on in an earlier step.
    AnsweredLater,
    /// A follower took more of a part that had come in an earlier step.
    TakenLater,
    /// What a tag, a pattern, an event or everything covers was taken away while a walk was under way.
    WideInWalk,
    /// A value was stored while a walk was under way.
    StoredInWalk,
    /// A client awaited several answers at once.
    AtOnce,
    /// A message was left out because the queue before its connection was full.
    QueueFull,
    /// A client wrote the key that it had read last.
    WritesWhatItRead,
    /// The feed told of a commit that the cluster had made itself.
    OwnCommitTold,
    /// Another node took the feed over while what its reader had asked for was not answered.
    FeedTakenOver,
    /// A host that was deaf to gossip was sent some.
    GossipUnheard,
    /// A view took a node away whose process ran.
    TakenForDead,
    /// A view had three voters or more and fewer than three owners that answered.
    VotersKept,
    /// A write was acknowledged while its owner alone had it.
    AckedAlone,
    /// One of these may have been lost with its owner.
    LostAlone,
    /// A statement of a former owner, which no fence refuses, was committed.
    LateTold,
}

impl Count {
    const ALL: [Count; 22] = [
        Count::Unsynced,
        Count::LostByCrash,
        Count::KeptByCrash,
        Count::FullDisk,
        Count::PutOffByDisk,
        Count::SlicesOfWalks,
        Count::ToldLater,
        Count::AnsweredLater,
        Count::TakenLater,
        Count::WideInWalk,
        Count::StoredInWalk,
        Count::AtOnce,
        Count::QueueFull,
        Count::WritesWhatItRead,
        Count::OwnCommitTold,
        Count::FeedTakenOver,
        Count::GossipUnheard,
        Count::TakenForDead,
        Count::VotersKept,
        Count::AckedAlone,
        Count::LostAlone,
        Count::LateTold,
    ];

    fn text(self) -> &'static str {
        match self {
            Count::Unsynced => "times a batch waited for a disk",
            Count::LostByCrash => "writes were lost on their way to a disk",
            Count::KeptByCrash => "writes on their way outlasted a crash",
            Count::FullDisk => "writes were refused by a full disk",
            Count::SlicesOfWalks => "slices of walks over a store, after other work",
            Count::ToldLater => "steps in which an owner told holders of earlier records",
            Count::AnsweredLater => "steps in which an owner went on with requests of earlier steps",
            Count::TakenLater => "steps in which a follower took more of a part",
            Count::WideInWalk => "wide invalidations came during a walk",
            Count::StoredInWalk => "values were stored during a walk",
            Count::QueueFull => "messages found the queue of their link full",
            Count::AtOnce => "times a client awaited several answers at once",
            Count::WritesWhatItRead => "writes of what the client had read just before",
            Count::OwnCommitTold => "commits of its own were told to the cluster by the feed",
            Count::FeedTakenOver => "times another node took the feed over, with answers outstanding",
            Count::GossipUnheard => "messages of gossip were not heard by hosts that are deaf to it",
            Count::TakenForDead => "processes that ran were taken for dead by a view",
            Count::VotersKept => "views kept three voters or more and counted on fewer nodes",
            Count::AckedAlone => "writes were acknowledged while their owners alone had them",
            Count::LostAlone => "of these may have been lost with their owners",
            Count::LateTold => "statements of former owners were committed late, and told by the feed",
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
