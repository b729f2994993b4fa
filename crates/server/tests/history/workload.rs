//! Scripts: what the clients of one interleaving do, drawn from a seed.
#![allow(
    clippy::match_overlapping_arm,
    reason = "shares of a hundred are read more easily by where each ends"
)]

use fastrand::Rng;

use super::history::{Asks, Key, Level, Scope, Strategy, UNGROUPED};

/// Rows that are read through the node, and by the application itself.
pub const ROWS: u8 = 3;
/// Groups that they are in.
pub const GROUPS: u8 = 2;
/// The row that is written back.
pub const BACK: u8 = UNGROUPED;
/// Clients of one interleaving, each with connections of its own.
pub const CLIENTS: usize = 3;

/// One interleaving.
#[derive(Debug, Clone)]
pub struct Script {
    pub run: u32,
    /// Rows that are there before it begins, and their groups.
    pub rows: Vec<(u8, u8)>,
    /// What each client does, one step after the other.
    pub clients: Vec<Vec<Step>>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// How long to wait before it.
    pub pause_us: u64,
    pub act: Act,
}

#[derive(Debug, Clone)]
pub enum Act {
    Read(Key, Level, Asks),
    Write {
        key: Key,
        id: u32,
        strategy: Strategy,
        bad: bool,
    },
    Remove(Key),
    /// `forget`: afterwards the application takes the rows' own keys out of the cache, as cache-aside asks for.
    Sql {
        id: u32,
        change: Sql,
        forget: bool,
    },
    Invalidate {
        scope: Scope,
        mode: Mode,
    },
    /// Read, and on a miss ask the database and fill.
    Fill {
        row: u8,
        way: Way,
        pause_us: u64,
    },
}

/// How an application fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Set,
    /// Over another connection, as pools do.
    SetElsewhere,
    Lease,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Immediate,
    Lazy,
    Delayed,
}

/// A transaction of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sql {
    Update(Vec<u8>),
    Move(u8, u8),
    Insert(u8, u8),
    Delete(u8),
    /// From now on loads of this row take so many milliseconds.
    Slow(u8, u8),
}

/// What an interleaving is mostly about, so that its few operations meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Theme {
    Rows,
    Groups,
    Absent,
    Aside,
    Back,
    Only,
    Mixed,
}

impl Script {
    pub fn draw(seed: u64, run: u32) -> Script {
        let mut draw = Draw::new(seed, run);
        let theme = draw.theme;
        let rows = (0..ROWS).filter(|_| theme != Theme::Absent && draw.rng.u8(..8) > 0);
        let mut rows: Vec<(u8, u8)> = rows.map(|row| (row, row % GROUPS)).collect();
        if draw.rng.bool() {
            rows.push((BACK, 0));
        }
        let clients = (0..CLIENTS).map(|_| (0..draw.rng.usize(2..=6)).map(|_| draw.step()).collect());
        Script { run, clients: clients.collect(), rows }
    }
}

impl Script {
    /// The same without what a cluster does not do yet: a write-back is a write-through, and nothing is held for later.
    pub fn for_cluster(mut self) -> Script {
        for step in self.clients.iter_mut().flatten() {
            match &mut step.act {
                Act::Write { strategy, .. } if *strategy == Strategy::Back => *strategy = Strategy::Through,
                Act::Invalidate { mode, .. } if *mode == Mode::Delayed => *mode = Mode::Immediate,
                _ => {}
            }
        }
        self
    }
}

struct Draw {
    rng: Rng,
    theme: Theme,
    last_id: u32,
    removed: Vec<Key>,
    /// Whether some pauses are longer than the feed may take.
    lingers: bool,
}

impl Draw {
    fn new(seed: u64, run: u32) -> Draw {
        let mut rng = Rng::with_seed(seed.wrapping_add(u64::from(run).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let themes = [
            Theme::Rows,
            Theme::Groups,
            Theme::Absent,
            Theme::Aside,
            Theme::Back,
            Theme::Only,
            Theme::Mixed,
            Theme::Mixed,
        ];
        let (theme, lingers) = (themes[rng.usize(..themes.len())], rng.u8(..100) == 0);
        Draw { rng, theme, last_id: 0, removed: Vec::new(), lingers }
    }

    fn step(&mut self) -> Step {
        let pause_us = match self.rng.u8(..4) {
            0 => self.rng.u64(..3_000),
            1 => self.rng.u64(..15_000),
            2 if self.lingers => self.rng.u64(..3_000_000),
            _ => 0,
        };
        Step { pause_us, act: self.act() }
    }

    fn id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// Two rows are enough to meet at, and a third now and then.
    fn row(&mut self) -> u8 {
        [0, 0, 0, 1, 1, 2][self.rng.usize(..6)]
    }

    fn group(&mut self) -> u8 {
        self.rng.u8(..GROUPS)
    }

    fn act(&mut self) -> Act {
        let kind = self.rng.u8(..100);
        match self.theme {
            Theme::Only => match kind {
                ..50 => {
                    let asks = self.asks();
                    Act::Read(Key::Only(0), Level::Eventual, asks)
                }
                ..80 => self.write(Key::Only(0)),
                ..90 => Act::Remove(Key::Only(0)),
                _ => self.invalidate(vec![Key::Only(0)]),
            },
            Theme::Aside => match kind {
                ..55 => self.fill(),
                ..85 => self.sql(true),
                _ => {
                    let row = self.row();
                    self.invalidate(vec![Key::Aside(row)])
                }
            },
            Theme::Back => match kind {
                ..45 => self.read(Key::Back(BACK)),
                ..85 => self.write(Key::Back(BACK)),
                ..95 => Act::Sql { id: self.id(), change: Sql::Update(vec![BACK]), forget: false },
                _ => self.invalidate(vec![Key::Back(BACK)]),
            },
            theme => match kind {
                ..50 => {
                    let key = self.key();
                    self.read(key)
                }
                ..70 => self.sql(theme == Theme::Mixed),
                ..82 => {
                    let row = self.row();
                    self.write(Key::Doc(row))
                }
                ..85 => self.remove(),
                ..92 if theme == Theme::Mixed => self.fill(),
                _ => {
                    let row = self.row();
                    self.invalidate(vec![Key::Doc(row)])
                }
            },
        }
    }

    fn key(&mut self) -> Key {
        let (row, group) = (self.row(), self.group());
        match (self.theme, self.rng.u8(..10)) {
            (Theme::Groups, ..6) | (_, ..2) => Key::Group(group),
            (_, 2..4) => Key::Card(row),
            (Theme::Mixed, 9) => Key::Back(BACK),
            _ => Key::Doc(row),
        }
    }

    fn read(&mut self, key: Key) -> Act {
        let level = match self.rng.u8(..20) {
            ..8 => Level::Eventual,
            ..12 => Level::Strong,
            ..15 => Level::Session,
            ..18 => Level::Bounded([20, 100, 500][self.rng.usize(..3)]),
            _ => Level::Weak,
        };
        Act::Read(key, level, self.asks())
    }

    fn asks(&mut self) -> Asks {
        [Asks::Value, Asks::Meta, Asks::MetaOrStale][self.rng.usize(..3)]
    }

    fn write(&mut self, key: Key) -> Act {
        let strategy = match (key, self.rng.u8(..4)) {
            (Key::Only(_), _) => Strategy::CacheOnly,
            (Key::Back(_), 1..) => Strategy::Back,
            (_, 0) => Strategy::Invalidate,
            _ => Strategy::Through,
        };
        let bad = strategy != Strategy::CacheOnly && self.rng.u8(..12) == 0;
        Act::Write { key, id: self.id(), strategy, bad }
    }

    fn remove(&mut self) -> Act {
        let key = Key::Doc(self.row());
        if self.removed.contains(&key) {
            return self.read(key);
        }
        self.removed.push(key);
        Act::Remove(key)
    }

    fn sql(&mut self, forget: bool) -> Act {
        let (row, group) = (self.row(), self.group());
        let change = match (self.theme, self.rng.u8(..20)) {
            (Theme::Absent, ..8) | (_, 0) => Sql::Insert(row, group),
            (Theme::Absent, 8..12) | (_, 1) => Sql::Delete(row),
            (Theme::Groups, ..9) | (_, 2..4) => Sql::Move(row, group),
            (_, 19) => Sql::Slow(row, self.rng.u8(..8)),
            (_, 12..16) => Sql::Update(vec![0, 1]),
            _ => Sql::Update(vec![row]),
        };
        Act::Sql { id: self.id(), change, forget }
    }

    fn invalidate(&mut self, keys: Vec<Key>) -> Act {
        let is_doc = keys.iter().any(|key| matches!(key, Key::Doc(_)));
        let scope = match self.rng.u8(..60) {
            0 if is_doc => Scope::Docs { glob: self.rng.u8(..8) == 0 },
            1..15 if is_doc => Scope::Tag(self.group()),
            cascade => Scope::Keys(keys, cascade % 3 > 0),
        };
        let mode = match self.rng.u8(..6) {
            0 => Mode::Lazy,
            1 => Mode::Delayed,
            _ => Mode::Immediate,
        };
        Act::Invalidate { scope, mode }
    }

    fn fill(&mut self) -> Act {
        let way = [Way::Set, Way::SetElsewhere, Way::Lease][self.rng.usize(..3)];
        let pause_us = if self.rng.bool() { self.rng.u64(..8_000) } else { 0 };
        Act::Fill { row: self.row(), way, pause_us }
    }
}
