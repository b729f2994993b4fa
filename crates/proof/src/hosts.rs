//! Hosts: a network namespace each, with an address on a bridge of their own.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::program::{call, run};

/// What all names begin with.
const PREFIX: &str = "cwproof-";
/// Where runs say that they are there: a file each, which is locked while the run lives.
const RUNS: &str = "/run/clearwell-proof";
/// Bytes of a host's disk.
const DISK: &str = "48m";

/// The hosts of one run. All of it goes when it is dropped.
pub struct Hosts {
    /// In the names of everything.
    id: String,
    /// How many there are.
    pub count: u32,
    /// The run's folder.
    folder: PathBuf,
    lock: PathBuf,
    /// Held while the run lives.
    _locked: File,
}

impl Hosts {
    /// Makes a bridge with so many hosts; this thread, and those that it begins from now on, are on the bridge too.
    ///
    /// # Errors
    /// In words: there is no right to, or a program that does it is missing.
    pub fn make(count: u32, folder: &Path) -> Result<Hosts, String> {
        sweep()?;
        let id = format!("{PREFIX}{:06x}", fastrand::u32(..0x0100_0000));
        let failed = |error: std::io::Error| format!("{RUNS}: {error}");
        let lock = Path::new(RUNS).join(&id);
        fs::create_dir_all(RUNS).map_err(failed)?;
        let locked = File::create(&lock).map_err(failed)?;
        locked.try_lock().map_err(|error| format!("{}: {error}", lock.display()))?;
        fs::write(&lock, folder.display().to_string()).map_err(failed)?;
        let hosts = Hosts { id, count, folder: folder.to_owned(), lock, _locked: locked };
        hosts.bridge()?;
        (1..=count).try_for_each(|host| hosts.join(host))?;
        let bridge = Path::new("/run/netns").join(hosts.net());
        let space = File::open(&bridge).map_err(|error| format!("{}: {error}", bridge.display()))?;
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("{}: {error}", bridge.display()))?;
        Ok(hosts)
    }

    /// The address of a host; they count from 1.
    pub fn address(host: u32) -> String {
        format!("10.99.0.{host}")
    }

    /// The address on the bridge of whoever is on no host.
    pub fn outside() -> &'static str {
        "10.99.0.254"
    }

    /// A program that is about to run on a host.
    pub fn on(&self, host: u32, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name(host))).arg("--").arg(program);
        command
    }

    /// The folder that is a host's disk.
    pub fn disk(&self, host: u32) -> PathBuf {
        self.folder.join(format!("disk-{host}"))
    }

    /// What a host drops, or hands to somebody first, of what comes in.
    ///
    /// # Errors
    /// In words.
    pub fn filter(&self, host: u32, rule: &str) -> Result<(), String> {
        let mut command = self.on(host, Path::new("iptables-legacy"));
        run(command.arg("-w").arg("-A").arg("INPUT").args(rule.split_whitespace())).map(drop)
    }

    /// From now on everything comes in everywhere.
    ///
    /// # Errors
    /// In words.
    pub fn heal(&self) -> Result<(), String> {
        (1..=self.count).try_for_each(|host| {
            run(self.on(host, Path::new("iptables-legacy")).args(["-w", "-F", "INPUT"])).map(drop)
        })
    }

    fn name(&self, host: u32) -> String {
        format!("{}-{host}", self.id)
    }

    fn net(&self) -> String {
        format!("{}-net", self.id)
    }

    fn bridge(&self) -> Result<(), String> {
        let net = self.net();
        call(&format!("ip netns add {net}"))?;
        call(&format!("ip -n {net} link set lo up"))?;
        call(&format!("ip -n {net} link add bridge type bridge"))?;
        call(&format!("ip -n {net} addr add {}/24 dev bridge", Hosts::outside()))?;
        call(&format!("ip -n {net} link set bridge up")).map(drop)
    }

    fn join(&self, host: u32) -> Result<(), String> {
        let (net, name, disk) = (self.net(), self.name(host), self.disk(host));
        call(&format!("ip netns add {name}"))?;
        call(&format!("ip -n {net} link add port{host} type veth peer name eth0 netns {name}"))?;
        call(&format!("ip -n {net} link set port{host} master bridge up"))?;
        call(&format!("ip -n {name} addr add {}/24 dev eth0", Hosts::address(host)))?;
        call(&format!("ip -n {name} link set eth0 up"))?;
        call(&format!("ip -n {name} link set lo up"))?;
        fs::create_dir_all(&disk).map_err(|error| format!("{}: {error}", disk.display()))?;
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"]).arg(&disk))
            .map(drop)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        remove(&self.id, &self.folder);
        let _may_be_gone = fs::remove_file(&self.lock);
    }
}

/// Removes what killed runs left behind.
fn sweep() -> Result<(), String> {
    let runs = fs::read_dir(RUNS).into_iter().flatten().flatten();
    for run in runs {
        let Ok(file) = File::open(run.path()) else { continue };
        // Whoever has it locked lives.
        if file.try_lock().is_ok() {
            let folder = fs::read_to_string(run.path()).unwrap_or_default();
            println!("removing what {} left behind", run.file_name().display());
            remove(&run.file_name().to_string_lossy(), Path::new(&folder));
            let _may_be_gone = fs::remove_file(run.path());
        }
    }
    Ok(())
}

/// Ends what runs on a run's hosts and removes them, with their disks. What cannot be removed is left to the next sweep.
fn remove(id: &str, folder: &Path) {
    let spaces = call("ip netns list").unwrap_or_default();
    let spaces: Vec<&str> = spaces.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let ours = spaces.into_iter().filter(|name| name.starts_with(&format!("{id}-")));
    // The bridge goes last: this process is on it.
    let (bridge, hosts): (Vec<&str>, Vec<&str>) = ours.partition(|name| name.ends_with("-net"));
    for name in hosts {
        for pid in call(&format!("ip netns pids {name}")).unwrap_or_default().split_whitespace() {
            let _ended_already = call(&format!("kill -9 {pid}"));
        }
        let _seen_by_the_sweep = call(&format!("ip netns del {name}"));
    }
    for name in bridge {
        let _seen_by_the_sweep = call(&format!("ip netns del {name}"));
    }
    let disks = fs::read_dir(folder).into_iter().flatten().flatten();
    for disk in disks.filter(|disk| disk.file_name().to_string_lossy().starts_with("disk-")) {
        let _not_mounted = run(Command::new("umount").arg("--lazy").arg(disk.path()));
        let _seen_by_the_sweep = fs::remove_dir(disk.path());
    }
}
