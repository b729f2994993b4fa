//! The threads that load.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connect::{self, Deadline, Shared};
use super::convert::{Fault, bind, first_row};
use crate::source::{Param, Row, SourceError, Statement};

/// One load that waits.
pub struct Load {
    pub statement: Statement,
    pub params: Vec<Param>,
    pub answer: oneshot::Sender<Result<Option<Row>, SourceError>>,
    pub deadline_ms: u64,
}

/// Loads in the order in which they were asked for. Because each has its deadline from when it was asked, whatever runs ends
/// no later than what waits behind it: nobody waits for longer than the timeout.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    loads: VecDeque<Load>,
    closed: bool,
}

/// The most loads that may wait.
const WAITING_MOST: usize = 8192;

impl Queue {
    /// Lets a load wait, or answers it at once when too many do.
    pub fn push(&self, load: Load) {
        let mut state = self.state.lock();
        if state.loads.len() < WAITING_MOST && !state.closed {
            state.loads.push_back(load);
            self.ready.notify_one();
            return;
        }
        drop(state);
        let message = format!("{WAITING_MOST} loads wait for it already");
        let _gone = load.answer.send(Err(SourceError::Unreachable(message)));
    }

    /// Ends the threads when they have done what waits.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.ready.notify_all();
    }

    fn pop(&self) -> Option<Load> {
        let mut state = self.state.lock();
        loop {
            if let Some(load) = state.loads.pop_front() {
                return Some(load);
            }
            if state.closed {
                return None;
            }
            self.ready.wait(&mut state);
        }
    }
}

/// Works until the queue is closed.
pub fn run(shared: &Arc<Shared>, queue: &Queue) {
    let mut open: Option<(u64, Connection, Deadline)> = None;
    while let Some(load) = queue.pop() {
        if load.answer.is_closed() {
            continue;
        }
        let answer = answer(shared, &mut open, &load);
        if matches!(answer, Err(Fault::Broken(_))) {
            open = None;
        }
        let _gone = load.answer.send(answer.map_err(|fault| fault.told(shared.timeout_ms)));
    }
}

fn answer(
    shared: &Arc<Shared>,
    open: &mut Option<(u64, Connection, Deadline)>,
    load: &Load,
) -> Result<Option<Row>, Fault> {
    loop {
        if shared.now_ms() >= load.deadline_ms {
            return Err(Fault::Interrupted);
        }
        match attempt(shared, open, load) {
            Err(Fault::Busy(_)) if shared.now_ms() < load.deadline_ms => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

fn attempt(
    shared: &Arc<Shared>,
    open: &mut Option<(u64, Connection, Deadline)>,
    load: &Load,
) -> Result<Option<Row>, Fault> {
    let generation = shared.generation.load(Ordering::SeqCst);
    if open.as_ref().is_none_or(|(of, ..)| *of != generation) {
        *open = None;
        let (connection, deadline) = connect::open(shared)?;
        connection.pragma_update(None, "query_only", true)?;
        *open = Some((generation, connection, deadline));
    }
    let Some((_, connection, deadline)) = open else { return Err(Fault::Broken("not open".into())) };
    deadline.set(load.deadline_ms);
    let read = (|| {
        let mut statement = connection.prepare_cached(&load.statement.0)?;
        bind(&mut statement, &load.params)?;
        first_row(&mut statement)
    })();
    deadline.clear();
    Ok(read?)
}
