//! CW.CLUSTER: the cluster that the node is one of.

use clearwell_cluster::{NodeId, Operation};
use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError};

use super::report;
use crate::node::NodeState;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

const ALONE: CommandError = CommandError::literal(
    "ERR this node is alone: it is one of a cluster when it is started with --bootstrap, --join or [cluster]",
);

/// The most replicas that a slot may have.
const REPLICAS_MOST: i64 = 9;
/// The largest share.
const WEIGHT_MOST: i64 = 10_000;

/// CW.CLUSTER STATUS.
pub fn status(context: &mut Context<'_>) -> Outcome {
    let report = context.node().cluster_report().ok_or(ALONE)?;
    report::tell(&mut context.reply(), &report);
    Ok(Step::Done)
}

/// CW.CLUSTER LEAVE.
pub fn leave(context: &mut Context<'_>) -> Outcome {
    let report = context.node().cluster_report().ok_or(ALONE)?;
    let takes_over = |node: &crate::node::NodeReport| {
        node.peer != report.me && node.state == NodeState::Up && node.weight > 0
    };
    match report.nodes.iter().any(takes_over) {
        true => operate(context, Operation::Leave),
        false => Err(CommandError::literal(
            "ERR no other node answers that has a share of slots: nobody can take over what this one has; a node that is to end with its cluster is stopped",
        )),
    }
}

/// CW.CLUSTER FORGET: what would be lost; with YES it is.
pub fn forget(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let is_meant = match args.len() {
        3 => false,
        4 if args[3].eq_ignore_ascii_case(b"yes") => true,
        _ => {
            return Err(CommandError::literal(
                "ERR CW.CLUSTER FORGET node says what would be lost; with YES behind it, it is",
            ));
        }
    };
    let report = context.node().cluster_report().ok_or(ALONE)?;
    let named = std::str::from_utf8(&args[2]).ok().and_then(|name| name.parse().ok()).map(NodeId);
    let known = named.and_then(|node| report.nodes.iter().find(|known| known.peer.node == node));
    match known {
        None => {
            Err(CommandError::literal("ERR there is no such node: CW.CLUSTER STATUS lists them by number"))
        }
        Some(known) if known.alive => Err(CommandError::literal(
            "ERR that node answers: CW.CLUSTER LEAVE there lets it hand over what it has first",
        )),
        Some(known) if is_meant => operate(context, Operation::Forget(known.peer.node)),
        Some(known) => {
            context.reply().bulks(report.forgetting(known.peer.node));
            Ok(Step::Done)
        }
    }
}

/// CW.CLUSTER REPLICAS.
pub fn replicas(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match Words::new(args, 2).integer()? {
        count @ 0..=REPLICAS_MOST => operate(context, Operation::Replicas(count as u8)),
        _ => Err(CommandError::literal("ERR a slot has 0 to 9 replicas")),
    }
}

/// CW.CLUSTER WEIGHT.
pub fn weight(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match Words::new(args, 2).integer()? {
        weight @ 0..=WEIGHT_MOST => operate(context, Operation::Weight(weight as u32)),
        _ => Err(CommandError::literal("ERR a weight is 0 to 10000; 100 is usual")),
    }
}

/// CW.CLUSTER EPOCH.
pub fn epoch(context: &mut Context<'_>) -> Outcome {
    let node = context.node();
    if !node.is_in_cluster() {
        return Err(ALONE);
    }
    let epoch = node.view().map_or(0, |view| view.epoch.0);
    context.reply().integer(i64::try_from(epoch).unwrap_or(i64::MAX));
    Ok(Step::Done)
}

fn operate(context: &mut Context<'_>, operation: Operation) -> Outcome {
    if !context.node().operate(operation) {
        return Err(ALONE);
    }
    context.reply().ok();
    Ok(Step::Done)
}
