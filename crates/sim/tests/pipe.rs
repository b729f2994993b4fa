//! The command line in a pipe whose reader has gone, as `head` goes.

use std::io;
use std::process::{Command, Stdio};

#[test]
fn it_ends_quietly_when_nobody_reads() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/late-fill.txt");
    let ended = Command::new(env!("CARGO_BIN_EXE_clearwell-sim"))
        .args(["scenario", scenario])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("the simulator runs");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141), "what a shell says of whom SIGPIPE ended");
}
