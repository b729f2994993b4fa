//! Writers and readers, and the judge of what the readers were given.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::Raw;

pub const KEYS: usize = 20;

/// The longest `behind_most` of these tests.
const MARKED_MOST: Duration = Duration::from_secs(20);

/// When each version of each key was known to be committed. Versions only grow.
#[derive(Default)]
pub struct Truth {
    history: [Mutex<Vec<(Instant, u64)>>; KEYS],
}

impl Truth {
    /// A commit of this version has returned.
    pub fn committed(&self, key: usize, version: u64) {
        self.history[key].lock().expect("no writer panics").push((Instant::now(), version));
    }

    /// How long before `began` this version was overwritten; nothing when it was the newest.
    fn staleness(&self, key: usize, version: u64, began: Instant) -> Duration {
        let history = self.history[key].lock().expect("no writer panics");
        let newer = history.iter().rev().take_while(|(_, newer)| *newer > version).last();
        newer.map_or(Duration::ZERO, |(at, _)| began.saturating_duration_since(*at))
    }
}

/// What the readers met.
#[derive(Default, Debug)]
pub struct Seen {
    pub values: u64,
    /// Errors by their first word.
    pub errors: BTreeMap<String, u64>,
    /// The value that had been overwritten for longest when its read began.
    pub stalest: Duration,
    /// When that was read, in seconds since 1970: to find it in the node's log.
    pub stalest_at: f64,
    /// The same, of values that were marked because nothing was heard of their source for a moment: on a machine that is busy
    /// the database tells late, and the node says so.
    pub marked: u64,
    pub stalest_marked: Duration,
}

/// Readers and writers of one test.
pub struct Load {
    pub truth: Truth,
    pub seen: Mutex<Seen>,
    stop: AtomicBool,
    writes: AtomicUsize,
}

impl Load {
    pub fn new() -> Load {
        let (seen, stop, writes) = (Mutex::default(), AtomicBool::new(false), AtomicUsize::new(0));
        Load { truth: Truth::default(), seen, stop, writes }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Commits so far.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// Writes key after key until it is over; `commit` adds 1 to a key's version and answers it when the commit returned.
    /// `None`: the server is away.
    pub fn write(&self, mut commit: impl FnMut(usize) -> Option<u64>) {
        for key in (0..KEYS).cycle() {
            if self.is_over() {
                return;
            }
            match commit(key) {
                Some(version) => {
                    self.truth.committed(key, version);
                    self.writes.fetch_add(1, Ordering::Relaxed);
                }
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    /// Reads key after key until it is over.
    pub fn read(&self, node: SocketAddr) {
        let mut connection = Raw::connect(node);
        for key in (0..KEYS).cycle() {
            if self.is_over() {
                return;
            }
            self.read_one(&mut connection, key);
        }
    }

    fn read_one(&self, connection: &mut Raw, key: usize) {
        let began = Instant::now();
        let reply = connection.call(&["CW.GET", &format!("item:{key}"), "META"]);
        let reply = String::from_utf8(reply).expect("text");
        let mut seen = self.seen.lock().expect("no reader panics");
        if let Some(error) = reply.strip_prefix('-') {
            let word = error.split(' ').next().unwrap_or_default();
            *seen.errors.entry(word.into()).or_default() += 1;
            return;
        }
        let version = field(&reply, "value").and_then(|value| value.parse().ok());
        let version = version.unwrap_or_else(|| panic!("no version in {reply:?}"));
        let stale = self.truth.staleness(key, version, began);
        seen.values += 1;
        // A feed that is not complete is another matter: then the policy's bound holds for what is marked too.
        if field(&reply, "stale") == Some(":1") && field(&reply, "unverified") == Some("$-1") {
            seen.marked += 1;
            seen.stalest_marked = seen.stalest_marked.max(stale);
        } else if stale > seen.stalest {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
            (seen.stalest, seen.stalest_at) = (stale, now.as_secs_f64());
        }
    }

    /// Nothing that was served had been overwritten for longer than `bound`; what is marked, for longer than a feed may be silent.
    pub fn judge(&self, what: &str, bound: Duration) {
        let seen = self.seen.lock().expect("no reader panics");
        eprintln!("{what}: {} writes, {seen:?}, bound {bound:?}", self.writes());
        assert!(seen.values > 100, "{what}: the readers read: {seen:?}");
        assert!(seen.stalest <= bound, "{what}: a value overwritten {:?} before its read", seen.stalest);
        assert!(seen.stalest_marked <= MARKED_MOST, "{what}: {:?} and marked", seen.stalest_marked);
    }
}

/// What follows a name in a reply: a number, an absence, or a text without what says how long it is.
fn field<'r>(reply: &'r str, name: &str) -> Option<&'r str> {
    let mut lines = reply.lines().skip_while(|line| *line != name).skip(1);
    let first = lines.next()?;
    match first.strip_prefix('$') {
        Some(length) if length != "-1" => lines.next(),
        _ => Some(first),
    }
}
