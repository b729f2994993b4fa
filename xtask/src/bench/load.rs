//! The load: redis-benchmark on core 1.

use super::server::Which;
use crate::step::output;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// Keys that are filled and then asked for.
pub const KEYS: usize = 1_000_000;
/// Bytes of a value.
pub const VALUE: usize = 64;
/// Connections of the load.
pub const CONNECTIONS: usize = 50;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The command.
    pub command: &'static str,
    /// Its arguments, where it is none of redis-benchmark's own tests.
    pub words: &'static str,
    /// Requests sent at once on each connection.
    pub pipeline: usize,
    /// Requests in all.
    pub requests: usize,
}

impl Case {
    const fn of(command: &'static str, words: &'static str, pipeline: usize, requests: usize) -> Case {
        Case { command, words, pipeline, requests }
    }

    /// The name in the report.
    pub fn name(&self) -> String {
        format!("{} P={}", self.command, self.pipeline)
    }

    /// A tenth of the load, which is not counted.
    pub fn warm_up(&self) -> Case {
        Case { requests: self.requests / 10, ..*self }
    }

    /// Whether a server has the command.
    pub fn is_known_to(&self, which: Which) -> bool {
        which != Which::Redis || !self.command.starts_with("CW.")
    }

    /// Whether it takes keys away, so that they are given values again before.
    pub fn takes_away(&self) -> bool {
        !self.words.is_empty()
    }
}

/// What is measured.
pub const CASES: &[Case] = &[
    Case::of("GET", "", 16, 3_000_000),
    Case::of("SET", "", 16, 3_000_000),
    Case::of("GET", "", 1, 400_000),
    Case::of("SET", "", 1, 400_000),
    Case::of("DEL", "key:__rand_int__", 16, 1_000_000),
    Case::of("CW.INVALIDATE", "KEYS 1 key:__rand_int__", 16, 1_000_000),
    Case::of("DEL", "key:__rand_int__", 1, 300_000),
    Case::of("CW.INVALIDATE", "KEYS 1 key:__rand_int__", 1, 300_000),
];

/// The arguments of redis-benchmark for `case`, without the port.
pub fn arguments(case: &Case) -> String {
    let Case { command, words, pipeline, requests } = case;
    let common = format!("-P {pipeline} -n {requests} -c {CONNECTIONS} -d {VALUE} -r {KEYS} --csv");
    match words.is_empty() {
        true => format!("-t {} {common}", command.to_lowercase()),
        false => format!("{common} {command} {words}"),
    }
}

/// Runs redis-benchmark and returns its requests per second.
pub fn benchmark(port: u16, case: &Case) -> Result<f64, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "redis-benchmark", "-h", "127.0.0.1", "-p", &port.to_string()]);
    let said = output(command.args(arguments(case).split(' ')))?;
    let line = said.lines().find(|line| line.starts_with(&format!("\"{}", case.command)));
    let figure = line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
    figure.ok_or_else(|| format!("redis-benchmark printed no figure for {}:\n{said}", case.name()))
}

/// Gives every key that the load may ask for a value.
pub fn fill(port: u16) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("filling port {port}: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    let value = "x".repeat(VALUE);
    let batch = 1000;
    for first in (0..KEYS).step_by(batch) {
        let key = |i: usize| format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{i:012}\r\n${VALUE}\r\n{value}\r\n");
        let commands: String = (first..first + batch).map(key).collect();
        stream.write_all(commands.as_bytes()).map_err(failed)?;
        let mut replies = vec![0; batch * b"+OK\r\n".len()];
        stream.read_exact(&mut replies).map_err(failed)?;
        if replies != b"+OK\r\n".repeat(batch) {
            return Err(format!("filling port {port}: a SET was not answered by OK"));
        }
    }
    Ok(())
}
