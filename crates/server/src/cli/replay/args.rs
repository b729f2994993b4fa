//! The arguments of `clearwell replay`.

use std::path::PathBuf;
use std::time::Duration;

use super::session::ReplayPlan;
use super::trace::SIZE_MOST;
use super::workload::Mix;

/// Replays a cache trace against a node, with writes and invalidations mixed in, and looks for stale reads.
///
/// Without FILE it makes up a Zipf workload; without --addr it starts a node of its own. Exits with 1 when it found a
/// stale read or an error.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// The trace: `key` or `key,size in bytes` a line, plain or zstd
    pub file: Option<PathBuf>,
    /// The RESP address of a node, or of a Redis server to compare with; a node in this process when left out
    #[arg(long, value_name = "HOST:PORT")]
    pub addr: Option<String>,
    /// The password of that node
    #[arg(long, env = "CLEARWELL_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Stop after this many requests [default: the whole file; 1000000 without one]
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
    /// Stop after this time, like 30s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Requests that a connection sends before it waits for their answers
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub pipeline: u16,
    /// Share of the requests that are writes
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub writes: f64,
    /// Share of the requests that change a whole group of keys and invalidate it by tag, pattern or keys
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = share)]
    pub invalidations: f64,
    /// Size of values where the trace gives none, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = size)]
    pub value_size: usize,
    /// Of everything that chance decides
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Keys of the workload without a file
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub keys: u64,
    /// Exponent of its Zipf distribution
    #[arg(long, value_name = "S", default_value_t = 0.99, value_parser = exponent)]
    pub zipf: f64,
    /// What the names of all keys begin with; what is there already under it is removed first
    #[arg(long, default_value = "replay:", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub prefix: String,
    /// Provoke the race of late fills: --slow-fills 20% --pool
    #[arg(long)]
    pub race: bool,
    /// Share of the fills that are held back after their row was read
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub slow_fills: Option<f64>,
    /// For how many requests they are held back
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub slow_by: u64,
    /// Send fills on whichever connection is free, as a client's pool does, not on the one that missed
    #[arg(long)]
    pub pool: bool,
    /// Print one JSON object, and no progress
    #[arg(long)]
    pub json: bool,
}

/// Requests of a replay without a file and without an end.
const REQUESTS: u64 = 1_000_000;

impl ReplayArgs {
    /// How the requests are carried out; `run` names the run.
    pub fn plan(&self, run: u64) -> ReplayPlan {
        let endless = self.file.is_none() && self.duration.is_none();
        ReplayPlan {
            pipeline: usize::from(self.pipeline),
            requests: self.requests.or(endless.then_some(REQUESTS)),
            slow_fills: self.slow_fills.unwrap_or(if self.race { 0.2 } else { 0.0 }),
            slow_by: self.slow_by,
            pool: self.pool || self.race,
            run,
            seed: self.seed,
        }
    }

    /// The mix of the requests.
    ///
    /// # Errors
    /// The shares add up to more than all.
    pub fn mix(&self) -> Result<Mix, String> {
        match self.writes + self.invalidations {
            sum if sum <= 1.0 => Ok(Mix { writes: self.writes, changes: self.invalidations }),
            _ => Err("--writes and --invalidations together are more than 100%".to_owned()),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=whole).contains(&number) => Ok(number / whole),
        _ => Err("expected a share like 5% or 0.05, at most 100%".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time like 500ms, 30s, 5m or 1h".to_owned();
    clearwell_protocol::parse_duration_ms(text.as_bytes()).map(Duration::from_millis).ok_or_else(wrong)
}

fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("expected a number of bytes, at most {SIZE_MOST}");
    text.parse().ok().filter(|&size| size <= SIZE_MOST).ok_or_else(wrong)
}

fn exponent(text: &str) -> Result<f64, String> {
    let wrong = || "expected a number from 0 (uniform) to 10".to_owned();
    text.parse().ok().filter(|s| (0.0..=10.0).contains(s)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_percent_or_fraction() {
        assert_eq!(
            [share("5%"), share("0.05"), share("100%"), share("0")],
            [Ok(0.05), Ok(0.05), Ok(1.0), Ok(0.0)]
        );
        for wrong in ["", "%", "101%", "1.5", "-1%", "NaN", "five"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
