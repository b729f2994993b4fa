//! What a source's url says: where an SQLite file is and how it is opened; which parameters a PostgreSQL url may have.

use std::path::PathBuf;

use super::SqliteMode;
use crate::nearest;

const SQLITE: [&str; 3] = ["mode", "cache", "immutable"];

/// The parameters of a PostgreSQL url that are obeyed.
const POSTGRES: [&str; 18] = [
    "sslmode",
    "sslrootcert",
    "sslnegotiation",
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "options",
    "application_name",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "channel_binding",
];

/// The file and the mode of `sqlite://file?mode=..`.
///
/// # Errors
/// In words: what is wrong with it and what would be right.
pub fn sqlite(url: &str) -> Result<(PathBuf, SqliteMode), String> {
    let Some(("sqlite", address)) = url.split_once("://") else {
        return Err(format!(
            "\"{url}\" is not a source; write it such as \"sqlite://posts.db\" or \"postgres://user@host/database\""
        ));
    };
    let (name, query) = address.split_once('?').unwrap_or((address, ""));
    if address.contains('#') {
        return Err("a # in a url begins a comment on it; write %23 for the sign itself".into());
    }
    let mut mode = None;
    for (key, value) in pairs(query)? {
        match (&*key, &*value) {
            ("mode", "rwc") => mode = Some(SqliteMode::Create),
            ("mode", "rw") => mode = Some(SqliteMode::Write),
            ("mode", "ro") => mode = Some(SqliteMode::Read),
            ("mode", "memory") => mode = Some(SqliteMode::Memory),
            ("mode", other) => {
                let hint = nearest(other, &["ro", "rw", "rwc", "memory"]);
                return Err(format!("mode={other} is no mode{hint}"));
            }
            ("cache", "private") | ("immutable", "0") => {}
            ("cache", "shared") => {
                return Err("cache=shared is not taken: connections that share a cache hide commits from each other; leave it out".into());
            }
            ("immutable", "1") => {
                return Err("immutable=1 is not taken: changes of the file would not be seen; mode=ro reads a file without writing to it".into());
            }
            ("cache" | "immutable", other) => {
                return Err(format!("{key}={other} is not known; leave it out"));
            }
            _ => return Err(unknown(&key, &SQLITE)),
        }
    }
    let name = decoded(name)?;
    if name.contains('\0') {
        return Err("a file's name has no NUL in it".into());
    }
    match (&*name, mode) {
        (":memory:", None | Some(SqliteMode::Memory | SqliteMode::Create)) => {
            Ok((PathBuf::from(name), SqliteMode::Memory))
        }
        (":memory:", Some(_)) => Err("a database in memory is read and written; leave mode out".into()),
        ("", _) => Err("the file's name is missing, such as \"sqlite://posts.db\"".into()),
        (name, _) if name.ends_with('/') => Err(format!("\"{name}\" is a folder; name the file in it")),
        (name, mode) => Ok((PathBuf::from(name), mode.unwrap_or_default())),
    }
}

/// Whether a PostgreSQL url can be read and has only parameters that are obeyed.
///
/// # Errors
/// In words: what is wrong with it and what would be right.
pub fn postgres(url: &str) -> Result<(), String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (key, _) in pairs(query)? {
        if !POSTGRES.contains(&&*key) {
            return Err(unknown(&key, &POSTGRES));
        }
    }
    crate::postgres::check_url(url)
}

fn unknown(key: &str, known: &[&str]) -> String {
    format!("unknown parameter \"{key}\" in the url{}", nearest(key, known))
}

/// Names and values behind the `?`, decoded, each name once.
fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(format!("\"{pair}\" in the url has no value; write name=value"));
        };
        let (key, value) = (decoded(key)?, decoded(value)?);
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(format!("the parameter \"{key}\" stands in the url twice"));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// Percent-decoding.
pub(crate) fn decoded(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "\"{text}\" has a % that two hexadecimal digits do not follow (write %25 for the sign itself), or is not UTF-8"
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let byte = match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
                rest = after;
                let digits =
                    std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(wrong)?
            }
            byte => *byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_sqlite_files_are_read() {
        for (url, path, mode) in [
            ("sqlite://posts.db", "posts.db", SqliteMode::Create),
            ("sqlite:///var/lib/posts.db?mode=ro", "/var/lib/posts.db", SqliteMode::Read),
            ("sqlite://a/b.db?mode=rw&cache=private", "a/b.db", SqliteMode::Write),
            ("sqlite://b.db?mode=rwc&immutable=0", "b.db", SqliteMode::Create),
            ("sqlite://my%20posts%3F.db?", "my posts?.db", SqliteMode::Create),
            ("sqlite://b.db?m%6fde=%72o", "b.db", SqliteMode::Read),
            ("sqlite://:memory:", ":memory:", SqliteMode::Memory),
            ("sqlite://name?mode=memory", "name", SqliteMode::Memory),
        ] {
            assert_eq!(sqlite(url), Ok((PathBuf::from(path), mode)), "{url}");
        }
    }

    #[test]
    fn other_addresses_say_what_would_be_right() {
        for (url, why) in [
            ("posts.db", "\"posts.db\" is not a source"),
            ("sqlite:posts.db", "is not a source"),
            ("sqlite://", "the file's name is missing"),
            ("sqlite://?mode=ro", "the file's name is missing"),
            ("sqlite://data/", "is a folder"),
            ("sqlite://x.db?mod=ro", "unknown parameter \"mod\" in the url; did you mean \"mode\"?"),
            (
                "sqlite://x.db?vfs=unix",
                "unknown parameter \"vfs\" in the url; known are mode, cache, immutable",
            ),
            ("sqlite://x.db?mode=r", "mode=r is no mode; did you mean \"ro\"?"),
            ("sqlite://x.db?mode", "has no value"),
            ("sqlite://x.db?mode=ro&mode=rw", "stands in the url twice"),
            ("sqlite://x.db?cache=shared", "cache=shared is not taken"),
            ("sqlite://x.db?immutable=1", "mode=ro reads a file without writing to it"),
            ("sqlite://:memory:?mode=ro", "leave mode out"),
            ("sqlite://100%.db", "write %25 for the sign itself"),
            ("sqlite://x%+1.db", "hexadecimal"),
            ("sqlite://x.db#main", "%23"),
            ("sqlite://x%00.db", "NUL"),
        ] {
            assert!(sqlite(url).is_err_and(|told| told.contains(why)), "{url}: {:?}", sqlite(url));
        }
        for (url, why) in [
            (
                "postgres://h/d?sslmod=disable",
                "unknown parameter \"sslmod\" in the url; did you mean \"sslmode\"?",
            ),
            ("postgres://h/d?sslcert=a.pem", "unknown parameter \"sslcert\" in the url"),
            ("postgres://h/d?sslmode=maybe", "not one of"),
            ("postgres://h/d?connect_timeout=soon", "connect_timeout"),
            ("postgres://h:port/d", "port"),
        ] {
            assert!(postgres(url).is_err_and(|told| told.contains(why)), "{url}: {:?}", postgres(url));
        }
        assert_eq!(
            postgres("postgres://u:p@h:5/d?sslmode=disable&connect_timeout=3&application_name=a%20b"),
            Ok(())
        );
    }
}
