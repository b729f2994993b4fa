//! Where a database is, and how connections to it are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::config::SslMode;

use super::feed::wire;
use super::tls::{Tls, TlsMode};
use crate::SourceError;
use crate::config::address::decoded;

/// What is needed to connect.
#[derive(Clone)]
pub struct Database {
    /// The url's parts.
    pub config: tokio_postgres::Config,
    /// What the url says of TLS.
    pub tls: Tls,
    /// Grows when the catalog changes: connections from before may hold plans from before, and take on nothing new.
    pub catalog: Arc<AtomicU64>,
}

impl Database {
    /// Reads a url. Connections then write values in one way whatever the server's settings are, an acknowledged commit
    /// is on its disk, and no statement outlives the timeout (0: none).
    pub fn of(url: &str, timeout_ms: u64) -> Result<Database, SourceError> {
        let wrong = |why: String| SourceError::Unreachable(format!("the url: {why}"));
        let (url, mode) = split(url).map_err(wrong)?;
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| wrong(told(&error)))?;
        config.ssl_mode(match &mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyFull(_) => SslMode::Require,
        });
        let tls = Tls::new(&mode).map_err(wrong)?;
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        config.options(format!(
            "{given}-c statement_timeout={timeout_ms} -c synchronous_commit=on {}",
            wire::VALUES
        ));
        if timeout_ms > 0 {
            config.connect_timeout(Duration::from_millis(timeout_ms));
        }
        if config.get_application_name().is_none() {
            config.application_name("clearwell");
        }
        Ok(Database { config, tls, catalog: Arc::default() })
    }

    /// The same, with statements planned once for all parameters: for those of this program, whose planning costs more than
    /// their run.
    pub fn planning_once(mut self) -> Database {
        let given = self.config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        self.config.options(format!("{given}-c plan_cache_mode=force_generic_plan"));
        self
    }

    /// The catalog is another one: connections from before take on nothing new.
    pub fn changed(&self) {
        self.catalog.fetch_add(1, Ordering::AcqRel);
    }

    /// The same, of the same catalog as another one.
    pub fn sharing(self, other: &Database) -> Database {
        Database { catalog: other.catalog.clone(), ..self }
    }
}

fn told(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Takes what is said of TLS out of a url.
fn split(url: &str) -> Result<(String, TlsMode), String> {
    let Some((address, query)) = url.split_once('?') else { return Ok((url.into(), TlsMode::Prefer)) };
    let (mut mode, mut root, mut rest) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => root = Some(decoded(value)?),
            _ => rest.push(pair),
        }
    }
    let mode = match (mode.unwrap_or("prefer"), root) {
        ("verify-full", Some(root)) => TlsMode::VerifyFull(root.into()),
        ("verify-full", None) => {
            return Err("sslmode=verify-full needs sslrootcert=FILE, the certificates to trust".into());
        }
        (_, Some(_)) => return Err("sslrootcert is looked at with sslmode=verify-full only".into()),
        ("disable", None) => TlsMode::Disable,
        ("prefer", None) => TlsMode::Prefer,
        ("require", None) => TlsMode::Require,
        (other, None) => {
            return Err(format!("sslmode={other} is not one of disable, prefer, require, verify-full"));
        }
    };
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{address}{query}"), mode))
}

/// Whether a url can be read, with what is wrong with it.
pub fn check_url(url: &str) -> Result<(), String> {
    let (url, _) = split(url)?;
    url.parse::<tokio_postgres::Config>().map(drop).map_err(|error| told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_of_tls_is_taken_out_of_it() {
        let parts = |url: &str| split(url).expect("it is well-formed");
        assert_eq!(parts("postgres://h/d"), ("postgres://h/d".into(), TlsMode::Prefer));
        let url = "postgres://h/d?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fa%20b.pem";
        assert_eq!(
            parts(url),
            ("postgres://h/d?connect_timeout=3".into(), TlsMode::VerifyFull("/a b.pem".into()))
        );
        assert_eq!(parts("postgres://h?sslmode=disable"), ("postgres://h".into(), TlsMode::Disable));
        for (url, why) in [
            ("postgres://h?sslmode=verify-ca", "not one of"),
            ("postgres://h?sslmode=verify-full", "needs sslrootcert"),
            ("postgres://h?sslrootcert=a", "verify-full only"),
            ("postgres://h?sslmode=verify-full&sslrootcert=%2", "hexadecimal"),
        ] {
            assert!(split(url).is_err_and(|wrong| wrong.contains(why)), "{url}");
        }
    }
}
