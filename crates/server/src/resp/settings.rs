//! What CONFIG SET changes while the server runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};

use arc_swap::ArcSwapOption;

/// The settings of this surface. Each takes effect with the next command, connection or second.
pub struct Settings {
    /// Connections idle for so many seconds are closed; 0 is never.
    pub timeout_s: AtomicU64,
    /// Commands from so many microseconds on are slow; negative is none.
    pub slower_than_us: AtomicI64,
    /// Slow commands kept.
    pub slowlog_most: AtomicUsize,
    /// Connections at most.
    pub max_clients: AtomicUsize,
    /// The longest argument, in bytes.
    pub max_bulk: AtomicUsize,
    /// The longest request, MULTI's queue included, in bytes.
    pub max_request: AtomicUsize,
    /// Seconds between keep-alive probes of new connections; 0 is none.
    pub keepalive_s: AtomicU64,
    /// Whether INFO latencystats tells percentiles.
    pub latency_tracking: AtomicBool,
    /// The password of the `default` user.
    pub password: ArcSwapOption<String>,
}

impl Settings {
    /// Redis's defaults, and the configured password.
    pub fn new(password: Option<&str>) -> Settings {
        Settings {
            timeout_s: AtomicU64::new(0),
            slower_than_us: AtomicI64::new(10_000),
            slowlog_most: AtomicUsize::new(128),
            max_clients: AtomicUsize::new(10_000),
            max_bulk: AtomicUsize::new(512 << 20),
            max_request: AtomicUsize::new(1 << 30),
            keepalive_s: AtomicU64::new(300),
            latency_tracking: AtomicBool::new(true),
            password: ArcSwapOption::from(password.map(|text| Arc::new(text.to_owned()))),
        }
    }

    /// Whether `given` is the password. Takes a time that tells nothing about it but its length.
    pub fn is_password(&self, given: &[u8]) -> bool {
        let Some(password) = self.password.load_full() else { return true };
        let password = password.as_bytes();
        let differences = given
            .iter()
            .enumerate()
            .fold(0u8, |seen, (at, byte)| seen | (byte ^ password.get(at).copied().unwrap_or(0)));
        differences == 0 && given.len() == password.len()
    }

    /// Whether clients must log in.
    pub fn asks_password(&self) -> bool {
        self.password.load().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_password_is_the_password() {
        let settings = Settings::new(Some("secret"));
        assert!(settings.asks_password() && settings.is_password(b"secret"));
        for wrong in [&b""[..], b"secre", b"secret\0", b"Secret", b"secretsecret"] {
            assert!(!settings.is_password(wrong), "{wrong:?}");
        }
        assert!(Settings::new(None).is_password(b"whatever"));
    }
}
