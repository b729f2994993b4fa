//! A failing seed made small: faults, clients and operations are left out as long as the same checker still complains.

use crate::check::Violation;
use crate::network::Weather;
use crate::options::Options;
use crate::run::{Mask, Report, run};

/// What is left of a failing seed.
pub struct Shrunk {
    /// What is left out.
    pub mask: Mask,
    /// The world, with its weather improved where that changed nothing.
    pub options: Options,
    /// How it fails now.
    pub report: Report,
    checker: &'static str,
}

/// Tries at most `tries` smaller worlds; each calls `tried`.
pub fn shrink(options: Options, report: Report, tries: usize, tried: &mut dyn FnMut()) -> Shrunk {
    let checker = report.violations.first().map_or("", |violation| violation.checker);
    let faults = vec![false; options.faults.len()];
    let clients = vec![false; usize::from(options.clients)];
    let mask = Mask { faults, clients, ops: None };
    let mut shrinking = Shrinking { small: Shrunk { mask, options, report, checker }, tries, tried };
    shrinking.drop_faults();
    shrinking.improve_weather();
    shrinking.drop_clients();
    shrinking.drop_ops();
    shrinking.small
}

impl Shrunk {
    /// What the checker says that complained of the whole world; others may complain of the small one as well, and earlier.
    pub fn violation(&self) -> Option<&Violation> {
        self.report.violations.iter().find(|violation| violation.checker == self.checker)
    }

    /// The faults that are needed.
    pub fn faults(&self) -> impl Iterator<Item = &crate::fault::Fault> {
        let kept = self.options.faults.iter().zip(&self.mask.faults).filter(|(_, dropped)| !**dropped);
        kept.map(|(fault, _)| fault)
    }
}

/// A failing seed on its way to become small.
struct Shrinking<'a> {
    small: Shrunk,
    /// How many worlds may still be tried.
    tries: usize,
    tried: &'a mut dyn FnMut(),
}

impl Shrinking<'_> {
    /// Keeps a smaller world when it fails as well.
    fn attempt(&mut self, options: Options, mask: Mask) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        (self.tried)();
        let checker = self.small.checker;
        let report = run(options.clone(), mask.clone());
        let small = Shrunk { mask, options, report, checker };
        let fails = small.violation().is_some();
        if fails {
            self.small = small;
        }
        fails
    }

    /// Halves first, then one by one.
    fn drop_faults(&mut self) {
        let count = self.small.mask.faults.len();
        let mut width = count.next_power_of_two();
        while width > 0 {
            for from in (0..count).step_by(width) {
                let mut mask = self.small.mask.clone();
                let part = &mut mask.faults[from..(from + width).min(count)];
                if part.iter().all(|dropped| *dropped) {
                    continue;
                }
                part.fill(true);
                self.attempt(self.small.options.clone(), mask);
            }
            width /= 2;
        }
    }

    fn improve_weather(&mut self) {
        let now = self.small.options.weather;
        for weather in [
            Weather { loss_ppm: 0, twice_ppm: 0, late_ppm: 0, ..now },
            Weather { loss_ppm: 0, ..now },
            Weather { twice_ppm: 0, ..now },
            Weather { late_ppm: 0, ..now },
        ] {
            let options = Options { weather, ..self.small.options.clone() };
            self.attempt(options, self.small.mask.clone());
        }
        let near = Options { near: 0, ..self.small.options.clone() };
        self.attempt(near, self.small.mask.clone());
        let drift = Options { drift_ppm: 0, ..self.small.options.clone() };
        self.attempt(drift, self.small.mask.clone());
    }

    fn drop_clients(&mut self) {
        for client in 0..self.small.mask.clients.len() {
            let mut mask = self.small.mask.clone();
            mask.clients[client] = true;
            self.attempt(self.small.options.clone(), mask);
        }
    }

    fn drop_ops(&mut self) {
        let (mut from, mut to) = (0u32, 4096u32);
        let mut step = 2048;
        while step > 4 {
            if to - from > step && self.attempt(self.small.options.clone(), self.with_ops(from, to - step)) {
                to -= step;
            } else if to - from > step
                && self.attempt(self.small.options.clone(), self.with_ops(from + step, to))
            {
                from += step;
            } else {
                step /= 2;
            }
        }
    }

    fn with_ops(&self, from: u32, to: u32) -> Mask {
        Mask { ops: Some((from, to)), ..self.small.mask.clone() }
    }
}
