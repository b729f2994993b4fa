//! A round: some steps over one table, with a look at what is true after each.

use std::collections::HashMap;
use std::ops::AddAssign;

use clearwell::config::{Level, Strategy};
use clearwell::node::Removal;
use fastrand::Rng;

use super::database::{TRUTH, bound, literal};
use super::tables::{Spelling, Table};
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
    /// Reads beside a change.
    pub raced: u64,
    pub restarts: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.reads += other.reads;
        self.hits += other.hits;
        self.changes += other.changes;
        self.writes += other.writes;
        self.raced += other.raced;
        self.restarts += other.restarts;
    }
}

/// A row's name in SQL: as a condition, and as what is inserted.
struct Named {
    at: String,
    columns: &'static str,
    values: String,
}

/// One round.
pub struct Round<'w> {
    world: &'w World,
    table: &'w Table,
    rng: Rng,
    steps: Vec<String>,
    counts: Counts,
    /// Values that were given to the cache only, with what was true then.
    given: HashMap<Spelling, (String, Option<String>)>,
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
            let done = match self.rng.u8(..40) {
                _ if self.pending && self.rng.u8(..60) == 0 => self.restart(),
                ..=8 => self.step(),
                9..=24 => self.race(),
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
            self.world.remove(&self.table.key(*spelling), Removal::Entry)?;
        }
        Ok(self.counts)
    }

    /// Something changes, or is written.
    fn step(&mut self) -> Result<(), String> {
        match self.rng.u8(..8) {
            3..=5 if self.table.store("").is_some() => self.write(),
            6 => self.remove(),
            7 if self.table.joins() => self.change_joined(),
            _ => self.change(),
        }
    }

    /// Reads run while something changes: each shows what was before or what is after.
    fn race(&mut self) -> Result<(), String> {
        if !self.told {
            self.tell();
        }
        let asked: Vec<(Spelling, Level)> = (0..self.rng.usize(1..5))
            .map(|_| (self.spelling(), LEVELS[self.rng.usize(..LEVELS.len() - 1)]))
            .collect();
        let allowed = |round: &Self| {
            let of = |(spelling, _): &(Spelling, Level)| {
                let given = round.given.get(spelling).map(|(given, _)| Some(given.clone()));
                given.into_iter().chain([round.world.database.truth(round.table, *spelling)]).collect()
            };
            asked.iter().map(of).collect::<Vec<Vec<Option<String>>>>()
        };
        let before = allowed(self);
        let reads = asked.iter().map(|(spelling, level)| (self.table.key(*spelling), *level)).collect();
        self.steps.push(format!("beside reads {reads:?}:"));
        let reading = self.world.read_aside(reads, self.rng.u64(..3_000));
        let done = self.step();
        let seen = reading.join().map_err(|_| "a read panicked")?;
        done?;
        let after = allowed(self);
        self.steps.push(format!("they showed {seen:?}"));
        for (((asked, value), before), after) in asked.iter().zip(seen).zip(before).zip(after) {
            self.counts.reads += 1;
            self.counts.raced += 1;
            if !before.contains(&value) && !after.contains(&value) {
                return Err(format!(
                    "{asked:?} beside a change is {value:?} and was {before:?}, is {after:?}"
                ));
            }
        }
        Ok(())
    }

    /// The node ends and begins anew; what was written back and not flushed is in its journal.
    fn restart(&mut self) -> Result<(), String> {
        self.steps.push("the node begins anew".into());
        self.world.restart();
        self.counts.restarts += 1;
        // Memory is empty, and the feed begins at the database's present end.
        self.given.clear();
        self.told = true;
        Ok(())
    }

    fn tell(&mut self) {
        self.world.barrier();
        self.told = true;
        self.steps.push("the feed has told".into());
    }

    fn spelling(&mut self) -> Spelling {
        self.table.spelling(&mut self.rng)
    }

    fn value(&mut self) -> String {
        self.values += 1;
        format!("v{}", self.values)
    }

    /// How SQL names a row.
    fn named(&self, Spelling { k, c }: Spelling) -> Named {
        let (k, c) = (literal(k), literal(c));
        match self.table.composite {
            true => {
                Named { at: format!("k = {k} AND c = {c}"), columns: "k, c", values: format!("{k}, {c}") }
            }
            false => Named { at: format!("k = {k}"), columns: "k", values: k },
        }
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
        let Named { at, columns, values } = self.named(spelling);
        let set = self.named(other).at.replace(" AND ", ", ");
        let (to, what) = (literal(&value), self.rng.u8(..9));
        let sql = |prefix: &str| {
            let t = format!("{prefix}t{}", self.table.number);
            match what {
                0..=2 => format!("INSERT INTO {t} ({columns}, v) VALUES ({values}, {to})"),
                3 | 4 => format!("UPDATE {t} SET v = {to} WHERE {at}"),
                5 => format!("UPDATE {t} SET {set}, v = {to} WHERE {at}"),
                6 => format!("UPDATE {t} SET live = 1 - live WHERE {at}"),
                7 => format!("UPDATE {t} SET n = n + 1 WHERE {at}"),
                _ => format!("DELETE FROM {t} WHERE {at}"),
            }
        };
        let (sql, truth) = (sql(""), sql(TRUTH));
        self.run(&sql, &truth)
    }

    /// A stranger changes the second table.
    fn change_joined(&mut self) -> Result<(), String> {
        self.settle();
        let spelling = self.spelling();
        let (Named { at, columns, values }, to) = (self.named(spelling), literal(&self.value()));
        let what = self.rng.u8(..3);
        let sql = |prefix: &str| {
            let b = format!("{prefix}b{}", self.table.number);
            match what {
                0 => format!("INSERT INTO {b} ({columns}, w) VALUES ({values}, {to})"),
                1 => format!("UPDATE {b} SET w = {to} WHERE {at}"),
                _ => format!("DELETE FROM {b} WHERE {at}"),
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
        let strategies =
            [Strategy::Through, Strategy::Invalidate, Strategy::Back, Strategy::Back, Strategy::CacheOnly];
        let strategy = strategies[self.rng.usize(..strategies.len())];
        let (spelling, value) = (self.spelling(), self.value());
        let key = self.table.key(spelling);
        let written = self.world.write(&key, &value, strategy);
        self.steps.push(format!("SET {key:?} {value} {strategy}: {written:?}"));
        if strategy == Strategy::CacheOnly {
            if written.is_ok() {
                let truth = self.world.database.truth(self.table, spelling);
                self.given.insert(spelling, (value, truth));
            }
            return Ok(());
        }
        written?;
        self.given.remove(&spelling);
        self.counts.writes += 1;
        self.pending |= strategy == Strategy::Back;
        let store = self.table.store(TRUTH).unwrap_or_default();
        self.world.database.run(&bound(&store, self.table, spelling, &value))
    }

    /// A client removes a row.
    fn remove(&mut self) -> Result<(), String> {
        let back = self.table.store("").is_some() && self.rng.bool();
        let strategy = if back { Strategy::Back } else { Strategy::Through };
        let spelling = self.spelling();
        let key = self.table.key(spelling);
        let removed = self.world.remove(&key, Removal::Row(Some(strategy)));
        self.steps.push(format!("DEL {key:?} {strategy}: {removed:?}"));
        removed?;
        self.given.remove(&spelling);
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
                self.tell();
            }
            self.read(spelling, level)?;
        }
        Ok(())
    }

    fn read(&mut self, spelling: Spelling, level: Level) -> Result<(), String> {
        let key = self.table.key(spelling);
        let (value, hit) = self.world.read(&key, level);
        let truth = self.world.database.truth(self.table, spelling);
        self.steps.push(format!("GET {key:?} {level}: {value:?}{}", if hit { " from memory" } else { "" }));
        self.counts.reads += 1;
        self.counts.hits += u64::from(hit);
        if self.given.get(&spelling).is_some_and(|(_, then)| *then != truth) {
            self.given.remove(&spelling);
        }
        let given = self.given.get(&spelling).map(|(given, _)| given.clone());
        if value == truth || (given.is_some() && value == given) {
            return Ok(());
        }
        Err(format!(
            "{key:?} at {level} is {value:?} and should be {truth:?}; it has {}",
            self.world.known(&key)
        ))
    }
}
