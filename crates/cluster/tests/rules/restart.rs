//! A lone node that comes back with its disk: what it acknowledged goes to the source, after the source refuses what may still be on its way.

use std::sync::Arc;

use clearwell_cluster::request::{Ack, Read, Strategy, Write};
use clearwell_cluster::view::{Placement, Seat};
use clearwell_cluster::*;
use clearwell_words::{Millis, Version};

/// One process, with what it gave to its disk.
struct Lone {
    member: Member,
    disk: Vec<Persist>,
    now: u64,
    tickets: u64,
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn row(key: &str) -> Entry {
    let none = || Arc::<[Bytes]>::from([]);
    let (tags, dependencies, events) = (none(), none(), Arc::from([]));
    let (key, value, version) = (bytes(key), Some(bytes("row")), Version(1));
    Entry { key, value, version, tags, dependencies, events, expiry: None, meta: Meta::default() }
}

impl Lone {
    fn begin(incarnation: u32, persisted: Vec<Persist>, now: u64) -> Lone {
        let me = Peer { node: NodeId(7), incarnation };
        let start = Start { view: None, persisted: persisted.clone() };
        let member = Member::new(Config { slots: 64, ..Config::new(me) }, start, Millis(now));
        Lone { member, disk: persisted, now, tickets: 0 }
    }

    fn step(&mut self, input: Input) -> Outbox {
        let mut out = Outbox::default();
        self.member.step(Millis(self.now), input, &mut out);
        self.disk.extend(out.persist.iter().cloned());
        out
    }

    fn request(&mut self, request: Request) -> Outbox {
        self.tickets += 1;
        self.step(Input::Request(Ticket(self.tickets), request))
    }

    fn write_back(&mut self, key: &str, value: &str) {
        let none = || Arc::<[Bytes]>::from([]);
        let (tags, dependencies, events) = (none(), none(), Arc::from([]));
        let (key, value, strategy, id) = (bytes(key), Some(bytes(value)), Strategy::Back, self.tickets);
        let (ttl_ms, meta, ack) = (None, Meta::default(), Ack::Replicas);
        let write = Write { key, value, tags, dependencies, events, ttl_ms, meta, strategy, ack, id };
        let out = self.request(Request::Write(write));
        assert!(matches!(out.answer[..], [(_, Answer::Written(_))]), "{out:?}");
    }

    /// Up to 20 seconds go by until something of this kind is asked for.
    fn asks(&mut self, is_it: impl Fn(&Ask) -> bool) -> (Job, Ask) {
        for _ in 0..400 {
            self.now += 50;
            let asked = self.step(Input::Tick).ask;
            for (_, ask) in &asked {
                assert!(is_it(ask), "not this first: {ask:?}");
            }
            if let Some(asked) = asked.into_iter().next() {
                return asked;
            }
        }
        panic!("it is never asked for");
    }
}

#[test]
fn what_was_acknowledged_is_flushed_once_the_source_refuses_earlier_statements() {
    let mut lone = Lone::begin(1, Vec::new(), 1_000);
    lone.write_back("k", "1");
    let (job, _) = lone.asks(|ask| matches!(ask, Ask::Flush { .. }));
    lone.write_back("k", "2");
    lone.step(Input::Done(job, Outcome::Committed(Version(5))));

    let mut lone = Lone::begin(2, lone.disk, lone.now + 5_000);
    let (job, _) = lone.asks(|ask| matches!(ask, Ask::Fence { .. }));
    // Until then a row may be overwritten by what the former process sent.
    let read = Read { key: bytes("other"), level: Level::Strong, token: Token::default(), hold: true };
    let out = lone.request(Request::Read(read));
    let [(load, Ask::Load { .. })] = out.ask[..] else { panic!("{out:?}") };
    let out = lone.step(Input::Done(load, Outcome::Loaded { entry: Some(row("other")), stored: false }));
    assert!(matches!(&out.answer[..], [(_, Answer::Value { entry: Some(_), .. })]), "{out:?}");
    assert!(!out.apply.iter().any(|apply| matches!(apply, Apply::Fill { .. })), "{out:?}");

    lone.step(Input::Done(job, Outcome::Fenced));
    let (_, flush) = lone.asks(|ask| matches!(ask, Ask::Flush { .. }));
    assert!(matches!(flush, Ask::Flush { entry, .. } if entry.value == Some(bytes("2"))), "the newer value");
}

/// Two of three nodes were removed by the view on the disk. The third is its only voter, and chooses views that need no word of theirs.
#[test]
fn nodes_that_the_view_on_the_disk_removed_are_not_taken_for_alive() {
    let process = |node: u64| Peer { node: NodeId(node), incarnation: 1 };
    let placed = |nodes: &[u64]| {
        let seats = nodes.iter().map(|&node| Seat { peer: process(node), weight: 100 }).collect();
        Arc::new(Placement::new(seats, 1, 64))
    };
    let removed = [(process(8), Epoch(4)), (process(9), Epoch(5))].into();
    let view = View::new(Epoch(5), 64, placed(&[7, 8, 9]), removed, placed(&[7]), vec![NodeId(7)]);
    let mut lone = Lone::begin(2, vec![Persist::View(Arc::new(view))], 1_000);
    for _ in 0..200 {
        lone.now += 50;
        lone.step(Input::Tick);
        let view = lone.member.view().unwrap();
        let coming: Vec<u64> = view.next.seats.iter().map(|seat| seat.peer.node.0).collect();
        assert_eq!((&view.voters[..], &coming[..]), (&[NodeId(7)][..], &[7][..]), "{:?}", view.epoch);
    }
    assert!(lone.member.view().unwrap().base.has(Peer { node: NodeId(7), incarnation: 2 }));
}
