//! The load: redis-benchmark on core 1.

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
    /// redis-benchmark's name of the test.
    pub test: &'static str,
    /// Requests sent at once on each connection.
    pub pipeline: usize,
    /// Requests in all.
    pub requests: usize,
}

impl Case {
    /// The name in the report.
    pub fn name(&self) -> String {
        format!("{} P={}", self.test.to_uppercase(), self.pipeline)
    }
}

/// What is measured.
pub const CASES: &[Case] = &[
    Case { test: "get", pipeline: 16, requests: 3_000_000 },
    Case { test: "set", pipeline: 16, requests: 3_000_000 },
    Case { test: "get", pipeline: 1, requests: 400_000 },
    Case { test: "set", pipeline: 1, requests: 400_000 },
];

/// The arguments of redis-benchmark for `case`, without the port.
pub fn arguments(case: &Case) -> String {
    let Case { test, pipeline, requests } = case;
    format!("-t {test} -P {pipeline} -n {requests} -c {CONNECTIONS} -d {VALUE} -r {KEYS} --csv")
}

/// Runs redis-benchmark and returns its requests per second.
pub fn benchmark(port: u16, case: &Case) -> Result<f64, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "redis-benchmark", "-h", "127.0.0.1", "-p", &port.to_string()]);
    let said = output(command.args(arguments(case).split(' ')))?;
    let line = said.lines().find(|line| line.to_lowercase().starts_with(&format!("\"{}\"", case.test)));
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
