//! Threads and sockets: one acceptor, and workers that share nothing but the server's state.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::connection;
use super::meter;
use super::route::Routing;
use super::server::Server;
use crate::metrics::{BadInput, Metrics};
use crate::node::Node;

/// How long connections may take to finish what they are doing when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// The pause of the acceptor when the system gives it no socket.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A running surface. Dropping it tells the threads to end; [`RespServing::stop`] also waits for them.
pub struct RespServing {
    server: Arc<Server>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// Serves the Redis protocol on `listener` with so many worker threads (at least one). Who comes by `redirect` knows clusters, and is
/// told where its keys are.
///
/// # Errors
/// The system gives no thread, no runtime, or takes the listener back.
pub fn serve(
    node: Arc<Node>,
    listener: std::net::TcpListener,
    redirect: Option<std::net::TcpListener>,
    workers: usize,
    metrics: &Metrics,
) -> io::Result<RespServing> {
    let workers = workers.max(1);
    let server = Arc::new(Server::new(node, listener.local_addr()?, workers, metrics));
    let (stop, stopped) = watch::channel(false);
    let mut threads = Vec::with_capacity(workers.saturating_add(1));
    let mut senders = Vec::with_capacity(workers);
    for index in 0..workers {
        let (sender, sockets) = unbounded_channel();
        senders.push(sender);
        let (server, runtime) = (server.clone(), runtime()?);
        let thread = std::thread::Builder::new().name(format!("resp-{index}"));
        threads.push(thread.spawn(move || runtime.block_on(work(server, index, sockets)))?);
    }
    let listeners = [(Some(listener), Routing::Forward), (redirect, Routing::Redirect)];
    for (listener, routing) in
        listeners.into_iter().filter_map(|(listener, routing)| Some((listener?, routing)))
    {
        listener.set_nonblocking(true)?;
        let (acceptor, senders, stopped, runtime) =
            (server.clone(), senders.clone(), stopped.clone(), runtime()?);
        let thread = std::thread::Builder::new().name("resp-accept".into());
        let accepting = move || runtime.block_on(accept(acceptor, (listener, routing), senders, stopped));
        threads.push(thread.spawn(accepting)?);
    }
    Ok(RespServing { server, stop, threads })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl RespServing {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Accepts no more, lets every connection finish the commands that it is running, and waits for the threads.
    pub fn stop(mut self) {
        self.tell();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker thread had panicked");
            }
        }
    }

    fn tell(&self) {
        self.server.stopping.store(true, Relaxed);
        self.stop.send_replace(true);
        self.server.registry.all().iter().for_each(|client| client.kill());
    }
}

impl Drop for RespServing {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Accepts connections and hands them round robin. When the system has no more descriptors, a reserved one is given up
/// to accept and turn away the connection that waits, so that the backlog does not keep the acceptor spinning.
async fn accept(
    server: Arc<Server>,
    (listener, routing): (std::net::TcpListener, Routing),
    workers: Vec<UnboundedSender<connection::Accepted>>,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    let mut reserve = File::open("/dev/null").ok();
    let mut failing = false;
    for worker in workers.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|&stop| stop) => return,
        };
        match accepted.and_then(|(socket, _)| socket.into_std()) {
            Ok(socket) => {
                failing = false;
                tune(&socket, server.settings.keepalive_s.load(Relaxed));
                let id = server.registry.next_id();
                if worker.send(connection::Accepted { id, socket, routing }).is_err() {
                    return tracing::error!("a worker thread is gone");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept connections");
                }
                if reserve.take().is_some()
                    && let Ok(turned_away) = tokio::time::timeout(BACK_OFF, listener.accept()).await
                {
                    drop(turned_away);
                }
                tokio::time::sleep(BACK_OFF).await;
                reserve = File::open("/dev/null").ok();
            }
        }
    }
}

/// Small replies leave at once; a peer that vanished is noticed. What the system refuses of it is no harm.
fn tune(socket: &std::net::TcpStream, keepalive_s: u64) {
    let socket = SockRef::from(socket);
    let _refused = socket.set_tcp_nodelay(true);
    if keepalive_s > 0 {
        let every = Duration::from_secs(keepalive_s);
        let keepalive = TcpKeepalive::new().with_time(every).with_interval(every / 3);
        let _refused = socket.set_tcp_keepalive(&keepalive);
    }
}

/// One worker: its connections are tasks of its own thread.
async fn work(server: Arc<Server>, index: usize, mut sockets: UnboundedReceiver<connection::Accepted>) {
    if index == 0 {
        tokio::spawn(keep_house(server.clone()));
    }
    while let Some(accepted) = sockets.recv().await {
        tokio::spawn(connection::run(server.clone(), index, accepted));
    }
    let deadline = tokio::time::Instant::now() + FAREWELL;
    let left = || server.workers[index].connections.load(Relaxed);
    while left() > 0 && tokio::time::Instant::now() < deadline {
        // Also those that were handed over at the last moment.
        server.registry.all().iter().for_each(|client| client.kill());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What has to be done now and then: rates are sampled, and who is idle for too long is closed.
async fn keep_house(server: Arc<Server>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(meter::EVERY_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        server.meter.sample(server.sample());
        let timeout_ms = server.settings.timeout_s.load(Relaxed).saturating_mul(1000);
        if timeout_ms > 0 {
            let now = server.node.clock().tick();
            let clients = server.registry.all();
            let idle = clients.iter().filter(|client| client.is_idle(now, timeout_ms));
            idle.for_each(|client| {
                if client.is_amid_request() {
                    server.metrics.bad_input(BadInput::Slow);
                }
                client.kill();
            });
        }
    }
}
