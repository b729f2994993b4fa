//! Many nodes in one process over one followed database: who reads what while somebody writes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clearwell::config::{Config, Strategy};
use clearwell::node::{Demand, Node, Put, Sources};
use clearwell_engine::Origin;

use crate::Done;
use crate::shared::Shared;

const POSTS: usize = 6;
/// Nodes that are waited for after one update; the next update waits for others.
const WAITED_FOR: usize = 50;

/// How many of what.
#[derive(clap::Parser)]
pub struct Args {
    /// Nodes in this process
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub nodes: u16,
    /// Updates of posts, one after the other, each at another node
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub updates: u32,
    /// Readers, each reading any post at any node without a pause
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub readers: u16,
    /// write-through, write-invalidate or write-back
    #[arg(long, default_value = "write-through", value_parser = strategy)]
    pub strategy: Strategy,
}

fn strategy(word: &str) -> Result<Strategy, String> {
    match Strategy::parse(word.as_bytes()) {
        Ok(Strategy::CacheOnly) => {
            Err("cache-only changes no row, so no other node would ever read it".into())
        }
        Ok(strategy) => Ok(strategy),
        Err(_) => Err("write-through, write-invalidate or write-back is needed".into()),
    }
}

/// When each version of each post was acknowledged.
type Versions = [Mutex<Vec<Instant>>; POSTS];

/// What readers saw.
#[derive(Default)]
struct Seen {
    fresh: u64,
    stale: [u64; 4],
    oldest: Duration,
}

impl Seen {
    /// A version that was read by a reader that began then.
    fn note(&mut self, versions: &Versions, post: usize, version: usize, began: Instant) {
        let known = versions[post].lock().expect("nobody panics with it");
        // A newer one was acknowledged before the read began.
        match known.get(version).filter(|overwritten| **overwritten < began) {
            None => self.fresh += 1,
            Some(overwritten) => {
                let age = began - *overwritten;
                let bound =
                    [10, 100, 1000].iter().position(|ms| age < Duration::from_millis(*ms)).unwrap_or(3);
                self.stale[bound] += 1;
                self.oldest = self.oldest.max(age);
            }
        }
    }

    fn add(&mut self, other: &Seen) {
        self.fresh += other.fresh;
        self.stale.iter_mut().zip(other.stale).for_each(|(sum, more)| *sum += more);
        self.oldest = self.oldest.max(other.oldest);
    }
}

/// Starts the nodes, writes and reads, and prints what was seen.
pub async fn run(args: &Args, data: &Path) -> Done {
    let mut config = Config::default_sample();
    config.max_memory = 2 << 20;
    config.keyspaces.iter_mut().for_each(|keyspace| keyspace.write = args.strategy);
    let began = Instant::now();
    let nodes = start(args, &config, data)?;
    println!("{} nodes over one database, started in {:.1} s", args.nodes, began.elapsed().as_secs_f64());
    let nodes = Arc::new(nodes);
    let versions: Arc<Versions> = Arc::new(std::array::from_fn(|_| Mutex::new(Vec::new())));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..args.readers)
        .map(|_| tokio::spawn(read(nodes.clone(), versions.clone(), done.clone())))
        .collect();
    let began = Instant::now();
    let mut waits = update(args, &nodes, &versions).await?;
    let took = began.elapsed();
    done.store(true, Relaxed);
    let mut seen = Seen::default();
    for reader in readers {
        seen.add(&reader.await??);
    }
    print(args, &seen, &mut waits, took);
    Ok(())
}

fn start(args: &Args, config: &Config, data: &Path) -> Done<Vec<Arc<Node>>> {
    let shared: Arc<dyn clearwell_source::Source> = Arc::new(Shared::open(config, data)?);
    let sources = Sources::from([("main".to_owned(), shared)]);
    let handle = tokio::runtime::Handle::current();
    (0..args.nodes)
        .map(|number| {
            // Only write-back keeps a journal, in a folder of each node's own.
            if args.strategy != Strategy::Back {
                return Ok(Node::over(config.clone(), sources.clone(), handle.clone())?);
            }
            let own = data.join(format!("node-{number}"));
            std::fs::create_dir_all(&own)?;
            Ok(Node::over_in(config.clone(), sources.clone(), Some(&own), handle.clone())?)
        })
        .collect()
}

fn key(post: usize) -> Vec<u8> {
    format!("post:{}", post + 1).into_bytes()
}

/// The version that a node answers with; 0 is what the sample begins with.
async fn version(node: &Arc<Node>, post: usize) -> Done<usize> {
    let answer = node.read(&key(post), Demand::PLAIN).wait().await?;
    let text = answer.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    Ok(text.strip_prefix("version ").and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Updates posts, and waits after each until some of the nodes answer with it: how long each took.
async fn update(args: &Args, nodes: &[Arc<Node>], versions: &Versions) -> Done<Vec<Duration>> {
    let mut waits = Vec::new();
    for number in 0..args.updates as usize {
        let post = number % POSTS;
        let next = versions[post].lock().expect("nobody panics with it").len() + 1;
        let put = Put { value: format!("version {next}").into_bytes().into(), ..Put::default() };
        nodes[number % nodes.len()].set(&key(post), put, Origin::default()).wait().await?;
        let acknowledged = Instant::now();
        versions[post].lock().expect("nobody panics with it").push(acknowledged);
        for at in 0..WAITED_FOR.min(nodes.len()) {
            let node = &nodes[(number * WAITED_FOR + at) % nodes.len()];
            while version(node, post).await? < next {
                if acknowledged.elapsed() > Duration::from_secs(30) {
                    return Err("a node did not learn of a commit within 30 s".into());
                }
                tokio::task::yield_now().await;
            }
            waits.push(acknowledged.elapsed());
        }
    }
    Ok(waits)
}

/// Reads any post at any node, over and over.
async fn read(
    nodes: Arc<Vec<Arc<Node>>>,
    versions: Arc<Versions>,
    done: Arc<AtomicBool>,
) -> Result<Seen, String> {
    let mut seen = Seen::default();
    while !done.load(Relaxed) {
        let (node, post) = (&nodes[fastrand::usize(..nodes.len())], fastrand::usize(..POSTS));
        let began = Instant::now();
        let version = version(node, post).await.map_err(|error| error.to_string())?;
        seen.note(&versions, post, version, began);
        tokio::task::yield_now().await;
    }
    Ok(seen)
}

fn print(args: &Args, seen: &Seen, waits: &mut [Duration], took: Duration) {
    let reads = seen.fresh + seen.stale.iter().sum::<u64>();
    let share = |part: u64| if reads == 0 { 0.0 } else { part as f64 / reads as f64 * 100.0 };
    println!(
        "{} updates ({}) and {reads} reads in {:.1} s\n",
        args.updates,
        args.strategy,
        took.as_secs_f64()
    );
    println!("what readers saw          reads   share");
    let rows =
        ["fresh", "stale by under 10 ms", "stale by under 100 ms", "stale by under 1 s", "stale by more"];
    let counts = std::iter::once(seen.fresh).chain(seen.stale);
    for (row, count) in rows.iter().zip(counts) {
        println!("{row:<22} {count:>8}  {:>5.1} %", share(count));
    }
    waits.sort_unstable();
    let at =
        |share: f64| waits.get(((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1)));
    let ms = |wait: Option<&Duration>| wait.map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    println!("\nfrom the acknowledgement until a node answers with the new version");
    println!("half {:.1} ms, 99 % {:.1} ms, longest {:.1} ms", ms(at(0.5)), ms(at(0.99)), ms(waits.last()));
    println!("oldest stale read {:.1} ms", seen.oldest.as_secs_f64() * 1e3);
}
