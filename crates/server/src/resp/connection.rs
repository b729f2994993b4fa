//! One connection: bytes in, batches run, bytes out.

use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::batch::{Batch, NextStep};
use super::registry::{Call, ListedClient};
use super::route::Routing;
use super::server::Server;
use super::session::Session;

use crate::metrics::{Connected, Surface};

/// Room for input made at once; also what is kept between batches.
const INPUT: usize = 16 << 10;
/// Output kept between batches.
const OUTPUT_KEPT: usize = 256 << 10;
/// How long, and for how many bytes, a refused client is listened to so that it gets to read why.
const LINGER: Duration = Duration::from_millis(250);
const LINGER_BYTES: usize = 1 << 20;

/// A socket on its way to its worker.
pub struct Accepted {
    /// Its number, in the order of arrival.
    pub id: u64,
    /// The socket.
    pub socket: std::net::TcpStream,
    /// What it is answered about keys that other nodes serve.
    pub routing: Routing,
}

/// Serves a socket to its end.
pub async fn run(server: Arc<Server>, worker: usize, accepted: Accepted) {
    let Accepted { id, socket, routing } = accepted;
    let Ok(socket) = TcpStream::from_std(socket) else { return };
    let (Ok(peer), Ok(local)) = (socket.peer_addr(), socket.local_addr()) else { return };
    let most = server.settings.max_clients.load(Relaxed);
    let fd = socket.as_raw_fd().into();
    let Some(client) = server.registry.admit(id, peer, local, fd, server.node.clock().tick(), most) else {
        return turn_away(socket).await;
    };
    let _present = Presence::new(&server, worker, &client);
    let place = server.pools.join(peer.ip(), "");
    let session = Session::new(client.clone(), !server.settings.asks_password(), place, routing);
    let mut connection = Connection { socket, client, batch: Batch::new(server.clone(), worker, session) };
    if let Err(error) = connection.serve().await {
        tracing::debug!(%peer, %error, "connection ended");
    }
    connection.batch.leave();
}

async fn turn_away(mut socket: TcpStream) {
    let _gone = socket.write_all(b"-ERR max number of clients reached\r\n").await;
    linger(&mut socket).await;
}

/// Closing with input unread makes the system drop what was just written, so it is read for a moment.
async fn linger(socket: &mut TcpStream) {
    let _gone = socket.shutdown().await;
    let mut scrap = vec![0; INPUT];
    let drained = async {
        let mut drained = 0usize;
        while drained < LINGER_BYTES {
            match socket.read(&mut scrap).await {
                Ok(0) | Err(_) => return,
                Ok(bytes) => drained = drained.saturating_add(bytes),
            }
        }
    };
    let _timed_out = tokio::time::timeout(LINGER, drained).await;
}

/// Takes a connection off all lists when its task ends, however it ends.
struct Presence {
    server: Arc<Server>,
    worker: usize,
    client: Arc<ListedClient>,
    _counted: Connected,
}

impl Presence {
    fn new(server: &Arc<Server>, worker: usize, client: &Arc<ListedClient>) -> Presence {
        server.workers[worker].connections.fetch_add(1, Relaxed);
        let counted = server.metrics.connected(Surface::Resp);
        Presence { server: server.clone(), worker, client: client.clone(), _counted: counted }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.server.registry.remove(self.client.id);
        self.server.monitors.remove(self.client.id);
        self.server.channels.remove(&self.client);
        self.server.workers[self.worker].connections.fetch_sub(1, Relaxed);
    }
}

struct Connection {
    socket: TcpStream,
    client: Arc<ListedClient>,
    batch: Batch,
}

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        loop {
            match self.batch.run() {
                NextStep::Input { at_least } => {
                    // Behind all replies: they were made before it came, or it came before them and they are newer.
                    if self.client.call() == Some(Call::Mail) {
                        self.client.take_mail(&mut self.batch.out);
                    }
                    self.flush_with_others().await?;
                    if !self.read(at_least).await? {
                        return Ok(());
                    }
                }
                NextStep::Flush => self.flush().await?,
                NextStep::Wait(reply) => {
                    self.flush().await?;
                    let reply = reply.await;
                    self.batch.finish(&reply);
                }
                NextStep::Paused => {
                    self.flush().await?;
                    self.batch.paused().await;
                    if self.client.call() == Some(Call::Killed) {
                        return Ok(());
                    }
                }
                NextStep::Close { linger_on } => {
                    self.flush().await?;
                    if linger_on {
                        linger(&mut self.socket).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Writes after the other connections of this thread that are ready have been read: their commands then run while
    /// the processor still knows the engine by heart, and the writes follow in a row (PEERS: up to 1.75 times as fast).
    async fn flush_with_others(&mut self) -> io::Result<()> {
        if self.batch.out.is_empty() {
            return Ok(());
        }
        if self.batch.has_company() {
            tokio::task::yield_now().await;
        }
        self.flush().await
    }

    /// Writes everything. A client that does not read holds up nothing but itself.
    async fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.batch.out.len() {
            let rest = &self.batch.out[written..];
            let (socket, client) = (&mut self.socket, &self.client);
            let bytes = std::future::poll_fn(|context| {
                let mut socket = pin!(&mut *socket);
                match socket.as_mut().poll_write(context, rest) {
                    Poll::Pending => {
                        client.park(context.waker());
                        let killed = client.call() == Some(Call::Killed);
                        if killed {
                            Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
                        } else {
                            Poll::Pending
                        }
                    }
                    ready => ready,
                }
            })
            .await?;
            if bytes == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            written = written.saturating_add(bytes);
        }
        add(&self.batch.figures().output_bytes, written);
        self.batch.out.clear();
        self.batch.out.shrink_to(OUTPUT_KEPT);
        Ok(())
    }

    /// Waits for input or mail; false when there will be none.
    async fn read(&mut self, at_least: usize) -> io::Result<bool> {
        self.batch.make_room(at_least.max(INPUT), INPUT);
        let (socket, client, input) = (&mut self.socket, &self.client, &mut self.batch.input);
        let mut read = pin!(socket.read_buf(input));
        let event = std::future::poll_fn(|context| {
            if client.call() == Some(Call::Killed) {
                return Poll::Ready(Ok(ConnectionEvent::End));
            }
            match read.as_mut().poll(context) {
                Poll::Ready(bytes) => Poll::Ready(bytes.map(ConnectionEvent::Bytes)),
                Poll::Pending => {
                    client.park(context.waker());
                    match client.call() {
                        Some(Call::Killed) => Poll::Ready(Ok(ConnectionEvent::End)),
                        Some(Call::Mail) => Poll::Ready(Ok(ConnectionEvent::Mail)),
                        None => Poll::Pending,
                    }
                }
            }
        })
        .await?;
        match event {
            ConnectionEvent::End | ConnectionEvent::Bytes(0) => Ok(false),
            ConnectionEvent::Bytes(bytes) => {
                add(&self.batch.figures().input_bytes, bytes);
                // Before the replies to what has just come: it was sent before them.
                if self.client.call() == Some(Call::Mail) {
                    self.client.take_mail(&mut self.batch.out);
                }
                Ok(true)
            }
            ConnectionEvent::Mail => {
                self.client.take_mail(&mut self.batch.out);
                Ok(true)
            }
        }
    }
}

enum ConnectionEvent {
    Bytes(usize),
    Mail,
    End,
}

/// Adds to a count that only this thread writes.
fn add(count: &AtomicU64, bytes: usize) {
    count.store(count.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}
