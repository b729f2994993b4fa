//! The bytes of each kind of message and of each variant inside, as they were written down: a change of them is a change of the
//! protocol, which another version must be able to read.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use clearwell_cluster::decree::{Ballot, Decree};
use clearwell_cluster::message::{
    Applied, Compared, Differ, Difference, Digests, Enlist, Enlisted, FeedWord, Heartbeat, LeaseAsk,
    LeaseGrant, Records, Reply, State, StateTaken, Stopping, Stream, Taking,
};
use clearwell_cluster::record::Change;
use clearwell_cluster::request::{Ack, Cancel, Done, Fill, Invalidate, Read, Strategy, Touch, Write};
use clearwell_cluster::stranded::Stranded;
use clearwell_cluster::view::Seat;
use clearwell_cluster::{
    Answer, Awaited, Bytes, Entry, Epoch, Expiry, FillLease, Hold, Level, Message, Meta, Name, NodeId,
    Operation, Part, Peer, Position, Record, Refusal, Request, Slot, Ticket, Token, View,
};
use clearwell_words::{Cause, Effect, Event, EventPattern, Glob, Invalidation, Millis, Scope, Version};

use crate::{Decoder, Kind, encode, tags};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.txt")
}

/// `CLEARWELL_GOLDEN=write` writes the file anew.
#[test]
fn every_message_has_the_bytes_that_were_written_down() {
    let all = samples();
    let written: String =
        all.iter().map(|(name, message)| format!("{name}: {}\n", hex(&bytes(message)))).collect();
    let text = format!("{ABOUT}{written}");
    if std::env::var_os("CLEARWELL_GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(path(), &text).expect("the folder is there");
    }
    let kept = std::fs::read_to_string(path()).expect("the file is there");
    let line = kept.lines().zip(text.lines()).find(|(kept, now)| kept != now);
    assert_eq!(line, None, "the bytes are others now; if that is right: {COMMAND}");
    assert_eq!(
        kept.lines().count(),
        text.lines().count(),
        "a message without bytes, or bytes without one: {COMMAND}"
    );
}

#[test]
fn the_bytes_are_read_as_the_messages_that_they_were() {
    let kept = std::fs::read_to_string(path()).expect("the file is there");
    let lines = kept.lines().filter(|line| !line.starts_with('#'));
    let mut decoder = Decoder::default();
    for (line, (name, message)) in lines.zip(samples()) {
        let (_, hex) = line.split_once(": ").expect("a name, a colon, hex");
        assert_eq!(decoder.decode(&unhex(hex)), Ok(message), "{name}");
    }
}

#[test]
fn no_kind_and_no_variant_is_without_bytes() {
    tags::seen::take();
    let (mut kinds, mut sealed) = (BTreeSet::new(), BTreeSet::new());
    for (name, message) in samples() {
        kinds.insert(Kind::of(&message));
        sealed.extend(in_envelope(&message));
        crate::decode(&bytes(&message)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let seen = tags::seen::take();
    let missing: Vec<Kind> = Kind::all().filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
    for (what, table) in tags::tables() {
        for (tag, variant) in table {
            assert!(seen.contains(&(what, *tag)), "no sample of {what} {variant:?}");
        }
    }
    assert_eq!(sealed, BTreeSet::from(SEALED), "a decree or an operation without a sample");
}

/// What lies in envelopes, by name: there serde numbers the variants, not a tag of ours.
const SEALED: [&str; 10] = [
    "prepare",
    "promise",
    "promise with a view",
    "accept",
    "accepted",
    "refused",
    "replicas",
    "weight",
    "leave",
    "forget",
];

fn in_envelope(message: &Message) -> Option<&'static str> {
    Some(match message {
        Message::Decree(decree) => match decree {
            Decree::Prepare(..) => "prepare",
            Decree::Promise(_, _, None, _) => "promise",
            Decree::Promise(_, _, Some(_), _) => "promise with a view",
            Decree::Accept(..) => "accept",
            Decree::Accepted(..) => "accepted",
            Decree::Refused(..) => "refused",
        },
        Message::Operate(operation) => match operation {
            Operation::Replicas(_) => "replicas",
            Operation::Weight(_) => "weight",
            Operation::Leave => "leave",
            Operation::Forget(_) => "forget",
        },
        _ => return None,
    })
}

const COMMAND: &str = "CLEARWELL_GOLDEN=write cargo test -p clearwell-wire --lib golden";

const ABOUT: &str = "\
# Frames of clearwell-wire, a message each: its name, and its bytes in hex. Written by
# CLEARWELL_GOLDEN=write cargo test -p clearwell-wire --lib golden
# A line that changes is bytes that another version does not write, and may not read.
";

fn bytes(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).expect("samples are short");
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

pub(crate) fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 2 }
}

pub(crate) fn name(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn stream() -> Stream {
    let (first, last, head) = (Position(100), Position(298), Position(300));
    let (sent, lease_ms, epoch) = (Millis(1_700_000), 2500, Epoch(7));
    Stream { subscription: 5, first, last, head, sent, lease_ms, epoch, lost: None, at: None }
}

fn token() -> Token {
    Token { epoch: Epoch(7), seen: BTreeMap::from([(peer(1), Position(300)), (peer(3), Position(9))]) }
}

pub(crate) fn entry() -> Entry {
    Entry {
        key: name("post:1"),
        value: Some(name("{}")),
        version: Version(7 << 40 | 300),
        tags: [name("author:1"), name("blog:2")].into(),
        dependencies: [name("author:1")].into(),
        events: [EventPattern::parse("paid{shop=7,region=e*}").expect("well formed")].into(),
        expiry: None,
        meta: Meta::default(),
    }
}

/// One that expires, with all that can be kept with a value.
pub(crate) fn expiring() -> Entry {
    Entry { expiry: Some(Expiry { at: Millis(1_760_000), ttl_ms: ttl_ms() }), meta: meta(), ..entry() }
}

fn ttl_ms() -> NonZeroU64 {
    NonZeroU64::new(60_000).expect("a minute")
}

fn meta() -> Meta {
    let content_type = Some("text/html".into());
    Meta { grace_ms: 30_000, priority: 200, content_type, load_ms: 17 }
}

/// One that says that there is nothing.
pub(crate) fn nothing() -> Entry {
    let (tags, dependencies, events) = (Arc::default(), Arc::default(), Arc::default());
    let (expiry, meta) = (None, Meta::default());
    Entry { key: name("gone"), value: None, version: Version(12), tags, dependencies, events, expiry, meta }
}

fn event(is_pattern: bool) -> Event {
    let attributes = vec![("shop".into(), "7*".into())];
    let made = if is_pattern { Event::asked("paid", attributes) } else { Event::new("paid", attributes) };
    made.expect("well formed")
}

pub(crate) fn view() -> Arc<View> {
    let seat = |node, weight| Seat { peer: peer(node), weight };
    Arc::new(View::first(vec![seat(1, 100), seat(2, 100), seat(3, 200)], 1, 8))
}

/// One in which everything is on its way.
pub(crate) fn unsettled() -> Arc<View> {
    let mut parts = view().parts();
    let seats = vec![Seat { peer: peer(1), weight: 100 }, Seat { peer: peer(4), weight: 50 }];
    parts.epoch = Epoch(8);
    parts.next = View::first(seats, 0, 8).base;
    parts.removed = BTreeMap::from([(peer(2), Epoch(8))]);
    parts.idle = BTreeMap::from([(peer(3), Epoch(7))]);
    parts.losers = BTreeSet::from([(Epoch(6), peer(3)), (Epoch(8), peer(2))]);
    let gone = BTreeMap::from([(peer(3), Epoch(7))]);
    let stranded = Stranded { row: vec![peer(2), peer(3)], gone, emptied: Epoch(6) };
    parts.stranded = BTreeMap::from([(Slot(5), stranded)]);
    Arc::new(View::from_parts(parts).expect("it is one"))
}

fn stopping() -> Stopping {
    Stopping { peer: peer(2), lost: Epoch(8), left_ms: 1300 }
}

fn samples() -> Vec<(String, Message)> {
    let mut all = Vec::new();
    let mut add = |name: &str, message| all.push((name.to_owned(), message));
    add("gossip", Message::Gossip(name(&"g".repeat(200))));
    add("view", Message::View(view(), Vec::new()));
    add("view, unsettled", Message::View(unsettled(), vec![stopping()]));
    add("view ask", Message::ViewAsk(Epoch(300)));
    add("lease ask", Message::LeaseAsk(LeaseAsk { epoch: Epoch(7), sent: Millis(1_700_000), ready: true }));
    let (epoch, sent, settled) = (Epoch(7), Millis(1_700_000), Epoch(6));
    add("lease grant", Message::LeaseGrant(LeaseGrant { epoch, sent, granted: false, settled }));
    decrees(&mut add);
    operations(&mut add);
    requests(&mut add);
    answers(&mut add);
    streams(&mut add);
    records(&mut add);
    states(&mut add);
    expiries(&mut add);
    holds(&mut add);
    add("feed, ask", Message::Feed(FeedWord::Ask { source: name("main") }));
    for (what, problem) in [("feed, told", None), ("feed, told of a gap", Some(name("the slot is gone")))] {
        let (source, server, position) = (name("main"), name("7301 00000001"), 0x0123_4567_89ab);
        add(what, Message::Feed(FeedWord::Told { source, server, position, problem }));
    }
    all
}

fn decrees(add: &mut impl FnMut(&str, Message)) {
    let (epoch, ballot) = (Epoch(8), Ballot { round: 3, node: NodeId(1) });
    let mut decree = |name: &str, decree| add(&format!("decree, {name}"), Message::Decree(decree));
    decree("prepare", Decree::Prepare(epoch, ballot));
    decree("promise", Decree::Promise(epoch, ballot, None, None));
    let accepted = Some((Ballot { round: 2, node: NodeId(3) }, unsettled()));
    decree("promise with a view", Decree::Promise(epoch, ballot, accepted, Some(vec![peer(1), peer(3)])));
    decree("accept", Decree::Accept(ballot, unsettled()));
    decree("accepted", Decree::Accepted(epoch, ballot, vec![stopping()]));
    decree("refused", Decree::Refused(epoch, ballot));
}

fn operations(add: &mut impl FnMut(&str, Message)) {
    for (name, operation) in [
        ("replicas", Operation::Replicas(2)),
        ("weight", Operation::Weight(150)),
        ("leave", Operation::Leave),
        ("forget", Operation::Forget(NodeId(3))),
    ] {
        add(&format!("operate, {name}"), Message::Operate(operation));
    }
}

fn requests(add: &mut impl FnMut(&str, Message)) {
    let mut request =
        |name: &str, request| add(&format!("request, {name}"), Message::Request(Ticket(900), request));
    for (name, level) in [
        ("strong", Level::Strong),
        ("session", Level::Session),
        ("bounded", Level::Bounded(2000)),
        ("eventual", Level::Eventual),
        ("weak", Level::Weak),
        ("causal", Level::Causal),
    ] {
        let read = Read { key: self::name("post:1"), level, token: token(), hold: true };
        request(&format!("read {name}"), Request::Read(read));
    }
    for (name, strategy) in [
        ("through", Strategy::Through),
        ("invalidate", Strategy::Invalidate),
        ("back", Strategy::Back),
        ("cache only", Strategy::CacheOnly),
    ] {
        let write = Write { strategy, ..write(None, Meta::default()) };
        request(&format!("write {name}"), Request::Write(write));
    }
    request("fill", Request::Fill(fill(None, Meta::default())));
    let write = Write { ack: Ack::Owner, ..write(None, Meta::default()) };
    request("write acknowledged by the owner", Request::Write(write));
    let fill = Fill { ack: Ack::Owner, ..fill(None, Meta::default()) };
    request("fill acknowledged by the owner", Request::Fill(fill));
    for (name, cause) in [
        ("removal", Cause::Removal),
        ("command", Cause::Command),
        ("write", Cause::Write),
        ("commit", Cause::Commit),
        ("event", Cause::Event),
    ] {
        let (scope, effect) = (Arc::new(Scope::Everything), Effect::Stale);
        let version = Some(Version(12));
        let invalidation = Invalidation { scope, effect, cascade: true, version, cause };
        let invalidate = Invalidate { invalidation, wait: true, depth: 200 };
        request(&format!("invalidate for {name}"), Request::Invalidate(invalidate));
    }
}

fn write(ttl_ms: Option<NonZeroU64>, meta: Meta) -> Write {
    let Entry { key, value, tags, dependencies, events, .. } = entry();
    let (strategy, ack) = (Strategy::CacheOnly, Ack::Replicas);
    Write { key, value, tags, dependencies, events, ttl_ms, meta, strategy, ack, id: 77 }
}

fn fill(ttl_ms: Option<NonZeroU64>, meta: Meta) -> Fill {
    let Entry { key, tags, dependencies, events, .. } = entry();
    let (value, ack, lease) = (name("{}"), Ack::Replicas, lease());
    Fill { key, value, tags, dependencies, events, ttl_ms, meta, ack, lease }
}

fn lease() -> FillLease {
    FillLease { owner: peer(1), epoch: Epoch(7), position: Position(300), began: Millis(1_700_000) }
}

fn answers(add: &mut impl FnMut(&str, Message)) {
    let mut reply = |name: &str, answer, stream| {
        let as_of = vec![(peer(1), Position(300))];
        let reply = Reply { answer, as_of, stream, epoch: Epoch(7), at: None };
        add(&format!("reply, {name}"), Message::Reply(Ticket(900), Box::new(reply)));
    };
    let value = |entry, lease| Answer::Value { entry, token: token(), lease };
    reply("value", value(Some(entry()), None), Some(stream()));
    reply("value that is nothing", value(Some(nothing()), None), None);
    reply("miss", value(None, Some(lease())), None);
    let ordered = vec![(peer(1), Position(300))];
    let done = Done { version: Some(Version(12)), ordered, survives: true, token: token() };
    reply("written", Answer::Written(done.clone()), None);
    reply("invalidated", Answer::Invalidated(Done { version: None, survives: false, ..done }), None);
    for (name, refusal) in [
        ("no owner", Refusal::NoOwner),
        ("busy", Refusal::Busy),
        ("source", Refusal::Source),
        ("late", Refusal::Late),
        ("unknown", Refusal::Unknown),
    ] {
        reply(&format!("refused, {name}"), Answer::Refused(refusal), None);
    }
}

fn streams(add: &mut impl FnMut(&str, Message)) {
    let names = [Name::Key(name("post:1")), Name::Tag(name("author:1")), Name::Dependents(name("author:1"))];
    let released = names.iter().cloned().zip((40..).map(Ticket)).collect();
    let (sent, watermark, epoch) = (Millis(1_700_000), Position(298), Epoch(7));
    add("heartbeat", Message::Heartbeat(Heartbeat { sent, subscription: 5, watermark, released, epoch }));
    add("beat", Message::Beat(stream()));
    add("beat with something lost", Message::Beat(Stream { lost: Some(Position(200)), ..stream() }));
    add("applied", Message::Applied(Applied { subscription: 5, watermark }));
    let names = names.into_iter().map(|name| (name, peer(1), Position(290))).collect();
    add("enlist", Message::Enlist(Enlist { ticket: Ticket(41), sent, names, epoch }));
    let clean = vec![Some(true), Some(false), None];
    add("enlisted", Message::Enlisted(Enlisted { ticket: Ticket(41), clean, stream: stream() }));
}

fn records(add: &mut impl FnMut(&str, Message)) {
    let mut record = |name: &str, change, effect_of| {
        let (position, slot, cause) = (Position(299), Some(Slot(5)), Cause::Commit);
        let record = Record { position, slot, change, version: effect_of, cause, depth: 1 };
        let all = Record { position: Position(300), slot: None, version: None, ..record.clone() };
        let records = vec![Arc::new(record), Arc::new(all)];
        let (prev, epoch) = (Position(298), Epoch(7));
        add(
            &format!("records, {name}"),
            Message::Records(Records { subscription: 5, prev, records, reply: true, epoch }),
        );
    };
    for (name, scope) in [
        ("key", Scope::Key((*b"post:1").into())),
        ("tag", Scope::Tag((*b"author:1").into())),
        ("dependents", Scope::Dependents((*b"author:1").into())),
        ("pattern", Scope::Pattern(Glob::new(b"post:[1-3]*").expect("well formed"))),
        ("prefix", Scope::Prefix((*b"post:").into())),
        ("event", Scope::Event(event(false))),
        ("events by pattern", Scope::Event(event(true))),
        ("everything", Scope::Everything),
    ] {
        let change = Change::Invalidate { scope: scope.into(), effect: Effect::Gone, cascade: true };
        record(&format!("invalidate {name}"), change, Some(Version(12)));
    }
    let (key, as_of) = (name("post:1"), vec![(peer(1), Position(290)), (peer(3), Position(8))]);
    record("intent", Change::Intent { key: key.clone() }, None);
    record("settle", Change::Settle { key: key.clone(), intent: (peer(2), Position(250)) }, None);
    record("put", Change::Put { entry: entry(), as_of: as_of.clone() }, None);
    record("fill", Change::Fill { entry: nothing(), as_of: as_of.clone() }, None);
    record("journal", Change::Journal { entry: entry(), as_of }, None);
    let (up_to, version) = (Version(7 << 40 | 300), Version(13));
    record("flushed", Change::Flushed { key, up_to, version }, None);
    record("leave", Change::Leave { slots: [Slot(3), Slot(16383)].into() }, None);
}

fn states(add: &mut impl FnMut(&str, Message)) {
    let (after, end) = (Some(name("post:0")), Some(name("post:7")));
    let state = State {
        subscription: 5,
        part: Part { slots: vec![Slot(3), Slot(5)], after, end },
        base: Position(300),
        entries: vec![entry(), nothing()],
        as_of: vec![(peer(3), Position(8))],
        intents: vec![(name("post:9"), (peer(2), Position(250)))],
        journal: vec![entry()],
        holds: Vec::new(),
        ticket: Ticket(17),
        epoch: Epoch(7),
    };
    add("state", Message::State(Box::new(state)));
    for (name, taking) in [("stored", Taking::Stored), ("again", Taking::Again), ("anew", Taking::Anew)] {
        let taken = StateTaken { subscription: 5, ticket: Ticket(17), taking };
        add(&format!("state taken, {name}"), Message::StateTaken(taken));
    }
    let digests = vec![(Slot(3), 0x0123_4567_89ab_cdef), (Slot(300), u64::MAX)];
    let keys = vec![(name("post:1"), 0x0123_4567_89ab_cdef)];
    let part = Part { slots: vec![Slot(3), Slot(300)], after: Some(name("post:0")), end: None };
    for (name, of) in [("slots", Compared::Slots(part.clone(), digests)), ("keys", Compared::Keys(keys))] {
        let digests = Digests { subscription: 5, at: Position(300), of };
        add(&format!("digests, {name}"), Message::Digests(digests));
    }
    for (what, difference) in [
        ("lacks", Difference::Lacks(vec![Slot(300)])),
        ("slots", Difference::Slots(part)),
        ("keys", Difference::Keys(Position(300), vec![name("post:1")])),
    ] {
        let differ = Differ { subscription: 5, what: difference };
        add(&format!("differ, {what}"), Message::Differ(differ));
    }
}

/// What came later stands at the end.
fn expiries(add: &mut impl FnMut(&str, Message)) {
    let request = |request| Message::Request(Ticket(900), request);
    let (ttl_ms, at) = (Some(ttl_ms()), Some(Millis(1_700_500)));
    add("request, write that expires", request(Request::Write(write(ttl_ms, meta()))));
    add("request, fill that expires", request(Request::Fill(fill(ttl_ms, meta()))));
    let answer = Answer::Value { entry: Some(expiring()), token: token(), lease: None };
    let reply = Reply { answer, as_of: Vec::new(), stream: None, epoch: Epoch(7), at };
    add("reply, value that expires", Message::Reply(Ticket(900), Box::new(reply)));
    add("beat with the owner's clock", Message::Beat(Stream { at, ..stream() }));
    let mut record = |name: &str, change| {
        let (position, slot, cause) = (Position(299), Some(Slot(5)), Cause::Write);
        let record = Arc::new(Record { position, slot, change, version: None, cause, depth: 0 });
        let (prev, epoch) = (Position(298), Epoch(7));
        let records = Records { subscription: 5, prev, records: vec![record], reply: true, epoch };
        add(&format!("records, {name}"), Message::Records(records));
    };
    record("put that expires", Change::Put { entry: expiring(), as_of: Vec::new() });
    let (key, of, expiry) = (name("post:1"), 0x0123_4567_89ab_cdef, expiring().expiry);
    record("touch", Change::Touch { key: key.clone(), of, expiry });
    record("touch for ever", Change::Touch { key: key.clone(), of, expiry: None });
    add("request, touch", request(Request::Touch(Touch { key: key.clone(), ttl_ms })));
    add("request, touch for ever", request(Request::Touch(Touch { key, ttl_ms: None })));
}

fn holds(add: &mut impl FnMut(&str, Message)) {
    let pattern = EventPattern::parse("paid{shop=7}").expect("well formed");
    let tag = Arc::new(Scope::Tag((*b"author:1").into()));
    let hold = |until| {
        let (scope, effect, cascade, cause) = (Arc::clone(&tag), Effect::Gone, true, Cause::Command);
        Hold { id: 300, scope, effect, cascade, cause, until }
    };
    let held = [("for a time", hold(Awaited::After(2000))), ("for an event", hold(Awaited::Event(pattern)))];
    for (name, hold) in &held {
        add(&format!("request, hold {name}"), Message::Request(Ticket(900), Request::Hold(hold.clone())));
    }
    let cancel = Cancel { id: 300, scope: Arc::clone(&tag) };
    add("request, cancel", Message::Request(Ticket(900), Request::Cancel(cancel)));
    for (name, change) in
        [("hold", Change::Hold(held[0].1.clone())), ("release", Change::Release { id: 300 })]
    {
        let (position, slot, cause) = (Position(299), Some(Slot(5)), Cause::Command);
        let record = Arc::new(Record { position, slot, change, version: None, cause, depth: 0 });
        let (prev, epoch) = (Position(298), Epoch(7));
        let records = Records { subscription: 5, prev, records: vec![record], reply: true, epoch };
        add(&format!("records, {name}"), Message::Records(records));
    }
    let state = State {
        subscription: 5,
        part: Part { slots: vec![Slot(3)], after: None, end: None },
        base: Position(300),
        entries: Vec::new(),
        as_of: Vec::new(),
        intents: Vec::new(),
        journal: Vec::new(),
        holds: held.into_iter().map(|(_, hold)| hold).collect(),
        ticket: Ticket(17),
        epoch: Epoch(7),
    };
    add("state with holds", Message::State(Box::new(state)));
}
