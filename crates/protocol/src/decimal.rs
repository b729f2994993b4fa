//! INCRBYFLOAT's arithmetic: decimal, so that 0.1 and 0.2 make 0.3.
//!
//! Redis adds in 80-bit floats and prints 17 digits after the point, which hides binary rounding in most sums. Adding in
//! units of 10^-17 hides it in all: the texts agree wherever Redis's is exact. Numbers too large or too fine for it are
//! added as f64.

use crate::error::CommandError;
use crate::number::parse_f64;

/// Digits after the point that are kept.
const PLACES: i32 = 17;

/// The text of `current + increment`, as INCRBYFLOAT stores and answers it.
///
/// # Errors
/// `ERR value is not a valid float` when either is none, `ERR increment would produce NaN or Infinity`.
pub fn add_floats(current: &[u8], increment: &[u8]) -> Result<String, CommandError> {
    let float = |text| parse_f64(text).ok_or(CommandError::NOT_A_FLOAT);
    let sum = float(current)? + float(increment)?;
    if !sum.is_finite() {
        return Err(CommandError::WOULD_BE_INFINITE);
    }
    let exact = parse_units(current).zip(parse_units(increment));
    Ok(match exact.and_then(|(a, b)| a.checked_add(b)) {
        Some(units) => print_units(units),
        None => trimmed(format!("{sum:.17}")),
    })
}

/// The number in `text` in units of 10^-17, if it is a whole count of them that fits.
fn parse_units(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = PLACES.checked_sub(places)?.checked_add(exponent)?;
    digits.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)
}

fn print_units(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:018}", units.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(PLACES.unsigned_abs() as usize));
    trimmed(format!("{sign}{whole}.{fraction}"))
}

/// Without zeros at the end of the fraction, or a point that nothing follows.
fn trimmed(text: String) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
