//! Why a key is here, stale, or gone: what the engine remembers of it, in words.

use clearwell_engine::{By, Cause, Effect, Made, Noted, Scope, Standing, State, Story, Through};

use super::Node;

/// What is known of a key.
#[derive(Debug, Clone)]
pub struct KeyStory {
    /// One word for what it is now.
    pub state: &'static str,
    /// The same in a sentence.
    pub sentence: String,
    /// What happened to it, oldest first.
    pub steps: Vec<WhyStep>,
    /// What happened to it before this moment (Unix time in milliseconds) may be forgotten; what is told of an entry that is
    /// here is whole all the same.
    pub known_since_ms: i64,
    /// Whether that is the start of the node, so that nothing is forgotten.
    pub complete: bool,
    /// Whether its time is over and it is kept in case its source fails.
    pub in_grace: bool,
}

impl KeyStory {
    /// Whether there is an entry: fresh, stale, absent (its source has no such row) or missing.
    pub fn held_as(&self) -> &'static str {
        match self.state {
            "active" => "fresh",
            "absent" => "absent",
            "stale" => "stale",
            "expired" if self.in_grace => "stale",
            _ => "missing",
        }
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct WhyStep {
    /// Unix time in milliseconds; `None`: forgotten.
    pub at_ms: Option<i64>,
    /// created, overwritten, accessed, stale, expired, invalidated, evicted, removed, refused or gone.
    pub state: &'static str,
    /// How often, for overwritten, accessed and refused.
    pub times: Option<u64>,
    /// How and why.
    pub detail: String,
    /// The invalidation behind it, if there is one and it is remembered.
    pub by: Option<Noted>,
}

impl Node {
    /// What became of a key, and why. Nothing is loaded and no read is counted.
    pub fn why(&self, key: &[u8]) -> KeyStory {
        let now = self.clock.tick();
        let story = self.engine().why(key, now);
        let unix = |at| self.clock.unix_ms_of(at);
        let absent = self.engine().peek(key, now, |view| view.value().is_none()) == Some(true);
        let steps: Vec<WhyStep> = story
            .steps
            .iter()
            .map(|step| {
                let (state, times) = word(step.state);
                let by = step.by.invalidation().cloned();
                WhyStep { at_ms: step.at.map(unix), state, times, detail: detail(step.state, &step.by), by }
            })
            .collect();
        let state = now_is(&story, absent, &steps);
        let known_since_ms = story.forgotten.map_or(self.clock.unix_ms_of(clearwell_engine::Millis(0)), unix);
        let mut sentence = sentence(state, steps.last());
        if let Some(near) = self.near_told(key) {
            sentence = format!("{sentence}; it is {near}");
        }
        let in_grace = story.standing == Some(Standing::Grace);
        KeyStory { state, sentence, steps, known_since_ms, complete: story.forgotten.is_none(), in_grace }
    }
}

fn now_is(story: &Story, absent: bool, steps: &[WhyStep]) -> &'static str {
    match story.standing {
        Some(Standing::Fresh) if absent => "absent",
        Some(Standing::Fresh) => "active",
        Some(Standing::Stale) => "stale",
        Some(Standing::Grace) => "expired",
        Some(Standing::Dead) | None => match steps.last() {
            Some(last) => last.state,
            None if story.forgotten.is_none() => "never",
            None => "unknown",
        },
    }
}

fn word(state: State) -> (&'static str, Option<u64>) {
    match state {
        State::Created(_) => ("created", None),
        State::Overwritten(_, times) => ("overwritten", Some(times.into())),
        State::Accessed(times) => ("accessed", Some(times.into())),
        State::Stale => ("stale", None),
        State::Expired => ("expired", None),
        State::Invalidated | State::Doubted => ("invalidated", None),
        State::Unclear => ("gone", None),
        State::Evicted => ("evicted", None),
        State::Removed => ("removed", None),
        State::Refused(times) => ("refused", Some(times.into())),
    }
}

fn detail(state: State, by: &By) -> String {
    let by = match by {
        By::Nothing => None,
        By::Invalidation(noted, through) => {
            Some(format!("{}{}", told(noted), reached(*through, &noted.scope)))
        }
        By::Forgotten(through) => {
            Some(format!("{}; which one is not known: older than the history", over(*through)))
        }
    };
    match (state, by) {
        (State::Created(made) | State::Overwritten(made, _), _) => match made {
            Made::Put => "written by a client".into(),
            Made::Filled => "loaded after a miss".into(),
            Made::Absent => "loaded: the source has no such row".into(),
        },
        (State::Accessed(_), _) => "read; the last time, to about a second".into(),
        (State::Expired, _) => "its time to live was over".into(),
        (State::Evicted, _) => "for want of memory".into(),
        (State::Doubted, _) => "a SET was refused that may be newer than it".into(),
        (State::Removed, None) => "by a client".into(),
        (State::Stale, Some(by)) => format!("marked stale (lazy) by {by}"),
        (State::Refused(_), Some(by)) => format!("a late fill was refused: read before {by}"),
        (State::Refused(_), None) => "a late fill was refused".into(),
        (State::Unclear, _) => {
            "its time was over and it was invalidated; which came first is not known: older than the history"
                .into()
        }
        (State::Invalidated | State::Removed, Some(by)) => format!("by {by}"),
        (State::Invalidated, None) => "by an invalidation".into(),
        (State::Stale, None) => "marked stale (lazy); since when is not known: older than the history".into(),
    }
}

/// A scope's sort and name.
pub fn scope_of(scope: &Scope) -> (&'static str, Vec<u8>) {
    match scope {
        Scope::Key(key) => ("key", key.to_vec()),
        Scope::Tag(tag) => ("tag", tag.to_vec()),
        Scope::Dependents(name) => ("dependents", name.to_vec()),
        Scope::Pattern(glob) => ("pattern", glob.as_bytes().to_vec()),
        Scope::Prefix(prefix) => ("prefix", prefix.to_vec()),
        Scope::Event(event) => ("event", event.to_string().into_bytes()),
        Scope::Everything => ("everything", Vec::new()),
    }
}

/// A cause in a word.
pub fn cause_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Removal => "removal",
        Cause::Command => "command",
        Cause::Write => "write",
        Cause::Commit => "commit",
        Cause::Event => "event",
    }
}

/// An effect in a word.
pub fn effect_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Gone => "gone",
        Effect::Stale => "stale",
    }
}

fn told(noted: &Noted) -> String {
    let (scope, name) = scope_of(&noted.scope);
    let name = if name.is_empty() { String::new() } else { format!(" {:?}", String::from_utf8_lossy(&name)) };
    let position = noted.position.map(|position| format!(", position {position}")).unwrap_or_default();
    format!("an invalidation of {scope}{name} (cause {}{position})", cause_of(noted.cause))
}

fn reached(through: Through, scope: &Scope) -> &'static str {
    match (through, scope) {
        (Through::Dependency, _) => ", through what it depends on",
        _ => "",
    }
}

fn over(through: Through) -> &'static str {
    match through {
        Through::Key => "an invalidation of its key",
        Through::Tag => "an invalidation of one of its tags",
        Through::Dependency => "an invalidation of what it depends on",
        Through::Event => "an event that it depends on",
    }
}

fn sentence(state: &str, last: Option<&WhyStep>) -> String {
    match (state, last) {
        ("active", _) => "here, and nothing that covers it was invalidated since".into(),
        ("absent", _) => "its source has no such row".into(),
        ("stale", Some(last)) if last.state == "stale" => {
            format!("{}; the next read refreshes it", last.detail)
        }
        ("stale", _) => "marked stale; the next read refreshes it".into(),
        ("expired", Some(last)) if last.state != "expired" => {
            "past its time, kept in case its source fails".into()
        }
        ("never", _) => "never stored since this node started".into(),
        ("unknown", _) => "not known: older than the history".into(),
        ("refused", Some(last)) => format!("nothing is stored: {}", last.detail),
        (state, Some(last)) => format!("{state}: {}", last.detail),
        (state, None) => state.into(),
    }
}
