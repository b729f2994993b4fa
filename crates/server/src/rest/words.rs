//! Levels, strategies, durations and times as REST writes them.

use super::names::unknown;
use super::problem::{Problem, Reply};
use crate::config::{Level, Strategy};
use clearwell_protocol::parse_duration_ms;

const STRATEGIES: [&str; 4] = ["write-through", "write-invalidate", "write-back", "cache-only"];
const LEVELS: [&str; 6] = ["strong", "session", "causal", "bounded(2s)", "eventual", "weak"];

/// A write strategy by its name.
pub fn strategy(word: &str) -> Reply<Strategy> {
    let bad = |_| Problem::bad("bad-value", unknown("strategy", word, &STRATEGIES));
    Strategy::parse(word.as_bytes()).map_err(bad)
}

/// A level by its name.
pub fn level(word: &str) -> Reply<Level> {
    let bad = |_| Problem::bad("bad-value", unknown("level", word, &LEVELS));
    Level::parse(word.as_bytes()).map_err(bad)
}

/// A duration with its unit, in milliseconds.
pub fn duration_ms(name: &str, word: &str) -> Reply<u64> {
    parse_duration_ms(word.as_bytes()).ok_or_else(|| {
        let detail =
            format!("{name} is {word:?}: a duration such as \"500ms\", \"2s\", \"5m\" or \"1h\" is needed");
        Problem::bad("bad-value", detail)
    })
}

/// A wall-clock time in UTC as RFC 3339 writes it, to the millisecond.
pub fn rfc3339(unix_ms: i64) -> String {
    let (days, ms) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// The date of a day counted from 1970-01-01, by counting in eras of 400 years that begin in March, so that the leap
/// day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_rfc_says() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_262_399_999, "2026-11-21T11:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), expected);
        }
    }
}
