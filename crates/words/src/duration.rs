//! Times as people write them.

/// A duration such as `250ms`, `2s`, `5m`, `1h` or `1d` in milliseconds. A number without a unit is none: it would be
/// read as seconds by some and as milliseconds by others.
pub fn parse_duration_ms(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => 86_400_000,
        _ => return None,
    };
    whole(number)?.checked_mul(factor)
}

/// A whole number as printing it gives it, no larger than Redis counts: `01` and `+1` are none.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        // A sign would be taken by `parse`.
        [b'1'..=b'9', ..] => std::str::from_utf8(text).ok()?.parse::<i64>().ok()?.try_into().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_plain_number_and_a_unit() {
        for (text, ms) in [
            ("250ms", Some(250)),
            ("2s", Some(2_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("1d", Some(86_400_000)),
            ("0s", Some(0)),
            ("2", None),
            ("s", None),
            ("02s", None),
            ("+2s", None),
            ("2 s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse_duration_ms(text.as_bytes()), ms, "{text}");
        }
    }
}
