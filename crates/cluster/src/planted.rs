//! Bugs that can be switched on, so that the simulator proves that it would have seen them.

/// One deliberate bug. They work only with the feature `planted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Planted {
    /// The owner notes who will hold a copy when it answers, long after it has read the value.
    InterestAfterRead,
    /// A load counts as current as of its end.
    LoadStampedAtEnd,
    /// Marks are forgotten and the floor stays.
    MarksWithoutFloor,
    /// A record counts as surviving before a replica has it.
    AckBeforeReplication,
    /// A voter grants leases in views that are over, and tells nobody.
    EpochIgnored,
    /// A holder takes records as they come.
    NoGapDetection,
    /// A holder's lease begins when the answer arrives.
    LeaseFromArrival,
    /// Waiting and serving count the same time on clocks of different speed.
    NoDriftMargin,
    /// New owners begin before old owners' leases have ended.
    FailoverAtOnce,
    /// Copies are served without the proof that they are current.
    ReplicaTrusted,
    /// A record for an absent holder is dropped and nobody is told.
    HintDropped,
    /// The records of tags are left out of a replay.
    TagNotReplayed,
    /// An old release takes away a newer interest.
    ReleaseWithoutTicket,
    /// The owner shows values that could still be lost.
    UncommittedRead,
    /// What a handed over slot contained wins over newer records.
    StateOverRecords,
    /// A new owner keeps values of keys whose writes may still be under way.
    IntentForgotten,
    /// `wait` does not wait for holders that do not answer.
    ReadLeaseIgnored,
    /// A write-back is acknowledged while only the owner has it.
    JournalAlone,
    /// A client's fill is kept whatever came since its miss.
    LateFill,
    /// A commit of the source leaves values that only the cache has versions for.
    RankCompared,
    /// A value on its way to the source hides what others commit after it.
    FlushHides,
    /// A part of a slot that is not confirmed after a fixed time is given up, and its slot begun anew.
    TransferTimeout,
    /// A voter that helps to choose a view forgets the leases that it granted itself.
    GrantsForgotten,
    /// Nobody is told that the memory gave a copy up.
    EvictionUntold,
    /// Slots that differ are handed over once more, whatever differs in them.
    DigestChurn,
    /// The codec reads entries without their tags.
    TagsUnread,
    /// The codec skips what the tail of a stream's word says.
    TailUnread,
    /// A view names only those who lost slots in it, and none who lost some before and may still act.
    LosersForgotten,
    /// A loser counts as stopped when any process of its node was heard of, in any view.
    AnyWordStops,
    /// What a replica is sent loses its time of expiry.
    TtlLost,
    /// A read of the store does not wait for changes that were decided before it.
    ApplyLag,
    /// A replica does not keep what is held in the slots that it follows.
    HoldLost,
    /// A copy is judged by what is proven of it once all changes that were decided lie in the store, while they do not.
    ProofEarly,
    /// A batch sends and answers before what it wrote to disk lasts.
    SendBeforeSync,
    /// A walk over a store that goes on after other work leaves a place out.
    WalkSkips,
    /// A holder is given an owner's word before it was told of all that stands before it in the log.
    WordBeforeRecords,
    /// A write that is to wait for replicas is acknowledged when its owner has it.
    AckIgnored,
    /// No key needs a fence.
    Unfenced,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 38] = [
        Planted::InterestAfterRead,
        Planted::LoadStampedAtEnd,
        Planted::MarksWithoutFloor,
        Planted::AckBeforeReplication,
        Planted::EpochIgnored,
        Planted::NoGapDetection,
        Planted::LeaseFromArrival,
        Planted::NoDriftMargin,
        Planted::FailoverAtOnce,
        Planted::ReplicaTrusted,
        Planted::HintDropped,
        Planted::TagNotReplayed,
        Planted::ReleaseWithoutTicket,
        Planted::UncommittedRead,
        Planted::StateOverRecords,
        Planted::IntentForgotten,
        Planted::ReadLeaseIgnored,
        Planted::JournalAlone,
        Planted::LateFill,
        Planted::RankCompared,
        Planted::FlushHides,
        Planted::TransferTimeout,
        Planted::GrantsForgotten,
        Planted::EvictionUntold,
        Planted::DigestChurn,
        Planted::TagsUnread,
        Planted::TailUnread,
        Planted::LosersForgotten,
        Planted::AnyWordStops,
        Planted::TtlLost,
        Planted::ApplyLag,
        Planted::ProofEarly,
        Planted::SendBeforeSync,
        Planted::WalkSkips,
        Planted::HoldLost,
        Planted::WordBeforeRecords,
        Planted::AckIgnored,
        Planted::Unfenced,
    ];
}
