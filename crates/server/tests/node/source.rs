//! A source that does what a test tells it, when the test tells it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clearwell::config::Config;
use clearwell::node::Node;
use clearwell_engine::Version;
use clearwell_source::{
    Altered, Cell, Commit, Follower, Heard, Later, Param, Receipt, Row, RowChange, RowWrite, Shape, Source,
    SourceError, Statement,
};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// Rows by id (value and author), and loads that wait until the test lets them go.
#[derive(Default)]
pub struct Scripted {
    state: Mutex<State>,
    asked: Condvar,
    follower: Mutex<Option<Arc<dyn Follower>>>,
    pub loads: AtomicU64,
    pub barriers: AtomicU64,
    pub behind_ms: AtomicU64,
    /// Told between the next write and its commit.
    pub altered_at_write: Mutex<Option<Altered>>,
    /// How long a commit takes to be answered.
    pub answers_after_ms: AtomicU64,
    /// While it is set, the node's own thread stands still where it asks for that.
    pub keeper_stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<i64, (String, i64)>,
    version: u64,
    /// When held, loads read their row at once and wait here to answer: late loads.
    hold: bool,
    held: VecDeque<oneshot::Sender<()>>,
    fail: Option<SourceError>,
    untold: Vec<Commit>,
}

pub const CONFIG: &str = r#"
[source.main]
url = "sqlite://unused.db"

[[keyspace]]
pattern = "post:{id:int}"
source = "main"
load = "SELECT content, author_id FROM posts WHERE id = :id"
store = "INSERT INTO posts (id, content) VALUES (:id, :value)"
delete = "DELETE FROM posts WHERE id = :id"
write = "write-through"
ttl = "10s"
grace = "1h"
tags = ["author:{author_id}"]

[[keyspace.feed]]
table = "posts"
keys = ["post:{id}"]
tags = ["author:{author_id}"]
"#;

impl Scripted {
    /// A node over a scripted source.
    pub fn node() -> (Arc<Node>, Arc<Scripted>) {
        Scripted::node_with(CONFIG)
    }

    pub fn node_with(config: &str) -> (Arc<Node>, Arc<Scripted>) {
        let source = Arc::new(Scripted::default());
        let config = Config::parse(config).expect("a valid configuration");
        let sources = BTreeMap::from([("main".to_string(), source.clone() as Arc<dyn Source>)]);
        let node = Node::over(config, sources, tasks()).expect("a node");
        (node, source)
    }

    /// Another process commits a row; the feed tells of it at once.
    pub fn commit(&self, id: i64, value: &str, author: i64) {
        self.commit_untold(id, value, author);
        self.tell();
    }

    /// Another process commits a row; the feed has not told of it yet.
    pub fn commit_untold(&self, id: i64, value: &str, author: i64) {
        let mut state = self.state.lock();
        let old = state.rows.insert(id, (value.into(), author));
        state.version += 1;
        let row = |(_, author): &(String, i64)| {
            Row(vec![("id".into(), Cell::Integer(id)), ("author_id".into(), Cell::Integer(*author))])
        };
        let new = state.rows.get(&id).map(row);
        let change = RowChange { table: "posts".into(), old: old.as_ref().map(row), new };
        let heard = Some(Heard { received: Instant::now(), after_us: Some(1_000) });
        let commit = Commit { version: Version(state.version), own: false, changes: vec![change], heard };
        state.untold.push(commit);
    }

    /// Another process commits many rows in one transaction; the feed has not told of it yet.
    pub fn commit_together_untold(&self, ids: std::ops::Range<i64>, value: &str, author: i64) {
        let first = self.state.lock().untold.len();
        ids.for_each(|id| self.commit_untold(id, value, author));
        let mut state = self.state.lock();
        let version = Version(state.version);
        let changes = state.untold.drain(first..).flat_map(|commit| commit.changes).collect();
        state.untold.push(Commit { version, own: false, changes, heard: None });
    }

    /// The feed catches up.
    pub fn tell(&self) {
        let follower = self.follower.lock().clone().expect("followed");
        let untold = std::mem::take(&mut self.state.lock().untold);
        untold.iter().for_each(|commit| follower.committed("main", commit));
    }

    /// The feed says that it is not complete, or (`None`) that it is again; with a gap between.
    pub fn doubt(&self, why: Option<&str>) {
        let follower = self.follower.lock().clone().expect("followed");
        match why {
            Some(why) => {
                follower.unverified("main", why);
                follower.lost("main", why);
            }
            None => {
                self.state.lock().untold.clear();
                follower.lost("main", "the feed has begun anew");
                follower.verified("main");
            }
        }
    }

    /// Somebody alters what no row event tells of.
    pub fn alter(&self, altered: &Altered) {
        let follower = self.follower.lock().clone().expect("followed");
        follower.altered("main", altered);
    }

    /// From now on loads read their row and then wait to answer.
    pub fn hold(&self) {
        self.state.lock().hold = true;
    }

    /// Waits until `count` loads are held, and holds no others; those wait for [`Scripted::release`].
    pub fn hold_no_more(&self, count: usize) {
        let mut state = self.state.lock();
        while state.held.len() < count {
            let late = self.asked.wait_for(&mut state, std::time::Duration::from_secs(10)).timed_out();
            assert!(!late, "only {} of {count} loads came", state.held.len());
        }
        state.hold = false;
    }

    /// Waits until `count` loads have read their row, lets them answer, and holds no more.
    pub fn release(&self, count: usize) {
        self.release_after(count, || ());
    }

    /// The same; `then` is done before they answer.
    pub fn release_after(&self, count: usize, then: impl FnOnce()) {
        let mut state = self.state.lock();
        while state.held.len() < count {
            let late = self.asked.wait_for(&mut state, std::time::Duration::from_secs(10)).timed_out();
            assert!(!late, "only {} of {count} loads came", state.held.len());
        }
        state.hold = false;
        drop(state);
        then();
        let mut state = self.state.lock();
        for answer in state.held.drain(..) {
            answer.send(()).expect("the load waits");
        }
    }

    pub fn fail(&self, error: Option<SourceError>) {
        self.state.lock().fail = error;
    }

    pub fn row(&self, id: i64) -> Option<String> {
        self.state.lock().rows.get(&id).map(|(value, _)| value.clone())
    }

    fn find(state: &State, id: i64) -> Option<Row> {
        let (value, author) = state.rows.get(&id)?;
        let content = Cell::Text(value.as_str().into());
        Some(Row(vec![("content".into(), content), ("author_id".into(), Cell::Integer(*author))]))
    }
}

/// Loads run beside the test's own thread, which blocks in [`Scripted::release`].
fn tasks() -> tokio::runtime::Handle {
    static TASKS: std::sync::OnceLock<clearwell::tasks::Tasks> = std::sync::OnceLock::new();
    TASKS.get_or_init(|| clearwell::tasks::Tasks::start().expect("a thread")).handle()
}

fn id_of(params: &[Param]) -> i64 {
    match params.iter().find(|param| &*param.name == "id") {
        Some(Param { value: Cell::Integer(id), .. }) => *id,
        other => panic!("no integer :id, but {other:?}"),
    }
}

impl Source for Scripted {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        *self.follower.lock() = Some(follower);
        Ok(())
    }

    fn load(&self, _: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        if let Some(error) = state.fail.clone() {
            return Box::pin(async move { Err(error) });
        }
        let row = Scripted::find(&state, id_of(&params));
        let (answer, released) = oneshot::channel();
        if state.hold {
            state.held.push_back(answer);
            self.asked.notify_all();
        } else {
            drop(answer);
        }
        Box::pin(async move {
            let _released_or_never_held = released.await;
            Ok(row)
        })
    }

    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        self.tell();
        let mut state = self.state.lock();
        if let Some(error) = state.fail.clone() {
            return Box::pin(async move { Err(error) });
        }
        let id = id_of(&write.params);
        let value = write.params.iter().find(|param| &*param.name == "value");
        let rows = match value.and_then(|param| param.value.to_bytes()) {
            Some(bytes) => {
                state.rows.insert(id, (String::from_utf8(bytes).expect("text"), 1));
                1
            }
            None => u64::from(state.rows.remove(&id).is_some()),
        };
        state.version += 1;
        let row = write.read_back.is_some().then(|| Scripted::find(&state, id)).flatten();
        let receipt = Receipt { version: Version(state.version), rows, row };
        if let Some(altered) = self.altered_at_write.lock().take() {
            self.alter(&altered);
        }
        let (began, late_ms) = (Instant::now(), self.answers_after_ms.load(Ordering::Relaxed));
        while began.elapsed() < Duration::from_millis(late_ms) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        (write.committed)(&receipt);
        Box::pin(async move { Ok(receipt) })
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        let writes = !statement.0.starts_with("SELECT");
        let columns = if writes { vec![] } else { vec!["content".into(), "author_id".into()] };
        let table = statement.0.split(" FROM ").nth(1).and_then(|from| from.split(' ').next());
        let reads = table.filter(|_| !writes).map(Arc::from);
        Ok(Some(Shape { columns, reads: reads.into_iter().collect(), writes, ..Shape::default() }))
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        self.barriers.fetch_add(1, Ordering::Relaxed);
        self.tell();
        let version = Version(self.state.lock().version);
        Box::pin(async move { Ok(version) })
    }

    fn behind_ms(&self) -> u64 {
        let is_keeper = std::thread::current().name() == Some("keeper");
        while is_keeper && self.keeper_stopped.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.behind_ms.load(Ordering::Relaxed)
    }
}
