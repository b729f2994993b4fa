//! A node over a database of its own, served on a port, with its clients.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clearwell::config::Config;
use clearwell::keyspace::FeedRules;
use clearwell::metrics::Metrics;
use clearwell::node::{ClusterStart, Entrance, Node};
use clearwell::resp;
use clearwell::tasks::Tasks;
use clearwell_source::postgres::setup;
use clearwell_source::{Source, open};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

use super::checker::{Bounds, Violation, check};
use super::clients::{Clock, Crew};
use super::database::{Outages, Session, Trouble, trouble};
use super::history::{History, Key, Op, Outcome, Us};
use super::planted::{Fault, Heard, Lie, Planted};
use super::workload::{BACK, CLIENTS, GROUPS, ROWS, Script};
use crate::support::{Postgres, wait_for};

/// Interleavings that run beside each other.
const BESIDE: usize = 24;
const BOUNDS: Bounds = Bounds { feed: 2_000_000, quiet: 1_000_000, recovery: 2_000_000 };

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// How many interleavings.
    pub rounds: u32,
    /// Only this one, again and again.
    pub only: Option<u32>,
    /// What goes wrong with the source meanwhile.
    pub troubles: &'static [Trouble],
    /// How long after one trouble the next begins, at most.
    pub calm: Duration,
    pub progress: bool,
}

/// What came of it.
pub struct Played {
    pub interleavings: u32,
    pub operations: u64,
    pub troubles: usize,
    pub took: Duration,
    /// The first history that broke a promise.
    pub broken: Option<Broken>,
}

/// A broken promise, the history that shows it, and what the feed told meanwhile.
pub struct Broken {
    pub violation: Box<Violation>,
    pub history: History,
    pub told: String,
}

pub struct World {
    nodes: Vec<ServedNode>,
    slot: String,
    url: String,
    fault: Fault,
    clock: Clock,
    outages: Outages,
}

/// One node, and where it is served.
struct ServedNode {
    node: Arc<Node>,
    serving: resp::RespServing,
    source: Arc<dyn Source>,
    heard: Arc<Heard>,
    _tasks: Tasks,
    _data: tempfile::TempDir,
}

impl ServedNode {
    /// A node; `member`: as one of a cluster, which it joins at an address, or begins.
    fn start(text: &str, fault: Fault, member: Option<Entrance>) -> ServedNode {
        let config = Config::parse(text).expect("a valid configuration");
        let data = tempfile::tempdir().expect("a folder");
        let watched = FeedRules::build(&config).expect("valid feeds").watched("main");
        let declared = &config.sources["main"];
        setup(declared.postgres.as_ref().expect("it is PostgreSQL"), &watched, true).expect("it is set up");
        let source = open("main", declared, data.path(), watched, 5).expect("it opens");
        let planted = Planted::over(source.clone(), fault);
        let heard = planted.heard.clone();
        let sources = BTreeMap::from([("main".to_string(), Arc::new(planted) as Arc<dyn Source>)]);
        let tasks = Tasks::start().expect("a thread");
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (listener, redirect, http) = (listen(), listen(), listen());
        let address = |of: &TcpListener| of.local_addr().expect("an address");
        let (node, redirect) = match member {
            None => (Node::over_in(config, sources, Some(data.path()), tasks.handle()), None),
            Some(entrance) => {
                let start = ClusterStart { entrance, resp: address(&redirect), http: address(&http) };
                let node = Node::over_in_cluster(config, sources, data.path(), &start, tasks.handle());
                (node, Some(redirect))
            }
        };
        let node = node.expect("a node");
        let serving =
            resp::serve(node.clone(), listener, redirect, 2, &Metrics::new()).expect("it is served");
        ServedNode { node, serving, source, heard, _tasks: tasks, _data: data }
    }

    /// Whether it sees so many nodes that share all slots.
    fn is_settled(&self, count: usize) -> bool {
        let report = self.node.cluster_report().expect("it is in a cluster");
        report.settled && report.nodes.iter().filter(|node| node.owns > 0).count() == count
    }
}

impl World {
    /// A node over the database `name` of a server, which is made.
    pub fn start(server: &Postgres, name: &str, fault: Fault) -> World {
        let (text, url) = World::database(server, name);
        World::of(vec![ServedNode::start(&text, fault, None)], name, url, fault)
    }

    /// Three nodes of one cluster over it.
    pub fn start_cluster(server: &Postgres, name: &str, fault: Fault) -> World {
        let (text, url) = World::database(server, name);
        // What waits for its source would be lost with its node.
        let text = text.replace("write = \"write-back\"\nflush_every = \"5ms\"", "write = \"write-through\"");
        let text =
            format!("{text}\n[cluster]\nname = \"{name}\"\nlisten = \"127.0.0.1:0\"\nack = \"replicas\"\n");
        let first = ServedNode::start(&text, fault, Some(Entrance::Bootstrap));
        let seed = first.node.cluster_report().expect("it is in a cluster").link;
        let join = || ServedNode::start(&text, fault, Some(Entrance::Join(vec![seed.clone()])));
        let nodes = vec![join(), join(), first];
        wait_for("the nodes to share the slots", || {
            nodes.iter().all(|node| node.is_settled(3)).then_some(())
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for node in &nodes {
            wait_for("the feed to be complete", || runtime.block_on(node.source.barrier()).ok());
        }
        World::of(nodes, name, url, fault)
    }

    fn database(server: &Postgres, name: &str) -> (String, String) {
        server.psql(&format!("CREATE DATABASE {name}"));
        let url = format!("{}{name}", server.url().trim_end_matches("postgres"));
        server.psql_in(name, include_str!("schema.sql"));
        (include_str!("clearwell.toml").replace("{url}", &url).replace("{slot}", name), url)
    }

    fn of(nodes: Vec<ServedNode>, name: &str, url: String, fault: Fault) -> World {
        let clock = Clock(Instant::now());
        World { nodes, slot: name.into(), url, fault, clock, outages: Outages::default() }
    }

    fn is_cluster(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Plays until the plan is done, or a promise is broken.
    pub fn play(&self, server: &mut Postgres, plan: Plan) -> Played {
        let began = Instant::now();
        let done = AtomicBool::new(false);
        let mut played = std::thread::scope(|scope| {
            let _ends = Ends(&done);
            if !plan.troubles.is_empty() {
                scope.spawn(|| self.make_trouble(server, plan, &done));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(self.play_all(plan))
        });
        played.took = began.elapsed();
        played.troubles = self.outages.lock().len();
        played
    }

    fn make_trouble(&self, server: &mut Postgres, plan: Plan, done: &AtomicBool) {
        let mut rng = fastrand::Rng::with_seed(plan.seed);
        while !done.load(Ordering::Relaxed) {
            let pause = Instant::now()
                + Duration::from_millis(
                    rng.u64(200..u64::try_from(plan.calm.as_millis()).expect("some seconds")),
                );
            while Instant::now() < pause && !done.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(50));
            }
            let kind = plan.troubles[rng.usize(..plan.troubles.len())];
            let sources: Vec<_> = self.nodes.iter().map(|node| node.source.clone()).collect();
            trouble(server, &self.slot, &sources, kind, self.clock, &self.outages);
        }
    }

    async fn play_all(&self, plan: Plan) -> Played {
        let state = Mutex::new(State { next: 0, finished: 0, operations: 0, broken: None });
        let lanes: Vec<_> = (0..BESIDE).map(|_| self.lane(plan, &state)).collect();
        join_all(lanes).await;
        let State { finished, operations, broken, .. } = state.into_inner();
        Played { interleavings: finished, operations, troubles: 0, took: Duration::ZERO, broken }
    }

    /// One interleaving after the other.
    async fn lane(&self, plan: Plan, state: &Mutex<State>) {
        let crew = self.crew().await;
        loop {
            let index = {
                let mut state = state.lock();
                if state.next >= plan.rounds || state.broken.is_some() {
                    return;
                }
                state.next += 1;
                state.next - 1
            };
            let script = Script { run: index, ..Script::draw(plan.seed, plan.only.unwrap_or(index)) };
            let script = if self.is_cluster() { script.for_cluster() } else { script };
            let history = self.interleave(&crew, &script).await;
            let judged = check(&history, BOUNDS);
            let mut state = state.lock();
            state.finished += 1;
            state.operations += history.ops.len() as u64;
            if plan.progress && state.finished.is_multiple_of(2_000) {
                println!("{} interleavings, {} operations", state.finished, state.operations);
            }
            if let Err(violation) = judged {
                let told = self.nodes.iter().map(|node| node.heard.of(index, self.clock)).collect();
                let history = History { run: plan.only.unwrap_or(index), ..history };
                state.broken.get_or_insert(Broken { violation, history, told });
            }
        }
    }

    async fn interleave(&self, crew: &Crew, script: &Script) -> History {
        let run = script.run;
        self.surely(|| async { crew.database[0].lock().await.seed(run, &script.rows).await }).await;
        let began = self.clock.now();
        let mut ops = crew.play(script).await;
        if !self.is_cluster() {
            self.surely(|| crew.flush()).await;
        }
        ops.extend(self.at_rest(crew, run).await);
        let log = self.surely(|| async { crew.database[0].lock().await.log(run).await }).await;
        let recent = |(_, ended): &(Us, Us)| ended.saturating_add(BOUNDS.feed + BOUNDS.recovery) > began;
        let outages = self.outages.lock().iter().copied().filter(recent).collect();
        History { run, ops, log, outages }
    }

    /// What the cache shows in the end, asked again when the source was away meanwhile.
    async fn at_rest(&self, crew: &Crew, run: u32) -> Vec<Op> {
        let keys: Vec<Key> = (0..ROWS)
            .flat_map(|row| [Key::Doc(row), Key::Card(row)])
            .chain((0..GROUPS).map(Key::Group))
            .chain([Key::Back(BACK)])
            .collect();
        loop {
            self.wait_for_source().await;
            let ops = crew.look_at_rest(run, &keys).await;
            let failed = ops.iter().any(|op| matches!(op.outcome, Outcome::Failed(_)));
            let from = ops.first().map_or(0, |op| op.began);
            let away = self.outages.lock().iter().any(|(_, ended)| *ended >= from);
            if !failed || !away {
                return ops;
            }
        }
    }

    async fn wait_for_source(&self) {
        while self.outages.lock().iter().any(|(_, ended)| *ended == Us::MAX) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What is no part of the interleaving is done again until it works.
    async fn surely<T, F: Future<Output = Result<T, String>>>(&self, mut work: impl FnMut() -> F) -> T {
        let began = Instant::now();
        loop {
            match work().await {
                Ok(done) => return done,
                Err(why) if began.elapsed() > Duration::from_secs(60) => panic!("for a minute: {why}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn crew(&self) -> Crew {
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
        let mut node = Vec::new();
        for number in 0..CLIENTS {
            let address = self.nodes[number % self.nodes.len()].serving.address();
            let client = redis::Client::open(format!("redis://{address}")).expect("an address");
            let connected = client.get_multiplexed_async_connection_with_config(&config).await;
            node.push(connected.expect("the node accepts"));
        }
        let database = (0..CLIENTS).map(|_| Arc::new(Turn::new(Session::new(&self.url)))).collect();
        let lie = if let Fault::Told(lie) = self.fault { lie } else { Lie::None };
        let fills_too_late = self.fault == Fault::FillTooLate;
        Crew { node, database, clock: self.clock, fills_too_late, lie }
    }

    /// Ends it; its node lets go of the database.
    pub fn stop(self) {
        for ServedNode { node, serving, .. } in self.nodes {
            serving.stop();
            drop(node);
        }
    }
}

/// Tells the thread that makes trouble that all is over, also when it ends badly.
struct Ends<'d>(&'d AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct State {
    next: u32,
    finished: u32,
    operations: u64,
    broken: Option<Broken>,
}

/// Drives all of them on this thread.
async fn join_all(works: Vec<impl Future<Output = ()>>) {
    let mut works: Vec<_> = works.into_iter().map(|work| Some(Box::pin(work))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut works {
            if slot.as_mut().is_some_and(|work| work.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if works.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
