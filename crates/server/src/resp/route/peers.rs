//! One worker's connections to other nodes.

use std::collections::HashMap;

use clearwell_protocol::Resp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::link::{self, Greeting, LinkRequest};

/// Requests that may wait for a connection to take them.
const QUEUE: usize = 1024;

/// By address and protocol, and whether reads over it count as use.
#[derive(Default)]
pub struct PeerLinks(Mutex<HashMap<(String, Resp, bool), mpsc::Sender<LinkRequest>>>);

impl PeerLinks {
    /// The connection to the node at an address, which is opened if there is none. Called on the worker's own thread.
    pub fn to(
        &self,
        address: &str,
        resp: Resp,
        no_touch: bool,
        password: Option<&str>,
    ) -> mpsc::Sender<LinkRequest> {
        let mut open = self.0.lock();
        let key = (address.to_owned(), resp, no_touch);
        if let Some(sender) = open.get(&key).filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        open.retain(|_, sender| !sender.is_closed());
        let sender = opened(address, Greeting::new(resp, no_touch, password));
        open.insert(key, sender.clone());
        sender
    }

    /// One that nobody else uses; it ends with its sender. Called on the worker's own thread.
    pub fn alone(
        &self,
        address: &str,
        resp: Resp,
        no_touch: bool,
        password: Option<&str>,
    ) -> mpsc::Sender<LinkRequest> {
        opened(address, Greeting::new(resp, no_touch, password))
    }
}

fn opened(address: &str, greeting: Greeting) -> mpsc::Sender<LinkRequest> {
    let (sender, requests) = mpsc::channel(QUEUE);
    tokio::spawn(link::run(address.to_owned(), greeting, requests));
    sender
}
