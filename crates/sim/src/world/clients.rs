//! Clients: sessions that read, write and invalidate, here and there, and hand their tokens on.

use std::sync::Arc;

use clearwell_cluster::{FillLease, Token};
use clearwell_engine::{Glob, Scope};

use super::{Happening, World};
use crate::counts::Count;
use crate::history::{Covered, Deed, Got, Op};
use crate::host::State;
use crate::names::{Class, KeyId, Names};
use crate::options::{PATIENCE, SECOND};
use crate::queue::Micros;
use crate::rng::{Rng, mix};
use crate::seen::Seen;
use crate::value::WriteId;

/// A session.
#[derive(Debug, Default)]
pub struct Client {
    token: Token,
    home: usize,
    count: u32,
    /// The operations whose answers it awaits together.
    waits: Vec<u32>,
    /// How many operations it began last.
    many: u64,
    /// Whether it is about to ask for more.
    asks: bool,
    /// The key of the last value that it read: what it does next may be a write that depends on it.
    read: Option<KeyId>,
    /// The last hold of which it knows that it is held.
    pub(super) held: Option<u32>,
    /// The last miss of a key without source, which may be filled.
    miss: Option<Miss>,
}

/// How far an operation is.
enum Begun {
    /// Somebody was asked, and may have answered already.
    Asked,
    /// There was nothing to ask; the turn's chance goes on.
    Done(Rng),
    /// No host was there.
    NobodyThere,
}

/// A miss that was answered with a fill lease.
#[derive(Debug, Clone, Copy)]
pub struct Miss {
    /// The read.
    pub op: u32,
    /// The key.
    pub key: KeyId,
    /// What it was answered with.
    pub lease: FillLease,
}

/// The engine's words for what an invalidation covers.
pub fn scope_of(names: &Names, covered: Covered) -> Arc<Scope> {
    Arc::new(match covered {
        Covered::Key(key) => Scope::Key((**names.key(key)).into()),
        Covered::Tag(tag) => Scope::Tag((**names.tag(tag)).into()),
        Covered::Event(event) => Scope::Event(names.events.event(event).clone()),
        Covered::Class(letter) => {
            let glob = Glob::new(format!("{letter}*").as_bytes()).expect("a letter and a star are a pattern");
            Scope::Pattern(glob)
        }
        Covered::Everything => Scope::Everything,
    })
}

impl World {
    pub(super) fn begin_clients(&mut self) {
        for index in 0..self.options.clients {
            self.clients.push(Client {
                home: mix(u64::from(index) ^ self.options.seed) as usize,
                ..Client::default()
            });
            if !self.mask.clients.get(usize::from(index)).copied().unwrap_or(false) {
                self.queue.push(SECOND / 2 + u64::from(index) * 1000, Happening::ClientTurn(index));
            }
        }
    }

    pub(super) fn token_of(&self, client: u16) -> Token {
        self.clients.get(usize::from(client)).map_or_else(Token::default, |client| client.token.clone())
    }

    /// A client does the next thing, or several at once, whose answers it awaits together.
    pub(super) fn client_turn(&mut self, index: u16) {
        if self.now >= self.options.quiet {
            return;
        }
        let at = usize::from(index);
        let many = self.options.at_once.max(1);
        let many = 1 + Rng::new(
            self.options.seed ^ u64::from(index) << 48,
            60_000 + u64::from(self.clients[at].count),
        )
        .below(many);
        (self.clients[at].asks, self.clients[at].many) = (true, many);
        let mut last = None;
        for _ in 0..many {
            last = Some(self.begin_next(index));
        }
        self.clients[at].asks = false;
        self.counts.add(Count::AtOnce, u64::from(self.clients[at].waits.len() > 1));
        if !self.still_waits(index) {
            match last {
                Some(Begun::Asked) => self.turn_after_answers(index),
                Some(Begun::Done(mut rng)) => self.next_turn(index, &mut rng),
                Some(Begun::NobodyThere) | None => {
                    self.queue.push(self.now + SECOND, Happening::ClientTurn(index))
                }
            }
        }
    }

    /// The next operation by the client's own count.
    fn begin_next(&mut self, index: u16) -> Begun {
        let client = &mut self.clients[usize::from(index)];
        let count = client.count;
        client.count += 1;
        let mut rng = Rng::new(self.options.seed ^ u64::from(index) << 48, 10_000 + u64::from(count));
        if self.mask.ops.is_some_and(|(from, to)| !(from..to).contains(&count)) {
            return Begun::Done(rng);
        }
        if rng.percent(self.options.moves_percent) {
            self.clients[usize::from(index)].home = rng.next() as usize;
        }
        let home = self.clients[usize::from(index)].home;
        match self.draw_deed(index, &mut rng) {
            None => Begun::Done(rng),
            Some((key, deed)) if self.ask_somebody(index, home, key, deed) => Begun::Asked,
            Some(_) => Begun::NobodyThere,
        }
    }

    /// What a client does when all is answered that it asked.
    fn turn_after_answers(&mut self, index: u16) {
        let count = self.clients[usize::from(index)].count;
        let mut rng = Rng::new(self.options.seed ^ u64::from(index), 50_000 + u64::from(count));
        self.next_turn(index, &mut rng);
    }

    /// A client writes what it read last, as whoever counts up does.
    pub(super) fn takes_read(&mut self, index: u16) -> Option<KeyId> {
        let percent = self.options.writes_read_percent;
        let client = &mut self.clients[usize::from(index)];
        let key = client.read.take().filter(|_| percent > 0)?;
        let mut rng = Rng::new(self.options.seed ^ u64::from(index) << 48, 70_000 + u64::from(client.count));
        let takes = rng.percent(percent);
        self.counts.add(Count::WritesWhatItRead, u64::from(takes));
        takes.then_some(key)
    }

    fn next_turn(&mut self, index: u16, rng: &mut Rng) {
        // Who asks for much at once does so less often.
        let many = self.clients[usize::from(index)].many.max(1);
        let think = 1 + rng.below(2 * self.options.think * many);
        self.queue.push(self.now + think, Happening::ClientTurn(index));
    }

    /// Whether a session waits for an answer.
    pub fn still_waits(&self, client: u16) -> bool {
        self.clients.get(usize::from(client)).is_some_and(|client| !client.waits.is_empty())
    }

    /// A client that had a miss fills it, at once or late.
    pub(super) fn draw_fill(&mut self, index: u16, rng: &mut Rng) -> Option<(KeyId, WriteId)> {
        self.clients[usize::from(index)].miss.filter(|_| rng.percent(40))?;
        self.begin_fill(index)
    }

    /// A client fills the last miss that it may fill.
    pub fn begin_fill(&mut self, index: u16) -> Option<(KeyId, WriteId)> {
        let miss = self.clients[usize::from(index)].miss.take()?;
        let write = self.history.source.intend(miss.key, false);
        self.history.fills.insert(write, miss.op);
        self.leases.insert(write, miss.lease);
        Some((miss.key, write))
    }

    /// A read was answered with a fill lease.
    pub(super) fn note_miss(&mut self, op: u32, lease: FillLease) {
        let Op { client, key, .. } = self.history.ops[op as usize];
        let is_plain = self.history.names.class(key) == Class::Cache;
        if let Some(client) =
            self.clients.get_mut(usize::from(client)).filter(|client| client.waits.contains(&op))
            && is_plain
        {
            client.miss = Some(Miss { op, key, lease });
        }
    }

    /// A session takes over what another has seen.
    pub(super) fn hand_on(&mut self, index: u16, from: u16) {
        let token = self.clients[usize::from(from)].token.clone();
        self.clients[usize::from(index)].token.merge(&token);
        let op = self.op(index, 0, 0, Deed::TakeToken { from });
        let at = self.history.begin(op);
        self.history.end(at, self.now, Got::Done { version: None, survives: true });
    }

    fn op(&self, client: u16, host: usize, key: KeyId, deed: Deed) -> Op {
        Op { begin: self.now, end: Micros::MAX, client, host: host as u16, key, deed, got: Got::Nothing }
    }

    /// Asks a host that is there; false: there is none.
    fn ask_somebody(&mut self, index: u16, home: usize, key: KeyId, deed: Deed) -> bool {
        // A near cache only reads.
        let reads = matches!(deed, Deed::Read(_));
        let fits =
            |host: &crate::host::Machine| host.state == State::Up && (reads || !host.is_near) && !host.leaves;
        let count = self.hosts.len();
        let home = match usize::from(self.options.homes) {
            0 => home,
            _ if !reads => home % usize::from(self.options.nodes),
            homes => count - 1 - home % homes.min(count),
        };
        let host = (0..count).map(|step| (home + step) % count).find(|&host| fits(&self.hosts[host]));
        let Some(host) = host else { return false };
        let op = self.ask_host(index, host, key, deed);
        if self.history.ops[op as usize].got == Got::Nothing
            && self.clients[usize::from(index)].waits.contains(&op)
        {
            let patience = if reads { self.options.patience } else { PATIENCE };
            self.queue.push(self.now + patience, Happening::ClientGivesUp { op });
        }
        true
    }

    /// Asks one host.
    pub fn ask_host(&mut self, client: u16, host: usize, key: KeyId, deed: Deed) -> u32 {
        let op = self.history.begin(self.op(client, host, key, deed));
        if let Some(client) = self.clients.get_mut(usize::from(client)) {
            client.waits.push(op);
        }
        self.see(|_| Some(Seen::Asked(op)));
        self.submit(op);
        op
    }

    pub(super) fn client_gives_up(&mut self, op: u32) {
        if self.clients[usize::from(self.history.ops[op as usize].client)].waits.contains(&op) {
            self.end_op(op, Got::Nothing, None);
        }
    }

    /// An operation has its answer, or will never have one.
    pub(super) fn end_op(&mut self, at: u32, got: Got, token: Option<Token>) {
        let op = self.history.ops[at as usize];
        let index = usize::from(op.client);
        let Some(client) = self.clients.get_mut(index) else {
            self.history.end(at, self.now, got);
            self.see(|_| Some(Seen::Answered(at)));
            return;
        };
        let Some(place) = client.waits.iter().position(|&waits| waits == at) else { return };
        client.waits.remove(place);
        if let Some(token) = token {
            client.token.merge(&token);
        }
        if let (Deed::Read(_), Got::Value(_)) = (op.deed, got) {
            client.read = Some(op.key);
        }
        let is_last = client.waits.is_empty() && !client.asks;
        if let (Deed::Write(_, write), Got::Done { version: Some(version), .. }) = (op.deed, got) {
            self.history.rank(write, version);
        }
        if matches!((op.deed, got), (Deed::Hold(..), Got::Done { .. })) {
            client.held = Some(at);
        }
        self.history.end(at, self.now, got);
        self.see(|_| Some(Seen::Answered(at)));
        self.note(match got {
            Got::Value(found) => found.version << 8 | 3,
            Got::Done { version, .. } => version.unwrap_or(0) << 8 | 5,
            Got::Refused { surely } => u64::from(surely) << 8 | 7,
            Got::Nothing => 9,
        });
        self.tell(Some(op.key), |world| crate::story::line(&world.history, at));
        if is_last {
            self.turn_after_answers(op.client);
        }
    }
}
