//! The load: writers that wait for each answer, all on one thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

use crate::support::encode;

/// Keys that are written, by chance.
const KEYS: u32 = 10_000;
/// What is written, behind a number.
pub const VALUE: &str = "a value of sixty bytes or so, as a name or a short text may have";

/// What was measured.
pub struct Load {
    pub per_second: f64,
    pub p50_us: u32,
    pub p99_us: u32,
}

impl Load {
    fn of(mut times: Vec<u32>, each: usize, took: Duration) -> Load {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
        Load { per_second: (times.len() * each) as f64 / took.as_secs_f64(), p50_us: at(50), p99_us: at(99) }
    }
}

/// Runs so many writers for a time; each is one task.
fn run<W, F>(writers: usize, each: usize, writer: W) -> Load
where
    W: Fn(usize) -> F,
    F: Future<Output = Vec<u32>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let began = Instant::now();
        let running: Vec<_> = (0..writers).map(|at| tokio::task::spawn_local(writer(at))).collect();
        let mut times = Vec::new();
        for task in running {
            times.extend(task.await.expect("no writer panics"));
        }
        Load::of(times, each, began.elapsed())
    })
}

/// Upserts by a prepared statement, a connection each writer.
pub fn direct(url: &str, store: &str, writers: usize, time: Duration) -> Load {
    let (url, store) = (url.to_owned(), store.replace(":id", "$1").replace(":value", "$2"));
    run(writers, 1, move |at| {
        let (url, store) = (url.clone(), store.clone());
        async move {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("it answers");
            tokio::task::spawn_local(connection);
            let statement = client.prepare(&store).await.expect("it is prepared");
            let (mut rng, mut times) = (fastrand::Rng::with_seed(at as u64), Vec::new());
            let end = Instant::now() + time;
            while Instant::now() < end {
                let (id, value) = (rng.i32(0..KEYS as i32), format!("{} {VALUE}", times.len()));
                let began = Instant::now();
                client.execute(&statement, &[&id, &value]).await.expect("it is written");
                times.push(micros(began));
            }
            times
        }
    })
}

/// SETs, or MSETs of `each` keys, over RESP; a connection each writer.
pub fn node(
    address: SocketAddr,
    keyspace: &'static str,
    writers: usize,
    each: usize,
    time: Duration,
) -> Load {
    run(writers, each, move |at| async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it accepts");
        stream.set_nodelay(true).expect("a TCP stream takes nodelay");
        let (mut rng, mut times) = (fastrand::Rng::with_seed(at as u64), Vec::new());
        let end = Instant::now() + time;
        while Instant::now() < end {
            let command = if each == 1 { "SET" } else { "MSET" };
            let pair = |_| [format!("{keyspace}:{}", rng.u32(..KEYS)), format!("{} {VALUE}", times.len())];
            let words: Vec<String> =
                std::iter::once(command.to_owned()).chain((0..each).flat_map(pair)).collect();
            let request = encode(&words);
            let began = Instant::now();
            stream.write_all(&request).await.expect("it is sent");
            let mut reply = [0; 5];
            stream.read_exact(&mut reply).await.expect("it answers");
            assert_eq!(&reply, b"+OK\r\n");
            times.push(micros(began));
        }
        times
    })
}

fn micros(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX)
}
