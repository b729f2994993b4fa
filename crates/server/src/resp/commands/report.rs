//! What CW.CLUSTER STATUS tells.

use clearwell_protocol::Encoder;

use crate::node::{ClusterReport, NodeReport};

/// A value of an answer.
enum Told {
    Number(u64),
    Text(String),
    Nothing,
    List(Vec<Told>),
    Map(Vec<(&'static str, Told)>),
}

/// Tells of the cluster.
pub fn tell(reply: &mut Encoder<'_>, report: &ClusterReport) {
    encode(reply, &told(report));
}

fn encode(reply: &mut Encoder<'_>, told: &Told) {
    match told {
        Told::Number(number) => reply.integer(i64::try_from(*number).unwrap_or(i64::MAX)),
        Told::Text(text) => reply.bulk(text),
        Told::Nothing => reply.null(),
        Told::List(items) => {
            reply.array(items.len());
            items.iter().for_each(|item| encode(reply, item));
        }
        Told::Map(fields) => {
            reply.map(fields.len());
            for (name, value) in fields {
                reply.bulk(name);
                encode(reply, value);
            }
        }
    }
}

fn told(report: &ClusterReport) -> Told {
    let says = report.says();
    let (heard, needed) = report.voices_heard();
    let lost = report.lost().into_iter().map(|(keepers, slots)| {
        let keepers = keepers.into_iter().map(|node| text(node.0)).collect();
        Told::Map(vec![("slots", count(slots)), ("wait_for", Told::List(keepers))])
    });
    Told::Map(vec![
        ("name", text(&report.name)),
        ("node", text(report.me.node.0)),
        ("health", text(ClusterReport::grade(&says).name())),
        ("says", Told::List(says.into_iter().map(|sentence| Told::Text(sentence.text)).collect())),
        ("epoch", Told::Number(report.epoch.0)),
        ("voters", Told::List(report.voters.iter().map(|voter| text(voter.0)).collect())),
        ("voters_answering", count(heard)),
        ("voters_needed", count(needed)),
        ("slots", count(report.slots.into())),
        ("replicas", count(report.replicas.into())),
        ("settled", Told::Number(report.settled.into())),
        ("stranded", Told::List(lost.collect())),
        ("serves", count(report.serves)),
        ("to_begin", count(report.to_begin)),
        ("lease_left_ms", Told::Number(report.lease_left_ms)),
        ("position", Told::Number(report.head.0)),
        ("to_give", count(report.to_give())),
        ("unconfirmed", count(report.unconfirmed())),
        ("unconfirmed_ms", Told::Number(report.unconfirmed_ms())),
        ("nodes", Told::List(report.nodes.iter().map(|node| of_node(node, report)).collect())),
    ])
}

fn of_node(node: &NodeReport, report: &ClusterReport) -> Told {
    let (followed, owner) = (node.told.as_ref(), node.tells.as_ref());
    Told::Map(vec![
        ("node", text(node.peer.node.0)),
        ("incarnation", count(node.peer.incarnation as usize)),
        ("state", text(node.state.name())),
        ("voter", Told::Number(report.voters.contains(&node.peer.node).into())),
        ("weight", count(node.weight as usize)),
        ("owns", count(node.owns)),
        ("follows", count(node.follows)),
        ("gains", count(node.gains)),
        ("heard_ms_ago", node.heard_ms_ago.map_or(Told::Nothing, Told::Number)),
        ("to_give", count(followed.map_or(0, |told| told.missing))),
        ("unconfirmed", count(followed.map_or(0, |told| told.unconfirmed))),
        ("unconfirmed_ms", Told::Number(followed.map_or(0, |told| told.unconfirmed_ms))),
        ("acked", followed.map_or(Told::Nothing, |told| Told::Number(told.acked.0))),
        ("watermark", owner.map_or(Told::Nothing, |owner| Told::Number(owner.watermark.0))),
        ("link", text(&node.addresses.link)),
        ("resp", text(&node.addresses.resp)),
        ("http", text(&node.addresses.http)),
    ])
}

fn text(what: impl ToString) -> Told {
    Told::Text(what.to_string())
}

fn count(what: usize) -> Told {
    Told::Number(what as u64)
}
