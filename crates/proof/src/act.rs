//! One cluster, from its first node to its last: faults come one after the other, and what clients saw is judged after each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::check::{self, Ack, Promises, Violation};
use crate::client::{self, Clients, Python};
use crate::clock::{self, Micros, SECOND, seconds};
use crate::fault::{self, HostFault};
use crate::history::{ClientKey, ClientOp};
use crate::report::Row;
use crate::stage::Stage;

/// How long before a fault, and after the slots were back, an owner may have been lost all the same.
const MARGIN: Micros = SECOND;
/// How much later than its expiry a value may be served: a tick of a node, twice.
const TICK: Micros = SECOND / 10;
/// How long nodes may differ at rest: commands that were forwarded may be sent again by TCP long after the network is whole.
const REST: Duration = Duration::from_secs(20);
/// The longest that a key may go without any answer while a majority works; the profile's three seconds, on a machine that others use too.
const LONGEST_GAP: Micros = 20 * SECOND;

pub const SETTLES: &str = "what is healed settles";
pub const ANSWERS: &str = "every key is answered again";

/// What an act is played with.
pub struct Script {
    pub ack: Ack,
    pub replicas: u8,
    pub hosts: u32,
    pub until: Instant,
    /// Kinds of faults to choose from, by name; all when empty.
    pub only: Vec<String>,
    /// The interpreter that has redis-py.
    pub python: Option<PathBuf>,
}

/// A fault, or two, with its times.
#[derive(Debug, Clone)]
pub struct Episode {
    pub faults: Vec<HostFault>,
    pub began: Micros,
    pub healed: Micros,
    pub settled: Micros,
}

impl Episode {
    /// In words.
    pub fn name(&self) -> String {
        joined(self.faults.iter().map(HostFault::to_string).collect())
    }

    /// The same without hosts.
    pub fn kind(&self) -> String {
        let mut kinds: Vec<String> = self.faults.iter().map(|fault| fault.name().to_owned()).collect();
        kinds.sort_unstable();
        joined(kinds)
    }
}

fn joined(faults: Vec<String>) -> String {
    if faults.is_empty() { "calm".into() } else { faults.join(" + ") }
}

/// What came of an act.
#[derive(Default)]
pub struct PlayedAct {
    pub episodes: Vec<Episode>,
    pub rows: Vec<Row>,
    pub history: Vec<ClientOp>,
    pub rest: Vec<ClientOp>,
    pub violations: Vec<Violation>,
    /// What the owners of the keys of these tell.
    pub reasons: Vec<String>,
    /// How often views changed although nothing was broken.
    pub unasked: usize,
}

/// Plays one: until its time is over, or a promise is broken.
///
/// # Errors
/// The machine does not do what it should: in words.
pub fn play(stage: &mut Stage<'_>, script: &Script, rng: &mut Rng) -> Result<PlayedAct, String> {
    let members: Vec<u32> = (1..=script.hosts).collect();
    let clients = Clients::begin(&members, rng);
    let python = script.python.as_ref();
    let mut python =
        python.map(|program| Python::begin(program, &members, rng.u64(..), &clients.shared)).transpose()?;
    let mut act = Act { script, played: PlayedAct::default(), began: clock::now(), deck: Vec::new() };
    // What is calm is one episode too: nothing is broken, and nothing may be lost.
    let mut faults = Vec::new();
    loop {
        let episode = act.episode(stage, faults, rng);
        clients.pause();
        if let Some(python) = &mut python {
            python.pause()?;
        }
        act.judge(stage, &clients.shared, episode);
        if !act.played.violations.is_empty() || Instant::now() >= script.until {
            return Ok(act.played);
        }
        clients.go_on();
        if let Some(python) = &mut python {
            python.go_on()?;
        }
        faults = act.draw(rng);
    }
}

struct Act<'s> {
    script: &'s Script,
    played: PlayedAct,
    began: Micros,
    deck: Vec<u32>,
}

impl Act<'_> {
    fn draw(&mut self, rng: &mut Rng) -> Vec<HostFault> {
        let only = &self.script.only;
        loop {
            let faults = fault::draw(rng, self.script.hosts, self.script.replicas, &mut self.deck);
            if only.is_empty() || faults.iter().all(|fault| only.iter().any(|name| name == fault.name())) {
                return faults;
            }
        }
    }

    /// Makes faults, undoes them, and waits until the cluster has settled.
    fn episode(
        &mut self,
        stage: &mut Stage<'_>,
        faults: Vec<HostFault>,
        rng: &mut Rng,
    ) -> Result<Episode, FailedEpisode> {
        let mut episode = Episode { faults, began: clock::now(), healed: 0, settled: 0 };
        match self.through(stage, &mut episode, rng) {
            Ok(()) => Ok(episode),
            Err(why) => Err(FailedEpisode { episode, why }),
        }
    }

    fn through(&self, stage: &mut Stage<'_>, episode: &mut Episode, rng: &mut Rng) -> Result<(), String> {
        for (place, fault) in episode.faults.iter().enumerate() {
            if place > 0 {
                sleep(rng.u64(..2_000));
            }
            fault::make(stage, fault, rng)?;
        }
        // Shorter than any lease, or longer than all of them.
        sleep(if rng.u32(..4) == 0 { rng.u64(200..1_500) } else { rng.u64(4_000..8_000) });
        for fault in &episode.faults {
            fault::undo(stage, fault)?;
            sleep(rng.u64(..300));
        }
        episode.healed = clock::now();
        stage.settle(episode.healed)?;
        episode.settled = clock::now();
        Ok(())
    }

    /// Looks at what clients saw, while none of them asks anything.
    fn judge(
        &mut self,
        stage: &mut Stage<'_>,
        shared: &Arc<client::Shared>,
        outcome: Result<Episode, FailedEpisode>,
    ) {
        let rested = clock::now();
        let (mut episode, failed) = match outcome {
            Ok(episode) => (episode, None),
            Err(FailedEpisode { episode, why }) => (episode, Some(why)),
        };
        if let Some(why) = &failed {
            episode.settled = rested;
            episode.healed = if episode.healed == 0 { rested } else { episode.healed };
            let why = format!("{}: {why}", episode.name());
            self.played.violations.push(Violation { promise: SETTLES, why, shown_by: Vec::new() });
        } else {
            self.rest(stage);
        }
        self.played.episodes.push(episode.clone());
        self.played.history.extend(shared.take());
        let (promises, unasked) = self.promises(stage);
        self.played.unasked = unasked;
        let all: Vec<&ClientOp> = self.played.history.iter().chain(&self.played.rest).collect();
        let verdict = check::check(&all, &promises);
        self.played.violations.extend(verdict.violations);
        let row = Row::of(&episode, &self.played.history, &verdict.stale, rested);
        if row.longest_gap > LONGEST_GAP {
            let why = format!(
                "{}: {} had no answer for {:.1} s",
                episode.name(),
                row.gap_of.map(ClientKey::name).unwrap_or_default(),
                seconds(row.longest_gap)
            );
            self.played.violations.push(Violation { promise: ANSWERS, why, shown_by: Vec::new() });
        }
        println!("{row}");
        self.played.rows.push(row);
        self.played.reasons = self.reasons(&stage.members());
    }

    /// Reads every key through every node. What was not acknowledged may still be on its way, so nodes that differ are asked again.
    fn rest(&mut self, stage: &Stage<'_>) {
        let until = Instant::now() + REST;
        loop {
            let reads: Vec<ClientOp> =
                stage.members().into_iter().flat_map(client::read_all_through).collect();
            let differences = check::agree(&reads);
            self.played.rest.extend(reads);
            if differences.is_empty() {
                return;
            }
            if Instant::now() > until {
                return self.played.violations.extend(differences);
            }
        }
    }

    /// What the owners of keys whose promises are broken tell of them.
    fn reasons(&self, hosts: &[u32]) -> Vec<String> {
        let shown =
            self.played.violations.iter().filter_map(|violation| violation.shown_by.last()?.did.key());
        let mut keys: Vec<ClientKey> = shown.take(20).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|key| client::why(hosts, key)).collect()
    }

    /// What is promised, with the times at which owners were at risk: while something was broken, and when views changed although nothing was.
    fn promises(&self, stage: &Stage<'_>) -> (Promises, usize) {
        let around = |episode: &Episode| (episode.began - MARGIN, episode.settled + MARGIN);
        let mut risks: Vec<(Micros, Micros)> =
            self.played.episodes.iter().filter(|episode| !episode.faults.is_empty()).map(around).collect();
        let changes = stage.watch.changes(self.began);
        let is_asked = |at: &Micros| risks.iter().any(|(from, to)| (*from..=*to).contains(at));
        let unasked: Vec<Micros> = changes.into_iter().filter(|at| !is_asked(at)).collect();
        risks.extend(unasked.iter().map(|at| (at.saturating_sub(10 * SECOND), *at + 5 * SECOND)));
        (Promises { ack: self.script.ack, risks, tick: TICK }, unasked.len())
    }
}

/// An episode that did not come to its end.
struct FailedEpisode {
    episode: Episode,
    why: String,
}

fn sleep(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
