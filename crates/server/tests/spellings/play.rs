//! A round: some steps over one table, with a look at what is true after each.

use std::collections::HashMap;

use clearwell::config::{Level, Strategy};
use clearwell::node::Removal;
use fastrand::Rng;

use super::database::{TRUTH, bound, literal};
use super::tables::Table;
use super::world::World;

/// Levels of which none may answer with what was overwritten before a commit that the node was told of.
const LEVELS: [Level; 6] =
    [Level::Strong, Level::Session, Level::Causal, Level::Bounded(60_000), Level::Eventual, Level::Weak];

/// What was done, and how often.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub reads: u64,
    pub hits: u64,
    pub changes: u64,
    pub writes: u64,
}

/// One round.
pub struct Round<'w> {
    world: &'w World,
    table: &'w Table,
    rng: Rng,
    steps: Vec<String>,
    counts: Counts,
    /// Values that were given to the cache only, with what was true then.
    given: HashMap<String, (String, Option<String>)>,
    /// Whether the source lacks something that was acknowledged.
    pending: bool,
    /// Whether the node was told of all commits.
    told: bool,
    values: u64,
}

impl<'w> Round<'w> {
    pub fn new(world: &'w World, seed: u64) -> Round<'w> {
        let mut rng = Rng::with_seed(seed);
        let table = &world.tables[rng.usize(..world.tables.len())];
        let values = rng.u64(..1 << 40) << 8;
        Round {
            world,
            table,
            rng,
            steps: Vec::new(),
            counts: Counts::default(),
            given: HashMap::new(),
            pending: false,
            told: true,
            values,
        }
    }

    /// Plays it; what was stale, with the steps that led to it.
    pub fn play(mut self) -> Result<Counts, String> {
        for _ in 0..self.rng.u32(6..16) {
            let done = match self.rng.u8(..12) {
                0..=2 => self.change(),
                3..=5 if self.table.store("").is_some() => self.write(),
                6 => self.remove(),
                7 if self.table.joins() => self.change_joined(),
                _ => Ok(()),
            };
            let seen = done.and_then(|()| self.look());
            if let Err(wrong) = seen {
                let steps = self.steps.join("\n  ");
                return Err(format!("{wrong}\nof {:?}\nafter\n  {steps}", self.table));
            }
        }
        self.settle();
        // The next round does not know what was given to the cache only.
        for spelling in self.given.keys() {
            self.world.remove(&self.table.key(spelling), Removal::Entry)?;
        }
        Ok(self.counts)
    }

    fn spelling(&mut self) -> &'static str {
        let rows = self.table.kind.rows;
        let row = rows[self.rng.usize(..rows.len())];
        row[self.rng.usize(..row.len())]
    }

    fn value(&mut self) -> String {
        self.values += 1;
        format!("v{}", self.values)
    }

    /// What was written back reaches the source.
    fn settle(&mut self) {
        if self.pending {
            self.steps.push("flush".into());
            self.world.flush();
            self.pending = false;
        }
    }

    /// A stranger changes the table.
    fn change(&mut self) -> Result<(), String> {
        self.settle();
        let (spelling, other, value) = (self.spelling(), self.spelling(), self.value());
        let (key, other) = (literal(spelling), literal(other));
        let (to, what) = (literal(&value), self.rng.u8(..9));
        let sql = |prefix: &str| {
            let t = format!("{prefix}t{}", self.table.number);
            match what {
                0..=2 => format!("INSERT INTO {t} (k, v) VALUES ({key}, {to})"),
                3 | 4 => format!("UPDATE {t} SET v = {to} WHERE k = {key}"),
                5 => format!("UPDATE {t} SET k = {other}, v = {to} WHERE k = {key}"),
                6 => format!("UPDATE {t} SET live = 1 - live WHERE k = {key}"),
                7 => format!("UPDATE {t} SET n = n + 1 WHERE k = {key}"),
                _ => format!("DELETE FROM {t} WHERE k = {key}"),
            }
        };
        let (sql, truth) = (sql(""), sql(TRUTH));
        self.run(&sql, &truth)
    }

    /// A stranger changes the second table.
    fn change_joined(&mut self) -> Result<(), String> {
        self.settle();
        let (key, to) = (literal(self.spelling()), literal(&self.value()));
        let what = self.rng.u8(..3);
        let sql = |prefix: &str| {
            let b = format!("{prefix}b{}", self.table.number);
            match what {
                0 => format!("INSERT INTO {b} (k, w) VALUES ({key}, {to})"),
                1 => format!("UPDATE {b} SET w = {to} WHERE k = {key}"),
                _ => format!("DELETE FROM {b} WHERE k = {key}"),
            }
        };
        let (sql, truth) = (sql(""), sql(TRUTH));
        self.run(&sql, &truth)
    }

    fn run(&mut self, sql: &str, truth: &str) -> Result<(), String> {
        let done = self.world.database.run(sql);
        self.steps.push(format!("{sql}{}", if done.is_ok() { "" } else { " (refused)" }));
        if done.is_ok() {
            self.world.database.run(truth)?;
            self.counts.changes += 1;
            self.told = false;
        }
        Ok(())
    }

    /// A client writes by some strategy.
    fn write(&mut self) -> Result<(), String> {
        let strategies = [
            Strategy::WriteThrough,
            Strategy::WriteInvalidate,
            Strategy::WriteBack,
            Strategy::WriteBack,
            Strategy::CacheOnly,
        ];
        let strategy = strategies[self.rng.usize(..strategies.len())];
        let (spelling, value) = (self.spelling(), self.value());
        let key = self.table.key(spelling);
        let written = self.world.write(&key, &value, strategy);
        self.steps.push(format!("SET {key:?} {value} {strategy}: {written:?}"));
        if strategy == Strategy::CacheOnly {
            if written.is_ok() {
                let truth = self.world.database.truth(self.table, spelling);
                self.given.insert(spelling.into(), (value, truth));
            }
            return Ok(());
        }
        written?;
        self.given.remove(spelling);
        self.counts.writes += 1;
        self.pending |= strategy == Strategy::WriteBack;
        let store = self.table.store(TRUTH).unwrap_or_default();
        self.world.database.run(&bound(&store, self.table, spelling, &value))
    }

    /// A client removes a row.
    fn remove(&mut self) -> Result<(), String> {
        let back = self.table.store("").is_some() && self.rng.bool();
        let strategy = if back { Strategy::WriteBack } else { Strategy::WriteThrough };
        let spelling = self.spelling();
        let key = self.table.key(spelling);
        let removed = self.world.remove(&key, Removal::Row(Some(strategy)));
        self.steps.push(format!("DEL {key:?} {strategy}: {removed:?}"));
        removed?;
        self.given.remove(spelling);
        self.counts.writes += 1;
        self.pending |= back;
        self.world.database.run(&bound(&self.table.delete(TRUTH), self.table, spelling, ""))
    }

    /// Reads under some spellings.
    fn look(&mut self) -> Result<(), String> {
        for _ in 0..self.rng.u32(1..6) {
            let spelling = self.spelling();
            let mut level = LEVELS[self.rng.usize(..LEVELS.len())];
            if level == Level::Weak && self.pending {
                // It answers what is in memory, whatever was written.
                level = Level::Eventual;
            }
            if !self.told && level != Level::Strong {
                self.world.barrier();
                self.told = true;
                self.steps.push("the feed has told".into());
            }
            self.read(spelling, level)?;
        }
        Ok(())
    }

    fn read(&mut self, spelling: &'static str, level: Level) -> Result<(), String> {
        let key = self.table.key(spelling);
        let (value, hit) = self.world.read(&key, level);
        let truth = self.world.database.truth(self.table, spelling);
        self.steps.push(format!("GET {key:?} {level}: {value:?}{}", if hit { " from memory" } else { "" }));
        self.counts.reads += 1;
        self.counts.hits += u64::from(hit);
        if self.given.get(spelling).is_some_and(|(_, then)| *then != truth) {
            self.given.remove(spelling);
        }
        let given = self.given.get(spelling).map(|(given, _)| given.clone());
        if value == truth || (given.is_some() && value == given) {
            return Ok(());
        }
        Err(format!(
            "{key:?} at {level} is {value:?} and should be {truth:?}; it has {}",
            self.world.known(&key)
        ))
    }
}
