//! Debian packages, installed only where a program is missing.

use crate::step::{call, output};
use std::path::Path;
use std::process::Command;

/// What is needed: how to see that it is there, and the packages that bring it.
const NEEDED: &[(&str, &str, &[&str])] = &[
    ("cc", "--version", &["gcc", "libc6-dev"]),
    ("redis-server", "--version", &["redis-server"]),
    ("redis-cli", "--version", &["redis-tools"]),
    ("redis-benchmark", "--version", &["redis-tools"]),
    ("sqlite3", "--version", &["sqlite3"]),
    ("chromium", "--version", &["chromium"]),
    ("ip", "-V", &["iproute2"]),
    ("iptables-legacy", "--version", &["iptables"]),
    ("/usr/lib/postgresql/15/bin/postgres", "--version", &["postgresql-15"]),
];

/// A file that, when it exits with 101, keeps Debian from starting what it installs.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the missing packages, or says which a person has to install.
pub fn install() -> Result<(), String> {
    let mut missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, version, _)| !answers(Command::new(program).arg(version)))
        .flat_map(|(_, _, packages)| packages.iter().copied())
        .collect();
    if !answers(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        missing.extend(["python3", "python3-venv"]);
    }
    if !node_is_recent() || !answers(Command::new("npm").arg("--version")) {
        missing.extend(["nodejs", "npm"]);
    }
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    apt_install(&missing)?;
    if node_is_recent() { Ok(()) } else { Err("the tests need Node.js 18 or later".to_owned()) }
}

/// Whether the program is there and works.
fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn node_is_recent() -> bool {
    let Ok(version) = output(Command::new("node").arg("--version")) else { return false };
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    major.is_some_and(|major: u32| major >= 18)
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("the tests need these Debian packages: {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() {
        return Err(format!(
            "{by_hand}\nthis is not Debian: install what corresponds to them, then run this again"
        ));
    }
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        return Err(format!("{by_hand}\nrun as root: apt-get install -y {}", packages.join(" ")));
    }
    println!("    installing {}", packages.join(" "));
    let _quiet = NoServices::begin()?;
    call(apt().arg("update").arg("--quiet"))?;
    call(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
        .map_err(|error| format!("{error}\n{by_hand}"))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While it lives, an installed package starts no service: the tests start their own servers.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<NoServices, String> {
        if Path::new(SERVICE_POLICY).exists() {
            return Ok(NoServices { ours: false });
        }
        let written = std::fs::write(SERVICE_POLICY, "#!/bin/sh\nexit 101\n");
        written.map_err(|error| format!("cannot write {SERVICE_POLICY}: {error}"))?;
        call(Command::new("chmod").args(["755", SERVICE_POLICY]))?;
        Ok(NoServices { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            // A leftover would keep services of other packages from starting; there is nobody to tell here.
            let _ = std::fs::remove_file(SERVICE_POLICY);
        }
    }
}
