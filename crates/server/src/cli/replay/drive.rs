//! Carries a replay out: one task a connection, all on one thread, so that the order of what the checker is told is the
//! order in which it happened.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use super::dialect::RequestBatch;
use super::fills::Fills;
use super::session::ReplaySession;
use crate::cli::wire::RemoteLink;

/// Runs the requests over `wires`, then reads every key once more. Returns the session, and how long the requests took.
///
/// # Errors
/// In words: a connection broke, or the trace cannot be read on.
pub fn drive(
    runtime: &tokio::runtime::Runtime,
    mut wires: Vec<RemoteLink>,
    session: ReplaySession,
    duration: Option<Duration>,
    watch: &mut dyn FnMut(&ReplaySession),
) -> Result<(ReplaySession, Duration), String> {
    let session = Rc::new(RefCell::new(session));
    let local = LocalSet::new();
    let began = Instant::now();
    let deadline = duration.map(|duration| began + duration);
    wires = local.block_on(runtime, round(wires, &session, deadline, watch))?;
    let took = began.elapsed();
    session.borrow_mut().begin_sweep();
    local.block_on(runtime, round(wires, &session, None, watch))?;
    let session = Rc::try_unwrap(session).map_err(|_| "a connection is still at work".to_owned())?;
    Ok((session.into_inner(), took))
}

/// How often progress is shown, and the end of the time looked at.
const GLANCE: Duration = Duration::from_millis(50);

async fn round(
    wires: Vec<RemoteLink>,
    session: &Rc<RefCell<ReplaySession>>,
    deadline: Option<Instant>,
    watch: &mut dyn FnMut(&ReplaySession),
) -> Result<Vec<RemoteLink>, String> {
    let mut tasks = JoinSet::new();
    for wire in wires {
        tasks.spawn_local(run(wire, session.clone()));
    }
    let mut wires = Vec::new();
    let mut glance = tokio::time::interval(GLANCE);
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => wires.push(done.map_err(|error| error.to_string())??),
                None => return Ok(wires),
            },
            _ = glance.tick() => {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    session.borrow_mut().end();
                }
                watch(&session.borrow());
            }
        }
    }
}

/// One connection, until there is nothing left to send.
async fn run(mut wire: RemoteLink, session: Rc<RefCell<ReplaySession>>) -> Result<RemoteLink, String> {
    let mut own = Fills::default();
    let mut batch = RequestBatch::default();
    let mut sent = Vec::new();
    loop {
        batch.bytes.clear();
        session
            .borrow_mut()
            .plan_batch(&mut own, &mut batch, &mut sent)
            .map_err(|error| error.to_string())?;
        if sent.is_empty() {
            return Ok(wire);
        }
        let count = sent.len();
        let mut waiting = sent.drain(..);
        let began = Instant::now();
        wire.exchange(&batch.bytes, count, |answer| {
            let request = waiting.next().expect("exchange hands over as many answers as requests were sent");
            session.borrow_mut().answered(&mut own, request, answer, began.elapsed());
        })
        .await
        .map_err(|error| error.to_string())?;
    }
}
