//! Figures: what a node tells of itself in numbers. [`FIGURES`] is the one table; `CW.STATS`, `INFO`,
//! `/api/cache/stats`, `/api/cache/metrics`, `/metrics` and the page are made from it (decision 0039).

mod prometheus;
mod resp;
mod rest;
mod snapshot;
mod table;

use std::borrow::Cow;

pub use prometheus::exposition;
pub use resp::{cw_stats, info};
pub use rest::{MetricsBody, Stats, listed};
pub use snapshot::{KeyspaceRow, Snapshot};
pub use table::FIGURES;

/// What a figure counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds; Prometheus is told seconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Things a second.
    PerSecond,
    /// A part of one, 0 to 1.
    Share,
    /// Words.
    Text,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Only up, from the start of the node.
    Counter,
    /// Up and down.
    Gauge,
}

/// Which answer of REST tells the figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// `/api/cache/stats`: since the node began, or now.
    Stats,
    /// `/api/cache/metrics`: of the last minute.
    Metrics,
}

/// What a figure is at a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
    /// Words. Prometheus is not told of them.
    Text(String),
    /// Names. Where only a number fits, how many they are.
    Names(Vec<String>),
}

/// A label, and what a figure is for each of its values.
pub type Labelled = Vec<(String, Value)>;

/// How a figure is read from a snapshot.
#[derive(Clone, Copy)]
pub enum FigureReader {
    /// One for the node.
    One(fn(&Snapshot) -> Value),
    /// One for each source, keyspace, ...
    Each(&'static Label, fn(&Snapshot) -> Labelled),
}

/// What figures are told apart by.
#[derive(Debug, PartialEq, Eq)]
pub struct Label {
    /// One: `source`.
    pub name: &'static str,
    /// All: `sources`.
    pub plural: &'static str,
}

/// A row of the table.
pub struct Figure {
    /// Its name in `CW.STATS`; that of the other surfaces follows from it unless they have one of their own.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// What it says, in a sentence without its end.
    pub help: &'static str,
    /// How it moves.
    pub moves: Moves,
    /// Which answer of REST tells it.
    pub told: ToldBy,
    /// How it is read.
    pub read: FigureReader,
    rest: Option<&'static str>,
    prometheus: Option<&'static str>,
    info: Option<(&'static str, &'static str)>,
}

impl Figure {
    const fn new(
        name: &'static str,
        unit: Unit,
        moves: Moves,
        help: &'static str,
        read: FigureReader,
    ) -> Figure {
        let told = ToldBy::Stats;
        Figure { name, unit, help, moves, told, read, rest: None, prometheus: None, info: None }
    }

    /// A figure that only goes up.
    const fn counter(
        name: &'static str,
        unit: Unit,
        help: &'static str,
        read: fn(&Snapshot) -> Value,
    ) -> Figure {
        Figure::new(name, unit, Moves::Counter, help, FigureReader::One(read))
    }

    /// A figure of now.
    const fn gauge(
        name: &'static str,
        unit: Unit,
        help: &'static str,
        read: fn(&Snapshot) -> Value,
    ) -> Figure {
        Figure::new(name, unit, Moves::Gauge, help, FigureReader::One(read))
    }

    /// A figure for each value of a label.
    const fn each(
        label: &'static Label,
        name: &'static str,
        unit: Unit,
        moves: Moves,
        help: &'static str,
        read: fn(&Snapshot) -> Labelled,
    ) -> Figure {
        Figure::new(name, unit, moves, help, FigureReader::Each(label, read))
    }

    /// Another name in REST than the table's in camel case.
    const fn rest(mut self, name: &'static str) -> Figure {
        self.rest = Some(name);
        self
    }

    /// Another name for Prometheus.
    const fn prometheus(mut self, name: &'static str) -> Figure {
        self.prometheus = Some(name);
        self
    }

    /// Its section and name in INFO; else it is `clearwell_NAME` in the section `Stats`.
    const fn info(mut self, section: &'static str, name: &'static str) -> Figure {
        self.info = Some((section, name));
        self
    }

    /// Told by `/api/cache/metrics`.
    const fn of_the_window(mut self) -> Figure {
        self.told = ToldBy::Metrics;
        self
    }

    /// The label, for a figure that has several values.
    pub fn label(&self) -> Option<&'static Label> {
        match self.read {
            FigureReader::One(_) => None,
            FigureReader::Each(label, _) => Some(label),
        }
    }

    /// The name in REST: within the object of its label, if it has one.
    pub fn rest_name(&self) -> Cow<'static, str> {
        self.rest.map_or_else(|| camel(self.name).into(), Cow::Borrowed)
    }

    /// The name for Prometheus, without `clearwell_` and without what the text format adds.
    pub fn prometheus_name(&self) -> Cow<'static, str> {
        let name = self.prometheus.unwrap_or(self.name);
        let name = match (self.unit, name.strip_suffix("_ms")) {
            (Unit::Millis, Some(stem)) => Cow::Owned(format!("{stem}_seconds")),
            _ => Cow::Borrowed(name),
        };
        match self.label() {
            Some(label) if self.prometheus.is_none() => format!("{}_{name}", label.name).into(),
            _ => name,
        }
    }

    /// The section and the name in INFO.
    pub fn info_name(&self) -> (&'static str, Cow<'static, str>) {
        match self.info {
            Some((section, name)) => (section, Cow::Borrowed(name)),
            None => ("Stats", format!("clearwell_{}", self.name).into()),
        }
    }
}

impl Value {
    /// As a number, if it is one; names are counted.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Whole(number) => Some(*number as f64),
            Value::Real(number) => Some(*number),
            Value::Names(names) => Some(names.len() as f64),
            Value::Text(_) => None,
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Real(number)
    }
}

/// `hit_rate` as `hitRate`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

/// Bytes as a person reads them and the configuration writes them, a thousand to the next unit: `256MB`, `1.5KB`.
pub fn human_bytes(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "B");
    for next in ["KB", "MB", "GB", "TB"] {
        if amount < 1000.0 {
            break;
        }
        (amount, unit) = (amount / 1000.0, next);
    }
    let tenths = (amount * 10.0).round() / 10.0;
    format!("{tenths}{unit}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_there_once_on_each_surface() {
        let mut seen = HashSet::new();
        for figure in FIGURES {
            let label = figure.label().map_or("", |label| label.plural);
            let told = format!("{:?}", figure.told);
            let of = |surface: &str, name: &str| format!("{surface} {label} {name}");
            assert!(seen.insert(of("cw.stats", figure.name)), "{}", figure.name);
            assert!(seen.insert(of(&told, &figure.rest_name())), "{}", figure.rest_name());
            assert!(seen.insert(format!("prometheus {}", figure.prometheus_name())), "{}", figure.name);
            let (section, name) = figure.info_name();
            assert!(seen.insert(of(section, &name)), "{name}");
            assert!(!figure.help.is_empty() && !figure.help.ends_with('.'), "{}", figure.name);
        }
    }

    #[test]
    fn names_follow_from_the_tables() {
        assert_eq!(camel("bad_inputs"), "badInputs");
        assert_eq!(camel("hits"), "hits");
        let named = |name| FIGURES.iter().find(|figure| figure.name == name).expect(name);
        assert_eq!(named("average_latency_ms").prometheus_name(), "average_latency_seconds");
        assert_eq!(named("flights").info_name(), ("Stats", "clearwell_flights".into()));
    }

    #[test]
    fn bytes_are_written_for_people() {
        for (bytes, expected) in
            [(0, "0B"), (999, "999B"), (1536, "1.5KB"), (256_000_000, "256MB"), (3_000_000_000_000, "3TB")]
        {
            assert_eq!(human_bytes(bytes), expected);
        }
    }
}
