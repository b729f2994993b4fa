//! CLUSTER, and what its clients say to a node. A node alone answers as redis-server without cluster support does.

use std::collections::HashMap;

use clearwell_cluster::{NodeId, Peer, Slot};
use clearwell_protocol::{Args, CommandError, Encoder};

use crate::node::{ClusterReport, NodeReport, SlotRow};
use crate::resp::aside::aside;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};
use crate::resp::topology::{
    Announced, Health, SlotRange, Topology, count_keys_in_slot, key_slot, keys_in_slot, redis_id,
};

const DISABLED: CommandError = CommandError::literal("ERR This instance has cluster support disabled");

/// CLUSTER SLOTS, SHARDS, NODES, INFO and MYID.
pub fn tell(context: &mut Context<'_>, say: fn(&Topology, &mut Encoder<'_>)) -> Outcome {
    let topology = topology(context)?;
    say(&topology, &mut context.reply());
    Ok(Step::Done)
}

/// CLUSTER KEYSLOT.
pub fn keyslot(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    is_enabled(context)?;
    key_slot(&mut context.reply(), &args[2]);
    Ok(Step::Done)
}

/// CLUSTER COUNTKEYSINSLOT.
pub fn countkeysinslot(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    is_enabled(context)?;
    let slot = Box::<[u8]>::from(&args[2]);
    Ok(aside(context, move |node, reply| {
        if let Err(error) = count_keys_in_slot(reply, &slot, |slot| node.count_keys_in_slot(slot)) {
            reply.error(error);
        }
    }))
}

/// CLUSTER GETKEYSINSLOT.
pub fn getkeysinslot(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    is_enabled(context)?;
    let (slot, count) = (Box::<[u8]>::from(&args[2]), Box::<[u8]>::from(&args[3]));
    Ok(aside(context, move |node, reply| {
        let find = |slot, most| node.keys_in_slot(slot, most);
        if let Err(error) = keys_in_slot(reply, &slot, &count, find) {
            reply.error(error);
        }
    }))
}

/// CLUSTER COUNT-FAILURE-REPORTS: gossip keeps no reports, it says what comes of them.
pub fn failure_reports(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let topology = topology(context)?;
    if !topology.nodes.iter().any(|node| node.id.as_bytes() == &args[2]) {
        let asked = String::from_utf8_lossy(&args[2]).into_owned();
        return Err(CommandError::new(format!("ERR Unknown node {asked}")));
    }
    context.reply().integer(0);
    Ok(Step::Done)
}

/// ASKING, READONLY and READWRITE: any node answers for any key, so there is nothing that they change.
pub fn accept(context: &mut Context<'_>) -> Outcome {
    is_enabled(context)?;
    context.reply().ok();
    Ok(Step::Done)
}

fn is_enabled(context: &Context<'_>) -> Result<(), CommandError> {
    if context.node().is_in_cluster() { Ok(()) } else { Err(DISABLED) }
}

fn topology(context: &Context<'_>) -> Result<Topology, CommandError> {
    let report = context.node().cluster_report().ok_or(DISABLED)?;
    let now_ms = u64::try_from(context.unix_ms()).unwrap_or(0);
    let places: HashMap<NodeId, usize> =
        report.nodes.iter().enumerate().map(|(place, node)| (node.peer.node, place)).collect();
    let place = |peer: &Peer| places.get(&peer.node).copied();
    let row = |row: &SlotRow| -> Option<(Slot, usize)> { Some((row.slot, place(&row.owner)?)) };
    Ok(Topology {
        epoch: report.epoch.0,
        me: place(&report.me).ok_or(DISABLED)?,
        serves: report.serves > 0
            || report.nodes.iter().any(|node| node.peer == report.me && node.weight == 0),
        ranges: SlotRange::all(report.rows.iter().filter_map(row)),
        nodes: report.nodes.iter().map(|node| announced(&report, node, now_ms)).collect(),
        messages: report.messages,
    })
}

fn announced(report: &ClusterReport, node: &NodeReport, now_ms: u64) -> Announced {
    let ((ip, port), (_, link_port)) = (host(&node.addresses.resp), host(&node.addresses.link));
    Announced {
        id: redis_id(report.cluster, node.peer.node),
        ip,
        hostname: None,
        port,
        tls_port: None,
        link_port,
        health: match (node.alive, node.owns == 0 && node.follows == 0 && node.weight > 0) {
            (false, _) => Health::Failed,
            (true, true) => Health::Loading,
            (true, false) => Health::Online,
        },
        heard_unix_ms: now_ms.saturating_sub(node.heard_ms_ago.unwrap_or_default()),
        position: 0,
    }
}

/// The host and the port of an address; a host of IPv6 stands without its brackets.
fn host(address: &str) -> (String, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
    (host.trim_matches(['[', ']']).to_owned(), port.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(host("10.0.0.1:7379"), ("10.0.0.1".to_owned(), 7379));
        assert_eq!(host("[::1]:7379"), ("::1".to_owned(), 7379));
        assert_eq!(host(""), (String::new(), 0));
    }
}
