//! How a member stands towards the others, for operators.

use clearwell_words::Millis;

use super::Member;
use crate::{NodeId, Peer, Position};

/// How a member stands towards the others, as it knows itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// For how long it may still act as an owner, in milliseconds; 0: it may not.
    pub lease_left_ms: u64,
    /// The last record of its log.
    pub head: Position,
    /// How many of its slots wait until their former owners have stopped.
    pub to_begin: usize,
    /// To whom it tells what it orders.
    pub followers: Vec<FollowerStanding>,
    /// Whose records it applies.
    pub owners: Vec<OwnerStanding>,
    /// The nodes of which an operator said that they will not come back, since this process began.
    pub forgotten: Vec<NodeId>,
}

/// Somebody to whom an owner tells what it orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowerStanding {
    /// Who.
    pub peer: Peer,
    /// It has applied all up to here.
    pub acked: Position,
    /// How many slots it has to be given.
    pub missing: usize,
    /// How many records it was sent and has not confirmed.
    pub unconfirmed: usize,
    /// For how many milliseconds it has confirmed none of them.
    pub unconfirmed_ms: u64,
}

/// Somebody whose records a member applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerStanding {
    /// Who.
    pub peer: Peer,
    /// All up to here is applied.
    pub watermark: Position,
    /// For how long it has let this member serve copies, in milliseconds from now; 0: it has not.
    pub lease_left_ms: u64,
}

impl Member {
    /// How it stands at `now`.
    pub fn standing(&self, now: Millis) -> Standing {
        let follower = |(peer, holder): (Peer, &crate::subscribers::Subscriber)| FollowerStanding {
            peer,
            acked: holder.acked,
            missing: holder.follows.count_missing(),
            unconfirmed: holder.count_unconfirmed(),
            unconfirmed_ms: holder.unconfirmed_ms(now),
        };
        let owner = |(&peer, held): (&Peer, &crate::stream::Held)| OwnerStanding {
            peer,
            watermark: held.watermark,
            lease_left_ms: held.proof().map_or(0, |(_, until)| until.since(now)),
        };
        Standing {
            lease_left_ms: self.tenure.until().since(now),
            head: self.log.head(),
            to_begin: self.owned.count_to_begin(),
            followers: self.subscribers.iter().map(follower).collect(),
            owners: self.holder.streams.iter().map(owner).collect(),
            forgotten: self.proposing.forgotten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Input, Outbox, Start};

    #[test]
    fn a_member_alone_has_a_lease_and_nobody_to_tell() {
        let me = Peer { node: NodeId(1), incarnation: 1 };
        let mut member = Member::new(Config::new(me), Start::default(), Millis(1));
        member.step(Millis(1), Input::Tick, &mut Outbox::default());
        let standing = member.standing(Millis(1));
        assert!(standing.lease_left_ms > 0 && standing.to_begin == 0, "{standing:?}");
        assert!(standing.followers.is_empty() && standing.owners.is_empty());
        assert_eq!(member.standing(Millis(1_000_000)).lease_left_ms, 0);
    }
}
