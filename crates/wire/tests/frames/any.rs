//! Messages by chance: every kind, every variant, numbers of every length.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_cluster::decree::{Ballot, Decree, Word};
use clearwell_cluster::entry::AsOf;
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
    Operation, Part, Peer, Persist, Position, Record, Refusal, Request, Slot, Ticket, Token, View,
};
use clearwell_wire::Kind;
use clearwell_words::{Cause, Effect, Event, EventPattern, Glob, Invalidation, Millis, Scope, Version};

/// What draws them.
pub struct Any(pub fastrand::Rng);

impl Any {
    /// A message of a kind.
    pub fn message(&mut self, kind: Kind) -> Message {
        match kind {
            Kind::Gossip => Message::Gossip(self.bytes()),
            Kind::Decree => Message::Decree(self.decree()),
            Kind::View => Message::View(self.view(), self.list(Any::stopping)),
            Kind::ViewAsk => Message::ViewAsk(self.epoch()),
            Kind::LeaseAsk => {
                Message::LeaseAsk(LeaseAsk { epoch: self.epoch(), sent: self.millis(), ready: self.0.bool() })
            }
            Kind::LeaseGrant => Message::LeaseGrant(LeaseGrant {
                epoch: self.epoch(),
                sent: self.millis(),
                granted: self.0.bool(),
                settled: self.epoch(),
            }),
            Kind::Request => Message::Request(self.ticket(), self.request()),
            Kind::Reply => Message::Reply(self.ticket(), Box::new(self.reply())),
            Kind::Heartbeat => Message::Heartbeat(Heartbeat {
                sent: self.millis(),
                subscription: self.number(),
                watermark: self.position(),
                released: self.list(|any| (any.name(), any.ticket())),
                epoch: self.epoch(),
            }),
            Kind::Beat => Message::Beat(self.stream()),
            Kind::Records => Message::Records(Records {
                subscription: self.number(),
                prev: self.position(),
                records: self.list(|any| Arc::new(any.record())),
                reply: self.0.bool(),
                epoch: self.epoch(),
            }),
            Kind::Applied => {
                Message::Applied(Applied { subscription: self.number(), watermark: self.position() })
            }
            Kind::Enlist => Message::Enlist(Enlist {
                ticket: self.ticket(),
                sent: self.millis(),
                names: self.list(|any| (any.name(), any.peer(), any.position())),
                epoch: self.epoch(),
            }),
            Kind::Enlisted => Message::Enlisted(Enlisted {
                ticket: self.ticket(),
                clean: self.list(|any| any.maybe(|any| any.0.bool())),
                stream: self.stream(),
            }),
            Kind::State => Message::State(Box::new(self.state())),
            Kind::StateTaken => {
                let taking = [Taking::Stored, Taking::Again, Taking::Anew];
                let taking = self.0.choice(taking).expect("not empty");
                Message::StateTaken(StateTaken { subscription: self.number(), ticket: self.ticket(), taking })
            }
            Kind::Digests => Message::Digests(Digests {
                subscription: self.number(),
                at: self.position(),
                of: match self.0.bool() {
                    true => Compared::Slots(self.part(), self.list(|any| (any.slot(), any.number()))),
                    false => Compared::Keys(self.list(|any| (any.bytes(), any.number()))),
                },
            }),
            Kind::Differ => Message::Differ(Differ {
                subscription: self.number(),
                what: match self.0.u8(..3) {
                    0 => Difference::Lacks(self.list(Any::slot)),
                    1 => Difference::Slots(self.part()),
                    _ => Difference::Keys(self.position(), self.list(Any::bytes)),
                },
            }),
            Kind::Feed => Message::Feed(match self.0.bool() {
                true => FeedWord::Ask { source: self.bytes() },
                false => FeedWord::Told {
                    source: self.bytes(),
                    server: self.bytes(),
                    position: self.number(),
                    problem: self.maybe(Any::bytes),
                },
            }),
            Kind::Operate => Message::Operate(match self.0.u8(..4) {
                0 => Operation::Replicas(self.0.u8(..)),
                1 => Operation::Weight(self.0.u32(..)),
                2 => Operation::Leave,
                _ => Operation::Forget(NodeId(self.number())),
            }),
        }
    }

    /// Something that a member keeps.
    pub fn persist(&mut self) -> Persist {
        match self.0.u8(..8) {
            0 => {
                let accepted = self.maybe(|any| (any.ballot(), any.view()));
                Persist::Ballot(Word { epoch: self.epoch(), promised: self.ballot(), accepted })
            }
            1 => Persist::View(self.view()),
            2 => Persist::Granted(self.epoch(), self.peer()),
            3 => Persist::Journal(self.entry()),
            4 => Persist::Flushed(self.bytes(), self.version()),
            5 => Persist::Hold(self.hold()),
            6 => Persist::Released(self.slot(), self.number()),
            _ => Persist::Slots {
                slots: self.list(Any::slot),
                journal: self.list(Any::entry),
                holds: self.list(Any::hold),
            },
        }
    }

    /// As many bits as come.
    fn number(&mut self) -> u64 {
        let bits = self.0.u32(..65);
        self.0.u64(..).checked_shr(bits).unwrap_or(0)
    }

    fn epoch(&mut self) -> Epoch {
        Epoch(self.number())
    }

    fn position(&mut self) -> Position {
        Position(self.number())
    }

    fn millis(&mut self) -> Millis {
        Millis(self.number())
    }

    fn ticket(&mut self) -> Ticket {
        Ticket(self.number())
    }

    fn version(&mut self) -> Version {
        Version(self.number())
    }

    fn slot(&mut self) -> Slot {
        Slot(self.number() as u16)
    }

    fn peer(&mut self) -> Peer {
        Peer { node: NodeId(self.number()), incarnation: self.number() as u32 }
    }

    fn bytes(&mut self) -> Bytes {
        let most = if self.0.u8(..8) == 0 { 400 } else { 12 };
        let length = self.0.usize(..most);
        (0..length).map(|_| self.0.u8(..)).collect()
    }

    fn text(&mut self) -> Box<str> {
        let length = self.0.usize(1..6);
        (0..length).map(|_| self.0.choice(['a', 'b', 'z', '7', '_', '\u{e9}']).expect("not empty")).collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Any) -> T) -> Option<T> {
        self.0.bool().then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Any) -> T) -> Vec<T> {
        let length = self.0.usize(..5);
        (0..length).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> Name {
        let kind = self.0.choice([Name::Key, Name::Tag, Name::Dependents]).expect("not empty");
        kind(self.bytes())
    }

    fn as_of(&mut self) -> AsOf {
        self.list(|any| (any.peer(), any.position()))
    }

    fn token(&mut self) -> Token {
        let seen = self.list(|any| (any.peer(), any.position()));
        Token { epoch: self.epoch(), seen: seen.into_iter().collect() }
    }

    fn entry(&mut self) -> Entry {
        Entry {
            key: self.bytes(),
            value: self.maybe(Any::bytes),
            version: self.version(),
            tags: self.list(Any::bytes).into(),
            dependencies: self.list(Any::bytes).into(),
            events: self.events(),
            expiry: self.expiry(),
            meta: self.meta(),
        }
    }

    fn expiry(&mut self) -> Option<Expiry> {
        self.maybe(|any| Expiry { at: any.millis(), ttl_ms: any.ttl_ms() })
    }

    fn ttl_ms(&mut self) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add(self.number())
    }

    fn meta(&mut self) -> Meta {
        if self.0.bool() {
            return Meta::default();
        }
        Meta {
            grace_ms: self.number(),
            priority: self.number() as u8,
            content_type: self.maybe(|any| any.text().into()),
            load_ms: self.number() as u32,
        }
    }

    fn events(&mut self) -> Arc<[EventPattern]> {
        self.list(Any::pattern).into()
    }

    fn pattern(&mut self) -> EventPattern {
        let (name, attribute, value) = (self.text(), self.text(), self.text());
        let text = match self.0.u8(..3) {
            0 => format!("{name}*"),
            1 => format!("{name}{{{attribute}={value}}}"),
            _ => format!("{name}{{{attribute}=[a-f]{value}*,region=\\*}}"),
        };
        EventPattern::parse(&text).expect("well formed")
    }

    fn event(&mut self) -> Event {
        let mut attributes: BTreeMap<Box<str>, Box<str>> =
            self.list(|any| (any.text(), any.text())).into_iter().collect();
        if self.0.bool() {
            attributes.insert("shop".into(), "7*".into());
            Event::asked(&self.text(), attributes.into_iter().collect()).expect("well formed")
        } else {
            Event::new(&self.text(), attributes.into_iter().collect()).expect("well formed")
        }
    }

    fn scope(&mut self) -> Scope {
        let name = self.bytes();
        match self.0.u8(..7) {
            0 => Scope::Key((*name).into()),
            1 => Scope::Tag((*name).into()),
            2 => Scope::Dependents((*name).into()),
            3 => {
                Scope::Pattern(Glob::new(format!("{}?[^a-c]*", self.text()).as_bytes()).expect("well formed"))
            }
            4 => Scope::Prefix((*name).into()),
            5 => Scope::Event(self.event()),
            _ => Scope::Everything,
        }
    }

    fn hold(&mut self) -> Hold {
        let until = match self.0.bool() {
            true => Awaited::After(self.number()),
            false => Awaited::Event(self.pattern()),
        };
        let (scope, effect, cascade) = (Arc::new(self.scope()), self.effect(), self.0.bool());
        Hold { id: self.number(), scope, effect, cascade, cause: self.cause(), until }
    }

    fn effect(&mut self) -> Effect {
        if self.0.bool() { Effect::Gone } else { Effect::Stale }
    }

    fn cause(&mut self) -> Cause {
        let all = [Cause::Removal, Cause::Command, Cause::Write, Cause::Commit, Cause::Event];
        self.0.choice(all).expect("not empty")
    }

    fn stream(&mut self) -> Stream {
        Stream {
            subscription: self.number(),
            first: self.position(),
            last: self.position(),
            head: self.position(),
            sent: self.millis(),
            lease_ms: self.number(),
            epoch: self.epoch(),
            lost: self.maybe(Any::position),
            at: self.maybe(Any::millis),
        }
    }

    fn record(&mut self) -> Record {
        let change = match self.0.u8(..11) {
            0 => Change::Invalidate {
                scope: Arc::new(self.scope()),
                effect: self.effect(),
                cascade: self.0.bool(),
            },
            1 => Change::Intent { key: self.bytes() },
            2 => Change::Settle { key: self.bytes(), intent: (self.peer(), self.position()) },
            3 => Change::Put { entry: self.entry(), as_of: self.as_of() },
            4 => Change::Fill { entry: self.entry(), as_of: self.as_of() },
            5 => Change::Journal { entry: self.entry(), as_of: self.as_of() },
            6 => Change::Flushed { key: self.bytes(), up_to: self.version(), version: self.version() },
            7 => Change::Touch { key: self.bytes(), of: self.0.u64(..), expiry: self.expiry() },
            8 => Change::Hold(self.hold()),
            9 => Change::Release { id: self.number() },
            _ => Change::Leave { slots: self.list(Any::slot).into() },
        };
        Record {
            position: self.position(),
            slot: self.maybe(Any::slot),
            change,
            version: self.maybe(Any::version),
            cause: self.cause(),
            depth: self.0.u8(..),
        }
    }

    fn ack(&mut self) -> Ack {
        self.0.choice(Ack::ALL).expect("not empty")
    }

    fn lease(&mut self) -> FillLease {
        let (owner, epoch, position, began) = (self.peer(), self.epoch(), self.position(), self.millis());
        FillLease { owner, epoch, position, began }
    }

    fn request(&mut self) -> Request {
        let Entry { key, value, tags, dependencies, events, meta, .. } = self.entry();
        let ttl_ms = self.maybe(Any::ttl_ms);
        match self.0.u8(..7) {
            0 => {
                let level = match self.0.u8(..6) {
                    0 => Level::Strong,
                    1 => Level::Session,
                    2 => Level::Bounded(self.number()),
                    3 => Level::Eventual,
                    4 => Level::Weak,
                    _ => Level::Causal,
                };
                Request::Read(Read { key, level, token: self.token(), hold: self.0.bool() })
            }
            1 => {
                let all = [Strategy::Through, Strategy::Invalidate, Strategy::Back, Strategy::CacheOnly];
                let (strategy, id) = (self.0.choice(all).expect("not empty"), self.number());
                let ack = self.ack();
                Request::Write(Write {
                    key,
                    value,
                    tags,
                    dependencies,
                    events,
                    ttl_ms,
                    meta,
                    strategy,
                    ack,
                    id,
                })
            }
            2 => {
                let value = value.unwrap_or_default();
                let (ack, lease) = (self.ack(), self.lease());
                Request::Fill(Fill { key, value, tags, dependencies, events, ttl_ms, meta, ack, lease })
            }
            3 => Request::Touch(Touch { key, ttl_ms }),
            4 => Request::Hold(self.hold()),
            5 => Request::Cancel(Cancel { id: self.number(), scope: Arc::new(self.scope()) }),
            _ => Request::Invalidate(Invalidate {
                invalidation: Invalidation {
                    scope: Arc::new(self.scope()),
                    effect: self.effect(),
                    cascade: self.0.bool(),
                    cause: self.cause(),
                    version: self.maybe(Any::version),
                },
                wait: self.0.bool(),
                depth: self.0.u8(..),
            }),
        }
    }

    fn done(&mut self) -> Done {
        Done {
            version: self.maybe(Any::version),
            ordered: self.as_of(),
            survives: self.0.bool(),
            token: self.token(),
        }
    }

    fn reply(&mut self) -> Reply {
        let answer = match self.0.u8(..4) {
            0 => Answer::Value {
                entry: self.maybe(Any::entry),
                token: self.token(),
                lease: self.maybe(Any::lease),
            },
            1 => Answer::Written(self.done()),
            2 => Answer::Invalidated(self.done()),
            _ => {
                let all = [Refusal::NoOwner, Refusal::Busy, Refusal::Source, Refusal::Late, Refusal::Unknown];
                Answer::Refused(self.0.choice(all).expect("not empty"))
            }
        };
        let (as_of, stream, epoch) = (self.as_of(), self.maybe(Any::stream), self.epoch());
        Reply { answer, as_of, stream, epoch, at: self.maybe(Any::millis) }
    }

    fn part(&mut self) -> Part {
        let slots = self.list(Any::slot);
        Part { slots, after: self.maybe(Any::bytes), end: self.maybe(Any::bytes) }
    }

    fn state(&mut self) -> State {
        State {
            subscription: self.number(),
            part: self.part(),
            base: self.position(),
            entries: self.list(Any::entry),
            as_of: self.as_of(),
            intents: self.list(|any| (any.bytes(), (any.peer(), any.position()))),
            journal: self.list(Any::entry),
            holds: self.list(Any::hold),
            ticket: self.ticket(),
            epoch: self.epoch(),
        }
    }

    fn decree(&mut self) -> Decree {
        let (epoch, ballot) = (self.epoch(), self.ballot());
        match self.0.u8(..5) {
            0 => Decree::Prepare(epoch, ballot),
            1 => {
                let accepted = self.maybe(|any| (any.ballot(), any.view()));
                Decree::Promise(epoch, ballot, accepted, self.maybe(|any| any.list(Any::peer)))
            }
            2 => Decree::Accept(ballot, self.view()),
            3 => Decree::Accepted(epoch, ballot, self.list(Any::stopping)),
            _ => Decree::Refused(epoch, ballot),
        }
    }

    fn stopping(&mut self) -> Stopping {
        Stopping { peer: self.peer(), lost: self.epoch(), left_ms: self.number() }
    }

    fn ballot(&mut self) -> Ballot {
        Ballot { round: self.number(), node: NodeId(self.number()) }
    }

    fn view(&mut self) -> Arc<View> {
        let slots = self.0.u16(1..40);
        let mut seats = || {
            let all: BTreeMap<Peer, u32> =
                self.list(|any| (any.peer(), any.0.u32(..300))).into_iter().collect();
            all.into_iter().map(|(peer, weight)| Seat { peer, weight }).collect()
        };
        let (first, second): (Vec<Seat>, Vec<Seat>) = (seats(), seats());
        let mut parts = View::first(first, self.0.u8(..3), slots).parts();
        if self.0.bool() {
            parts.next = View::first(second, self.0.u8(..3), slots).base;
            parts.removed = self.list(|any| (any.peer(), any.epoch())).into_iter().collect();
            parts.idle = self.list(|any| (any.peer(), any.epoch())).into_iter().collect();
            parts.losers = self.list(|any| (any.epoch(), any.peer())).into_iter().collect();
            let stranded = self.list(|any| {
                let gone = any.list(|any| (any.peer(), any.epoch())).into_iter().collect();
                let stranded = Stranded { row: any.list(Any::peer), gone, emptied: any.epoch() };
                (Slot(any.0.u16(..slots)), stranded)
            });
            parts.stranded = stranded.into_iter().collect();
            parts.voters = self.list(|any| NodeId(any.number()));
        }
        parts.epoch = self.epoch();
        Arc::new(View::from_parts(parts).expect("it is one"))
    }
}
