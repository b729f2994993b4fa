//! Events: what values depend on, and what can happen.

use std::sync::Arc;

use clearwell_engine::{Event, EventPattern};

/// The patterns that values depend on, and the events that clients may tell.
#[derive(Debug, Clone, Default)]
pub struct Events {
    patterns: Vec<Arc<[EventPattern]>>,
    told: Vec<Event>,
}

impl Events {
    /// Values of a world depend on one shop's moves each, some on all of them; clients tell of one shop's.
    pub fn of_shops(shops: u32) -> Events {
        let told = (0..shops).map(|shop| event("moved", &[("by", "hand"), ("shop", &shop.to_string())]));
        let one = (0..shops).map(|shop| format!("moved{{shop={shop}}}"));
        let written = one.chain(["mov*".to_string()]);
        Events { told: told.collect(), patterns: written.map(|text| list(&[&text])).collect() }
    }

    /// Nothing depends on anything yet.
    pub fn none() -> Events {
        Events { patterns: vec![Arc::from([])], told: Vec::new() }
    }

    /// One more set of patterns; its number.
    pub fn depend(&mut self, patterns: Arc<[EventPattern]>) -> u32 {
        self.patterns.push(patterns);
        self.patterns.len() as u32 - 1
    }

    /// One more event that may be told; its number.
    pub fn may_tell(&mut self, event: Event) -> u32 {
        let at = self.told.iter().position(|other| *other == event);
        at.unwrap_or_else(|| {
            self.told.push(event);
            self.told.len() - 1
        }) as u32
    }

    /// How many sets of patterns there are.
    pub fn pattern_count(&self) -> u32 {
        self.patterns.len() as u32
    }

    /// How many events there are.
    pub fn told_count(&self) -> u32 {
        self.told.len() as u32
    }

    /// A set of patterns.
    pub fn patterns(&self, id: u32) -> Arc<[EventPattern]> {
        Arc::clone(&self.patterns[id as usize])
    }

    /// An event.
    pub fn event(&self, id: u32) -> &Event {
        &self.told[id as usize]
    }

    /// Whether an event makes values of a set of patterns old.
    pub fn covers(&self, told: u32, patterns: u32) -> bool {
        let event = self.event(told);
        self.patterns[patterns as usize].iter().any(|pattern| pattern.matches(event))
    }
}

fn event(name: &str, attributes: &[(&str, &str)]) -> Event {
    let attributes = attributes.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    Event::new(name, attributes).expect("short names, each once, are well formed")
}

fn list(written: &[&str]) -> Arc<[EventPattern]> {
    written.iter().map(|text| EventPattern::parse(text).expect("written above, and well formed")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reaches_its_shop_and_what_depends_on_all() {
        let events = Events::of_shops(3);
        assert_eq!((events.pattern_count(), events.told_count()), (4, 3));
        let reached = |told| (0..4).filter(|&id| events.covers(told, id)).collect::<Vec<_>>();
        assert_eq!((reached(0), reached(2)), (vec![0, 3], vec![2, 3]));
    }
}
