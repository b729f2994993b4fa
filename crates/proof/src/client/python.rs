//! redis-py's `RedisCluster`, as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::{Shared, keys};
use crate::history::{ClientOp, KeyClass, TAGS};
use crate::node::Places;

/// Values from here on are its own.
const FIRST_VALUE: u64 = 1 << 40;
/// How long it may take to be paused: one operation, which it may try at several nodes.
const PAUSE: Duration = Duration::from_secs(60);

/// The process and the thread that takes down what it says.
pub struct Python {
    child: Child,
    told: ChildStdin,
    paused: Receiver<()>,
    reader: Option<JoinHandle<()>>,
}

impl Python {
    /// Begins it, with the nodes of these hosts to ask first.
    ///
    /// # Errors
    /// In words: it cannot be started.
    pub fn begin(program: &Path, hosts: &[u32], seed: u64, shared: &Arc<Shared>) -> Result<Python, String> {
        let node = |host: &u32| {
            let at = Places::of(*host).redirect;
            json!([at.ip().to_string(), at.port()])
        };
        let nodes: Vec<_> = hosts.iter().map(node).collect();
        let counts: serde_json::Map<_, _> =
            KeyClass::ALL.iter().map(|class| (format!("{class:?}"), json!(keys(*class)))).collect();
        let given =
            json!({"nodes": nodes, "keys": counts, "tags": TAGS, "seed": seed, "first_value": FIRST_VALUE});
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("client.py");
        let mut command = Command::new(program);
        command.arg(script).arg(given.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let (Some(told), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process without pipes".into());
        };
        let (pausing, paused) = channel();
        let shared = shared.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(says).lines().map_while(Result::ok) {
                match serde_json::from_str::<ClientOp>(&line) {
                    Ok(op) => shared.note(op),
                    // Nobody may wait for it.
                    Err(_) => drop(pausing.send(())),
                }
            }
        });
        Ok(Python { child, told, paused, reader: Some(reader) })
    }

    /// Waits until it asks nothing more.
    ///
    /// # Errors
    /// It does not say so.
    pub fn pause(&mut self) -> Result<(), String> {
        self.tell("pause")?;
        self.paused.recv_timeout(PAUSE).map_err(|why| format!("redis-py does not pause: {why}"))
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn go_on(&mut self) -> Result<(), String> {
        self.tell("go")
    }

    fn tell(&mut self, word: &str) -> Result<(), String> {
        writeln!(self.told, "{word}").map_err(|error| format!("redis-py has ended: {error}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _it_panicked = reader.join();
        }
    }
}
