//! The replies of CLUSTER, in the shapes of Redis 7.2.

use std::fmt::Write;

use clearwell_protocol::{CommandError, Encoder, parse_i64};
use clearwell_words::{SLOTS, Slot, slot_of};

use super::{Announced, Health, SlotRange, Topology};

impl Topology {
    /// CLUSTER SLOTS: each range with its owner. Whoever follows it there is not told of: it owns other slots, and clients take a node for a
    /// master or for a replica, whose keys they do not scan.
    pub fn slots(&self, reply: &mut Encoder<'_>) {
        reply.array(self.ranges.len());
        for SlotRange { first, last, owner } in &self.ranges {
            reply.array(3);
            reply.integer(i64::from(first.0));
            reply.integer(i64::from(last.0));
            self.nodes[*owner].reachable(reply);
        }
    }

    /// CLUSTER SHARDS: each node with its slots, if it has any.
    pub fn shards(&self, reply: &mut Encoder<'_>) {
        reply.array(self.nodes.len());
        for (place, node) in self.nodes.iter().enumerate() {
            let ranges: Vec<&SlotRange> = self.ranges_of(place).collect();
            reply.map(2);
            reply.bulk("slots");
            reply.array(2 * ranges.len());
            for SlotRange { first, last, .. } in ranges {
                reply.integer(i64::from(first.0));
                reply.integer(i64::from(last.0));
            }
            reply.bulk("nodes");
            reply.array(1);
            node.member(reply);
        }
    }

    /// CLUSTER NODES: a line for each node, as Redis keeps them in its file. Every node is a master there, with slots or without.
    pub fn describe(&self, reply: &mut Encoder<'_>) {
        let mut text = String::new();
        for (place, node) in self.nodes.iter().enumerate() {
            node.line(&mut text, place == self.me, self.epoch);
            for SlotRange { first, last, .. } in self.ranges_of(place) {
                push(&mut text, format_args!(" {}", first.0));
                if last > first {
                    push(&mut text, format_args!("-{}", last.0));
                }
            }
            text.push('\n');
        }
        reply.verbatim(text);
    }

    /// CLUSTER MYID, and CLUSTER MYSHARDID: each node is a shard.
    pub fn my_id(&self, reply: &mut Encoder<'_>) {
        reply.bulk(&self.nodes[self.me].id);
    }

    /// CLUSTER INFO. The state is `ok` while this node serves, even where some slots have no owner.
    pub fn info(&self, reply: &mut Encoder<'_>) {
        let slots = |health: &dyn Fn(Health) -> bool| -> u64 {
            let such = self.ranges.iter().filter(|range| health(self.nodes[range.owner].health));
            such.map(SlotRange::count).sum()
        };
        let (suspect, failed) =
            (slots(&|health| health == Health::Suspect), slots(&|health| health == Health::Failed));
        let assigned = slots(&|_| true);
        let owners = (0..self.nodes.len()).filter(|&place| self.owns(place)).count() as u64;
        let (sent, received) = self.messages;
        let mut text = format!("cluster_state:{}\r\n", if self.serves { "ok" } else { "fail" });
        for (name, figure) in [
            ("cluster_slots_assigned", assigned),
            ("cluster_slots_ok", assigned - suspect - failed),
            ("cluster_slots_pfail", suspect),
            ("cluster_slots_fail", failed),
            ("cluster_known_nodes", self.nodes.len() as u64),
            ("cluster_size", owners),
            ("cluster_current_epoch", self.epoch),
            ("cluster_my_epoch", self.epoch),
            ("cluster_stats_messages_sent", sent),
            ("cluster_stats_messages_received", received),
            ("total_cluster_links_buffer_limit_exceeded", 0),
        ] {
            push(&mut text, format_args!("{name}:{figure}\r\n"));
        }
        reply.verbatim(text);
    }

    fn owns(&self, place: usize) -> bool {
        self.ranges_of(place).next().is_some()
    }

    fn ranges_of(&self, owner: usize) -> impl Iterator<Item = &SlotRange> {
        self.ranges.iter().filter(move |range| range.owner == owner)
    }
}

impl Announced {
    /// Where clients go: an entry of CLUSTER SLOTS.
    fn reachable(&self, reply: &mut Encoder<'_>) {
        reply.array(4);
        reply.bulk(&self.ip);
        reply.integer(i64::from(self.client_port()));
        reply.bulk(&self.id);
        reply.map(usize::from(self.hostname.is_some()));
        self.put_hostname(reply);
    }

    /// An entry of CLUSTER SHARDS.
    fn member(&self, reply: &mut Encoder<'_>) {
        let ports = [("port", Some(self.port).filter(|port| *port > 0)), ("tls-port", self.tls_port)];
        let ports: Vec<(&str, u16)> =
            ports.into_iter().filter_map(|(name, port)| Some((name, port?))).collect();
        reply.map(6 + ports.len() + usize::from(self.hostname.is_some()));
        reply.bulk("id");
        reply.bulk(&self.id);
        for (name, port) in ports {
            reply.bulk(name);
            reply.integer(i64::from(port));
        }
        reply.bulk("ip");
        reply.bulk(&self.ip);
        reply.bulk("endpoint");
        reply.bulk(&self.ip);
        self.put_hostname(reply);
        reply.bulk("role");
        reply.bulk("master");
        reply.bulk("replication-offset");
        reply.integer(i64::try_from(self.position).unwrap_or(i64::MAX));
        reply.bulk("health");
        reply.bulk(match self.health {
            Health::Online | Health::Suspect => "online",
            Health::Loading => "loading",
            Health::Failed => "fail",
        });
    }

    /// The beginning of a line of CLUSTER NODES, up to its slots.
    fn line(&self, text: &mut String, is_me: bool, epoch: u64) {
        push(text, format_args!("{} {}:{}@{}", self.id, self.ip, self.client_port(), self.link_port));
        if let Some(hostname) = &self.hostname {
            push(text, format_args!(",{hostname}"));
        }
        let (mark, link) = match self.health {
            _ if is_me => ("", "connected"),
            Health::Online | Health::Loading => ("", "connected"),
            Health::Suspect => (",fail?", "disconnected"),
            Health::Failed => (",fail", "disconnected"),
        };
        let me = if is_me { "myself," } else { "" };
        // When a ping was sent that is not answered: with none on its way it is 0.
        let pinged = if link == "connected" { 0 } else { self.heard_unix_ms };
        push(text, format_args!(" {me}master{mark} - {pinged} {} {epoch} {link}", self.heard_unix_ms));
    }

    /// Where clients reach it that do not say how they came.
    fn client_port(&self) -> u16 {
        if self.port > 0 { self.port } else { self.tls_port.unwrap_or(0) }
    }

    fn put_hostname(&self, reply: &mut Encoder<'_>) {
        if let Some(hostname) = &self.hostname {
            reply.bulk("hostname");
            reply.bulk(hostname);
        }
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes every text");
}

/// CLUSTER KEYSLOT: the slot of a key.
pub fn key_slot(reply: &mut Encoder<'_>, key: &[u8]) {
    reply.integer(i64::from(slot_of(key, SLOTS).0));
}

/// CLUSTER COUNTKEYSINSLOT: how many keys of a slot are here, which `count` knows.
///
/// # Errors
/// As Redis says it: no number, or no slot.
pub fn count_keys_in_slot(
    reply: &mut Encoder<'_>,
    slot: &[u8],
    count: impl FnOnce(Slot) -> u64,
) -> Result<(), CommandError> {
    const INVALID: CommandError = CommandError::literal("ERR Invalid slot");
    let number = parse_i64(slot).ok_or(CommandError::NOT_AN_INTEGER)?;
    let slot = real_slot(number).ok_or(INVALID)?;
    reply.integer(i64::try_from(count(slot)).unwrap_or(i64::MAX));
    Ok(())
}

/// CLUSTER GETKEYSINSLOT: so many keys of a slot, which `find` has.
///
/// # Errors
/// As Redis says it: no number, no slot, or fewer than none.
pub fn keys_in_slot(
    reply: &mut Encoder<'_>,
    slot: &[u8],
    count: &[u8],
    find: impl FnOnce(Slot, usize) -> Vec<Box<[u8]>>,
) -> Result<(), CommandError> {
    const INVALID: CommandError = CommandError::literal("ERR Invalid slot or number of keys");
    let number = |text: &[u8]| parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER);
    let (slot, count) = (real_slot(number(slot)?), usize::try_from(number(count)?));
    let (Some(slot), Ok(count)) = (slot, count) else { return Err(INVALID) };
    reply.bulks(find(slot, count));
    Ok(())
}

fn real_slot(number: i64) -> Option<Slot> {
    u16::try_from(number).ok().filter(|slot| *slot < SLOTS).map(Slot)
}
