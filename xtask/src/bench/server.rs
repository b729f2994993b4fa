//! The servers that are measured, pinned to core 0, stopped while another one is measured, and ended when dropped.

use crate::{repo, step};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Ours, as `cargo build --release` makes it.
    Clearwell,
    /// Ours as it was at another commit ([`super::before()`] builds it).
    Before,
    /// Debian's redis-server, without persistence.
    Redis,
}

/// Where [`Which::Before`] is built.
pub fn before_target() -> PathBuf {
    repo::target().join("bench-before/target")
}

impl Which {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Which::Clearwell => "clearwell",
            Which::Before => "before",
            Which::Redis => "redis",
        }
    }
}

/// A running server.
pub struct RunningServer {
    /// What it is.
    pub which: Which,
    /// Its RESP port on loopback.
    pub port: u16,
    child: Child,
    folder: PathBuf,
}

impl RunningServer {
    /// Starts a server and waits until it says that it serves.
    pub fn start(which: Which) -> Result<RunningServer, String> {
        let folder = repo::target().join("bench").join(which.name());
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let ready = match which {
            Which::Clearwell | Which::Before => {
                std::fs::write(folder.join("clearwell.toml"), "max_memory = \"2GB\"\n").map_err(failed)?;
                let target = if which == Which::Before { before_target() } else { repo::target() };
                command.arg(target.join("release/clearwell"));
                command.args(["serve", "--config", "clearwell.toml", "--data", "data"]);
                command.args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
                clearwell_port as fn(&str) -> Option<u16>
            }
            Which::Redis => {
                let port = free_port()?.to_string();
                command.args(["redis-server", "--bind", "127.0.0.1", "--port", &port, "--save", ""]);
                redis_port
            }
        };
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let (mut port, mut said) = (None, Vec::new());
        let mut lines = BufReader::new(child.stdout.take().expect("stdout was piped")).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            port = port.or_else(|| ready(&line));
            said.push(line);
            let redis_waits = which == Which::Redis && !said.iter().any(|l| l.contains("Ready to accept"));
            if port.is_some() && !redis_waits {
                break;
            }
        }
        // Whatever it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        match port {
            Some(port) => Ok(RunningServer { which, port, child, folder }),
            None => Err(format!("{} did not serve:\n{}", which.name(), said.join("\n"))),
        }
    }

    /// Lets a stopped server go on, until what this returns is dropped.
    pub fn wake(&self) -> Result<Awake<'_>, String> {
        self.signal("-CONT")?;
        Ok(Awake(self))
    }

    /// Stops the server: until it is woken it uses no time of the core that the other one is measured on.
    pub fn stop(&self) -> Result<(), String> {
        self.signal("-STOP")
    }

    fn signal(&self, signal: &str) -> Result<(), String> {
        step::call(Command::new("kill").args([signal, &self.child.id().to_string()]))
    }

    /// CPU time that all threads have used, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64, String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let failed = |error: std::io::Error| format!("{tasks}: {error}");
        let mut total = 0;
        for task in std::fs::read_dir(&tasks).map_err(failed)? {
            let stat = task.map_err(failed)?.path().join("schedstat");
            // A thread may end between the listing and the reading.
            let text = std::fs::read_to_string(stat).unwrap_or_default();
            total += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(total)
    }
}

/// A server that is measured while the others are stopped.
pub struct Awake<'a>(&'a RunningServer);

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        // A server that has ended by itself needs no stop, and whoever measures it next is told.
        let _ = self.0.stop();
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // It may have ended by itself, and its folder is only a temporary one.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn clearwell_port(line: &str) -> Option<u16> {
    let rest = line.trim_start().strip_prefix("resp")?.split_once("127.0.0.1:")?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn redis_port(line: &str) -> Option<u16> {
    line.split_once("port=")?.1.trim_end_matches('.').parse().ok()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
