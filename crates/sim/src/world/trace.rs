//! Lines for whoever reads a world's story.

use super::World;
use crate::names::KeyId;
use crate::queue::Micros;

/// What is written down for whoever wants to read it.
#[derive(Debug, Default)]
pub struct Trace {
    /// Only what is about this key.
    pub key: Option<KeyId>,
    /// Whether messages are written down as well.
    pub messages: bool,
    /// The lines.
    pub lines: Vec<(Micros, String)>,
}

impl World {
    /// A line for whoever reads the story.
    pub(super) fn tell(&mut self, key: Option<KeyId>, line: impl FnOnce(&World) -> String) {
        // What a value is made from belongs to its story.
        let about = |only: KeyId, key: KeyId| key == only || self.history.names.depends(only) == Some(key);
        let wanted = self
            .trace
            .as_ref()
            .is_some_and(|trace| key.zip(trace.key).is_none_or(|(key, only)| about(only, key)));
        if wanted {
            let line = line(self);
            let now = self.now;
            if let Some(trace) = &mut self.trace {
                trace.lines.push((now, line));
            }
        }
    }
}
