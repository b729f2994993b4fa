//! CLUSTER, and what its clients say to a node: a node alone answers as redis-server without cluster support does.

use clearwell_protocol::CommandError;

use crate::resp::step::Outcome;

/// What all of them answer.
pub fn disabled() -> Outcome {
    Err(CommandError::literal("ERR This instance has cluster support disabled"))
}
