//! Whether a hello is one to go on with.

use clearwell_words::NodeId;

use crate::hello::Hello;
use crate::refusal::HelloRefusal;

/// A process that was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Which start of its node.
    pub incarnation: u32,
    /// The number that it drew.
    pub instance: u64,
}

/// What a hello is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The own hello on the same connection.
    pub mine: &'a Hello,
    /// Who should be there; `None` takes whoever is.
    pub node: Option<NodeId>,
    /// By how much two clocks may differ.
    pub clock_off_most_ms: u64,
}

impl Expectation<'_> {
    /// Judges the hello of a peer that has proved to know the secret. What a node says of itself comes first, and then what two
    /// nodes must have in common, because an operator is helped most by the first thing that is wrong.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge(&self, theirs: &Hello) -> Result<(), HelloRefusal> {
        let mine = self.mine;
        if mine.versions.common(theirs.versions).is_none() {
            return Err(HelloRefusal::Version { here: mine.versions, there: theirs.versions });
        }
        if !mine.cluster.agrees_with(&theirs.cluster) {
            let (here, there) = (mine.cluster.clone(), theirs.cluster.clone());
            return Err(HelloRefusal::OtherCluster { here, there });
        }
        if theirs.peer.node == mine.peer.node {
            return Err(match (theirs.peer, theirs.instance) == (mine.peer, mine.instance) {
                true => HelloRefusal::Oneself,
                false => HelloRefusal::NodeIdInUse {
                    node: mine.peer.node,
                    incarnation: mine.peer.incarnation.min(theirs.peer.incarnation),
                },
            });
        }
        if let Some(wanted) = self.node.filter(|wanted| *wanted != theirs.peer.node) {
            return Err(HelloRefusal::OtherNode { wanted, found: theirs.peer.node });
        }
        if mine.wall_ms.abs_diff(theirs.wall_ms) > self.clock_off_most_ms {
            let (here_ms, there_ms, most_ms) = (mine.wall_ms, theirs.wall_ms, self.clock_off_most_ms);
            return Err(HelloRefusal::ClockOff { here_ms, there_ms, most_ms });
        }
        if mine.keyspaces != theirs.keyspaces {
            return Err(HelloRefusal::OtherKeyspaces { here: mine.keyspaces, there: theirs.keyspaces });
        }
        Ok(())
    }
}

impl Process {
    /// The process of a hello.
    pub fn of(hello: &Hello) -> Process {
        Process { incarnation: hello.peer.incarnation, instance: hello.instance }
    }

    /// Whether a process of a node may take the place of the one that is known, which is itself mostly. Each start of a node has a
    /// higher incarnation, so that two with the same one are two that run on copies of one disk.
    ///
    /// # Errors
    /// It may not.
    pub fn succeed(self, known: Option<Process>, node: NodeId) -> Result<(), HelloRefusal> {
        let Some(known) = known else { return Ok(()) };
        let (refused, known_is) = (self.incarnation, known.incarnation);
        if refused < known_is {
            return Err(HelloRefusal::TooOldIncarnation { node, known: known_is, refused });
        }
        if refused == known_is && self.instance != known.instance {
            return Err(HelloRefusal::NodeIdInUse { node, incarnation: known_is });
        }
        Ok(())
    }
}
