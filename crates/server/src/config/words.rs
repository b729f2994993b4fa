//! The small languages of values: durations, sizes, shares, levels, strategies.

use clearwell_source::nearest;

use super::{Level, Strategy, Unfollowed, Unverified};

/// Milliseconds of `10ms`, `2s`, `1.5m`, `1h`, `1d`.
pub fn duration(text: &str) -> Result<u64, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    scaled(text, &units).ok_or_else(|| {
        format!("\"{text}\" is not a duration; write a number and ms, s, m, h or d, such as \"2s\"")
    })
}

/// Bytes of `256MB` (powers of ten) or `1GiB` (powers of two).
pub fn size(text: &str) -> Result<u64, String> {
    let units = [
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    scaled(text, &units).ok_or_else(|| {
        format!(
            "\"{text}\" is not a size; write a number and B, KB, MB, GB, KiB, MiB or GiB, such as \"256MB\""
        )
    })
}

/// A share from 0 to 1 of `10%`.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(plain_number).filter(|percent| *percent <= 100.0);
    number
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("\"{text}\" is not a percentage from 0% to 100%; write it such as \"10%\""))
}

/// A level, such as `strong` or `bounded(2s)`.
pub fn level(text: &str) -> Result<Level, String> {
    let bound = text.strip_prefix("bounded(").and_then(|rest| rest.strip_suffix(')'));
    Ok(match (text, bound) {
        (_, Some(bound)) => Level::Bounded(duration(bound)?),
        ("bounded", None) => return Err("the level bounded needs its bound, such as \"bounded(2s)\"".into()),
        ("strong", _) => Level::Strong,
        ("session", _) => Level::Session,
        ("causal", _) => Level::Causal,
        ("eventual", _) => Level::Eventual,
        ("weak", _) => Level::Weak,
        _ => {
            let known = ["strong", "session", "causal", "bounded(2s)", "eventual", "weak"];
            return Err(format!("unknown level \"{text}\"{}", nearest(text, &known)));
        }
    })
}

/// A strategy.
pub fn strategy(text: &str) -> Result<Strategy, String> {
    Ok(match text {
        "write-through" => Strategy::Through,
        "write-invalidate" => Strategy::Invalidate,
        "cache-only" => Strategy::CacheOnly,
        "write-back" => Strategy::Back,
        _ => {
            let known = ["write-through", "write-invalidate", "write-back", "cache-only"];
            return Err(format!("unknown strategy \"{text}\"{}", nearest(text, &known)));
        }
    })
}

/// What readers get while a feed is not complete, such as `bypass` or `bounded(5s)`.
pub fn unverified(text: &str) -> Result<Unverified, String> {
    let bound = text.strip_prefix("bounded(").and_then(|rest| rest.strip_suffix(')'));
    Ok(match (text, bound) {
        (_, Some(bound)) => match duration(bound)? {
            0 => return Err("a bound of nothing keeps nothing: that is \"bypass\"".into()),
            ms => Unverified::Bounded(ms),
        },
        ("bounded", None) => return Err("bounded needs its bound, such as \"bounded(5s)\"".into()),
        ("bypass", _) => Unverified::Bypass,
        ("refuse", _) => Unverified::Refuse,
        _ => {
            let known = ["bypass", "bounded(5s)", "refuse"];
            return Err(format!("unknown policy \"{text}\"{}", nearest(text, &known)));
        }
    })
}

/// What is to happen when a keyspace is not followed, such as `ok`.
pub fn unfollowed(text: &str) -> Result<Unfollowed, String> {
    match text {
        "warn" => Ok(Unfollowed::Warn),
        "ok" => Ok(Unfollowed::Meant),
        "refuse" => Ok(Unfollowed::Refuse),
        _ => Err(format!("\"{text}\" is no answer{}", nearest(text, &["ok", "warn", "refuse"]))),
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*scale);
    }
    // Exact up to 2^53: beyond it nobody writes fractions.
    let scaled = plain_number(number)? * (*scale as f64);
    (scaled < 9e15).then_some(scaled.round() as u64)
}

fn plain_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let times = ["0s", "10ms", "2s", "1.5m", "1 h", "1d"].map(|text| duration(text).unwrap());
        assert_eq!(times, [0, 10, 2000, 90_000, 3_600_000, 86_400_000]);
        let sizes = ["0B", "256MB", "1GiB", "1.5KiB"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [0, 256_000_000, 1 << 30, 1536]);
        assert_eq!(["0%", "10%", "100%"].map(|text| share(text).unwrap()), [0.0, 0.1, 1.0]);
        assert_eq!(level("bounded(2s)"), Ok(Level::Bounded(2000)));
        assert_eq!(unverified("bounded(5s)"), Ok(Unverified::Bounded(5000)));
        assert_eq!(
            ["bypass", "refuse"].map(|text| unverified(text).unwrap()),
            [Unverified::Bypass, Unverified::Refuse]
        );
    }

    #[test]
    fn other_values_are_refused() {
        for text in [
            "",
            "2",
            "s",
            "-2s",
            "2 sec",
            "1e3s",
            "1.2.3s",
            "99999999999999999999s",
            "18446744073709551615d",
            "infs",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, wrong) in [
            ("serve", "unknown policy \"serve\"; known are bypass, bounded(5s), refuse"),
            ("bounded", "bounded needs its bound, such as \"bounded(5s)\""),
            ("bounded(0s)", "a bound of nothing keeps nothing: that is \"bypass\""),
            ("bounded(5)", "\"5\" is not a duration; write a number and ms, s, m, h or d, such as \"2s\""),
        ] {
            assert_eq!(unverified(text), Err(wrong.into()));
        }
        for text in ["", "1", "-1MB", "1mb", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "10", "101%", "-1%", "NaN%", "inf%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
