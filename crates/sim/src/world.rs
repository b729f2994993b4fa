//! The world: true time, hosts, links, source and clients around one queue.

mod audit;
mod carry;
mod clients;
mod faults;
mod feed;
mod hosts;
mod serve;
mod statements;

use clearwell_cluster::{Epoch, Input, Job, Message, Outbox, Outcome, Slot, To};

use crate::check::Violation;
use crate::clock::Clock;
use crate::history::History;
use crate::host::{Host, State, index_of};
use crate::names::{KeyId, Names};
use crate::network::Network;
use crate::options::Options;
use crate::queue::{Micros, Queue};
use crate::rng::{Rng, mix};
use crate::source::Source;
use crate::traffic::Traffic;
use crate::value::WriteId;
use clients::Client;
use feed::Feed;

/// What can happen.
#[derive(Debug)]
enum Happening {
    Deliver {
        host: u32,
        from: clearwell_cluster::Peer,
        to: To,
        message: Box<Message>,
    },
    Tick {
        host: u32,
        incarnation: u32,
    },
    Done {
        host: u32,
        incarnation: u32,
        job: Job,
        outcome: Box<Outcome>,
    },
    /// A request that its host could not take at once.
    Submit {
        host: u32,
        incarnation: u32,
        op: u32,
    },
    Statement(Box<Statement>),
    ClientTurn(u16),
    ClientGivesUp {
        op: u32,
    },
    FeedTurn,
    FaultBegins(u32),
    FaultEnds(u32),
    Crash {
        host: u32,
        incarnation: u32,
    },
    Start {
        host: u32,
    },
    Forget {
        host: u32,
    },
    Stop {
        host: u32,
    },
    Heal,
    Audit(u32),
}

/// A statement on its way to the source.
#[derive(Debug)]
struct Statement {
    host: u32,
    incarnation: u32,
    job: Job,
    what: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Load(KeyId),
    Commit {
        write: WriteId,
        once: bool,
        fence: (Slot, Epoch),
    },
    Fence {
        slots: Vec<Slot>,
        epoch: Epoch,
    },
    /// One that was given up and takes effect nevertheless.
    Ghost {
        write: WriteId,
        once: bool,
        fence: (Slot, Epoch),
    },
}

/// Parts of a run that are left out, to find the smallest that still fails.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// Faults by number.
    pub faults: Vec<bool>,
    /// Clients by number.
    pub clients: Vec<bool>,
    /// Only the operations from here to there, by the client's own count.
    pub ops: Option<(u32, u32)>,
}

impl Mask {
    fn drops_fault(&self, at: usize) -> bool {
        self.faults.get(at).copied().unwrap_or(false)
    }
}

/// What is written down for whoever wants to read it.
#[derive(Debug, Default)]
pub struct Trace {
    /// Only what is about this key.
    pub key: Option<KeyId>,
    /// Whether messages are written down as well.
    pub messages: bool,
    /// The lines.
    pub lines: Vec<(Micros, String)>,
}

/// A world.
pub struct World {
    pub(crate) options: Options,
    pub(crate) mask: Mask,
    pub(crate) now: Micros,
    queue: Queue<Happening>,
    pub(crate) hosts: Vec<Host>,
    network: Network,
    pub(crate) history: History,
    clients: Vec<Client>,
    feed: Feed,
    source_rng: Rng,
    slow_until: Micros,
    failing_until: Micros,
    scratch: Outbox,
    pub(crate) traffic: Traffic,
    pub(crate) violations: Vec<Violation>,
    hash: u64,
    /// The view of whoever asks for a lease in the step that is going on.
    asked_in: Option<Epoch>,
    pub(crate) steps: u64,
    healed: bool,
    /// Lines about this key, when somebody wants to read them.
    pub(crate) trace: Option<Trace>,
}

impl World {
    /// The world of these options.
    pub fn new(options: Options, mask: Mask) -> World {
        let names = Names::with(options.keys, options.tags, options.only_source);
        let source = Source::new(&names, options.slots, options.value_bytes);
        let network = Network::new(options.weather, Rng::new(options.seed, 3));
        let mut world = World {
            queue: Queue::new(),
            hosts: Vec::new(),
            network,
            history: History::new(names, source),
            clients: Vec::new(),
            feed: Feed::default(),
            source_rng: Rng::new(options.seed, 4),
            slow_until: 0,
            failing_until: 0,
            scratch: Outbox::default(),
            traffic: Traffic::default(),
            violations: Vec::new(),
            hash: options.seed,
            asked_in: None,
            steps: 0,
            healed: false,
            trace: None,
            now: 0,
            mask,
            options,
        };
        world.history.drift_ppm = world.options.drift_ppm;
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.fill_source();
        self.begin_hosts();
        self.begin_clients();
        for at in 0..self.options.faults.len() {
            if !self.mask.drops_fault(at) {
                self.queue.push(self.options.faults[at].at, Happening::FaultBegins(at as u32));
            }
        }
        self.queue.push(self.options.heal, Happening::Heal);
        self.queue.push(1000, Happening::FeedTurn);
    }

    /// Each key that has a source begins with a row.
    fn fill_source(&mut self) {
        for key in 0..self.options.keys {
            if self.history.names.class(key) != crate::names::Class::Cache {
                let write = self.history.source.intend(key, false);
                self.history.source.commit(write, true, true, 0);
            }
        }
        self.feed.skip_to(self.history.source.log.len());
    }

    /// Goes on until a time.
    pub fn run_until(&mut self, until: Micros) {
        while let Some((at, what)) = self.queue.pop() {
            if at > until {
                self.queue.push(at, what);
                break;
            }
            self.now = at;
            self.happen(what);
        }
        self.now = until;
    }

    /// A number that all that happened went into.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    fn note(&mut self, what: u64) {
        self.hash = mix(self.hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what);
    }

    fn happen(&mut self, what: Happening) {
        self.note(self.now << 4 | 1);
        match what {
            Happening::Deliver { host, from, to, message } => self.deliver(host, from, to, message),
            Happening::Tick { host, incarnation } => self.tick(host, incarnation),
            Happening::Done { host, incarnation, job, outcome } => self.done(host, incarnation, job, outcome),
            Happening::Submit { host, incarnation, op } => self.submitted(host, incarnation, op),
            Happening::Statement(statement) => self.arrive(*statement),
            Happening::ClientTurn(client) => self.client_turn(client),
            Happening::ClientGivesUp { op } => self.client_gives_up(op),
            Happening::FeedTurn => self.feed_turn(),
            Happening::FaultBegins(at) => self.fault_begins(at),
            Happening::FaultEnds(at) => self.fault_ends(at),
            Happening::Crash { host, incarnation } => {
                if self.hosts[host as usize].peer.incarnation == incarnation {
                    self.crash(host as usize);
                }
            }
            Happening::Start { host } => self.start(host as usize),
            Happening::Forget { host } => self.forget(host as usize),
            Happening::Stop { host } => self.stop(host as usize),
            Happening::Heal => self.heal(),
            Happening::Audit(host) => self.audit(host),
        }
    }

    /// Whether something for a process is to be dropped (`None`), done now (`Some(None)`), or put off until then.
    fn when(&self, host: u32, incarnation: u32) -> Option<Option<Micros>> {
        let host = &self.hosts[host as usize];
        if host.state != State::Up || host.peer.incarnation != incarnation {
            return None;
        }
        Some((host.stopped_until > self.now).then_some(host.stopped_until))
    }

    fn deliver(&mut self, host: u32, from: clearwell_cluster::Peer, to: To, message: Box<Message>) {
        let there = &self.hosts[host as usize];
        let meant = match to {
            To::Peer(peer) => peer == there.peer,
            To::Node(_) => true,
        };
        match self.when(host, there.peer.incarnation).filter(|_| meant) {
            None => {}
            Some(Some(later)) => self.queue.push(later, Happening::Deliver { host, from, to, message }),
            Some(None) => {
                self.note(u64::from(host) << 8 | crate::traffic::kind(&message) as u64);
                let changes_owner = crate::traffic::may_change_owner(&message);
                self.asked_in = match &*message {
                    Message::LeaseAsk(ask) => Some(ask.epoch),
                    _ => None,
                };
                self.step(host as usize, Input::Message(from, *message));
                if changes_owner {
                    self.check_owners(host as usize);
                }
            }
        }
    }

    fn tick(&mut self, host: u32, incarnation: u32) {
        let Some(later) = self.when(host, incarnation) else { return };
        if let Some(later) = later {
            self.queue.push(later, Happening::Tick { host, incarnation });
            return;
        }
        let after = self.hosts[host as usize].clock.truly(100_000);
        self.queue.push(self.now + after, Happening::Tick { host, incarnation });
        self.step(host as usize, Input::Tick);
        self.check_owners(host as usize);
    }

    fn done(&mut self, host: u32, incarnation: u32, job: Job, outcome: Box<Outcome>) {
        match self.when(host, incarnation) {
            None => {}
            Some(Some(later)) => self.queue.push(later, Happening::Done { host, incarnation, job, outcome }),
            Some(None) => self.step(host as usize, Input::Done(job, *outcome)),
        }
    }

    /// At most one host may be able to acknowledge for a slot. One that is paused is asked as well: it could, if it went on now.
    fn check_owners(&mut self, host: usize) {
        let claims = self.claims_of(host);
        self.hosts[host].claims = claims;
        if claims == 0 {
            return;
        }
        for other in 0..self.hosts.len() {
            if other == host || self.hosts[other].claims & claims == 0 || self.hosts[other].state != State::Up
            {
                continue;
            }
            let both = self.claims_of(other) & claims;
            if both != 0 {
                let text = format!("hosts {host} and {other} both own slots {both:b}");
                let violation = Violation { checker: "owners", at: self.now, op: None, key: None, text };
                self.violations.push(violation);
            }
        }
    }

    /// A voter that follows a later view grants no lease in an earlier one. Other defences hide it when one does, so it is
    /// looked at here.
    fn check_grant(&mut self, host: usize, message: &Message) {
        let (Message::LeaseGrant(grant), Some(asked)) = (message, self.asked_in) else { return };
        if grant.granted && grant.epoch > asked {
            let text =
                format!("voter {host} follows view {} and grants a lease in view {}", grant.epoch.0, asked.0);
            self.violations.push(Violation { checker: "owners", at: self.now, op: None, key: None, text });
        }
    }

    fn claims_of(&self, host: usize) -> u64 {
        let host = &self.hosts[host];
        let now = host.clock.read(self.now);
        let Some(actor) = &host.actor else { return 0 };
        let claim = |slot: u16| u64::from(actor.owns(now, Slot(slot))) << slot;
        (0..self.options.slots.min(64)).map(claim).fold(0, |all, one| all | one)
    }

    /// A line for whoever reads the story.
    fn tell(&mut self, key: Option<KeyId>, line: impl FnOnce(&World) -> String) {
        // What a value is made from belongs to its story.
        let about = |only: KeyId, key: KeyId| key == only || self.history.names.depends(only) == Some(key);
        let wanted = self
            .trace
            .as_ref()
            .is_some_and(|trace| key.zip(trace.key).is_none_or(|(key, only)| about(only, key)));
        if wanted {
            let line = line(self);
            let now = self.now;
            if let Some(trace) = &mut self.trace {
                trace.lines.push((now, line));
            }
        }
    }

    fn clock_for(&self, index: usize) -> Clock {
        let mut rng = Rng::new(self.options.seed, 1000 + index as u64);
        let most = self.options.drift_ppm as u64;
        let ppm = rng.below(2 * most + 1) as i64 - most as i64;
        // Each process's clock begins somewhere; never at 0, where «long ago» would be before time.
        Clock::new(self.now, rng.range(1_000_000, 5_000_000), ppm)
    }

    fn host_of(&self, to: To) -> Option<usize> {
        let node = match to {
            To::Peer(peer) => peer.node,
            To::Node(node) => node,
        };
        (node.0 > 0).then(|| index_of(node)).filter(|&index| index < self.hosts.len())
    }
}
