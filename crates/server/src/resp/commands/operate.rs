//! CW.CLUSTER: the cluster that the node is one of.

use clearwell_cluster::{NodeId, Operation};
use clearwell_protocol::options::Words;
use clearwell_protocol::{Args, CommandError, Encoder};

use crate::node::{ClusterReport, NodeReport};
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
    tell(&mut context.reply(), &report);
    Ok(Step::Done)
}

/// CW.CLUSTER LEAVE.
pub fn leave(context: &mut Context<'_>) -> Outcome {
    operate(context, Operation::Leave)
}

/// CW.CLUSTER FORGET.
pub fn forget(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
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
        Some(known) => operate(context, Operation::Forget(known.peer.node)),
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

fn operate(context: &mut Context<'_>, operation: Operation) -> Outcome {
    if !context.node().operate(operation) {
        return Err(ALONE);
    }
    context.reply().ok();
    Ok(Step::Done)
}

fn tell(reply: &mut Encoder<'_>, report: &ClusterReport) {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    reply.map(9);
    reply.bulk("name");
    reply.bulk(&report.name);
    reply.bulk("node");
    reply.bulk(report.me.node.0.to_string());
    reply.bulk("epoch");
    reply.integer(number(report.epoch.0));
    reply.bulk("voters");
    reply.array(report.voters.len());
    report.voters.iter().for_each(|voter| reply.bulk(voter.0.to_string()));
    reply.bulk("slots");
    reply.integer(report.slots.into());
    reply.bulk("replicas");
    reply.integer(report.replicas.into());
    reply.bulk("settled");
    reply.integer(i64::from(report.settled));
    reply.bulk("serves");
    reply.integer(number(report.serves as u64));
    reply.bulk("nodes");
    reply.array(report.nodes.len());
    report.nodes.iter().for_each(|node| tell_node(reply, node, report));
}

fn tell_node(reply: &mut Encoder<'_>, node: &NodeReport, report: &ClusterReport) {
    reply.map(10);
    reply.bulk("node");
    reply.bulk(node.peer.node.0.to_string());
    reply.bulk("incarnation");
    reply.integer(node.peer.incarnation.into());
    reply.bulk("state");
    reply.bulk(match (node.alive, node.leaving) {
        (true, false) => "up",
        (true, true) => "leaving",
        (false, _) => "down",
    });
    reply.bulk("voter");
    reply.integer(i64::from(report.voters.contains(&node.peer.node)));
    reply.bulk("weight");
    reply.integer(node.weight.into());
    reply.bulk("owns");
    reply.integer(i64::try_from(node.owns).unwrap_or(i64::MAX));
    reply.bulk("follows");
    reply.integer(i64::try_from(node.follows).unwrap_or(i64::MAX));
    for (name, address) in
        [("link", &node.addresses.link), ("resp", &node.addresses.resp), ("http", &node.addresses.http)]
    {
        reply.bulk(name);
        reply.bulk(address);
    }
}
