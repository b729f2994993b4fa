//! The clients of an interleaving: they carry a script out and write down what they saw.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex as Turn;

use super::database::Session;
use super::history::{Asks, Claim, Did, Key, Level, Op, Outcome, Scope, Seen, Strategy, Us};
use super::planted::Lie;
use super::workload::{Act, CLIENTS, Mode, Script, Sql, Step, Way};

/// The clock that all clients share.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub Instant);

impl Clock {
    pub fn now(self) -> Us {
        u64::try_from(self.0.elapsed().as_micros()).expect("a test ends before the clock does")
    }
}

/// Connections for the clients of one interleaving at a time.
pub struct Crew {
    pub node: Vec<MultiplexedConnection>,
    pub database: Vec<Arc<Turn<Session>>>,
    pub clock: Clock,
    /// Whether the application takes its leases too late.
    pub fills_too_late: bool,
    pub lie: Lie,
}

/// A client at work.
#[derive(Clone)]
struct Client {
    run: u32,
    number: u8,
    connections: Vec<MultiplexedConnection>,
    database: Arc<Turn<Session>>,
    clock: Clock,
    fills_too_late: bool,
    lie: Lie,
    ops: Arc<Mutex<Vec<Op>>>,
}

impl Crew {
    /// Carries a script out; returns what its clients saw.
    pub async fn play(&self, script: &Script) -> Vec<Op> {
        let ops = Arc::default();
        let mut playing = tokio::task::JoinSet::new();
        for (number, steps) in script.clients.iter().enumerate() {
            let client = self.client(script.run, number, &ops);
            let steps = steps.clone();
            playing.spawn(async move { client.play(&steps).await });
        }
        while let Some(played) = playing.join_next().await {
            played.expect("no client panics");
        }
        std::mem::take(&mut *ops.lock())
    }

    /// Reads every key when nothing moves any more: the first read waits for the feed, the others must not need to.
    pub async fn look_at_rest(&self, run: u32, keys: &[Key]) -> Vec<Op> {
        let ops = Arc::default();
        let client = self.client(run, 0, &ops);
        client.read(0, Key::Doc(0), Level::Strong, Asks::Meta).await;
        for key in keys {
            client.read(0, *key, Level::AtRest, Asks::Meta).await;
        }
        std::mem::take(&mut *ops.lock())
    }

    /// Flushes what is written back.
    pub async fn flush(&self) -> Result<(), String> {
        let flushed: Result<redis::Value, _> =
            redis::cmd("CW.WRITEBACK").arg("FLUSH").query_async(&mut self.node[0].clone()).await;
        flushed.map(|_| ()).map_err(|error| error.to_string())
    }

    fn client(&self, run: u32, number: usize, ops: &Arc<Mutex<Vec<Op>>>) -> Client {
        Client {
            run,
            number: u8::try_from(number).expect("a few clients"),
            connections: (0..CLIENTS).map(|of| self.node[(number + of) % CLIENTS].clone()).collect(),
            database: self.database[number].clone(),
            clock: self.clock,
            fills_too_late: self.fills_too_late,
            lie: self.lie,
            ops: ops.clone(),
        }
    }
}

impl Client {
    async fn play(&self, steps: &[Step]) {
        for step in steps {
            pause(step.pause_us).await;
            self.act(&step.act).await;
        }
    }

    async fn act(&self, act: &Act) {
        match act {
            Act::Read(key, level, asks) => drop(self.read(0, *key, *level, *asks).await),
            Act::Write { key, id, strategy, bad } => self.write(*key, *id, *strategy, *bad).await,
            Act::Remove(key) => self.command(Did::Remove(*key), &["CW.DEL", &key.name(self.run)]).await,
            Act::Sql { id, change, forget } => {
                self.sql(*id, change).await;
                if *forget {
                    self.forget(change).await;
                }
            }
            Act::Invalidate { scope, mode } => self.invalidate(scope, *mode).await,
            Act::Fill { row, way, pause_us } => self.fill(*row, *way, *pause_us).await,
        }
    }

    /// Runs a command whose reply says only whether it was done.
    async fn command(&self, did: Did, words: &[&str]) {
        let began = self.clock.now();
        let reply = self.call(0, words).await;
        self.note(began, did, reply.map_or_else(Outcome::Failed, |_| Outcome::Done));
    }

    async fn call(&self, connection: usize, words: &[&str]) -> Result<redis::Value, String> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let reply = command.query_async(&mut self.connections[connection].clone()).await;
        reply.map_err(|error: redis::RedisError| error.to_string())
    }

    fn note(&self, began: Us, did: Did, outcome: Outcome) {
        self.note_read(began, did, outcome, None);
    }

    fn note_read(&self, began: Us, did: Did, outcome: Outcome, claim: Option<Claim>) {
        let op = Op { connection: self.number, began, ended: self.clock.now(), did, outcome, claim };
        self.ops.lock().push(op);
    }

    async fn read(&self, connection: usize, key: Key, level: Level, asks: Asks) -> Seen {
        let name = key.name(self.run);
        let told = match level {
            Level::Strong => "strong".to_string(),
            Level::Session => "session".into(),
            Level::Bounded(ms) => format!("bounded({ms}ms)"),
            Level::Eventual | Level::AtRest => String::new(),
            Level::Weak => "weak".into(),
        };
        let words: &[&str] = match asks {
            Asks::Value if told.is_empty() => &["GET", &name],
            Asks::Value => &["CW.GET", &name, "LEVEL", &told],
            Asks::Meta if told.is_empty() => &["CW.GET", &name, "META"],
            Asks::Meta => &["CW.GET", &name, "LEVEL", &told, "META"],
            Asks::MetaOrStale if told.is_empty() => &["CW.GET", &name, "STALE", "META"],
            Asks::MetaOrStale => &["CW.GET", &name, "LEVEL", &told, "STALE", "META"],
        };
        let began = self.clock.now();
        let reply = self.call(connection, words).await;
        let (seen, claim) = match (asks, reply) {
            (_, Err(why)) => (Err(why), None),
            (Asks::Value, Ok(reply)) => (Ok(Seen::parse(text(&reply).as_deref())), None),
            (_, Ok(reply)) => {
                let meta = Meta::of(reply);
                let claim = meta.claim(asks == Asks::MetaOrStale).map(|claim| self.lie.told(claim));
                (Ok(Seen::parse(meta.text("value").as_deref())), Some(claim.expect("META has all of it")))
            }
        };
        let outcome = seen.clone().map_or_else(Outcome::Failed, Outcome::Saw);
        self.note_read(began, Did::Read(key, level), outcome, claim);
        seen.unwrap_or(Seen::Strange(String::new()))
    }

    async fn write(&self, key: Key, id: u32, strategy: Strategy, bad: bool) {
        let value = if bad { format!("bad{id}") } else { id.to_string() };
        let asked = match strategy {
            Strategy::Through => "write-through",
            Strategy::Invalidate => "write-invalidate",
            Strategy::Back => "write-back",
            Strategy::CacheOnly => "cache-only",
        };
        let (name, did) = (key.name(self.run), Did::Write { key, id, strategy, bad });
        match strategy {
            Strategy::CacheOnly => self.command(did, &["SET", &name, &value]).await,
            _ => self.command(did, &["CW.SET", &name, &value, "WRITE", asked]).await,
        }
    }

    async fn sql(&self, id: u32, change: &Sql) {
        let statements = change.statements(self.run, id);
        let mut session = self.database.lock().await;
        let began = self.clock.now();
        let done = session.run(&statements).await;
        let outcome = done.map_or_else(Outcome::Failed, |()| Outcome::Done);
        self.note(began, Did::Sql { id, text: format!("{change:?}") }, outcome);
    }

    /// As an application does that wrote to the database by itself.
    async fn forget(&self, change: &Sql) {
        let keys: Vec<Key> = change.rows().into_iter().map(Key::Aside).collect();
        let names: Vec<String> = keys.iter().map(|key| key.name(self.run)).collect();
        let mut words = vec!["DEL"];
        words.extend(names.iter().map(String::as_str));
        self.command(Did::Invalidate { scope: Scope::Keys(keys, true), held: false }, &words).await;
    }

    async fn invalidate(&self, scope: &Scope, mode: Mode) {
        let mut words = vec!["CW.INVALIDATE".to_string()];
        match scope {
            Scope::Keys(keys, cascade) => {
                words.extend(["KEYS".into(), keys.len().to_string()]);
                words.extend(keys.iter().map(|key| key.name(self.run)));
                words.extend(["CASCADE".into(), if *cascade { "yes" } else { "no" }.into()]);
            }
            Scope::Tag(group) => words.extend(["TAGS".into(), "1".into(), Key::Group(*group).name(self.run)]),
            Scope::Docs { glob: true } => words.extend(["PATTERN".into(), format!("doc:{}:*", self.run)]),
            Scope::Docs { glob: false } => words.extend(["PREFIX".into(), format!("doc:{}:", self.run)]),
        }
        match mode {
            Mode::Immediate => {}
            Mode::Lazy => words.extend(["MODE".into(), "lazy".into()]),
            Mode::Delayed => words.extend(["MODE".into(), "delayed".into(), "3".into()]),
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let did = Did::Invalidate { scope: scope.clone(), held: mode == Mode::Delayed };
        self.command(did, &words).await;
    }

    async fn fill(&self, row: u8, way: Way, pause_us: u64) {
        let key = Key::Aside(row);
        let name = key.name(self.run);
        match way {
            Way::Set | Way::SetElsewhere => {
                if self.read(0, key, Level::Eventual, Asks::Value).await != Seen::Absent {
                    return;
                }
                let Some(value) = self.select(row, pause_us).await else { return };
                // It is no write: nothing is noted of it.
                drop(self.call(usize::from(way == Way::SetElsewhere), &["SET", &name, &value]).await);
            }
            Way::Lease => {
                let early = if self.fills_too_late { self.select(row, pause_us).await } else { None };
                let Some(lease) = self.fill_lease(key).await else { return };
                let value = if early.is_some() { early } else { self.select(row, pause_us).await };
                let Some(value) = value else { return };
                drop(self.call(1, &["CW.SET", &name, &value, "LEASE", &lease]).await);
            }
        }
    }

    /// A read that, on a miss, brings the right to fill.
    async fn fill_lease(&self, key: Key) -> Option<String> {
        let began = self.clock.now();
        let reply = self.call(0, &["CW.GET", &key.name(self.run), "LEASE"]).await;
        let meta = reply.map(Meta::of);
        let field = |name: &str| meta.as_ref().ok()?.text(name);
        let outcome = match &meta {
            Ok(_) => Outcome::Saw(Seen::parse(field("value").as_deref())),
            Err(why) => Outcome::Failed(why.clone()),
        };
        self.note(began, Did::Read(key, Level::Eventual), outcome);
        field("lease")
    }

    async fn select(&self, row: u8, pause_us: u64) -> Option<String> {
        let sql = format!("SELECT n || ':' || op FROM docs WHERE run = {} AND k = {row}", self.run);
        let read = self.database.lock().await.read(&sql).await;
        pause(pause_us).await;
        read.ok().flatten()
    }
}

/// What CW.GET with META answers.
struct Meta(Vec<redis::Value>);

impl Meta {
    fn of(reply: redis::Value) -> Meta {
        Meta(reply.into_sequence().unwrap_or_default())
    }

    fn field(&self, name: &str) -> Option<&redis::Value> {
        let at = self.0.iter().step_by(2).position(|field| text(field).as_deref() == Some(name))?;
        self.0.get(2 * at + 1)
    }

    fn text(&self, name: &str) -> Option<String> {
        text(self.field(name)?)
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.field(name)? {
            redis::Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn claim(&self, allowed_stale: bool) -> Option<Claim> {
        Some(Claim {
            allowed_stale,
            stale: self.number("stale")? != 0,
            hit: self.number("hit")? != 0,
            age: self.number("age_ms")? * 1000,
            level: self.text("level")?,
            unverified: self.text("unverified").is_some(),
        })
    }
}

async fn pause(us: u64) {
    if us > 0 {
        tokio::time::sleep(Duration::from_micros(us)).await;
    }
}

fn text(value: &redis::Value) -> Option<String> {
    match value {
        redis::Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        redis::Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
