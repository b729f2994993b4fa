//! One node: a program on a host.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::hosts::Hosts;

/// How long a node that is asked to end has time to.
const FAREWELL: Duration = Duration::from_secs(20);

/// Ports of a node.
const RESP: u16 = 7379;
const HTTP: u16 = 7380;
const LINK: u16 = 7381;
const REDIRECT: u16 = 7382;

/// Where one listens.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub resp: SocketAddr,
    pub redirect: SocketAddr,
    pub http: SocketAddr,
    pub link: SocketAddr,
}

impl Places {
    /// Those of the node on a host.
    pub fn of(host: u32) -> Places {
        let at = |port: u16| {
            let address = format!("{}:{port}", Hosts::address(host));
            address.parse().expect("an address and a port")
        };
        Places { resp: at(RESP), redirect: at(REDIRECT), http: at(HTTP), link: at(LINK) }
    }
}

/// How a node comes into the cluster.
#[derive(Debug, Clone)]
pub enum NodeEntrance {
    /// It begins it.
    Bootstrap,
    /// It joins, or is back: the hosts that it asks.
    Join(Vec<u32>),
}

/// What nodes are started with.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// The program.
    pub program: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
    /// Where its log is written.
    pub logs: PathBuf,
    /// A fault that is planted in it.
    pub planted: Option<String>,
}

/// A node that runs. It is killed when dropped.
pub struct HostNode {
    host: u32,
    child: Child,
    log: PathBuf,
}

impl HostNode {
    /// Starts one.
    ///
    /// # Errors
    /// In words.
    pub fn start(
        hosts: &Hosts,
        settings: &NodeSettings,
        host: u32,
        entrance: &NodeEntrance,
    ) -> Result<HostNode, String> {
        let places = Places::of(host);
        let mut command = hosts.on(host, &settings.program);
        command.arg("serve").arg("--config").arg(&settings.config);
        command.arg("--data").arg(data(hosts, host)).args(["--workers", "1"]);
        command.args(["--resp", &places.resp.to_string(), "--http", &places.http.to_string()]);
        command.args(["--link", &places.link.to_string(), "--redirect", &places.redirect.to_string()]);
        match entrance {
            NodeEntrance::Bootstrap => command.arg("--bootstrap"),
            NodeEntrance::Join(others) => {
                let seeds: Vec<String> =
                    others.iter().map(|host| Places::of(*host).link.to_string()).collect();
                command.args(["--join", &seeds.join(",")])
            }
        };
        let log = settings.logs.join(format!("node-{host}.log"));
        let failed = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let child = spawn(&mut command, settings, file).map_err(failed)?;
        Ok(HostNode { host, child, log })
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        // It may have ended.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// It does not.
    pub fn stop(&mut self) -> Result<(), String> {
        self.signal(Signal::TERM)?;
        let until = Instant::now() + FAREWELL;
        while self.ended().is_none() {
            if Instant::now() > until {
                self.kill();
                return Err(format!("node {} did not end within {FAREWELL:?} of SIGTERM", self.host));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Stops it where it is, and lets it go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn pause(&self, is_paused: bool) -> Result<(), String> {
        self.signal(if is_paused { Signal::STOP } else { Signal::CONT })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("node {} has ended ({status}); its log is {}", self.host, self.log.display()))
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("a process has a number")?;
        kill_process(pid, signal).map_err(|error| format!("node {}: {error}", self.host))
    }
}

impl Drop for HostNode {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The data folder of the node on a host.
pub fn data(hosts: &Hosts, host: u32) -> PathBuf {
    hosts.disk(host).join("data")
}

fn spawn(command: &mut Command, settings: &NodeSettings, log: File) -> std::io::Result<Child> {
    command.env("RUST_LOG", "info").env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    if let Some(planted) = &settings.planted {
        command.env("CLEARWELL_PLANTED", planted);
    }
    command.stdout(log.try_clone()?).stderr(log).spawn()
}

/// The configuration of all nodes.
pub fn config(ack: &str, replicas: u8) -> String {
    format!(
        "# Nodes of a proof: nobody else is on their network.\nprotected_mode = false\n\n[cluster]\nname = \"proof\"\n\
         secret = \"a secret of five nodes that nobody else knows\"\nack = \"{ack}\"\nreplicas = {replicas}\n"
    )
}

/// Removes what is on a host's disk.
///
/// # Errors
/// In words.
pub fn wipe(hosts: &Hosts, host: u32) -> Result<(), String> {
    let data = data(hosts, host);
    remove(&data).map_err(|error| format!("{}: {error}", data.display()))
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
