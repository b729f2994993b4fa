//! Which connections may be a pool's: whose own order of commands proves nothing, since any thread of the program may use them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Misses without a write after which a connection counts as one that only looks.
const LOOKS: u32 = 8;
/// Fills that show what a pool is.
const FILLS: usize = 2;
const NAME_LONGEST: usize = 64;

/// The connections that come from one address and name the same client library.
pub struct ClientPool {
    /// A program whose library tells its name, and so may share connections among its tasks.
    named: bool,
    connections: AtomicUsize,
    lookers: AtomicUsize,
    writers: AtomicUsize,
    /// SETs that followed a miss of their own connection.
    fills: AtomicUsize,
}

impl ClientPool {
    /// Whether what a connection did before, in its own order, was done by one client. Those who name no library and use one
    /// connection for all writes are believed: somebody at a prompt, a script. So is a program while it has one connection
    /// beside those that only look, and has not been seen to fill what it missed: then its tasks may share that one.
    fn is_one_client(&self) -> bool {
        match self.named {
            true => {
                let others = self.connections.load(Relaxed).saturating_sub(self.lookers.load(Relaxed));
                others <= 1 && self.fills.load(Relaxed) < FILLS
            }
            false => self.writers.load(Relaxed) <= 1,
        }
    }
}

type Known = HashMap<(IpAddr, String), Weak<ClientPool>>;

/// All pools that have connections.
#[derive(Default)]
pub struct Pools {
    known: Mutex<Known>,
}

impl Pools {
    /// The place of a connection among those of its library, which has just been named, or has not.
    pub fn join(&self, address: IpAddr, library: &str) -> PoolPlace {
        let library: String = library.chars().take(NAME_LONGEST).collect();
        let named = !library.is_empty();
        let mut known = self.known.lock();
        known.retain(|_, pool| pool.strong_count() > 0);
        let pool = known.get(&(address, library.clone())).and_then(Weak::upgrade).unwrap_or_else(|| {
            let pool = Arc::new(ClientPool {
                named,
                connections: AtomicUsize::new(0),
                lookers: AtomicUsize::new(0),
                writers: AtomicUsize::new(0),
                fills: AtomicUsize::new(0),
            });
            known.insert((address, library), Arc::downgrade(&pool));
            pool
        });
        pool.connections.fetch_add(1, Relaxed);
        PoolPlace { pool, misses: 0, writes: false, missed: false, shared: false }
    }
}

/// One connection's place in its pool.
pub struct PoolPlace {
    pool: Arc<ClientPool>,
    misses: u32,
    writes: bool,
    missed: bool,
    /// Whether several clients are known to use it.
    shared: bool,
}

impl PoolPlace {
    /// A plain key was missed.
    pub fn missed(&mut self) {
        self.missed = true;
        self.misses = self.misses.saturating_add(1);
        if !self.writes && self.misses == LOOKS {
            self.pool.lookers.fetch_add(1, Relaxed);
        }
    }

    /// Something is written.
    #[inline]
    pub fn wrote(&mut self) {
        if !self.writes {
            self.begin_to_write();
        }
    }

    #[cold]
    fn begin_to_write(&mut self) {
        if self.only_looks() {
            self.pool.lookers.fetch_sub(1, Relaxed);
        }
        self.writes = true;
        self.pool.writers.fetch_add(1, Relaxed);
    }

    /// A SET followed a miss of this connection.
    pub fn filled(&self) {
        self.pool.fills.fetch_add(1, Relaxed);
    }

    /// Whether it writes and never missed anything.
    pub fn only_writes(&self) -> bool {
        self.writes && !self.missed
    }

    /// Several clients use it.
    pub fn share(&mut self) {
        self.shared = true;
    }

    /// Whether the connection's own order is one client's.
    pub fn is_one_client(&self) -> bool {
        !self.shared && self.pool.is_one_client()
    }

    /// Whether it misses, and has never written: no fill travels on it.
    #[inline]
    pub fn only_looks(&self) -> bool {
        !self.writes && self.misses >= LOOKS
    }
}

impl Drop for PoolPlace {
    fn drop(&mut self) {
        self.pool.connections.fetch_sub(1, Relaxed);
        self.pool.lookers.fetch_sub(usize::from(self.only_looks()), Relaxed);
        self.pool.writers.fetch_sub(usize::from(self.writes), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn one_connection_of_a_library_is_believed_until_it_fills() {
        let pools = Pools::default();
        let mut one = pools.join(HERE, "redis-py");
        assert!(one.is_one_client());
        let mut other = pools.join(HERE, "redis-py");
        assert!(!one.is_one_client(), "any thread may use both");
        let looks: Vec<bool> = (0..LOOKS).map(|_| (other.missed(), other.only_looks()).1).collect();
        assert_eq!(looks.iter().position(|looks| *looks), Some(LOOKS as usize - 1));
        assert!(one.is_one_client(), "the other one is somebody who only looks");
        other.wrote();
        assert!(!one.is_one_client());
        drop(other);
        one.wrote();
        assert!(one.is_one_client() && one.only_writes());
        (0..FILLS).for_each(|_| one.filled());
        assert!(!one.is_one_client(), "its tasks may share it");
    }

    #[test]
    fn who_names_no_library_is_believed_while_one_connection_writes() {
        let pools = Pools::default();
        let (mut one, mut other) = (pools.join(HERE, ""), pools.join(HERE, ""));
        one.wrote();
        assert!(one.is_one_client());
        other.wrote();
        assert!(!one.is_one_client(), "both may be those of a pool");
        drop(other);
        assert!(one.is_one_client());
    }
}
