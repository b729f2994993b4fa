//! The clients of an interleaving: they carry a script out and write down what they saw.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex as Turn;

use super::database::Session;
use super::history::{Did, Key, Level, Op, Outcome, Scope, Seen, Strategy, Us};
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
        client.read(0, Key::Doc(0), Level::Strong).await;
        for key in keys {
            client.read(0, *key, Level::AtRest).await;
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
            Act::Read(key, level) => drop(self.read(0, *key, *level).await),
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
        let op = Op { connection: self.number, began, ended: self.clock.now(), did, outcome };
        self.ops.lock().push(op);
    }

    async fn read(&self, connection: usize, key: Key, level: Level) -> Seen {
        let name = key.name(self.run);
        let told = match level {
            Level::Strong => "strong".to_string(),
            Level::Session => "session".into(),
            Level::Bounded(ms) => format!("bounded({ms}ms)"),
            Level::Eventual | Level::AtRest => String::new(),
            Level::Weak => "weak".into(),
        };
        let words: Vec<&str> =
            if told.is_empty() { vec!["GET", &name] } else { vec!["CW.GET", &name, "LEVEL", &told] };
        let began = self.clock.now();
        let reply = self.call(connection, &words).await;
        let seen = reply.map(|reply| Seen::parse(text(&reply).as_deref()));
        let outcome = seen.clone().map_or_else(Outcome::Failed, Outcome::Saw);
        self.note(began, Did::Read(key, level), outcome);
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
                if self.read(0, key, Level::Eventual).await != Seen::Absent {
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
        let fields = reply.map(|reply| reply.into_sequence().unwrap_or_default());
        let field = |name: &str| {
            let fields = fields.as_ref().ok()?;
            let at = fields.iter().position(|field| text(field).as_deref() == Some(name))?;
            text(fields.get(at + 1)?)
        };
        let outcome = match &fields {
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
