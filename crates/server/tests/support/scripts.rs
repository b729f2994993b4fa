//! Client programs in their own languages, run against a server.

use super::Server;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where `cargo xtask setup` puts the clients of other languages.
pub fn client_dir() -> PathBuf {
    let target =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the tmp folder is in the target folder");
    target.join("clients")
}

/// A Python script of `tests/clients`, to be run with the pinned packages.
pub fn python(script: &str, server: &Server) -> Command {
    with_http(python_at(script, server.resp), server)
}

/// A Node.js script of `tests/clients`, to be run with the locked packages.
pub fn node(script: &str, server: &Server) -> Command {
    with_http(node_at(script, server.resp), server)
}

/// The same against whatever speaks RESP there.
pub fn python_at(script: &str, resp: SocketAddr) -> Command {
    let interpreter = client_dir().join("python/bin/python");
    let mut command = script_command(&interpreter, script, resp);
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The same against whatever speaks RESP there.
pub fn node_at(script: &str, resp: SocketAddr) -> Command {
    with_modules(script_command(Path::new("node"), script, resp))
}

/// The same for a script that is told by its test whom to talk to.
pub fn node_script(script: &str) -> Command {
    let mut command = tool("node");
    command.arg(script_file(script));
    with_modules(command)
}

/// Modules are looked up beside the script, so it is run from where they are.
fn with_modules(mut command: Command) -> Command {
    let modules = client_dir().join("node");
    command.env("NODE_PATH", modules.join("node_modules"));
    assert!(modules.join("node_modules").is_dir(), "no Node.js clients; run `cargo xtask setup` first");
    command
}

fn script_file(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script)
}

fn with_http(mut command: Command, server: &Server) -> Command {
    if let Some(http) = server.http {
        command.env("HTTP_URL", format!("http://{http}"));
    }
    command
}

fn script_command(interpreter: &Path, script: &str, resp: SocketAddr) -> Command {
    if interpreter.components().count() > 1 {
        assert!(interpreter.is_file(), "no {}; run `cargo xtask setup` first", interpreter.display());
    }
    let mut command = tool(interpreter);
    command.arg(script_file(script)).env("RESP_HOST", "127.0.0.1").env("RESP_PORT", resp.port().to_string());
    command
}

/// A program that is ended when it hangs.
pub fn tool(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "300"]).arg(program);
    command
}

/// Runs `command` to its end and returns its standard output; panics with all its output when it fails.
pub fn output_of(command: &mut Command, server: &Server) -> String {
    output_or(command, || format!("{:?}\n{}", server.kind, server.process.output()))
}

/// The same; `scene` says more of what it ran against when it fails.
pub fn output_or(command: &mut Command, scene: impl FnOnce() -> String) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    println!("{stdout}");
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}\n{}", scene());
    stdout.into_owned()
}
