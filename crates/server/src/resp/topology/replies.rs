//! The replies of CLUSTER, in the shapes of Redis 7.2.

use std::fmt::Write;

use clearwell_protocol::{CommandError, Encoder, parse_i64};
use clearwell_words::{SLOTS, Slot, slot_of};

use super::{Announced, Health, SlotRange, Topology};

impl Topology {
    /// CLUSTER SLOTS: each range with its owner and those that follow it.
    pub fn slots(&self, reply: &mut Encoder<'_>) {
        reply.array(self.ranges.len());
        for SlotRange { first, last, owner, replicas } in &self.ranges {
            let well = replicas.iter().map(|&place| &self.nodes[place]).filter(|node| node.follows());
            let nodes: Vec<&Announced> = std::iter::once(&self.nodes[*owner]).chain(well).collect();
            reply.array(2 + nodes.len());
            reply.integer(i64::from(first.0));
            reply.integer(i64::from(last.0));
            nodes.into_iter().for_each(|node| node.reachable(reply));
        }
    }

    /// CLUSTER SHARDS: each owner with its slots, and those that follow it in all of them. A node without slots is a shard by itself, unless it
    /// follows somebody so.
    pub fn shards(&self, reply: &mut Encoder<'_>) {
        let shards: Vec<(usize, Vec<usize>)> =
            (0..self.nodes.len()).map(|owner| (owner, self.replicas_of(owner))).collect();
        let follows = |place: usize| shards.iter().any(|(_, replicas)| replicas.contains(&place));
        let shown: Vec<_> =
            shards.iter().filter(|(owner, _)| self.owns(*owner) || !follows(*owner)).collect();
        reply.array(shown.len());
        for (owner, replicas) in shown {
            let ranges = self.joined(*owner);
            reply.map(2);
            reply.bulk("slots");
            reply.array(2 * ranges.len());
            for (first, last) in ranges {
                reply.integer(i64::from(first));
                reply.integer(i64::from(last));
            }
            reply.bulk("nodes");
            reply.array(1 + replicas.len());
            self.nodes[*owner].member(reply, "master");
            replicas.iter().for_each(|&place| self.nodes[place].member(reply, "replica"));
        }
    }

    /// CLUSTER NODES: a line for each node, as Redis keeps them in its file. Every node is a master there, with slots or without.
    pub fn describe(&self, reply: &mut Encoder<'_>) {
        let mut text = String::new();
        for (place, node) in self.nodes.iter().enumerate() {
            node.line(&mut text, place == self.me, self.epoch);
            for (first, last) in self.joined(place) {
                push(&mut text, format_args!(" {first}"));
                if last > first {
                    push(&mut text, format_args!("-{last}"));
                }
            }
            text.push('\n');
        }
        reply.verbatim(text);
    }

    /// CLUSTER MYID.
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
        self.ranges.iter().any(|range| range.owner == place)
    }

    /// The slots of an owner, whoever follows it in them.
    fn joined(&self, owner: usize) -> Vec<(u16, u16)> {
        let mut joined: Vec<(u16, u16)> = Vec::new();
        for range in self.ranges.iter().filter(|range| range.owner == owner) {
            match joined.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(range.first.0) => *last = range.last.0,
                _ => joined.push((range.first.0, range.last.0)),
            }
        }
        joined
    }

    /// Those that follow an owner in all of its slots: a client takes a replica for one of the whole shard.
    fn replicas_of(&self, owner: usize) -> Vec<usize> {
        let mut ranges = self.ranges.iter().filter(|range| range.owner == owner);
        let Some(first) = ranges.next() else { return Vec::new() };
        let mut everywhere = first.replicas.clone();
        for range in ranges {
            everywhere.retain(|place| range.replicas.contains(place));
        }
        everywhere
    }
}

impl Announced {
    /// Whether it can be read from as a replica.
    fn follows(&self) -> bool {
        matches!(self.health, Health::Online | Health::Suspect)
    }

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
    fn member(&self, reply: &mut Encoder<'_>, role: &str) {
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
        reply.bulk(role);
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
    let slot = u16::try_from(number).ok().filter(|slot| *slot < SLOTS).ok_or(INVALID)?;
    reply.integer(i64::try_from(count(Slot(slot))).unwrap_or(i64::MAX));
    Ok(())
}
