//! Sums of decimal fractions as Redis prints them: exactly where 17 places suffice, otherwise as a double.

use clearwell_protocol::{CommandError, parse_f64};

/// Decimal places that a result may have, as Redis prints at most.
const PLACES: u32 = 17;
/// Digits that are added exactly.
const DIGITS: usize = 30;

const NOT_FINITE: CommandError = CommandError::literal("ERR increment would produce NaN or Infinity");

/// Whether a text is a number.
pub fn check(text: &[u8]) -> Result<f64, CommandError> {
    parse_f64(text).ok_or(CommandError::NOT_A_FLOAT)
}

/// The sum of two numbers in text, in text, without an exponent and without trailing zeros.
pub fn add(a: &[u8], b: &[u8]) -> Result<String, CommandError> {
    let (x, y) = (check(a)?, check(b)?);
    if let (Some(x), Some(y)) = (exact(a), exact(b))
        && let Some(sum) = x.checked_add(y)
    {
        return Ok(print(sum));
    }
    let sum = x + y;
    if sum.is_finite() { Ok(sum.to_string()) } else { Err(NOT_FINITE) }
}

/// A plain decimal fraction in units of 10^-17; `None` for one with an exponent or with too many digits.
fn exact(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut places: Option<u32> = None;
    let mut value: i128 = 0;
    if digits.len() > DIGITS {
        return None;
    }
    for &byte in digits {
        match byte {
            b'.' if places.is_none() => places = Some(0),
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                places = places.map(|count| count + 1);
            }
            _ => return None,
        }
    }
    let missing = PLACES.checked_sub(places.unwrap_or(0))?;
    let value = value.checked_mul(10i128.checked_pow(missing)?)?;
    Some(if negative { -value } else { value })
}

fn print(value: i128) -> String {
    let unit = 10u128.pow(PLACES);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (magnitude / unit, magnitude % unit);
    let text = format!("{sign}{whole}.{fraction:017}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_printed_as_redis_prints_them() {
        let cases = [
            ("10.50", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-0.5", "0.25", "-0.25"),
            ("0", "1", "1"),
            ("1", "0.00000000000000001", "1.00000000000000001"),
            ("17179869184", "1.5", "17179869185.5"),
        ];
        for (a, b, sum) in cases {
            assert_eq!(add(a.as_bytes(), b.as_bytes()).as_deref(), Ok(sum), "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        assert_eq!(add(b"abc", b"1"), Err(CommandError::NOT_A_FLOAT));
        assert_eq!(add(b"1", b"nan"), Err(CommandError::NOT_A_FLOAT));
        assert_eq!(add(b"1e308", b"1.7e308"), Err(NOT_FINITE));
    }
}
