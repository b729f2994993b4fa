//! The world of a scenario: calm, with the keys where the script wants them.

use clearwell_cluster::view::Seat;
use clearwell_cluster::{Bytes, NodeId, Peer, Planted, Profile, Slot, View, slot};

use super::book::{Book, Key, list};
use super::parse::Scenario;
use crate::names::{Chosen, Class, Names};
use crate::network::Weather;
use crate::options::{Options, SECOND};
use crate::queue::Micros;
use crate::world::{Mask, World};

/// Slots of a story's cluster.
const SLOTS: u16 = 64;

/// How long every message is on its way.
const DELAY_US: Micros = 500;

/// Builds the world; what happens in it until `heal` is the story, then come the checks.
pub fn build(scenario: &Scenario, book: &mut Book, heal: Micros, planted: Option<Planted>) -> World {
    let keys = place(book);
    let tags = tags(book);
    let names = Names::chosen(&keys, tags, book.events.clone());
    let drawn = Options::draw(1, book.nodes as u16, 60, planted).calm();
    let options = Options {
        near: book.near as u16,
        clients: book.clients.len() as u16,
        keys: book.keys.len() as u32,
        tags: names.tag_count(),
        slots: SLOTS,
        replicas: book.replicas,
        profile: Profile::Wan,
        weather: Weather { delay_us: DELAY_US, ..Weather::default() },
        heal,
        quiet: heal,
        end: heal + 12 * SECOND,
        think: 3600 * SECOND,
        statement_us: 0,
        feed_us: scenario.feed_us,
        hints_most: 100,
        tail_most: 100,
        digest_ms: 10_000,
        ..drawn
    };
    // Clients do what the script says, and nothing by themselves.
    let mask = Mask { clients: vec![true; book.clients.len()], ops: Some((0, 0)), ..Mask::default() };
    let mut world = World::with_names(options, mask, names);
    world.watch = Some(Vec::new());
    world.lazy = Some(Vec::new());
    let begins = book.keys.iter().filter(|key| key.class != Class::Cache).map(|key| key.value.clone());
    book.texts = (1..).zip(begins).collect();
    world
}

/// The view that the cluster begins with.
fn first_view(book: &Book) -> View {
    let seat = |node: u32| Seat { peer: Peer { node: NodeId(u64::from(node)), incarnation: 1 }, weight: 100 };
    View::first((1..=book.nodes).map(seat).collect(), book.replicas, SLOTS)
}

/// A key can only lie where some slot lies.
pub fn check_places(book: &Book) -> Result<(), String> {
    let view = first_view(book);
    let node = |peer: Peer| peer.node.0 as u32;
    for key in &book.keys {
        let Some(owner) = key.owner else { continue };
        let replicas = view.owned_by(Peer { node: NodeId(u64::from(owner)), incarnation: 1 });
        let mut replicas: Vec<u32> = replicas.flat_map(|slot| view.replicas(slot).map(node)).collect();
        replicas.sort_unstable();
        replicas.dedup();
        if key.replica.is_some_and(|replica| !replicas.contains(&replica)) {
            let nodes: Vec<String> = replicas.iter().map(|node| format!("node {node}")).collect();
            return Err(format!(
                "line {}: what node {owner} owns is copied by {} only",
                key.line,
                list(&nodes)
            ));
        }
    }
    Ok(())
}

/// Keys are told apart by their numbers, so zeros before them change nothing but the slot.
fn place(book: &mut Book) -> Vec<Chosen> {
    let view = first_view(book);
    let chosen = |(id, key): (usize, &Key)| {
        let letter = match key.class {
            Class::Source => 's',
            Class::Back => 'b',
            Class::Cache => 'c',
        };
        let bytes = bytes_for(letter, id, |slot| {
            let node = |peer: Peer| peer.node.0 as u32;
            let owner = key.owner.is_none_or(|owner| node(view.owner(slot)) == owner);
            let replica =
                key.replica.is_none_or(|replica| view.replicas(slot).any(|peer| node(peer) == replica));
            owner && replica
        });
        Chosen { key: bytes, class: key.class, depends: key.depends, tag: key.tag, events: key.events }
    };
    let keys: Vec<Chosen> = book.keys.iter().enumerate().map(|(id, key)| chosen((id, key))).collect();
    book.slots = keys.iter().map(|key| slot::slot_of(&key.key, SLOTS)).collect();
    keys
}

fn tags(book: &Book) -> Vec<Bytes> {
    let view = first_view(book);
    let owned =
        |slot, owner: Option<u32>| owner.is_none_or(|owner| view.owner(slot).node.0 == u64::from(owner));
    let place = |(id, owner)| bytes_for('t', id, |slot| owned(slot, owner));
    book.tags.iter().map(|tag| tag.owner).enumerate().map(place).collect()
}

fn bytes_for(letter: char, id: usize, fits: impl Fn(Slot) -> bool) -> Bytes {
    const ZEROS_MOST: usize = 2000;
    let bytes = |zeros: usize| Bytes::from(format!("{letter}{}{id}", "0".repeat(zeros)).as_bytes());
    let placed = (0..ZEROS_MOST).map(bytes).find(|bytes| fits(slot::slot_of(bytes, SLOTS)));
    // A cluster without replicas has no slot with one: then it lies anywhere.
    placed.unwrap_or_else(|| bytes(0))
}
