//! The servers that a test may start: a node of ours, or a redis-server to prove the test itself.

use super::{Process, Raw, wait_for};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Which program serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The node under test.
    Clearwell,
    /// Debian's redis-server, without persistence.
    Redis,
}

/// How a node is started; the default is what a user gets without configuration.
#[derive(Default)]
pub struct Options {
    /// Text of a `clearwell.toml`.
    pub config: Option<String>,
    /// A data folder that outlives the node, for restarts; else a temporary one.
    pub data: Option<PathBuf>,
}

/// A server on loopback, killed when dropped.
pub struct Server {
    /// What was started.
    pub kind: Kind,
    /// Where it speaks RESP.
    pub resp: SocketAddr,
    /// Where it speaks HTTP; a redis-server does not.
    pub http: Option<SocketAddr>,
    /// The running program.
    pub process: Process,
    data: PathBuf,
    _temporary: TempDir,
}

impl Server {
    /// Starts a server of `kind` with nothing configured.
    pub fn start(kind: Kind) -> Server {
        match kind {
            Kind::Clearwell => Server::clearwell(Options::default()),
            Kind::Redis => Server::redis(),
        }
    }

    /// Starts a node and waits until its start lines have named both ports.
    pub fn clearwell(options: Options) -> Server {
        let temporary = TempDir::new().expect("a temporary folder can be made");
        let data = options.data.unwrap_or_else(|| temporary.path().join("data"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.current_dir(temporary.path()).arg("serve").arg("--data").arg(&data);
        command.args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        if let Some(text) = options.config {
            let file = temporary.path().join("clearwell.toml");
            std::fs::write(&file, text).expect("the temporary folder can be written");
            command.arg("--config").arg(file);
        }
        let mut process = Process::start(&mut command);
        let (resp, http) = wait_for("the node's start lines", || {
            let ports = port_line(&process, "resp").zip(port_line(&process, "http"));
            if ports.is_none() && process.ended().is_some() {
                panic!("the node ended before it served\n{}", process.output());
            }
            ports
        });
        Server { kind: Kind::Clearwell, resp, http: Some(http), process, data, _temporary: temporary }
    }

    /// Starts a redis-server that keeps nothing, and waits until it answers.
    pub fn redis() -> Server {
        let temporary = TempDir::new().expect("a temporary folder can be made");
        // The port is free when it is picked; whoever takes it in between costs one more try.
        for _ in 0..20 {
            let port = free_port();
            let resp = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Command::new("redis-server");
            command.args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
            ]);
            command.arg("--dir").arg(temporary.path());
            let mut process = Process::start(&mut command);
            let ready = wait_for("redis-server", || match process.ended() {
                Some(_) => Some(false),
                None => {
                    process.find_line(|line| line.contains("Ready to accept connections").then_some(true))
                }
            });
            if ready {
                let data = temporary.path().to_owned();
                return Server { kind: Kind::Redis, resp, http: None, process, data, _temporary: temporary };
            }
        }
        panic!("redis-server found no free port in 20 tries");
    }

    /// A new raw connection.
    pub fn connect(&self) -> Raw {
        Raw::connect(self.resp)
    }

    /// The folder that holds the node's files.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Panics unless a new connection is answered.
    pub fn assert_alive(&self) {
        let reply = self.connect().call(&["PING"]);
        assert_eq!(reply, b"+PONG\r\n", "the server no longer answers PING\n{}", self.process.output());
    }

    /// The base URL of the HTTP port.
    pub fn url(&self) -> String {
        format!("http://{}", self.http.expect("a node has an HTTP port"))
    }
}

/// The address on the first start line that begins with `word`.
fn port_line(process: &Process, word: &str) -> Option<SocketAddr> {
    process.find_line(|line| {
        let rest = line.trim_start().strip_prefix(word)?;
        let address = rest.get(rest.find("127.0.0.1:")?..)?;
        let end =
            address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(address.len());
        address[..end].parse().ok()
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
