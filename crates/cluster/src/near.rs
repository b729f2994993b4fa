//! A client's near cache: a copy holder that owns nothing.

use std::sync::Arc;

use clearwell_engine::Millis;

use crate::level::{Level, Service, Token};
use crate::name::Bytes;
use crate::outbox::Outbox;
use crate::view::View;
use crate::{Config, Input};

/// A near cache. It takes the same inputs as a member (time, messages, reads, evictions, finished jobs) and gives the same outputs.
#[derive(Debug)]
pub struct NearCache {
    config: Config,
    view: Option<Arc<View>>,
}

impl NearCache {
    /// A near cache that begins at `now`; `config.seeds` are the members that it asks for the view.
    pub fn new(config: Config, now: Millis) -> NearCache {
        let _ = now;
        NearCache { config, view: None }
    }

    /// Takes one input and says what to do.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        let _ = (now, input, out);
    }

    /// Whether the copy that lies here may be served as it is.
    pub fn may_serve(
        &self,
        now: Millis,
        key: &Bytes,
        tags: &[Bytes],
        dependencies: &[Bytes],
        level: Level,
        token: &Token,
    ) -> Service {
        let _ = (now, key, tags, dependencies, level, token, &self.config, &self.view);
        Service::Ask
    }
}
