//! redis-cli and redis-benchmark, unmodified.

use super::support::{Process, Server, output_of, tool, wait_for};
use std::io::Write;
use std::process::{Command, Stdio};

fn cli(server: &Server, arguments: &[&str]) -> Command {
    on_port(tool("redis-cli"), server, arguments)
}

fn on_port(mut command: Command, server: &Server, arguments: &[&str]) -> Command {
    command.args(["-h", "127.0.0.1", "-p", &server.resp.port().to_string()]).args(arguments);
    command
}

/// What redis-cli prints for one command.
fn answer(server: &Server, arguments: &[&str]) -> String {
    output_of(&mut cli(server, arguments), server).trim_end().to_owned()
}

/// What redis-cli prints when `input` comes by its standard input.
fn answer_to(server: &Server, arguments: &[&str], input: &[u8]) -> String {
    let mut child = cli(server, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redis-cli is installed");
    child.stdin.take().expect("stdin was piped").write_all(input).expect("redis-cli reads its input");
    let output = child.wait_with_output().expect("redis-cli ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// One-shot commands, RESP2 and RESP3, and a script on standard input.
pub fn cli_commands(server: &Server) {
    for protocol in ["-2", "-3"] {
        let call = |arguments: &[&str]| answer(server, &[&[protocol], arguments].concat());
        assert_eq!(call(&["SET", "cli:a", "1", "EX", "100"]), "OK");
        assert_eq!(call(&["GET", "cli:a"]), "1");
        assert_eq!(call(&["GET", "cli:none"]), "");
        assert_eq!(call(&["INCRBY", "cli:a", "41"]), "42");
        assert_eq!(call(&["MGET", "cli:a", "cli:none"]), "42");
        assert_eq!(call(&["DEL", "cli:a", "cli:none"]), "1");
        assert!(call(&["INFO", "server"]).contains("redis_mode:standalone"));
        assert_eq!(call(&["INCR"]), "ERR wrong number of arguments for 'incr' command");
        let script = answer_to(server, &[protocol], b"SET cli:s \"two words\"\nGET cli:s\nDEL cli:s\n");
        assert_eq!(script, "OK\ntwo words\n1\n");
    }
}

/// The modes that walk the keys or watch the server.
pub fn cli_modes(server: &Server) {
    for i in 0..50 {
        assert_eq!(answer(server, &["SET", &format!("cli:k:{i}"), &"x".repeat(i + 1)]), "OK");
    }
    let scanned = answer(server, &["--scan", "--pattern", "cli:k:*"]);
    assert_eq!(scanned.lines().count(), 50, "--scan printed {scanned}");
    let big = answer(server, &["--bigkeys"]);
    assert!(
        big.contains("Biggest string found") && big.contains("cli:k:49") && big.contains("50 bytes"),
        "{big}"
    );
    // --stat goes on until it is ended: a second line of figures is a tick.
    let ticking = Process::start(&mut on_port(Command::new("redis-cli"), server, &["-i", "0.01", "--stat"]));
    wait_for("a tick of --stat", || ticking.find_line(|line| line.contains("(+1)").then_some(())));
}

/// Mass insertion by `--pipe`.
pub fn cli_pipe(server: &Server) {
    let commands: String = (0..10_000).map(|i| format!("SET cli:p:{i} {i}\r\n")).collect();
    let said = answer_to(server, &["--pipe"], commands.as_bytes());
    assert!(said.contains("errors: 0, replies: 10000"), "{said}");
    assert_eq!(answer(server, &["GET", "cli:p:9999"]), "9999");
}

/// redis-benchmark's first tests, pipelined; it stops at the first error reply.
pub fn benchmark(server: &Server) {
    let load = ["-t", "ping_inline,ping,set,get,incr,mset", "-n", "20000", "-P", "16", "-q"];
    let mut command = on_port(tool("redis-benchmark"), server, &load);
    let said = output_of(&mut command, server);
    for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"] {
        let line = format!("{test}: ");
        assert!(
            said.split(['\r', '\n']).any(|l| l.starts_with(&line) && l.contains("requests per second")),
            "{said}"
        );
    }
}
