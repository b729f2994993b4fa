//! The cluster that is tried: its hosts, the nodes on them, and what is wrong with them just now.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Child;
use std::time::{Duration, Instant};

use clearwell_protocol::Value;

use crate::clock::{self, Micros};
use crate::hosts::Hosts;
use crate::node::{self, HostNode, NodeEntrance, NodeSettings, Places};
use crate::resp::RespConnection;
use crate::status::StatusWatch;

/// How long slots may take to be where they belong once everything works.
pub const SETTLE: Duration = Duration::from_secs(60);
/// How long a command to an operator's node may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// All of it.
pub struct Stage<'h> {
    pub hosts: &'h Hosts,
    pub settings: NodeSettings,
    pub nodes: BTreeMap<u32, HostNode>,
    /// Programs that disturb what reaches a host.
    pub weather: BTreeMap<u32, Child>,
    pub watch: StatusWatch,
}

impl<'h> Stage<'h> {
    /// A cluster of nodes on the first so many hosts that has settled.
    ///
    /// # Errors
    /// In words.
    pub fn build(hosts: &'h Hosts, settings: NodeSettings, count: u32) -> Result<Stage<'h>, String> {
        let watch = StatusWatch::begin(hosts.count);
        let mut stage = Stage { hosts, settings, nodes: BTreeMap::new(), weather: BTreeMap::new(), watch };
        for host in 1..=hosts.count {
            node::wipe(hosts, host)?;
        }
        stage.start(1, &NodeEntrance::Bootstrap)?;
        stage.settle(clock::now())?;
        for host in 2..=count {
            stage.start(host, &NodeEntrance::Join(vec![1]))?;
        }
        stage.settle(clock::now())?;
        Ok(stage)
    }

    /// Starts the node of a host.
    ///
    /// # Errors
    /// In words.
    pub fn start(&mut self, host: u32, entrance: &NodeEntrance) -> Result<(), String> {
        let node = HostNode::start(self.hosts, &self.settings, host, entrance)?;
        self.nodes.insert(host, node);
        Ok(())
    }

    /// Starts the node of a host, which asks all others.
    ///
    /// # Errors
    /// In words.
    pub fn start_again(&mut self, host: u32) -> Result<(), String> {
        let others = self.nodes.keys().copied().filter(|other| *other != host).collect();
        self.start(host, &NodeEntrance::Join(others))
    }

    /// The hosts that have nodes.
    pub fn members(&self) -> Vec<u32> {
        self.nodes.keys().copied().collect()
    }

    /// Waits until the nodes share all slots; how long that took since then.
    ///
    /// # Errors
    /// They do not, or a node has ended: in words.
    pub fn settle(&mut self, since: Micros) -> Result<Micros, String> {
        let members = self.members();
        self.wait(SETTLE, "slots to be where they belong", |stage| {
            stage.alive()?;
            Ok(stage.watch.is_settled(&members, since))
        })?;
        Ok(clock::now().saturating_sub(since))
    }

    /// Waits for something.
    ///
    /// # Errors
    /// It does not come.
    pub fn wait(
        &mut self,
        most: Duration,
        what: &str,
        mut is_there: impl FnMut(&mut Stage<'h>) -> Result<bool, String>,
    ) -> Result<(), String> {
        let until = Instant::now() + most;
        while !is_there(self)? {
            if Instant::now() > until {
                let told = self.watch.told();
                return Err(format!("gave up after {} s waiting for {what}\n{told}", most.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// All nodes run.
    ///
    /// # Errors
    /// One has ended.
    pub fn alive(&mut self) -> Result<(), String> {
        self.nodes.values_mut().find_map(HostNode::ended).map_or(Ok(()), Err)
    }

    /// Gives a host's node an operator's command.
    ///
    /// # Errors
    /// It does not take it.
    pub fn operate(&self, host: u32, words: &[&str]) -> Result<(), String> {
        let address: SocketAddr = Places::of(host).resp;
        let said = RespConnection::open(address, PATIENCE).and_then(|mut open| open.call(words));
        match said {
            Ok(Value::Simple(_)) => Ok(()),
            other => Err(format!("{} at node {host}: {other:?}", words.join(" "))),
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        for child in self.weather.values_mut() {
            // It may have ended.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}
