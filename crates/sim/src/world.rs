//! The world: true time, hosts, links, source and clients around one queue.

mod alone;
mod audit;
mod carry;
mod clients;
mod deeds;
mod disks;
mod faults;
mod feed;
mod happening;
mod hooks;
mod hosts;
mod late;
mod mask;
mod owners;
mod process;
mod serve;
mod statements;
mod trace;
mod views;
mod watched;

pub use late::Late;
pub use mask::Mask;
pub use trace::Trace;

use std::collections::BTreeMap;

use clearwell_cluster::{FillLease, Slot, To};

use crate::check::Violation;
use crate::clock::Clock;
use crate::counts::Counts;
use crate::history::History;
use crate::host::{Machine, index_of};
use crate::names::Names;
use crate::network::Network;
use crate::options::Options;
use crate::queue::{Micros, Queue};
use crate::rng::{Rng, mix};
use crate::seen::SeenAll;
use crate::source::Source;
use crate::traffic::Traffic;
use crate::value::WriteId;
use clients::Client;
use feed::Feed;
use happening::{Happening, Statement, Wanted};
use late::Decided;
use views::Views;

/// A world.
pub struct World {
    pub(crate) options: Options,
    pub(crate) mask: Mask,
    pub(crate) now: Micros,
    queue: Queue<Happening>,
    pub(crate) hosts: Vec<Machine>,
    network: Network,
    pub(crate) history: History,
    clients: Vec<Client>,
    feed: Feed,
    source_rng: Rng,
    /// What is given up where there is no room.
    evictions: Rng,
    choice_rng: Rng,
    /// How late threads are.
    lag_rng: Rng,
    /// Draws when the feed moves to another node.
    feed_rng: Rng,
    lates: u64,
    /// How long writes take to last, and what of them outlasts a crash.
    disk_rng: Rng,
    /// How long walks over stores rest.
    walk_rng: Rng,
    pub(crate) counts: Counts,
    slow_until: Micros,
    failing_until: Micros,
    /// Until then so many of a hundred messages about views get lost.
    choices_lost_until: Micros,
    choices_lost_percent: u32,
    /// Until then these hosts hear no gossip.
    deaf_until: Micros,
    deaf_side: u64,
    pub(crate) traffic: Traffic,
    pub(crate) violations: Vec<Violation>,
    views: Views,
    hash: u64,
    /// What is known of the step whose outputs are carried out.
    decided: Decided,
    /// By slot, who could acknowledge for it when last asked.
    claimants: Vec<Vec<u32>>,
    claims: Vec<Slot>,
    /// What owners gave again since all was quiet, and when first.
    mended: BTreeMap<(usize, audit::Mended), Micros>,
    pub(crate) steps: u64,
    healed: bool,
    /// Lines about this key, when somebody wants to read them.
    pub(crate) trace: Option<Trace>,
    /// All that happens, when somebody wants to tell it.
    pub(crate) watch: Option<SeenAll>,
    /// The invalidations that mark instead of taking away, when a script says which.
    pub(crate) lazy: Option<Vec<u32>>,
    /// Writes that were acknowledged while their owners alone had them, and may still be lost.
    alone: Vec<alone::Alone>,
    /// The right to fill, by write.
    leases: BTreeMap<WriteId, FillLease>,
    /// Links whose next record gets lost.
    to_lose: Vec<(usize, usize)>,
    /// How much longer than usual statements and the source's answers are on their way.
    statements_after: Micros,
    answers_after: Micros,
}

impl World {
    /// The world of these options.
    pub fn new(options: Options, mask: Mask) -> World {
        let names = Names::with(options.keys, options.tags, options.only_source);
        World::with_names(options, mask, names)
    }

    /// The same with keys that somebody chose.
    pub fn with_names(options: Options, mask: Mask, names: Names) -> World {
        let options = Options { end: options.end + options.handing_over(), ..options };
        let mut source = Source::new(&names, options.slots, options.value_bytes);
        (source.lives, source.tells) = (options.lives, options.tells);
        let network = Network::new(options.weather, Rng::new(options.seed, 3), options.planted);
        let mut world = World {
            queue: Queue::new(),
            hosts: Vec::new(),
            network,
            history: History::new(names, source),
            clients: Vec::new(),
            feed: Feed::default(),
            source_rng: Rng::new(options.seed, 4),
            evictions: Rng::new(options.seed, 11),
            choice_rng: Rng::new(options.seed, 12),
            lag_rng: Rng::new(options.seed, 14),
            feed_rng: Rng::new(options.seed, 27),
            lates: 0,
            disk_rng: Rng::new(options.seed, 15),
            walk_rng: Rng::new(options.seed, 19),
            counts: Counts::default(),
            slow_until: 0,
            failing_until: 0,
            choices_lost_until: 0,
            choices_lost_percent: 0,
            deaf_until: 0,
            deaf_side: 0,
            traffic: Traffic::default(),
            violations: Vec::new(),
            views: Views::default(),
            hash: options.seed,
            decided: Decided::default(),
            claimants: vec![Vec::new(); usize::from(options.slots)],
            claims: Vec::new(),
            mended: BTreeMap::new(),
            steps: 0,
            healed: false,
            trace: None,
            watch: None,
            lazy: None,
            alone: Vec::new(),
            leases: BTreeMap::new(),
            to_lose: Vec::new(),
            statements_after: 0,
            answers_after: 0,
            now: 0,
            mask,
            options,
        };
        world.history.drift_ppm = world.options.drift_ppm;
        let is_well = world.options.faults.is_empty() && world.options.weather.is_fair();
        world.history.well_from = if is_well { 0 } else { world.options.heal };
        world.history.end = world.options.end;
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
            Happening::Deliver { host, from, to, frame } => self.deliver(host, from, to, frame),
            Happening::Tick { host, incarnation } => self.tick(host, incarnation),
            Happening::Done { host, incarnation, job, outcome } => self.done(host, incarnation, job, outcome),
            Happening::Work { host, incarnation } => self.work(host, incarnation),
            Happening::CarryOn { host, late } => self.late_goes_on(host, late),
            Happening::DiskLasts { host, incarnation } => self.disk_lasts(host, incarnation),
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
            Happening::Stop { host } => self.stop_when_left(host as usize),
            Happening::Heal => self.heal(),
            Happening::Audit(host) => self.audit(host),
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
