//! Takes connections of peers, and asks each who it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::chance;
use crate::handshake::{self, HandshakeError};
use crate::hello::Hello;
use crate::hub::Hub;
use crate::inbound;
use crate::transport::LinkStream;

/// How long nobody is let in when the system has no more sockets.
const BREATH: Duration = Duration::from_millis(50);

/// Takes connections for as long as the links run.
pub async fn run(hub: Arc<Hub>, listener: TcpListener) {
    let half_open = Arc::new(Semaphore::new(hub.settings.half_open_most));
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            sleep(BREATH).await;
            continue;
        };
        let Ok(permit) = half_open.clone().try_acquire_owned() else {
            hub.turned_away.fetch_add(1, Relaxed);
            continue;
        };
        let hub = hub.clone();
        tokio::spawn(async move {
            let limit = Duration::from_millis(hub.settings.handshake_ms);
            let shaken = timeout(limit, welcome(&hub, stream)).await;
            drop(permit);
            match shaken {
                Ok(Ok((stream, hello))) => enter(&hub, stream, hello, address),
                Ok(Err(error)) => {
                    hub.failed(&error, None, address);
                }
                // Whoever says nothing is nobody.
                Err(_) => {}
            }
        });
    }
}

async fn welcome(hub: &Arc<Hub>, stream: TcpStream) -> Result<(LinkStream, Hello), HandshakeError> {
    let settings = &hub.settings;
    let mut stream = settings.transport.accept(stream, settings.dead_ms).await?;
    let mine = hub.hello(None, chance::nonce()?);
    let judge = |theirs: &Hello| hub.judge_caller(&mine, theirs);
    let hello = handshake::listen(&mut stream, &hub.secret, &mine, judge).await?;
    Ok((stream, hello))
}

/// Reads what the peer sends, on the lane's own thread.
fn enter(hub: &Arc<Hub>, stream: LinkStream, hello: Hello, address: SocketAddr) {
    let (peer, lane) = (hello.peer, hello.lane);
    hub.met(hello);
    let Some(contact) = hub.contact(peer.node) else { return };
    contact.redial();
    let Some(lane) = lane else { return };
    let reading = inbound::run(hub.clone(), contact.clone(), lane, peer, address, stream);
    contact.track(lane).read_with(peer.incarnation, || hub.lane(lane).spawn(reading).abort_handle());
}
