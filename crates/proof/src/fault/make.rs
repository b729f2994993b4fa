//! Faults are made, and undone.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use fastrand::Rng;

use super::{HostFault, weather};
use crate::clock;
use crate::hosts::Hosts;
use crate::node;
use crate::stage::{SETTLE, Stage};

/// Makes it. What takes several steps ends with the cluster settled between them.
///
/// # Errors
/// The cluster does not do what it should, or the machine does not: in words.
pub fn make(stage: &mut Stage<'_>, fault: &HostFault, rng: &mut Rng) -> Result<(), String> {
    match fault {
        HostFault::Kill(host) => kill(stage, *host),
        HostFault::Pause(host) => pause(stage, *host, true),
        HostFault::OneWay { from, to } => cut(stage.hosts, *from, *to),
        HostFault::Apart(host) => split(stage, &[*host]),
        HostFault::Split(side) => split(stage, side),
        HostFault::Weather(host) => weather::begin(stage, *host, rng.u64(..)),
        HostFault::Loss(host) => {
            let nodes = weather::NODES;
            stage
                .hosts
                .filter(*host, &format!("-s {nodes} -m statistic --mode random --probability 0.2 -j DROP"))
        }
        HostFault::FullDisk(host) => fill(stage.hosts, *host),
        HostFault::Rolling => stage.members().into_iter().try_for_each(|host| restart(stage, host)),
        HostFault::Added(host) => {
            node::wipe(stage.hosts, *host)?;
            stage.start_again(*host)?;
            stage.settle(clock::now()).map(drop)
        }
        HostFault::Left(host) => leave(stage, *host),
        HostFault::DiskLost(host) => lose_disk(stage, *host),
    }
}

/// Undoes it. Whether the cluster settles then is looked at by whoever undid all.
///
/// # Errors
/// As those of [`make`].
pub fn undo(stage: &mut Stage<'_>, fault: &HostFault) -> Result<(), String> {
    match fault {
        HostFault::Kill(host) | HostFault::Left(host) | HostFault::DiskLost(host) => stage.start_again(*host),
        HostFault::Pause(host) => pause(stage, *host, false),
        HostFault::OneWay { .. } | HostFault::Apart(_) | HostFault::Split(_) | HostFault::Loss(_) => {
            stage.hosts.heal()
        }
        HostFault::Weather(host) => weather::end(stage, *host),
        HostFault::FullDisk(host) => {
            let filler = filler(stage.hosts, *host);
            fs::remove_file(&filler).map_err(|error| format!("{}: {error}", filler.display()))
        }
        HostFault::Rolling => Ok(()),
        HostFault::Added(host) => leave(stage, *host),
    }
}

fn kill(stage: &mut Stage<'_>, host: u32) -> Result<(), String> {
    // A node that is dropped is killed.
    stage.nodes.remove(&host).map(drop).ok_or_else(|| format!("host {host} has no node"))
}

fn pause(stage: &Stage<'_>, host: u32, is_paused: bool) -> Result<(), String> {
    stage.nodes.get(&host).map_or(Ok(()), |node| node.pause(is_paused))
}

fn cut(hosts: &Hosts, from: u32, to: u32) -> Result<(), String> {
    hosts.filter(to, &format!("-s {} -j DROP", Hosts::address(from)))
}

fn split(stage: &Stage<'_>, side: &[u32]) -> Result<(), String> {
    let others = (1..=stage.hosts.count).filter(|host| !side.contains(host));
    for other in others {
        for &host in side {
            cut(stage.hosts, host, other)?;
            cut(stage.hosts, other, host)?;
        }
    }
    Ok(())
}

fn filler(hosts: &Hosts, host: u32) -> std::path::PathBuf {
    hosts.disk(host).join("filler")
}

/// Writes until nothing fits any more.
fn fill(hosts: &Hosts, host: u32) -> Result<(), String> {
    let path = filler(hosts, host);
    let mut file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut size = 1 << 20;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
    Ok(())
}

fn restart(stage: &mut Stage<'_>, host: u32) -> Result<(), String> {
    let mut node = stage.nodes.remove(&host).ok_or_else(|| format!("host {host} has no node"))?;
    node.stop()?;
    drop(node);
    stage.start_again(host)?;
    stage.settle(clock::now()).map(drop)
}

/// A node hands over what it has, and ends; its disk is cleared.
fn leave(stage: &mut Stage<'_>, host: u32) -> Result<(), String> {
    let began = clock::now();
    stage.operate(host, &["CW.CLUSTER", "LEAVE"])?;
    let others: Vec<u32> = stage.members().into_iter().filter(|other| *other != host).collect();
    stage.wait(SETTLE, &format!("node {host} to have handed over"), |stage| {
        stage.alive()?;
        Ok(stage.watch.is_settled(&others, began + clock::SECOND))
    })?;
    if let Some(mut node) = stage.nodes.remove(&host) {
        node.stop()?;
    }
    node::wipe(stage.hosts, host)
}

/// A node is gone with its disk, and an operator says so.
fn lose_disk(stage: &mut Stage<'_>, host: u32) -> Result<(), String> {
    let number = stage.watch.of(host, 0).map(|status| status.number).unwrap_or_default();
    let began = clock::now();
    kill(stage, host)?;
    node::wipe(stage.hosts, host)?;
    let asked = stage.members().first().copied().ok_or("no node is left")?;
    stage.wait(Duration::from_secs(20), &format!("node {host} to be taken for dead"), |stage| {
        let status = stage.watch.of(asked, began);
        let nodes = status.map(|status| status.nodes).unwrap_or_default();
        Ok(nodes.iter().any(|node| node.number == number && node.state == "down"))
    })?;
    stage.operate(asked, &["CW.CLUSTER", "FORGET", &number, "YES"])
}
