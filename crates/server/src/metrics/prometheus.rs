//! The figures in the text format that Prometheus reads.

use clearwell_engine::Account;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use super::{BadInput, Kind, Metrics, Surface};
use crate::node::FeedReport;
use crate::writeback::Status;

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

/// All that a scrape sees.
pub fn exposition(
    metrics: &Metrics,
    account: Account,
    write_back: &Status,
    feeds: Vec<FeedReport>,
    max_memory: u64,
    uptime_seconds: f64,
) -> String {
    let mut registry = Registry::with_prefix("clearwell");
    let scrape = Scrape {
        metrics: metrics.clone(),
        account,
        write_back: write_back.clone(),
        feeds,
        max_memory,
        uptime_seconds,
    };
    registry.register_collector(Box::new(scrape));
    let mut text = String::with_capacity(16 << 10);
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("a String takes any text");
    text
}

struct Scrape {
    metrics: Metrics,
    account: Account,
    write_back: Status,
    feeds: Vec<FeedReport>,
    max_memory: u64,
    uptime_seconds: f64,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Scrape {
    #[rustfmt::skip]
    fn counters(&self) -> [(&'static str, &'static str, u64); 18] {
        let (a, w) = (&self.account, &self.write_back);
        [
            ("hits", "Reads answered from memory", a.hits),
            ("stale_hits", "Reads answered from memory with a value marked stale, which the reader allowed", a.stale_hits),
            ("misses", "Reads that memory could not answer", a.misses),
            ("fills", "Values stored after a load", a.fills),
            ("fills_refused", "Loaded values dropped because something covering them was invalidated after the load began", a.fills_refused),
            ("offers_refused", "Plain sets dropped because they may have been late fills", a.offers_refused),
            ("early_refreshes", "Loads begun before an entry expired", a.early_refreshes),
            ("invalidations", "Invalidations applied", a.invalidations),
            ("entries_evicted", "Entries removed for space", a.evicted),
            ("entries_expired", "Entries removed for time", a.expired),
            ("entries_invalidated", "Entries removed because the fact changed", a.invalidated),
            ("entries_removed", "Entries removed because a client asked", a.removed),
            ("write_back_flushed", "Write-back writes that their source took", w.flushed),
            ("write_back_refused", "Write-back writes that their source refused", w.refused),
            ("journal_records", "Records appended to the journal", w.journal_records),
            ("journal_syncs", "Syncs of the journal", w.journal_syncs),
            ("journal_failures", "Groups of writes that the journal refused", w.journal_failures),
            ("http_connections", "HTTP connections accepted", self.metrics.accepted(Surface::Rest)),
        ]
    }

    #[rustfmt::skip]
    fn gauges(&self) -> [(&'static str, &'static str, f64); 18] {
        let (a, w) = (&self.account, &self.write_back);
        [
            ("entries", "Entries in memory", a.entries as f64),
            ("negative_entries", "Entries that remember an absent row", a.negative_entries as f64),
            ("entries_with_ttl", "Entries that expire", a.entries_with_ttl as f64),
            ("memory_bytes", "Bytes of entries and of what is kept beside them", a.memory_bytes as f64),
            ("memory_max_bytes", "Bytes that memory_bytes may reach", self.max_memory as f64),
            ("flights", "Loads in progress", a.flights as f64),
            ("tags", "Tags known", a.tags as f64),
            ("key_marks", "Invalidated keys remembered without an entry", a.key_marks as f64),
            ("outstanding_misses", "Misses that a plain set may still fill", a.outstanding_misses as f64),
            ("resp_connections_open", "RESP connections open", self.metrics.open(Surface::Resp) as f64),
            ("http_connections_open", "HTTP connections open", self.metrics.open(Surface::Rest) as f64),
            ("write_back_dirty_keys", "Keys with a write that the source does not have yet", w.dirty as f64),
            ("write_back_dirty_bytes", "Bytes of those writes", w.dirty_bytes as f64),
            ("write_back_oldest_seconds", "Age of the oldest of those writes", w.oldest_ms as f64 / 1000.0),
            ("write_back_parked", "Writes that a source refused and that wait for a decision", w.parked as f64),
            ("journal_bytes", "Bytes of the journal on the disk", w.journal_bytes as f64),
            ("journal_damaged", "Things wrong with the journal's files at the start", w.journal_damaged as f64),
            ("uptime_seconds", "Seconds since the node began", self.uptime_seconds),
        ]
    }

    fn encode_operations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "What operations took, from request to reply, by what they do";
        let mut family = encoder.encode_descriptor("operation_seconds", help, None, MetricType::Histogram)?;
        for kind in Kind::ALL {
            let counts = self.metrics.of(kind);
            let bound = |nanos: &u64| (*nanos as f64 / 1e9, *nanos);
            let mut below = 0;
            let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(BOUNDS.len() + 1);
            for (seconds, nanos) in BOUNDS.iter().map(bound) {
                let up_to = counts.up_to(nanos);
                buckets.push((seconds, up_to - below));
                below = up_to;
            }
            buckets.push((f64::INFINITY, counts.count.saturating_sub(below)));
            let labels = [("kind", kind.name())];
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(counts.nanos as f64 / 1e9, counts.count, &buckets, None)?;
        }
        Ok(())
    }

    #[rustfmt::skip]
    fn encode_feeds(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&FeedReport) -> f64;
        let gauges: [(&str, &str, Read); 3] = [
            ("source_unverified", "1 while changes in the source may be missed, else 0", |f| f64::from(u8::from(f.figures.doubt.is_some()))),
            ("source_behind_seconds", "Seconds since its changes were last known to be complete", |f| f.behind_ms as f64 / 1000.0),
            ("source_version", "The last of its commits that was told of, in its own order", |f| f.figures.version.0 as f64),
        ];
        for (name, help, read) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for feed in &self.feeds {
                ConstGauge::new(read(feed)).encode(family.encode_family(&[("source", feed.source.as_str())])?)?;
            }
        }
        let counters: [(&str, &str, Read); 3] = [
            ("source_unverified_times", "How often the source became unverified", |f| f.figures.times as f64),
            ("source_unverified_seconds", "For how long it was unverified", |f| f.figures.unverified_ms as f64 / 1000.0),
            ("source_gaps", "How often its changes may have been missed, so that everything was invalidated", |f| f.figures.gaps as f64),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for feed in &self.feeds {
                ConstCounter::new(read(feed)).encode(family.encode_family(&[("source", feed.source.as_str())])?)?;
            }
        }
        Ok(())
    }

    fn encode_labelled(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Operations that ended in an error, by what they do";
        let mut family = encoder.encode_descriptor("operations_failed", help, None, MetricType::Counter)?;
        for kind in Kind::ALL {
            let failed = ConstCounter::new(self.metrics.of(kind).failed);
            failed.encode(family.encode_family(&[("kind", kind.name())])?)?;
        }
        let help = "Input refused before it became an operation, by what was wrong with it";
        let mut family = encoder.encode_descriptor("bad_inputs", help, None, MetricType::Counter)?;
        for (why, name) in BadInput::ALL {
            let refused = ConstCounter::new(self.metrics.0.bad[why as usize].load(Relaxed));
            refused.encode(family.encode_family(&[("why", name)])?)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in self.counters() {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        for (name, help, value) in self.gauges() {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        self.encode_operations(&mut encoder)?;
        self.encode_feeds(&mut encoder)?;
        self.encode_labelled(&mut encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Ended;
    use crate::source::Verified;

    #[test]
    fn the_text_has_helps_figures_and_cumulative_buckets() {
        let metrics = Metrics::new();
        let recorder = metrics.recorder([Kind::Read]);
        recorder.record(0, 20_000, Ended::Well);
        recorder.record(0, 700_000, Ended::Failed);
        metrics.bad_input(BadInput::Framing);
        let account = Account { hits: 7, memory_bytes: 4096, ..Account::default() };
        let figures = Verified { gaps: 2, unverified_ms: 1500, ..Verified::default() };
        let feed = FeedReport { source: "main".into(), behind_ms: 250, figures, keyspaces: Vec::new() };
        let text = exposition(&metrics, account, &Status::default(), vec![feed], 1 << 20, 2.5);
        for line in [
            "# HELP clearwell_hits Reads answered from memory",
            "# TYPE clearwell_hits counter",
            "clearwell_hits_total 7",
            "clearwell_memory_bytes 4096.0",
            "clearwell_memory_max_bytes 1048576.0",
            "clearwell_uptime_seconds 2.5",
            "clearwell_source_unverified{source=\"main\"} 0.0",
            "clearwell_source_behind_seconds{source=\"main\"} 0.25",
            "clearwell_source_unverified_seconds_total{source=\"main\"} 1.5",
            "clearwell_source_gaps_total{source=\"main\"} 2.0",
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
