//! Asks at an address who is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::chance;
use crate::dial::reach;
use crate::hub::Hub;
use crate::receiver::Unreached;

/// Asks until a peer is there and neither side refuses, or until it turns out to be this node itself. A name that leads to this node may
/// lead to others later.
pub async fn run(hub: Arc<Hub>, address: String) {
    let (least, most) = hub.settings.redial_ms;
    let mut backoff = Backoff::new(least, most);
    let is_name = address.parse::<SocketAddr>().is_err();
    loop {
        match reach(&hub, &address, None, None).await {
            Ok(reached) => {
                if let Some(contact) = hub.contact(reached.hello.peer.node) {
                    contact.learn(std::slice::from_ref(&address));
                    contact.redial();
                }
                hub.found(&address);
                return hub.met(reached.hello);
            }
            Err(why) if why.is_oneself() && !is_name => return hub.found(&address),
            Err(why) => {
                if matches!(why, Unreached::Refused(_)) {
                    backoff.refused();
                }
                hub.sought(&address, why);
            }
        }
        sleep(Duration::from_millis(backoff.next(chance::spread()))).await;
    }
}
