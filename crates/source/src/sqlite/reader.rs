//! The threads that load.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connect::{self, Deadline, SqliteShared};
use super::convert::{SqliteFault, bind, first_row};
use crate::shares::{Lanes, Shares, Use};
use crate::{Crowd, Param, Row, SourceError, Statement};

/// One load that waits.
pub struct Load {
    pub statement: Statement,
    pub params: Vec<Param>,
    pub answer: oneshot::Sender<Result<Option<Row>, SourceError>>,
    pub deadline_ms: u64,
}

/// Loads by their statement, and so by their keyspace, each with its share of the threads: a long query holds up its own keyspace.
/// Because each load has its deadline from when it was asked, whatever runs ends no later than what waits behind it: nobody waits
/// for longer than the timeout.
pub struct ReaderQueue {
    state: Mutex<State>,
    /// For ordinary threads: something may be ready.
    ready: Condvar,
    /// For the reserve: a keyspace has no thread, and all are used.
    pressed: Condvar,
}

struct State {
    lanes: Lanes<Load>,
    closed: bool,
}

/// A load that is run.
struct RunningLoad {
    load: Load,
    /// When it was asked.
    since: Instant,
    its: Use,
}

/// The most loads that may wait.
const WAITING_MOST: usize = 8192;

impl ReaderQueue {
    /// An empty one, for so many threads.
    pub fn new(shares: Shares) -> ReaderQueue {
        let state = State { lanes: Lanes::new(shares), closed: false };
        ReaderQueue { state: Mutex::new(state), ready: Condvar::new(), pressed: Condvar::new() }
    }

    /// Says which keyspace a statement belongs to.
    pub fn label(&self, statement: &Statement, keyspace: &str) {
        self.state.lock().lanes.label(&statement.0, keyspace);
    }

    /// The same of loads that nobody waits for.
    pub fn label_aside(&self, statement: &Statement, keyspace: &str) {
        self.state.lock().lanes.label_aside(&statement.0, keyspace);
    }

    /// Who uses the threads.
    pub fn crowd(&self) -> Crowd {
        self.state.lock().lanes.crowd()
    }

    /// Lets a load wait, or answers it at once when too many do.
    pub fn push(&self, load: Load) {
        let mut state = self.state.lock();
        if state.lanes.waiting() < WAITING_MOST && !state.closed {
            let statement = load.statement.0.clone();
            state.lanes.push(&statement, load, Instant::now());
            self.ready.notify_one();
            self.press(&state);
            return;
        }
        let why = state.lanes.in_vain().said();
        drop(state);
        let why = format!("{WAITING_MOST} loads wait for it already; {why}");
        let _gone = load.answer.send(Err(SourceError::Busy { within_ms: 0, why }));
    }

    /// Wakes one of the reserve when a keyspace has no thread and all are used.
    fn press(&self, state: &State) {
        if state.lanes.is_full() && state.lanes.soonest().is_some() {
            self.pressed.notify_one();
        }
    }

    /// Ends the threads when they have done what waits.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.ready.notify_all();
        self.pressed.notify_all();
    }

    /// What to do next. The reserve does what is pressing, while the ordinary threads are all used.
    fn take(&self, reserve: bool) -> Option<RunningLoad> {
        let mut state = self.state.lock();
        loop {
            let mine = !reserve || state.lanes.is_full();
            let next = if mine { state.lanes.next(Instant::now()) } else { None };
            if let Some((load, since, its)) = next {
                // The reserve sleeps while an ordinary thread is free; now none may be.
                self.press(&state);
                return Some(RunningLoad { load, since, its });
            }
            if state.closed && state.lanes.waiting() == 0 {
                return None;
            }
            match (reserve, state.lanes.soonest().filter(|_| state.lanes.is_full())) {
                (true, Some(soonest)) => drop(self.pressed.wait_until(&mut state, soonest)),
                (true, None) if state.closed => return None,
                (true, None) => self.pressed.wait(&mut state),
                (false, _) => {
                    self.press(&state);
                    self.ready.wait(&mut state);
                }
            }
        }
    }

    fn ended(&self, its: Use) {
        let mut state = self.state.lock();
        state.lanes.end(its);
        if state.lanes.waiting() > 0 || state.closed {
            self.ready.notify_one();
        }
    }

    /// Why a load was not answered in time: most of that passed before it was begun.
    fn busy(&self, shared: &SqliteShared, waited_ms: u64) -> SourceError {
        let why = self.state.lock().lanes.in_vain().said();
        let left = format!("then too little was left of {} ms; {why}", shared.timeout_ms);
        SourceError::Busy {
            within_ms: waited_ms.min(shared.timeout_ms),
            why: if waited_ms < shared.timeout_ms { left } else { why },
        }
    }
}

/// Works until the queue is closed.
pub fn run(shared: &Arc<SqliteShared>, queue: &ReaderQueue, reserve: bool) {
    let mut open: Option<(u64, Connection, Deadline)> = None;
    while let Some(RunningLoad { load, since, its }) = queue.take(reserve) {
        if !load.answer.is_closed() {
            let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            let answer = answer(shared, &mut open, &load).map_err(|fault| match fault {
                SqliteFault::Interrupted if waited_ms > shared.timeout_ms / 2 => {
                    queue.busy(shared, waited_ms)
                }
                fault => {
                    if matches!(fault, SqliteFault::Broken(_)) {
                        open = None;
                    }
                    fault.told(shared.timeout_ms)
                }
            });
            let _gone = load.answer.send(answer);
        }
        queue.ended(its);
    }
}

fn answer(
    shared: &Arc<SqliteShared>,
    open: &mut Option<(u64, Connection, Deadline)>,
    load: &Load,
) -> Result<Option<Row>, SqliteFault> {
    let mut why = SqliteFault::Interrupted;
    loop {
        if shared.now_ms() >= load.deadline_ms {
            return Err(why);
        }
        match attempt(shared, open, load) {
            // Who asked is told of the lock, and not that the source was slow.
            Err(busy @ SqliteFault::Busy(_)) if shared.now_ms() < load.deadline_ms => {
                why = busy;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

fn attempt(
    shared: &Arc<SqliteShared>,
    open: &mut Option<(u64, Connection, Deadline)>,
    load: &Load,
) -> Result<Option<Row>, SqliteFault> {
    let generation = shared.generation.load(Ordering::SeqCst);
    if open.as_ref().is_none_or(|(of, ..)| *of != generation) {
        *open = None;
        let (connection, deadline) = connect::open(shared)?;
        connection.pragma_update(None, "query_only", true)?;
        *open = Some((generation, connection, deadline));
    }
    let Some((_, connection, deadline)) = open else { return Err(SqliteFault::Broken("not open".into())) };
    deadline.set(load.deadline_ms);
    let read = (|| {
        let mut statement = connection.prepare_cached(&load.statement.0)?;
        bind(&mut statement, &load.params)?;
        first_row(&mut statement)
    })();
    deadline.clear();
    Ok(read?)
}
