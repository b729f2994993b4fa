//! Opens the connection of one lane to a peer, again and again, and sends on it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clearwell_words::NodeId;
use tokio::net::lookup_host;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::chance;
use crate::contact::Contact;
use crate::handshake::{self, RefusedBy};
use crate::hello::Hello;
use crate::hub::Hub;
use crate::lane::Lane;
use crate::receiver::{Notice, Unreached};
use crate::send::{self, LaneEnd};
use crate::settings::beyond_loopback;
use crate::transport::LinkStream;

/// An open connection, and who is on its other end.
pub struct OpenLink {
    pub stream: LinkStream,
    pub hello: Hello,
    pub address: SocketAddr,
}

/// How long to wait in any case: two nodes whose connections break at once would else wake one another without end.
const BREATH_MS: u64 = 25;

/// Keeps a lane to a peer open, or where it is the one for bulk: opens it when there is something to send. It ends when the peer is
/// forgotten.
pub async fn run(hub: Arc<Hub>, contact: Arc<Contact>, lane: Lane) {
    let (least, most) = hub.settings.redial_ms;
    let mut backoff = Backoff::new(least, most);
    let track = contact.track(lane);
    let mut turn = 0;
    loop {
        if lane == Lane::Bulk {
            track.has_work().await;
        }
        // From here on, before it is looked where the peer is, so that no word of it is missed.
        let heard = track.redial.notified();
        let addresses = contact.addresses();
        if addresses.is_empty() {
            heard.await;
            continue;
        }
        let address = &addresses[turn % addresses.len()];
        let heard = match reach(&hub, address, Some(lane), Some(contact.node)).await {
            Ok(reached) => {
                turn = 0;
                contact.reached(address);
                let began = hub.now();
                if let LaneEnd::Idle = stay(&hub, &contact, lane, reached).await {
                    continue;
                }
                backoff.stood(hub.now().since(began));
                track.redial.notified()
            }
            Err(why) => {
                turn += 1;
                match why {
                    Unreached::Refused(_) => backoff.refused(),
                    Unreached::Broken(why) => contact.unreached(why),
                }
                heard
            }
        };
        let wait = backoff.next(chance::spread());
        let breath = wait.min(BREATH_MS);
        sleep(Duration::from_millis(breath)).await;
        if timeout(Duration::from_millis(wait - breath), heard).await.is_ok() {
            // It may have said where it is now.
            turn = 0;
        }
    }
}

/// Sends on an open connection until it ends.
async fn stay(hub: &Arc<Hub>, contact: &Arc<Contact>, lane: Lane, reached: OpenLink) -> LaneEnd {
    let OpenLink { stream, hello, address } = reached;
    let (track, peer) = (contact.track(lane), hello.peer);
    contact.accepted();
    track.is_open.store(true, Relaxed);
    track.opened.fetch_add(1, Relaxed);
    hub.met(hello);
    hub.receiver.notice(Notice::Opened(peer, lane));
    let ending = send::run(hub, contact, lane, stream, peer).await;
    track.is_open.store(false, Relaxed);
    if let LaneEnd::Refused(why) = &ending {
        hub.refused(why.clone(), RefusedBy::There, Some(peer.node), address);
    }
    hub.receiver.notice(Notice::Closed(peer, lane, ending.to_string()));
    ending
}

/// Opens a connection to an address, and asks who is there. `node` is who should be. A name may have many addresses: the first one is
/// taken at which somebody is and neither side refuses.
pub async fn reach(
    hub: &Arc<Hub>,
    address: &str,
    lane: Option<Lane>,
    node: Option<NodeId>,
) -> Result<OpenLink, Unreached> {
    let limit = Duration::from_millis(hub.settings.connect_ms);
    let found = match timeout(limit, lookup_host(address)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(Unreached::Broken(error.to_string())),
        Err(_) => return Err(Unreached::Broken("the name is not found in time".into())),
    };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    reach_one_of(hub, host, found, lane, node).await
}

/// The first of a host's addresses at which somebody is and neither side refuses; else what is wrong with the last one, where this node
/// itself is none.
pub async fn reach_one_of(
    hub: &Arc<Hub>,
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
    lane: Option<Lane>,
    node: Option<NodeId>,
) -> Result<OpenLink, Unreached> {
    let mut last = None;
    for address in found {
        match open(hub, host, address, lane, node).await {
            Ok(reached) => return Ok(reached),
            Err(why) if why.is_oneself() && last.is_some() => {}
            Err(why) => last = Some(why),
        }
    }
    Err(last.unwrap_or_else(|| Unreached::Broken("the name has no address".into())))
}

async fn open(
    hub: &Arc<Hub>,
    host: &str,
    address: SocketAddr,
    lane: Option<Lane>,
    node: Option<NodeId>,
) -> Result<OpenLink, Unreached> {
    let broken = |why: &dyn std::fmt::Display| Unreached::Broken(format!("{address}: {why}"));
    let mut stream = connect(hub, host, address).await.map_err(|error| broken(&error))?;
    let shaken = async {
        let mine = hub.hello(lane, chance::nonce()?);
        handshake::dial(&mut stream, &hub.secret, &mine, |theirs| hub.judge(&mine, theirs, node)).await
    };
    let limit = Duration::from_millis(hub.settings.handshake_ms);
    match timeout(limit, shaken).await {
        Ok(Ok(hello)) => Ok(OpenLink { stream, hello, address }),
        Ok(Err(error)) => Err(match hub.failed(&error, node, address) {
            Some(refused) => Unreached::Refused(refused),
            None => broken(&error),
        }),
        Err(_) => Err(broken(&"the handshake takes too long")),
    }
}

async fn connect(hub: &Hub, host: &str, address: SocketAddr) -> io::Result<LinkStream> {
    let settings = &hub.settings;
    if !settings.is_proved() && !address.ip().is_loopback() {
        return Err(io::Error::other(beyond_loopback("dialing", address)));
    }
    let opened = settings.transport.connect(host, address, settings.dead_ms);
    let slow = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
    timeout(Duration::from_millis(settings.connect_ms), opened).await.map_err(|_| slow())?
}
