//! The figures in the text format that Prometheus reads.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;

use super::{FIGURES, Figure, FigureReader, Moves, Snapshot, Unit, Value};
use crate::metrics::{Counts, Timed};

/// Upper bounds of the latency buckets, in nanoseconds.
const BOUNDS: [u64; 15] = [
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// All that a scrape sees: the table's figures, and the histograms beside it.
pub fn exposition(snapshot: Snapshot) -> String {
    let mut registry = Registry::with_prefix("clearwell");
    registry.register_collector(Box::new(Scrape(snapshot)));
    let mut text = String::with_capacity(16 << 10);
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("a String takes any text");
    text
}

#[derive(Debug)]
struct Scrape(Snapshot);

impl Scrape {
    fn encode_figure(&self, figure: &Figure, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (figure.prometheus_name(), figure.help);
        let kind = match figure.moves {
            Moves::Counter => MetricType::Counter,
            Moves::Gauge => MetricType::Gauge,
        };
        match figure.read {
            FigureReader::One(read) => {
                let value = read(&self.0);
                match value.number() {
                    None => Ok(()),
                    Some(_) => encode(figure, &value, encoder.encode_descriptor(&name, help, None, kind)?),
                }
            }
            FigureReader::Each(label, read) => {
                let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
                for (which, value) in read(&self.0) {
                    encode(figure, &value, family.encode_family(&[(label.name, which.as_str())])?)?;
                }
                Ok(())
            }
        }
    }

    fn encode_histograms(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Scrape(snapshot) = self;
        let help = "What operations took, from request to reply, by what they do";
        let mut family = encoder.encode_descriptor("operation_seconds", help, None, MetricType::Histogram)?;
        for (kind, counts) in &snapshot.kinds {
            histogram(&mut family, &[("kind", kind.name())], counts)?;
        }
        let help = "What loads took";
        let mut family =
            encoder.encode_descriptor("keyspace_load_seconds", help, None, MetricType::Histogram)?;
        for row in &snapshot.keyspaces {
            timed(&mut family, &[("keyspace", &row.name)], &row.figures.loads)?;
        }
        let help =
            "From commits in the source to their effect here, by the keyspaces that they can have reached";
        let name = "keyspace_commit_to_applied_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for row in &snapshot.keyspaces {
            timed(&mut family, &[("keyspace", &row.name)], &row.figures.applied)?;
        }
        let help = "From commits in the source to their effect here, stage by stage";
        let mut family =
            encoder.encode_descriptor("invalidation_seconds", help, None, MetricType::Histogram)?;
        for (source, figures) in &snapshot.stages {
            for (stage, it) in figures.named() {
                timed(&mut family, &[("source", source), ("stage", stage)], it)?;
            }
        }
        let help = "From the ordering of invalidations in a cluster to their effect at the owner, to the word of the replicas, and to the last copy";
        let mut family =
            encoder.encode_descriptor("cluster_invalidation_seconds", help, None, MetricType::Histogram)?;
        for (stage, it) in &snapshot.cluster.stages {
            timed(&mut family, &[("stage", stage)], it)?;
        }
        let help = "From requests to invalidate to their effect";
        let mut family =
            encoder.encode_descriptor("asked_invalidation_seconds", help, None, MetricType::Histogram)?;
        timed(&mut family, &[], &snapshot.asked)
    }
}

fn timed(family: &mut MetricEncoder<'_>, labels: &[(&str, &str)], timed: &Timed) -> fmt::Result {
    let none = Counts::none();
    histogram(family, labels, timed.all.as_ref().unwrap_or(&none))
}

fn histogram(family: &mut MetricEncoder<'_>, labels: &[(&str, &str)], counts: &Counts) -> fmt::Result {
    let bound = |nanos: &u64| (*nanos as f64 / 1e9, *nanos);
    let mut below = 0;
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(BOUNDS.len() + 1);
    for (seconds, nanos) in BOUNDS.iter().map(bound) {
        let up_to = counts.up_to(nanos);
        buckets.push((seconds, up_to - below));
        below = up_to;
    }
    buckets.push((f64::INFINITY, counts.count.saturating_sub(below)));
    let mut one = family.encode_family(&labels)?;
    one.encode_histogram::<NoLabelSet>(counts.nanos as f64 / 1e9, counts.count, &buckets, None)
}

fn encode(figure: &Figure, value: &Value, encoder: MetricEncoder<'_>) -> fmt::Result {
    let number = value.number().unwrap_or(0.0);
    let number = if figure.unit == Unit::Millis { number / 1000.0 } else { number };
    match (figure.moves, value) {
        (Moves::Counter, Value::Whole(whole)) if figure.unit != Unit::Millis => {
            ConstCounter::new(*whole).encode(encoder)
        }
        (Moves::Counter, _) => ConstCounter::new(number).encode(encoder),
        (Moves::Gauge, _) => ConstGauge::new(number).encode(encoder),
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for figure in FIGURES {
            self.encode_figure(figure, &mut encoder)?;
        }
        self.encode_histograms(&mut encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{BadInput, Metrics, OperationKind, RequestEnded};
    use crate::node::FeedReport;
    use clearwell_engine::Account;
    use clearwell_source::Verified;

    #[test]
    fn the_text_has_helps_figures_and_cumulative_buckets() {
        let metrics = Metrics::new();
        let recorder = metrics.recorder([OperationKind::Read]);
        recorder.record(0, 20_000, RequestEnded::Well);
        recorder.record(0, 700_000, RequestEnded::Failed);
        metrics.bad_input(BadInput::Framing);
        let account = Account { hits: 7, memory_bytes: 4096, ..Account::default() };
        let figures = Verified { gaps: 2, unverified_ms: 1500, ..Verified::default() };
        let feed = FeedReport {
            source: "main".into(),
            behind_ms: 250,
            figures,
            keyspaces: Vec::new(),
            unfollowed: Vec::new(),
        };
        let of = Snapshot::of(&metrics);
        let snapshot = Snapshot { account, feeds: vec![feed], max_memory: 1 << 20, uptime_ms: 2500, ..of };
        let text = exposition(snapshot);
        for line in [
            "# HELP clearwell_hits Reads answered from memory",
            "# TYPE clearwell_hits counter",
            "clearwell_hits_total 7",
            "clearwell_memory_bytes 4096.0",
            "clearwell_memory_max_bytes 1048576.0",
            "clearwell_uptime_seconds 2.0",
            "clearwell_source_unverified{source=\"main\"} 0.0",
            "clearwell_source_behind_seconds{source=\"main\"} 0.25",
            "clearwell_source_unverified_seconds_total{source=\"main\"} 1.5",
            "clearwell_source_gaps_total{source=\"main\"} 2",
            "clearwell_operation_seconds_bucket{le=\"0.00005\",kind=\"read\"} 1",
            "clearwell_operation_seconds_bucket{le=\"0.001\",kind=\"read\"} 2",
            "clearwell_operation_seconds_bucket{le=\"+Inf\",kind=\"read\"} 2",
            "clearwell_operation_seconds_count{kind=\"read\"} 2",
            "clearwell_operations_failed_total{kind=\"read\"} 1",
            "clearwell_bad_inputs_total{why=\"framing\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "no line {line:?} in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
