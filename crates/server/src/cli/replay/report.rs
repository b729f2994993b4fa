//! What a replay found, as a table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::dialect::Dialect;
use super::tally::{ReplayTally, TimedCommand};

/// A finished replay.
pub struct Report<'a> {
    /// What was replayed, in words.
    pub what: String,
    /// Against whom.
    pub addr: String,
    /// In whose words.
    pub dialect: Dialect,
    /// What was counted.
    pub tally: &'a ReplayTally,
    /// How long the requests took.
    pub took: Duration,
    /// Fills that the server refused, by its own count; `None` where it does not count them.
    pub refused: Option<u64>,
}

const QUANTILES: [(&str, f64); 4] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

impl Report<'_> {
    /// Whether the replay shows what it should: no stale value, no error.
    pub fn is_clean(&self) -> bool {
        let tally = self.tally;
        tally.stale_reads == 0 && tally.stale_left == 0 && tally.errors == 0
    }

    /// For people.
    pub fn table(&self) -> String {
        let tally = self.tally;
        let seconds = self.took.as_secs_f64();
        let mut out = format!("replay of {} against {} ({})\n\n", self.what, self.addr, self.dialect.name());
        let mut row = |name: &str, value: String| {
            writeln!(out, "  {name:<18} {value}").expect("a String takes all text");
        };
        row(
            "requests",
            format!(
                "{} in {seconds:.2} s, {} a second",
                grouped(tally.requests),
                grouped(self.rate(tally.requests))
            ),
        );
        row(
            "commands",
            format!("{}, {} a second", grouped(tally.commands()), grouped(self.rate(tally.commands()))),
        );
        row(
            "reads",
            format!("{}, hit ratio {:.2} %", grouped(tally.hits + tally.misses), tally.hit_ratio() * 100.0),
        );
        row("writes", grouped(tally.writes));
        row(
            "group changes",
            format!(
                "{} by tag, {} by pattern, {} by keys",
                grouped(tally.tag_changes),
                grouped(tally.pattern_changes),
                grouped(tally.key_changes)
            ),
        );
        let refused = self
            .refused
            .map_or("not counted by the server".to_owned(), |n| format!("{} refused", grouped(n)));
        row(
            "fills",
            format!("{} ({} held back), {refused}", grouped(tally.fills), grouped(tally.fills_held)),
        );
        row(
            "read at the end",
            format!("{} keys, {} in the cache", grouped(tally.swept), grouped(tally.swept_hits)),
        );
        out.push_str(&self.latencies());
        out.push_str(&self.verdict());
        out
    }

    fn latencies(&self) -> String {
        let mut out = format!("\n  {:<18}", "latency");
        for (name, _) in QUANTILES {
            write!(out, "{name:>10}").expect("a String takes all text");
        }
        out.push_str("       max\n");
        for timed in TimedCommand::ALL {
            let latency = self.tally.latency(timed);
            if latency.is_empty() {
                continue;
            }
            write!(out, "  {:<18}", timed.name()).expect("a String takes all text");
            for (_, quantile) in QUANTILES {
                write!(out, "{:>10}", human(latency.value_at_quantile(quantile)))
                    .expect("a String takes all text");
            }
            writeln!(out, "{:>10}", human(latency.max())).expect("a String takes all text");
        }
        out
    }

    fn verdict(&self) -> String {
        let tally = self.tally;
        let mut out = format!("\n  {:<18} {}\n", "errors", grouped(tally.errors));
        if let Some(error) = &tally.first_error {
            writeln!(out, "  {:<18} {error}", "first error").expect("a String takes all text");
        }
        writeln!(
            out,
            "  {:<18} {}, and {} keys left stale at the end",
            "stale reads found",
            grouped(tally.stale_reads),
            grouped(tally.stale_left)
        )
        .expect("a String takes all text");
        if let Some(stale) = &tally.first_stale {
            writeln!(out, "  {:<18} {stale}", "first stale").expect("a String takes all text");
        }
        out
    }

    /// For programs: one object. Latencies in microseconds.
    pub fn json(&self) -> Value {
        let tally = self.tally;
        let latency: serde_json::Map<String, Value> = TimedCommand::ALL
            .into_iter()
            .map(|timed| (timed.name().to_owned(), quantiles(tally.latency(timed))))
            .collect();
        json!({
            "what": self.what,
            "addr": self.addr,
            "server": self.dialect.name(),
            "seconds": self.took.as_secs_f64(),
            "requests": tally.requests,
            "requestsPerSecond": self.rate(tally.requests),
            "commands": tally.commands(),
            "commandsPerSecond": self.rate(tally.commands()),
            "hits": tally.hits,
            "misses": tally.misses,
            "hitRatio": tally.hit_ratio(),
            "writes": tally.writes,
            "changesByTag": tally.tag_changes,
            "changesByPattern": tally.pattern_changes,
            "changesByKeys": tally.key_changes,
            "fills": tally.fills,
            "fillsHeldBack": tally.fills_held,
            "fillsRefused": self.refused,
            "leasedFillsRefused": tally.leased_refused,
            "keysReadAtTheEnd": tally.swept,
            "latencyMicros": latency,
            "errors": tally.errors,
            "firstError": tally.first_error,
            "staleReads": tally.stale_reads,
            "staleLeft": tally.stale_left,
            "firstStale": tally.first_stale,
        })
    }

    fn rate(&self, count: u64) -> u64 {
        (count as f64 / self.took.as_secs_f64().max(1e-9)) as u64
    }
}

fn quantiles(latency: &Histogram<u64>) -> Value {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let mut out: serde_json::Map<String, Value> = QUANTILES
        .into_iter()
        .map(|(name, quantile)| (name.to_owned(), json!(micros(latency.value_at_quantile(quantile)))))
        .collect();
    out.insert("max".to_owned(), json!(micros(latency.max())));
    out.insert("count".to_owned(), json!(latency.len()));
    Value::Object(out)
}

/// A time in a width that a table bears.
fn human(nanos: u64) -> String {
    let micros = nanos as f64 / 1e3;
    match micros {
        _ if micros < 1e3 => format!("{micros:.0} µs"),
        _ if micros < 1e6 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([human(12_400), human(1_234_000), human(2_500_000_000)], ["12 µs", "1.23 ms", "2.50 s"]);
    }

    #[test]
    fn a_stale_read_makes_the_report_unclean_in_table_and_json() {
        let mut tally = ReplayTally::new();
        tally.took(TimedCommand::Read, Duration::from_micros(100));
        tally.stale_reads = 2;
        let report = Report {
            what: "a test".to_owned(),
            addr: "nowhere".to_owned(),
            dialect: Dialect::Redis,
            tally: &tally,
            took: Duration::from_secs(1),
            refused: None,
        };
        assert!(!report.is_clean());
        assert!(report.table().contains("stale reads found  2, and 0 keys"), "{}", report.table());
        let json = report.json();
        assert_eq!(
            (json["staleReads"].as_u64(), json["latencyMicros"]["read"]["count"].as_u64()),
            (Some(2), Some(1))
        );
    }
}
