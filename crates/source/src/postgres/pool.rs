//! A bounded set of connections, made when they are first needed and again when they broke.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use super::database::Database;
use super::error;
use super::link::{Link, User};
use crate::SourceError;
use crate::shares::{Entered, Shares};

/// After a failed connect nobody tries again for this long, doubled with each failure up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(20);
const BACK_OFF_MAX: Duration = Duration::from_millis(250);

/// Connections that are used by at most `depth` at a time each.
pub struct Pool {
    database: Database,
    timeout_ms: u64,
    depth: usize,
    /// The first so many are kept; those behind them are closed when they are not needed.
    kept: usize,
    places: Vec<Mutex<ConnectionPlace>>,
    free: Semaphore,
}

#[derive(Default)]
struct ConnectionPlace {
    link: Option<Arc<Link>>,
    failed: Option<Failed>,
    /// Nobody has used it since [`Pool::trim`] last looked.
    idle: bool,
}

struct Failed {
    why: SourceError,
    not_before: Instant,
    wait: Duration,
}

/// The right to use one connection.
pub struct PoolPermit<'p> {
    user: User,
    _permit: SemaphorePermit<'p>,
    /// Its lane's part of the pool.
    _share: Option<Entered>,
}

impl PoolPermit<'_> {
    /// The connection.
    pub fn link(&self) -> &Link {
        &self.user.0
    }

    /// The connection, for tasks of its own.
    pub fn shared_link(&self) -> &Arc<Link> {
        &self.user.0
    }
}

impl Pool {
    /// A pool of `size` connections; none is made yet.
    pub fn new(database: Database, timeout_ms: u64, size: usize, depth: usize) -> Pool {
        let places = (0..size).map(|_| Mutex::default()).collect();
        let free = Semaphore::new(size.saturating_mul(depth));
        Pool { database, timeout_ms, depth, kept: size, places, free }
    }

    /// A pool for these shares, with its reserve.
    pub fn shared(database: Database, timeout_ms: u64, shares: Shares) -> Pool {
        let all = Pool::new(database, timeout_ms, shares.size.saturating_add(shares.reserve), 1);
        Pool { kept: shares.size, ..all }
    }

    /// Closes what is open of the reserve and was not used since this was called last.
    pub fn trim(&self) {
        for place in self.places.iter().skip(self.kept) {
            // One that is locked is being used.
            let Ok(mut place) = place.try_lock() else { continue };
            let unused = place.link.as_ref().is_some_and(|link| link.users.load(Ordering::Relaxed) == 0);
            if unused && place.idle {
                place.link = None;
            }
            place.idle = unused;
        }
    }

    /// A connection with room for one more; waits for it, but not for a server that was away a moment ago.
    pub async fn turn(&self) -> Result<PoolPermit<'_>, SourceError> {
        let permit = self.free.acquire().await.expect("the semaphore is never closed");
        loop {
            let now = Instant::now();
            // The one with the fewest users, and one that failed a moment ago only when there is no other.
            let mut best: Option<(bool, usize, usize)> = None;
            for (at, place) in self.places.iter().enumerate() {
                // A place that is locked is being connected: others may be ready.
                let Ok(place) = place.try_lock() else { continue };
                let (rests, users) = match &place.link {
                    Some(link) if link.is_open() => (false, link.users.load(Ordering::Relaxed)),
                    _ => (place.failed.as_ref().is_some_and(|failed| now < failed.not_before), 0),
                };
                if users < self.depth {
                    best = best.into_iter().chain([(rests, users, at)]).min();
                }
            }
            let Some(place) = best.and_then(|(.., at)| self.places.get(at)) else {
                // All are being connected: wait for one of them and look again.
                drop(self.places[fastrand::usize(..self.places.len())].lock().await);
                continue;
            };
            let user = self.enter(&mut *place.lock().await).await?;
            return Ok(PoolPermit { user, _permit: permit, _share: None });
        }
    }

    /// The same, with a lane's right to it, which ends with the turn.
    pub async fn turn_of(&self, share: Entered) -> Result<PoolPermit<'_>, SourceError> {
        Ok(PoolPermit { _share: Some(share), ..self.turn().await? })
    }

    /// How many connections there are at most.
    pub fn size(&self) -> usize {
        self.places.len()
    }

    async fn enter(&self, place: &mut ConnectionPlace) -> Result<User, SourceError> {
        place.idle = false;
        if let Some(link) = place.link.take_if(|link| link.is_open()) {
            let user = link.enter();
            place.link = Some(link);
            return Ok(user);
        }
        if let Some(failed) = place.failed.as_ref().filter(|failed| Instant::now() < failed.not_before) {
            return Err(failed.why.clone());
        }
        let connect = Link::connect(&self.database);
        let limit = Duration::from_millis(self.timeout_ms);
        let why = match tokio::time::timeout(limit, connect).await {
            Ok(Ok(link)) => {
                let link = Arc::new(link);
                *place = ConnectionPlace { link: Some(link.clone()), ..ConnectionPlace::default() };
                return Ok(link.enter());
            }
            Ok(Err(wrong)) => unreachable(error::told(&wrong, self.timeout_ms)),
            Err(_) => SourceError::Unreachable(format!("no connection within {} ms", self.timeout_ms)),
        };
        let wait = place.failed.as_ref().map_or(BACK_OFF, |failed| (failed.wait * 2).min(BACK_OFF_MAX));
        place.link = None;
        place.failed = Some(Failed { why: why.clone(), not_before: Instant::now() + wait, wait });
        Err(why)
    }
}

/// A server that refuses a connection is one that cannot be reached.
fn unreachable(error: SourceError) -> SourceError {
    match error {
        SourceError::Refused(message) => SourceError::Unreachable(message),
        other => other,
    }
}
