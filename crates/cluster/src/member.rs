//! A member of the cluster: owner, replica and copy holder in one.

use std::sync::Arc;

use clearwell_engine::Millis;

use crate::level::{Level, Service, Token};
use crate::name::Bytes;
use crate::outbox::{Outbox, Persist};
use crate::view::View;
use crate::{Config, Input, Slot};

/// How a member begins.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// A view that all are given, for clusters whose first members are known; none to be found by gossip.
    pub view: Option<Arc<View>>,
    /// What the node's disk gave back.
    pub persisted: Vec<Persist>,
}

/// One member.
#[derive(Debug)]
pub struct Member {
    config: Config,
    view: Option<Arc<View>>,
}

impl Member {
    /// A member that begins at `now`.
    pub fn new(config: Config, start: Start, now: Millis) -> Member {
        let _ = now;
        Member { config, view: start.view }
    }

    /// Takes one input and says what to do. `now` never goes back.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        let _ = (now, input, out);
    }

    /// Whether the copy of `key` that lies in this node's store, with these tags and dependencies, may be served as it is.
    pub fn may_serve(
        &self,
        now: Millis,
        key: &Bytes,
        tags: &[Bytes],
        dependencies: &[Bytes],
        level: Level,
        token: &Token,
    ) -> Service {
        let _ = (now, key, tags, dependencies, level, token, &self.config);
        Service::Ask
    }

    /// The view that it follows.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// Whether it may acknowledge for a slot at `now`. For checkers: at most one member may say so at any moment.
    pub fn owns(&self, now: Millis, slot: Slot) -> bool {
        let _ = (now, slot);
        false
    }
}
