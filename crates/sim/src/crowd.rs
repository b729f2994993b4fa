//! Worlds of hundreds of nodes: a tenth of them crash, and cuts go through the rest.
//!
//! Most nodes only carry the load of being many. What is asked is asked at few hosts, so that copies lie there, on both sides of
//! each cut; and much changes right after it began, so that whoever is cut off has copies that were overwritten elsewhere.

use clearwell_cluster::Profile;

use crate::fault::{Fault, What};
use crate::lives::Lives;
use crate::network::Weather;
use crate::options::{Options, SECOND};
use crate::queue::Micros;
use crate::rng::Rng;

/// Near caches, and hosts that are asked: those and the last few nodes.
const NEAR: u16 = 20;
const HOMES: u16 = 24;

/// When cuts begin, and how long they last. The second is long enough for a new view on one side, the others are over before
/// anybody is taken for dead.
const CUTS: [(Micros, Micros); 3] = [(2, 3), (12, 12), (28, 4)];

impl Options {
    /// From so many nodes on a world is a crowd.
    pub const CROWD: u16 = 100;

    /// The same seed's world as a crowd, when it has nodes enough for one.
    #[must_use]
    pub fn crowd_when_large(self) -> Options {
        if self.nodes >= Options::CROWD { self.crowd() } else { self }
    }

    /// The same seed's world as a crowd.
    #[must_use]
    pub fn crowd(self) -> Options {
        let weather = Weather { loss_ppm: 1_000, delay_us: 200, jitter_us: 2_000, ..Weather::default() };
        Options {
            faults: faults(&mut Rng::new(self.seed, 5), self.nodes, self.heal),
            weather,
            drift_ppm: 49_000,
            slots: 1024,
            keys: 40,
            tags: 40,
            near: NEAR,
            homes: HOMES,
            clients: 200,
            think: 50_000,
            // Who is not answered soon asks for something else: whoever is cut off goes on reading.
            patience: SECOND / 10,
            bounded_percent: Some(50),
            writers: 50,
            writes_percent: 8,
            invalidates_percent: 4,
            // A wide invalidation takes all copies away, on the side that it reaches.
            wide_percent: Some(1),
            burst_percent: Some(40),
            statement_us: 2_000,
            // Copies stay until they are made old: what a bound is worth shows with those.
            lives: Lives::NONE,
            holds_percent: 0,
            gossip_start: false,
            replicas: 2,
            // A bound of 2 s is tried by copies that may live longer: the read lease of `lan` ends before.
            profile: Profile::Wan,
            // Late threads do not keep up with so many clients.
            lag_us: 0,
            sync_us: 0,
            walk_us: 0,
            at_once: 1,
            writes_read_percent: 0,
            ..self
        }
    }

    /// Whether a cut is young: what was read before it may still be served on the side that hears of no change.
    pub fn is_cut_young(&self, now: Micros) -> bool {
        let is_young = |fault: &Fault| {
            matches!(fault.what, What::Cut { .. }) && (fault.at..fault.at + 2 * SECOND).contains(&now)
        };
        self.faults.iter().any(is_young)
    }
}

fn faults(rng: &mut Rng, nodes: u16, heal: Micros) -> Vec<Fault> {
    let crash = |rng: &mut Rng| {
        let host = rng.below(u64::from(nodes)) as u16;
        let what = What::Crash { host, outputs: rng.below(5) as u8, disk: true };
        Fault { at: rng.range(5, 15) * SECOND, us: rng.range(1, 15) * SECOND, what }
    };
    let mut faults: Vec<Fault> = (0..nodes / 10).map(|_| crash(rng)).collect();
    for (at, long) in CUTS {
        // About a quarter of the nodes, and every third near cache.
        let few = rng.next() & rng.next();
        let side = (nodes..nodes + NEAR).step_by(3).fold(few, |side, near| side | 1 << (near % 64));
        let what = What::Cut { side, one_way: false };
        faults.push(Fault { at: at * SECOND, us: long * SECOND, what });
    }
    faults.retain(|fault| fault.at < heal);
    faults.sort_by_key(|fault| fault.at);
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cut_has_hosts_that_are_asked_on_both_sides() {
        for seed in 0..100 {
            let crowd = Options::draw(seed, 1000, 60, None).crowd();
            let sides = crowd.faults.iter().filter_map(|fault| match fault.what {
                What::Cut { side, .. } => Some(side),
                _ => None,
            });
            let homes = 1000 + NEAR - HOMES..1000 + NEAR;
            for side in sides {
                let away = homes.clone().filter(|home| side >> (home % 64) & 1 == 1).count();
                assert!((7..=20).contains(&away), "seed {seed}: {away} of {HOMES}");
            }
            assert_eq!(crowd.faults.len(), 103);
        }
    }
}
