//! Delay, jitter, loss and reordering: packets are handed to a program on the host, which lets them go on later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nfq::{Message, Queue, Verdict};

use crate::stage::Stage;

/// The addresses of hosts, and of nobody else.
pub const NODES: &str = "10.99.0.0/28";

/// What the weather is like.
#[derive(Debug, Clone, clap::Args)]
pub struct WeatherArgs {
    /// Milliseconds that each packet waits at least
    #[arg(long, default_value_t = 10)]
    delay: u64,
    /// Milliseconds that it waits more, at most: those that wait less overtake
    #[arg(long, default_value_t = 60)]
    jitter: u64,
    /// How many in a hundred are lost
    #[arg(long, default_value_t = 3)]
    loss: u32,
    /// Of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Begins it for what other hosts send to this one.
///
/// # Errors
/// In words.
pub fn begin(stage: &mut Stage<'_>, host: u32, seed: u64) -> Result<(), String> {
    let program: PathBuf = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = stage.hosts.on(host, &program);
    command.args(["weather", "--seed", &seed.to_string()]).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let mut first = String::new();
    if let Some(says) = child.stdout.take() {
        BufReader::new(says).read_line(&mut first).map_err(|error| format!("weather: {error}"))?;
    }
    stage.weather.insert(host, child);
    match first.trim() {
        READY => stage.hosts.filter(host, &format!("-s {NODES} -j NFQUEUE --queue-num 0")),
        _ => Err(format!("no weather on host {host}: {first}")),
    }
}

/// Ends it.
///
/// # Errors
/// In words.
pub fn end(stage: &mut Stage<'_>, host: u32) -> Result<(), String> {
    stage.hosts.heal()?;
    if let Some(mut child) = stage.weather.remove(&host) {
        // It may have ended.
        let _ended = child.kill();
        let _status = child.wait();
    }
    Ok(())
}

const READY: &str = "ready";

/// A packet that waits.
struct HeldPacket {
    until: Instant,
    packet: Message,
}

impl PartialEq for HeldPacket {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for HeldPacket {}

impl PartialOrd for HeldPacket {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeldPacket {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.until.cmp(&other.until)
    }
}

/// Makes weather until it is killed.
///
/// # Errors
/// The queue cannot be had.
pub fn run(args: &WeatherArgs) -> std::io::Result<()> {
    let mut queue = Queue::open()?;
    queue.bind(0)?;
    queue.set_nonblocking(true);
    queue.set_recv_enobufs(false)?;
    println!("{READY}");
    let (mut rng, mut waiting) = (Rng::with_seed(args.seed), BinaryHeap::new());
    loop {
        match queue.recv() {
            Ok(mut packet) if rng.u32(..100) < args.loss => {
                packet.set_verdict(Verdict::Drop);
                queue.verdict(packet)?;
            }
            Ok(packet) => {
                let wait = args.delay + rng.u64(..=args.jitter);
                waiting.push(Reverse(HeldPacket {
                    until: Instant::now() + Duration::from_millis(wait),
                    packet,
                }));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
        while waiting.peek().is_some_and(|Reverse(first)| first.until <= Instant::now()) {
            if let Some(Reverse(HeldPacket { mut packet, .. })) = waiting.pop() {
                packet.set_verdict(Verdict::Accept);
                queue.verdict(packet)?;
            }
        }
    }
}
