//! The HTTP listener: a thread and a runtime of its own, so that no request of this surface delays another's.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::host::Arrived;
use super::target::WatchedStream;
use super::{Site, router};
use crate::metrics::{Connected, Metrics, Surface};
use crate::node::Node;

/// How long a client may take to send a request's head, or stay idle between two.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests in progress may go on once the node is told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Connections open at once; further ones wait in the listener's queue.
const CONNECTIONS_MOST: usize = 1024;
/// Bytes of a request's head.
const HEAD_MOST: usize = 64 << 10;
/// How long to wait when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener at work; stopped when dropped.
pub struct RestServing {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RestServing {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody else, lets requests in progress end within a few seconds, and returns when all is closed.
    pub fn stop(self) {}
}

impl Drop for RestServing {
    fn drop(&mut self) {
        let _already_gone = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _its_panic_is_logged = thread.join();
        }
    }
}

/// Serves REST, the page and the description of both on `listener`, on a thread of its own.
///
/// # Errors
/// When the thread or its runtime cannot be made.
pub fn serve(node: Arc<Node>, listener: TcpListener, metrics: Metrics) -> io::Result<RestServing> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let site = Arc::new(Site::new(node, address, metrics, stopped));
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        runtime.block_on(accept(listener, site));
        runtime.shutdown_background();
    })?;
    Ok(RestServing { address, stop, thread: Some(thread) })
}

async fn accept(listener: tokio::net::TcpListener, site: Arc<Site>) {
    let app = router(site.clone());
    let mut stop = site.stop.clone();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    let mut connections = JoinSet::new();
    let ticking = tokio::spawn(tick(site.clone()));
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = async {
                let place = room.clone().acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), place) => {
                let connected = site.metrics.connected(Surface::Rest);
                let (app, stop) = (app.clone(), site.stop.clone());
                connections.spawn(async move {
                    talk(stream, app, stop, connected).await;
                    drop(place);
                });
            }
            (Err(error), _) => {
                tracing::warn!(%error, "cannot accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    ticking.abort();
    let ended = timeout(STOP_PATIENCE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(
            open = connections.len(),
            "HTTP connections are cut: their requests did not end in time"
        );
    }
}

async fn talk(stream: TcpStream, app: Router, mut stop: watch::Receiver<bool>, _open: Connected) {
    let _only_slower = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(HEAD_MOST);
    // Who has sent a whole request may close that side; the answer, a load included, is still read.
    http.half_close(true);
    let Ok(local) = stream.local_addr() else { return };
    let stream = WatchedStream::new(stream);
    let (refused, app, requests) = (stream.refused(), TowerToHyperService::new(app), AtomicU64::new(0));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let bad_byte = refused.of(requests.fetch_add(1, Relaxed));
        request.extensions_mut().insert(Arrived { local: local.ip(), bad_byte });
        app.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}

/// Answers when the node stops.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the listener's handle is gone, which is the same.
    let _its_value_is_known = stop.wait_for(|stop| *stop).await;
}

async fn tick(site: Arc<Site>) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        let now = site.node.clock().tick();
        site.metrics.tick(now);
        site.node.tick_tallies();
    }
}
