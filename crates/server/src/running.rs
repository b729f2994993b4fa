//! A whole node at work: the node, its threads and its two ports.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::node::{ClusterStart, Entrance, Node, StartError};
use crate::tasks::Tasks;
use crate::{resp, rest};

/// A node that serves. Dropped or stopped, it finishes what it is doing and ends its threads.
pub struct Running {
    /// The node.
    pub node: Arc<Node>,
    resp: resp::RespServing,
    http: rest::RestServing,
    tasks: Tasks,
}

impl Running {
    /// Starts a node over the data folder and serves it on these listeners.
    ///
    /// # Errors
    /// A listener beyond loopback that nothing protects, a source that does not open, a keyspace that does not fit it, a
    /// system that gives no thread.
    pub fn start(
        config: Config,
        data: &Path,
        resp: TcpListener,
        http: TcpListener,
        workers: usize,
    ) -> Result<Running, StartError> {
        let failed = |error: std::io::Error| StartError(format!("cannot start a thread: {error}"));
        for listener in [&resp, &http] {
            protected(&config, listener.local_addr().map_err(failed)?)?;
        }
        let tasks = Tasks::start().map_err(failed)?;
        let node = Node::start(config, data, tasks.handle())?;
        let metrics = Metrics::new();
        let resp = resp::serve(node.clone(), resp, None, workers, &metrics).map_err(failed)?;
        let http = rest::serve(node.clone(), http, metrics).map_err(failed)?;
        Ok(Running { node, resp, http, tasks })
    }

    /// The same for a node that is one of a cluster: its configuration has `[cluster]`. `redirect` is for clients that know clusters.
    ///
    /// # Errors
    /// As [`Running::start`]; who refuses the node and why; what of its configuration a cluster cannot have.
    pub fn start_in_cluster(
        config: Config,
        data: &Path,
        (resp, http, redirect): (TcpListener, TcpListener, Option<TcpListener>),
        workers: usize,
        entrance: Entrance,
    ) -> Result<Running, StartError> {
        let failed = |error: std::io::Error| StartError(format!("cannot start a thread: {error}"));
        for listener in [&resp, &http].into_iter().chain(&redirect) {
            protected(&config, listener.local_addr().map_err(failed)?)?;
        }
        let tasks = Tasks::start().map_err(failed)?;
        let start = ClusterStart {
            entrance,
            resp: redirect.as_ref().unwrap_or(&resp).local_addr().map_err(failed)?,
            http: http.local_addr().map_err(failed)?,
        };
        let node = Node::start_in_cluster(config, data, &start, tasks.handle())?;
        let metrics = Metrics::new();
        let resp = resp::serve(node.clone(), resp, redirect, workers, &metrics).map_err(failed)?;
        let http = rest::serve(node.clone(), http, metrics).map_err(failed)?;
        Ok(Running { node, resp, http, tasks })
    }

    /// Where Redis clients connect.
    pub fn resp_address(&self) -> SocketAddr {
        self.resp.address()
    }

    /// Where HTTP is served.
    pub fn http_address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Accepts no more, lets requests in progress end, and waits for the threads.
    pub fn stop(self) {
        // Requests may wait for their jobs.
        self.node.stop_warming();
        self.resp.stop();
        self.http.stop();
        drop(self.tasks);
    }
}

/// Refuses to let anybody who reaches this machine read and change everything, unless that is meant.
fn protected(config: &Config, address: SocketAddr) -> Result<(), StartError> {
    if address.ip().to_canonical().is_loopback() || config.password.is_some() || !config.protected_mode {
        return Ok(());
    }
    Err(StartError(format!(
        "{address} can be reached from other machines, and no password is asked for: whoever reaches it could read and change \
         everything. Either set password = \"...\" in the configuration, or say that the network protects it: protected_mode \
         = false there, or --protected-mode no"
    )))
}
