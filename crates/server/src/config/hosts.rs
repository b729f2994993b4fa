//! Names under which HTTP may be asked, beside the address that it listens on and loopback.

use std::net::{IpAddr, Ipv6Addr};

/// A host as a request or the configuration names it: an address, or a name in lower case without its last dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// An IP address; an IPv4 address in IPv6's clothes is an IPv4 address.
    Address(IpAddr),
    /// A name.
    Name(String),
    /// Every name below this one; only the configuration says so.
    Below(String),
}

/// The longest name that the domain name system has.
const NAME_LONGEST: usize = 253;

impl HostName {
    /// Reads a host without a port; IPv6 addresses stand in brackets. `None`: it is no host.
    pub fn parse(text: &str) -> Option<HostName> {
        if let Some(within) = text.strip_prefix('[') {
            let address: Ipv6Addr = within.strip_suffix(']')?.parse().ok()?;
            return Some(HostName::Address(IpAddr::V6(address).to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = name.parse::<IpAddr>() {
            return address.is_ipv4().then_some(HostName::Address(address));
        }
        let fits = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        (name.len() <= NAME_LONGEST && name.split('.').all(fits))
            .then(|| HostName::Name(name.to_ascii_lowercase()))
    }

    /// Reads one of the configuration's `hosts`.
    ///
    /// # Errors
    /// In words: what is wrong and what would be right.
    pub fn configured(text: &str) -> Result<HostName, String> {
        if text == "*" {
            return Err("\"*\" would answer every page that a browser shows, which is what hosts prevents; name the hosts, or \
                        \"*.example.com\" for all below one"
                .into());
        }
        if let Some(name) = text.strip_prefix("*.") {
            return match HostName::parse(name) {
                Some(HostName::Name(name)) => Ok(HostName::Below(name)),
                _ => Err(format!("\"{text}\" is not a name; write it such as \"*.example.com\"")),
            };
        }
        let bare = match text.parse::<IpAddr>() {
            Ok(address) => Some(HostName::Address(address.to_canonical())),
            Err(_) => HostName::parse(text),
        };
        bare.ok_or_else(|| {
            format!(
                "\"{text}\" is not a host; write a name or an address without scheme and port, such as \"cache.example.com\""
            )
        })
    }

    /// Whether a request that names `asked` means this one.
    pub fn covers(&self, asked: &HostName) -> bool {
        match (self, asked) {
            (HostName::Below(name), HostName::Name(asked)) => asked
                .strip_suffix(name.as_str())
                .is_some_and(|before| before.len() > 1 && before.ends_with('.')),
            _ => self == asked,
        }
    }

    /// Whether it is this machine, whatever it listens on.
    pub fn is_loopback(&self) -> bool {
        match self {
            HostName::Address(address) => address.is_loopback(),
            HostName::Name(name) => name == "localhost",
            HostName::Below(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_what_they_mean() {
        let host = |text| HostName::parse(text).expect(text);
        assert_eq!(host("LocalHost."), host("localhost"));
        assert_eq!(host("[::FFFF:127.0.0.1]"), host("127.0.0.1"));
        assert_eq!(host("[0:0:0:0:0:0:0:1]"), host("[::1]"));
        for loopback in ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(host(loopback).is_loopback(), "{loopback}");
        }
        for other in
            ["localhost.evil.com", "notlocalhost", "127.0.0.1.nip.io", "127.1", "0x7f000001", "10.0.0.1"]
        {
            assert!(!host(other).is_loopback(), "{other}");
        }
        for none in [
            "",
            ".",
            "a..b",
            "a b",
            "a,b",
            "[::1",
            "::1",
            "[127.0.0.1]",
            "é",
            "a/b",
            "a@b",
            "a:80",
            "localhost..",
        ] {
            assert_eq!(HostName::parse(none), None, "{none}");
        }
    }

    #[test]
    fn the_configuration_names_hosts_and_all_below_one() {
        let configured = |text| HostName::configured(text).expect(text);
        let asked = |text| HostName::parse(text).expect(text);
        assert!(configured("Cache.Example.com").covers(&asked("cache.example.COM.")));
        assert!(configured("::1").covers(&asked("[::1]")));
        let below = configured("*.example.com");
        assert!(below.covers(&asked("a.b.example.com")));
        for other in ["example.com", "evilexample.com", "example.com.evil.net"] {
            assert!(!below.covers(&asked(other)), "{other}");
        }
        for wrong in ["*", "*.*", "http://cache", "cache:7380", "*.10.0.0.1", ""] {
            assert!(HostName::configured(wrong).is_err(), "{wrong}");
        }
    }
}
