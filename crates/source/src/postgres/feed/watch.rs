//! Looking after the feed: that it is complete, that it still covers what it must, and what its slot costs the server.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::super::link::LinkLimits;
use super::super::{PostgresShared, barrier};
use super::setup::{self, Setup};
use crate::{SourceError, Watched};

/// How often the feed is asked how far it is, when nobody else asks.
const BEAT: Duration = Duration::from_millis(100);
/// How many beats from one look at the database's set-up to the next.
const LOOK: u64 = 5;
/// How many beats from one look at connections that are not needed any more to the next.
const TRIM: u64 = 100;

/// Runs until the source is dropped.
pub async fn heartbeat(shared: Weak<PostgresShared>) {
    let mut timer = tokio::time::interval(BEAT);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for beat in 0_u64.. {
        timer.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        if beat % TRIM == 0 {
            shared.loads.trim();
            shared.replicas.trim();
            shared.writes.trim();
        }
        if shared.feed.unverified().is_some() {
            continue;
        }
        // A feed that cannot answer is behind; `behind_ms` says so.
        let _ = barrier::wait(&shared).await;
        if beat % LOOK == 0
            && let Ok(setup) = look(&shared).await
        {
            match judge(&shared, &setup) {
                Some(why) => shared.feed.doubt(why),
                // The next beat finds out what else is new.
                None if !same(&shared.feed.tables(), &setup.tables) => shared.catalog.forget(),
                None => {}
            }
        }
    }
}

async fn look(shared: &PostgresShared) -> Result<Setup, SourceError> {
    let turn = shared.own.turn().await?;
    let link = turn.link();
    let looking = link.limited(LinkLimits::of(shared.timeout_ms), async {
        Ok(setup::look(&link.client, &shared.feed.config, &shared.watched).await?)
    });
    looking.await.map_err(|fault| fault.told(shared.timeout_ms))
}

/// Why the feed must begin anew; `None` when all is as it was.
fn judge(shared: &PostgresShared, setup: &Setup) -> Option<String> {
    if let Some(problem) = setup.problem() {
        return Some(problem);
    }
    let budget = shared.feed.config.lag_budget;
    if let Some(slot) = setup.slot.as_ref().filter(|slot| slot.held > budget) {
        return Some(format!("the slot is over its budget of {budget} bytes: {slot}"));
    }
    None
}

/// Whether these are the same tables, by number.
pub fn same(a: &HashMap<u32, Arc<Watched>>, b: &HashMap<u32, Arc<Watched>>) -> bool {
    a.len() == b.len() && b.iter().all(|(oid, watched)| a.get(oid).is_some_and(|w| w.table == watched.table))
}
