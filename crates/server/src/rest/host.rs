//! Whom a request says that it asks. A page of anybody's may have its own name resolve to this node (DNS rebinding), and the
//! browser then takes the node for that page's server; only the name that it sends tells.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Version, header};

use super::Site;
use super::names::text;
use super::problem::{Problem, Reply};
use crate::config::HostName;

/// How a request arrived; the listener puts it beside each.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    /// The connection's own address.
    pub local: IpAddr,
    /// A byte of the request's target that may not be there.
    pub bad_byte: Option<u8>,
}

/// Refuses a target that holds what it may not, and a request to a host that is not this one.
pub fn check(site: &Site, request: &Request) -> Reply<()> {
    let arrived = request.extensions().get::<Arrived>();
    if let Some(byte) = arrived.and_then(|arrived| arrived.bad_byte) {
        return Err(bad_target(byte));
    }
    let local = arrived.map(|arrived| arrived.local);
    let named = named(request.headers(), request.version())?;
    // A proxy's form of a request names its host twice; each must be this one.
    let target = request.uri().authority().map(|it| parsed(it.as_str().as_bytes())).transpose()?;
    for asked in named.into_iter().chain(target) {
        if !is_ours(site, local, &asked) {
            return Err(misdirected(&asked));
        }
    }
    Ok(())
}

fn bad_target(byte: u8) -> Problem {
    let shown = match byte {
        b'#' => "#, which begins a fragment".to_owned(),
        0x80.. => format!("the byte 0x{byte:02X}, which is beyond ASCII"),
        _ => format!("the control byte 0x{byte:02X}"),
    };
    Problem::bad("bad-target", format!("the request's target holds {shown}: write it as %{byte:02X}"))
}

/// The one host that a request names; `None` where HTTP/1.0 leaves it out, which no browser does.
fn named(headers: &HeaderMap, version: Version) -> Reply<Option<HostName>> {
    let mut all = headers.get_all(header::HOST).into_iter();
    match (all.next(), all.next()) {
        (None, _) if version < Version::HTTP_11 => Ok(None),
        (None, _) => Err(Problem::bad("bad-host", "the header Host is missing: HTTP/1.1 needs it")),
        (Some(_), Some(_)) => Err(Problem::bad("bad-host", "the header Host is given twice: give it once")),
        (Some(host), None) => parsed(host.as_bytes()).map(Some),
    }
}

fn parsed(host: &[u8]) -> Reply<HostName> {
    let split = |host: &str| -> Option<HostName> {
        let colon = host.rfind(':').filter(|colon| !host[*colon..].contains(']'));
        let (name, port) = colon.map_or((host, ""), |colon| (&host[..colon], &host[colon + 1..]));
        let is_port = port.is_empty() || (port.parse::<u16>().is_ok() && !port.starts_with('+'));
        HostName::parse(name).filter(|_| is_port)
    };
    std::str::from_utf8(host).ok().and_then(split).ok_or_else(|| {
        let detail = format!("{:?} is no host: give a name or an address, and a port if need be", text(host));
        Problem::bad("bad-host", detail)
    })
}

/// Ports are not compared: a forwarded one is another, and who rebinds a name has no need of it.
fn is_ours(site: &Site, local: Option<IpAddr>, asked: &HostName) -> bool {
    let is = |address: IpAddr| *asked == HostName::Address(address.to_canonical());
    asked.is_loopback()
        || is(site.address.ip())
        || local.is_some_and(is)
        || site.node.config().hosts.iter().any(|host| host.covers(asked))
}

fn misdirected(asked: &HostName) -> Problem {
    let asked = match asked {
        HostName::Address(address) => address.to_string(),
        HostName::Name(name) | HostName::Below(name) => name.clone(),
    };
    let detail = format!(
        "{asked:?} is not a host of this node: ask its address, or name the host in the configuration: hosts = [{asked:?}]"
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail)
}
