//! A process that is back with its node's disk, whose slot waits for those who had it last. What the others do is told to it by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_cluster::message::{LeaseGrant, Records, State, Stream};
use clearwell_cluster::record::Change;
use clearwell_cluster::stranded::Stranded;
use clearwell_cluster::view::{Placement, Seat};
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Millis, Scope, Version};

/// The other one who had the slot.
const OTHER: Peer = process(3, 1);
/// The view that the disk was written in.
const LAST: u64 = 5;
const HOLD: u64 = 7;

const fn process(node: u64, incarnation: u32) -> Peer {
    Peer { node: NodeId(node), incarnation }
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn unflushed(key: &str, value: &str, version: u64) -> Entry {
    let none = || Arc::<[Bytes]>::from([]);
    let (tags, dependencies, events) = (none(), none(), Arc::from([]));
    let (key, value, version) = (bytes(key), Some(bytes(value)), Version((LAST << 32) + version));
    Entry { key, value, version, tags, dependencies, events, expiry: None, meta: Meta::default() }
}

fn held() -> Hold {
    let (scope, until) = (Arc::new(Scope::Key((*bytes("a")).into())), Awaited::After(500));
    Hold { id: HOLD, scope, effect: Effect::Gone, cascade: true, cause: Cause::Command, until }
}

/// A view in which those go on with the only slot, the first of them as its owner; all others of the two are gone since this view.
fn view(epoch: u64, row: [Peer; 2], gone: Option<Peer>) -> Arc<View> {
    let seats = [process(2, 1), OTHER].map(|peer| Seat { peer, weight: 100 }).to_vec();
    let base = Arc::new(Placement::new(seats, 1, 1));
    let voters = [4, 5, 6].map(NodeId).to_vec();
    let (removed, next) = (BTreeMap::from([(process(2, 1), Epoch(LAST + 1))]), Arc::clone(&base));
    let gone = gone.map(|peer| (peer, Epoch(epoch))).into_iter().collect();
    let stranded = BTreeMap::from([(Slot(0), Stranded { row: row.to_vec(), gone, emptied: Epoch(0) })]);
    Arc::new(View::new(Epoch(epoch), 1, base, removed, next, voters).with_stranded(stranded))
}

/// The process, what lies on its disk, and what became of that.
struct Back {
    me: Peer,
    member: Member,
    disk: Vec<Persist>,
    now: u64,
    flushed: BTreeMap<Bytes, Bytes>,
    effects: BTreeSet<u64>,
    /// Whether the source was told to refuse what former owners may still send, and whether the store was cleared.
    fences: bool,
    clears: bool,
}

impl Back {
    /// With two values on its disk that the source does not have, and a hold.
    fn with_values() -> Back {
        let journal = ["a", "b"].map(|key| Persist::Journal(unflushed(key, "old", 1)));
        Back::with(journal.into_iter().chain([Persist::Hold(held())]).collect())
    }

    fn with(disk: Vec<Persist>) -> Back {
        let seats = [process(2, 1), OTHER].map(|peer| Seat { peer, weight: 100 }).to_vec();
        let base = Arc::new(Placement::new(seats, 1, 1));
        let next = Arc::clone(&base);
        let voters = [4, 5, 6].map(NodeId).to_vec();
        let last = View::new(Epoch(LAST), 1, base, BTreeMap::new(), next, voters);
        let view = Persist::View(Arc::new(last));
        Back::begin(2, [view].into_iter().chain(disk).collect(), 10_000)
    }

    fn begin(incarnation: u32, disk: Vec<Persist>, now: u64) -> Back {
        let me = process(2, incarnation);
        let config = Config { slots: 1, seeds: vec![NodeId(3), NodeId(4)], ..Config::new(me) };
        let start = Start { view: None, persisted: disk.clone() };
        let member = Member::new(config, start, Millis(now));
        let (flushed, effects) = (BTreeMap::new(), BTreeSet::new());
        Back { me, member, disk, now, flushed, effects, fences: false, clears: false }
    }

    /// The same process, and the one after it if it crashes now.
    fn and_again(self) -> [Back; 2] {
        let again = Back::begin(self.me.incarnation + 1, self.disk.clone(), self.now + 1_000);
        [self, again]
    }

    fn hears(&mut self, from: Peer, message: Message) {
        self.step(Input::Message(from, message));
    }

    fn follows(&mut self, epoch: u64, row: [Peer; 2], gone: Option<Peer>) {
        self.hears(process(4, 1), Message::View(view(epoch, row, gone), Vec::new()));
        assert_eq!(self.member.view().unwrap().epoch, Epoch(epoch));
    }

    /// It is to go on with the slot, then the other one, then it again; before any of that begins.
    fn has_it_for_a_view(&mut self) {
        self.follows(6, [OTHER, self.me], Some(OTHER));
        self.follows(7, [OTHER, self.me], None);
        self.follows(8, [OTHER, self.me], Some(OTHER));
    }

    /// Takes an input. The source has what it is asked to have; nobody else answers.
    fn step(&mut self, input: Input) {
        let mut out = Outbox::default();
        self.member.step(Millis(self.now), input, &mut out);
        self.disk.extend(out.persist);
        self.clears |=
            out.apply.iter().any(|apply| matches!(apply, Apply::Clear(slots) if slots == &[Slot(0)]));
        self.effects.extend(out.tell.into_iter().filter_map(|event| match event {
            Event::TookEffect(id) => Some(id),
            _ => None,
        }));
        for (job, ask) in out.ask {
            let outcome = match ask {
                Ask::Flush { entry, .. } => {
                    self.flushed.insert(entry.key.clone(), entry.value.clone().unwrap());
                    Outcome::Committed(Version(self.now))
                }
                Ask::Fence { .. } => {
                    self.fences = true;
                    Outcome::Fenced
                }
                _ => continue,
            };
            self.step(Input::Done(job, outcome));
        }
    }

    /// Voters grant it its lease for a while, and it does what is to be done.
    fn acts(&mut self) {
        for _ in 0..100 {
            self.now += 50;
            let (epoch, sent) = (self.member.view().unwrap().epoch, Millis(self.now));
            for voter in [4, 5] {
                let grant = LeaseGrant { epoch, sent, granted: true, settled: epoch };
                self.hears(process(voter, 1), Message::LeaseGrant(grant));
            }
            self.step(Input::Tick);
        }
        assert!(self.member.owns(Millis(self.now), Slot(0)));
    }

    /// The other one, who owns the slot in this view, hands it over up to a key, with this journal and without a hold.
    fn is_given(&mut self, epoch: u64, end: Option<&str>, journal: Vec<Entry>) {
        let (subscription, base, epoch) = (1, Position(3), Epoch(epoch));
        let stream = Stream {
            subscription,
            first: base,
            last: base,
            head: base,
            sent: Millis(self.now),
            lease_ms: 1_000,
            epoch,
            lost: None,
            at: None,
        };
        self.hears(OTHER, Message::Beat(stream));
        let part = Part { slots: vec![Slot(0)], after: None, end: end.map(bytes) };
        let (entries, as_of, intents, holds, ticket) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Ticket(1));
        let state =
            State { subscription, part, base, entries, as_of, intents, journal, holds, ticket, epoch };
        self.hears(OTHER, Message::State(Box::new(state)));
    }

    fn flushed(&self) -> Vec<(&str, &str)> {
        let text = |bytes| str::from_utf8(bytes).unwrap();
        self.flushed.iter().map(|(key, value)| (text(key), text(value))).collect()
    }
}

/// The other one comes back before this one has begun, and is gone again before it has done anything.
#[test]
fn a_slot_that_was_taken_back_before_it_began_goes_on_with_the_disk() {
    let mut back = Back::with_values();
    back.has_it_for_a_view();
    back.acts();
    assert_eq!(back.flushed(), [("a", "old"), ("b", "old")]);
    assert_eq!(back.effects, BTreeSet::from([HOLD]));
}

/// What the process before it began at the source, nobody knows.
#[test]
fn a_slot_that_was_taken_back_before_it_began_has_nothing_else_to_go_on_with() {
    let mut back = Back::with(Vec::new());
    back.has_it_for_a_view();
    (back.fences, back.clears) = (false, false);
    back.acts();
    assert!(back.fences && back.clears);
}

#[test]
fn what_was_handed_over_takes_the_place_of_what_the_disk_gave_back() {
    let mut back = Back::with_values();
    back.follows(6, [OTHER, back.me], None);
    back.is_given(6, None, vec![unflushed("b", "new", 2)]);
    for mut back in back.and_again() {
        back.follows(7, [OTHER, back.me], Some(OTHER));
        back.acts();
        assert_eq!(back.flushed(), [("b", "new")], "the source has the other one already");
        assert_eq!(back.effects, BTreeSet::new(), "nobody holds it any more");
    }
}

/// The other one is gone in the midst of it. As long as it had not handed all over, it acknowledged nothing.
#[test]
fn what_was_not_handed_over_yet_goes_on_with_the_disk() {
    let mut back = Back::with_values();
    back.follows(6, [OTHER, back.me], None);
    back.is_given(6, Some("a"), vec![unflushed("a", "new", 2)]);
    for mut back in back.and_again() {
        back.follows(7, [OTHER, back.me], Some(OTHER));
        back.acts();
        assert_eq!(back.flushed(), [("a", "new"), ("b", "old")]);
    }
}

/// The process before this one may have sent it there.
#[test]
fn what_was_not_handed_over_yet_may_be_on_its_way_to_the_source() {
    let mut back = Back::with_values();
    back.follows(6, [OTHER, back.me], None);
    back.is_given(6, Some("a"), Vec::new());
    back.follows(7, [OTHER, back.me], Some(OTHER));
    back.acts();
    assert_eq!(back.flushed(), [("b", "old")]);
    assert!(back.fences);
}

/// A view takes this process away and still counts on its node.
#[test]
fn what_still_counts_stays_on_the_disk_when_the_rest_is_given_up() {
    let mut back = Back::with_values();
    back.follows(6, [OTHER, back.me], None);
    back.is_given(6, Some("a"), vec![unflushed("a", "new", 2)]);
    back.follows(7, [OTHER, process(2, 1)], None);
    for mut back in back.and_again() {
        back.follows(8, [OTHER, back.me], Some(OTHER));
        back.acts();
        assert_eq!(back.flushed(), [("b", "old")]);
    }
}

#[test]
fn what_reaches_the_source_before_it_is_handed_over_is_not_written_again() {
    let mut back = Back::with_values();
    back.follows(6, [OTHER, back.me], None);
    back.is_given(6, Some("a"), Vec::new());
    let change =
        Change::Flushed { key: bytes("b"), up_to: unflushed("b", "", 1).version, version: Version(9) };
    let (slot, version, cause) = (Some(Slot(0)), None, Cause::Command);
    let record = Record { position: Position(4), slot, change, version, cause, depth: 0 };
    let records = vec![Arc::new(record)];
    let records = Records { subscription: 1, prev: Position(3), records, reply: false, epoch: Epoch(6) };
    back.hears(OTHER, Message::Records(records));
    for mut back in back.and_again() {
        back.follows(7, [OTHER, back.me], Some(OTHER));
        back.acts();
        assert_eq!(back.flushed(), []);
    }
}
