//! `clearwell top`: a node at work, drawn anew each second.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use super::remote::{Audience, Remote, print, print_json};
use super::stats::{columns, figures};
use super::table::{TextTable, grouped};
use super::wire::RemoteError;
use crate::figures::human_bytes;

/// Watches a node at work.
///
/// Draws the figures anew until it is interrupted; where the output is no terminal, one picture follows the other.
#[derive(Debug, Clone, clap::Args)]
pub struct TopArgs {
    /// Seconds between two pictures
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
    /// Draw once, and end
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// The screen behind the shell's, without a cursor; and back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
/// To the upper left; the rest of a line, and what is below, is cleared.
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const BELOW: &str = "\x1b[J";

/// What is shown of each keyspace and each source: a title, and the figure.
const LABELS: [(&str, &[(&str, &str)]); 2] = [
    (
        "keyspaces",
        &[
            ("ops/s", "operations_per_second"),
            ("hit rate", "hit_rate"),
            ("hits", "hits"),
            ("misses", "misses"),
            ("loads", "loads"),
            ("load p99 ms", "load_p99_ms"),
        ],
    ),
    (
        "sources",
        &[
            ("verified", "verified"),
            ("behind ms", "behind_ms"),
            ("gaps", "gaps"),
            ("commits", "commits"),
            ("applied p99 ms", "commit_to_applied_p99_ms"),
        ],
    ),
];

/// The figures of a moment.
struct Sample {
    at: Instant,
    figures: Map<String, Json>,
}

impl Sample {
    fn number(&self, name: &str) -> f64 {
        self.figures.get(name).and_then(Json::as_f64).unwrap_or(0.0)
    }

    /// What was added a second since an earlier one.
    fn rate(&self, before: &Sample, name: &str) -> f64 {
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64();
        if seconds > 0.0 { (self.number(name) - before.number(name)).max(0.0) / seconds } else { 0.0 }
    }
}

/// Runs `clearwell top`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses, or went away.
pub fn run(args: &TopArgs) -> Result<ExitCode, String> {
    let is_drawn = std::io::stdout().is_terminal() && !args.once && !args.remote.json;
    if is_drawn {
        print(ENTER)?;
    }
    let done = args.remote.run(async |wire| {
        let watch = watch(args, wire, is_drawn);
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| RemoteError::Broken(error.to_string()))?;
        tokio::select! {
            done = watch => done,
            _ = tokio::signal::ctrl_c() => Ok(()),
            _ = end.recv() => Ok(()),
        }
    });
    if is_drawn {
        print(LEAVE)?;
    }
    done.map(|()| ExitCode::SUCCESS)
}

async fn watch(
    args: &TopArgs,
    wire: &mut super::wire::RemoteLink,
    is_drawn: bool,
) -> Result<(), RemoteError> {
    let mut ticks = tokio::time::interval(Duration::from_secs(args.interval));
    let mut before: Option<Sample> = None;
    loop {
        ticks.tick().await;
        let now = Sample { at: Instant::now(), figures: figures(wire.call(&[b"CW.STATS"]).await?) };
        let printed = if args.remote.json {
            print_json(&Json::from(now.figures.clone()))
        } else {
            let picture = picture(&args.remote.addr, &now, before.as_ref());
            print(if is_drawn { over(&picture) } else { format!("{picture}\n") }.as_bytes())
        };
        if args.once || printed.map_err(RemoteError::Broken)? == Audience::Enough {
            return Ok(());
        }
        before = Some(now);
    }
}

/// A picture that takes the place of the one before.
fn over(picture: &str) -> String {
    let lines = picture.lines().map(|line| format!("{line}{REST_OF_LINE}\r\n"));
    format!("{HOME}{}{BELOW}", lines.collect::<String>())
}

fn picture(addr: &str, now: &Sample, before: Option<&Sample>) -> String {
    let whole = |name: &str| now.number(name) as u64;
    let (used, most) = (whole("memory_bytes"), whole("max_memory_bytes"));
    let share = if most == 0 { 0.0 } else { used as f64 / most as f64 * 100.0 };
    let mut text = format!(
        "clearwell {addr}   up {}   {} of {} in use ({share:.0} %)   {} entries\n\n",
        lasting(whole("uptime_seconds")),
        human_bytes(used),
        human_bytes(most),
        grouped(now.number("entries") as i64),
    );
    let mut table = TextTable::new(&["", "a second", "since the start"]);
    for (title, name) in [
        ("operations", "operations_total"),
        ("hits", "hits"),
        ("misses", "misses"),
        ("fills", "fills"),
        ("late fills refused", "late_fills_refused"),
        ("invalidations", "invalidations"),
        ("expired", "expired"),
        ("evicted", "evicted"),
    ] {
        let rate = before.map_or_else(|| "-".to_owned(), |before| format!("{:.1}", now.rate(before, name)));
        table.row([title.to_owned(), rate, grouped(now.number(name) as i64)]);
    }
    text.push_str(&table.text());
    let (average, p99) = (now.number("average_latency_ms"), now.number("p99_latency_ms"));
    text.push_str(&format!(
        "\nhit rate {}   latency {average:.3} ms, p99 {p99:.3} ms   errors {:.2} %   in flight {}\n",
        hit_rate(now, before),
        now.number("error_rate") * 100.0,
        whole("flights"),
    ));
    for (label, shown) in LABELS {
        let all = now.figures.get(label).and_then(Json::as_object);
        let table = all.map(|all| columns(label, all, shown)).unwrap_or_default();
        if !table.is_empty() {
            text.push('\n');
            text.push_str(&table);
        }
    }
    text
}

/// Of the reads since the last picture; of all when there were none.
fn hit_rate(now: &Sample, before: Option<&Sample>) -> String {
    let of = |hits: f64, misses: f64| (hits + misses > 0.0).then(|| hits / (hits + misses) * 100.0);
    let lately = before.and_then(|before| of(now.rate(before, "hits"), now.rate(before, "misses")));
    let share = lately.or_else(|| of(now.number("hits"), now.number("misses")));
    share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1} %"))
}

fn lasting(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::FIGURES;

    fn sample(at: Instant, hits: u64) -> Sample {
        let figures =
            [("hits", hits), ("misses", 5), ("memory_bytes", 1_500_000), ("max_memory_bytes", 3_000_000)];
        let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), Json::from(*value))).collect();
        Sample { at, figures }
    }

    /// A picture that names a figure that there is not would show a dash for ever.
    #[test]
    fn what_is_shown_of_labels_is_in_the_table_of_figures() {
        for (label, shown) in LABELS {
            for (_, name) in shown {
                let known = FIGURES.iter().any(|figure| figure.name == *name && figure.label().is_some());
                assert!(known, "{label}: {name}");
            }
        }
    }

    #[test]
    fn a_picture_tells_rates_since_the_one_before() {
        let began = Instant::now();
        let (before, now) = (sample(began, 5), sample(began + Duration::from_secs(2), 25));
        let picture = picture("here:1", &now, Some(&before));
        assert!(picture.contains("1.5MB of 3MB in use (50 %)"), "{picture}");
        assert!(picture.lines().any(|line| line.split_whitespace().eq(["hits", "10.0", "25"])), "{picture}");
        assert!(picture.contains("hit rate 100.0 %"), "{picture}");
        assert!(super::picture("here:1", &before, None).contains("hit rate 50.0 %"));
    }
}
