//! Functions that answer otherwise each time: no feed tells of what they say.

/// Always.
const UNSTEADY: [&str; 8] = [
    "random",
    "randomblob",
    "current_timestamp",
    "current_date",
    "current_time",
    "changes",
    "total_changes",
    "last_insert_rowid",
];

/// When they are asked for the present time.
const TIMES: [&str; 7] = ["date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"];

/// Whether a function of SQLite that is called in one of these texts answers otherwise each time.
pub fn is_unsteady<'t>(function: &str, mut texts: impl Iterator<Item = &'t str>) -> bool {
    let function = function.to_ascii_lowercase();
    if UNSTEADY.contains(&&*function) {
        return true;
    }
    TIMES.contains(&&*function) && texts.any(|text| asks_for_now(&function, &text.to_ascii_lowercase()))
}

/// Whether it is called with `'now'`, or without the time that it is to tell.
fn asks_for_now(function: &str, text: &str) -> bool {
    text.match_indices(function).any(|(at, _)| {
        let behind = text[at + function.len()..].trim_start();
        let Some(arguments) = behind.strip_prefix('(') else { return false };
        let arguments = &arguments[..closing(arguments)];
        let none =
            if function == "strftime" { !arguments.contains(',') } else { arguments.trim().is_empty() };
        none || arguments.contains("now")
    })
}

/// Where the parenthesis that is open closes.
fn closing(text: &str) -> usize {
    let mut open = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::is_unsteady;

    #[test]
    fn the_present_time_is_told_from_times_in_rows() {
        let unsteady = |function, text| is_unsteady(function, [text].into_iter());
        assert!(unsteady("RANDOM", ""));
        assert!(unsteady("datetime", "SELECT datetime('now', '-1 day') FROM t"));
        assert!(unsteady("date", "SELECT date(made), date ( ) FROM t"));
        assert!(unsteady("strftime", "SELECT strftime('%s') FROM t"));
        assert!(!unsteady("strftime", "SELECT strftime('%s', made) FROM t"));
        assert!(!unsteady("date", "SELECT date(made, 'start of month') FROM t"));
        assert!(!unsteady("upper", "SELECT upper('now') FROM t"));
        assert!(!unsteady("date", "SELECT date(("));
    }
}
