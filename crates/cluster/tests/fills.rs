//! Fills of clients after a miss: kept when nothing came in between, in whichever owner's order, and refused otherwise.

mod world;

use clearwell_cluster::request::{Ack, Fill, FillLease, Strategy};
use clearwell_cluster::*;
use clearwell_words::{Event, EventPattern, Scope};
use world::{World, bytes, peer};

fn miss(world: &mut World, node: u64, key: &str) -> FillLease {
    let read = request::Read { key: bytes(key), level: Level::Strong, token: Token::default(), hold: true };
    match world.ask_at(node, Request::Read(read)) {
        Answer::Value { lease: Some(lease), .. } => lease,
        other => panic!("a miss brings a lease, not {other:?}"),
    }
}

fn fill(world: &mut World, node: u64, key: &str, tag: &str, lease: FillLease) -> Answer {
    let events = [EventPattern::parse("moved{shop=1}").expect("it is well formed")];
    let fill = Fill {
        key: bytes(key),
        value: bytes("filled"),
        tags: if tag.is_empty() { [].into() } else { [bytes(tag)].into() },
        dependencies: [].into(),
        events: events.into(),
        ttl_ms: None,
        meta: Meta::default(),
        ack: Ack::Replicas,
        lease,
    };
    world.ask_at(node, Request::Fill(fill))
}

fn is_kept(answer: &Answer) -> bool {
    matches!(answer, Answer::Written(done) if done.survives)
}

fn moved(shop: &str) -> Scope {
    Scope::Event(Event::new("moved", vec![("shop".into(), shop.into())]).expect("it is well formed"))
}

const LATE: Answer = Answer::Refused(Refusal::Late);

#[test]
fn a_fill_is_kept_once_and_a_value_that_is_there_brings_no_lease() {
    let mut world = World::new(3, 1);
    let lease = miss(&mut world, 1, "k");
    assert!(is_kept(&fill(&mut world, 2, "k", "", lease)));
    assert_eq!(world.read(3, "k", Level::Strong).as_deref(), Some("filled"));
    assert_eq!(fill(&mut world, 2, "k", "", lease), LATE, "what was filled since is newer");
    let read = request::Read { key: bytes("k"), level: Level::Strong, token: Token::default(), hold: false };
    assert!(matches!(world.ask_at(1, Request::Read(read)), Answer::Value { lease: None, .. }));
}

#[test]
fn what_came_since_the_miss_refuses_it() {
    for what in ["key", "put", "event", "everything"] {
        let mut world = World::new(3, 1);
        let lease = miss(&mut world, 1, "k");
        match what {
            "key" => world.invalidate(2, Scope::Key((*bytes("k")).into()), false),
            "put" => world.write(2, "k", "given", Strategy::CacheOnly),
            "event" => world.invalidate(2, moved("1"), false),
            _ => world.invalidate(2, Scope::Everything, false),
        };
        assert_eq!(fill(&mut world, 1, "k", "", lease), LATE, "{what}");
        let lease = FillLease { owner: peer(99), ..lease };
        assert_eq!(fill(&mut world, 1, "k", "", lease), LATE, "a lease of nobody's");
    }
}

#[test]
fn a_commit_of_the_source_takes_a_fill_away() {
    let mut world = World::new(3, 1);
    let lease = miss(&mut world, 1, "k");
    assert!(is_kept(&fill(&mut world, 1, "k", "t", lease)));
    let owner = world.owner("k");
    assert!(world.nodes[&peer(owner)].store.contains_key(&bytes("k")));
    world.set_source("k", "2", &[], &[]);
    world.feed(2, "k");
    assert!(!world.nodes.values().any(|node| node.store.contains_key(&bytes("k"))));
}

#[test]
fn a_tag_of_another_owner_counts_and_one_that_is_not_known_is_learned() {
    let mut world = World::new(3, 1);
    let owner = world.owner("k");
    let tag = world.name_at(if owner == 1 { 2 } else { 1 }, "tag");
    let lease = miss(&mut world, 1, "k");
    // What the tag's owner has ordered is not known here: refused, and asked about.
    let first = fill(&mut world, 1, "k", &tag, lease);
    world.run(1500);
    if first == LATE {
        let lease = miss(&mut world, 1, "k");
        assert!(is_kept(&fill(&mut world, 1, "k", &tag, lease)));
    }
    world.invalidate(3, Scope::Key((*bytes("k")).into()), true);
    let lease = miss(&mut world, 1, "k");
    world.invalidate(3, Scope::Tag((*bytes(&tag)).into()), true);
    assert_eq!(fill(&mut world, 1, "k", &tag, lease), LATE);
}

#[test]
fn an_event_takes_what_depends_on_it_wherever_it_lies() {
    let mut world = World::new(3, 1);
    let lease = miss(&mut world, 1, "k");
    assert!(is_kept(&fill(&mut world, 1, "k", "", lease)));
    for node in [1, 2, 3] {
        world.read(node, "k", Level::Eventual);
    }
    world.invalidate(1, moved("2"), true);
    assert_eq!(world.read(2, "k", Level::Eventual).as_deref(), Some("filled"));
    world.invalidate(1, moved("1"), true);
    for node in [1, 2, 3] {
        assert_eq!(world.read(node, "k", Level::Eventual), None, "{node}");
    }
}
