//! The program and the databases' own shells, run in a folder.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::Process;

/// A folder with a configuration.
pub struct Folder(TempDir);

/// What a program did.
#[derive(Debug)]
pub struct Done {
    pub success: bool,
    pub printed: String,
    pub told: String,
}

impl Folder {
    pub fn new(config: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
        folder.write(config);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, config: &str) {
        std::fs::write(self.path().join("clearwell.toml"), config).expect("the folder is ours");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.args(words).args(["--data", "."]).current_dir(self.path());
        command
    }

    /// Runs the program to its end.
    pub fn clearwell(&self, words: &[&str]) -> Done {
        done(self.command(words).stdin(Stdio::null()))
    }

    /// A node; it may end by itself.
    pub fn serve(&self) -> Process {
        let ports = ["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        Process::start(&mut self.command(&ports))
    }

    /// What a node says that does not start.
    pub fn serve_to_the_end(&self) -> String {
        // Beside a node that is up: it has a data folder of its own.
        let words = ["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", "other"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        let ended = done(&mut command);
        assert!(!ended.success, "{ended:?}");
        ended.told
    }

    /// A node that serves, with where it speaks RESP and HTTP.
    pub fn node(&self) -> Node {
        let mut process = self.serve();
        let address = |process: &Process, word: &str| {
            process.find_line(|line| line.strip_prefix(word)?.trim().parse().ok())
        };
        let (resp, http) = crate::support::wait_for("the node's start lines", || {
            assert!(process.ended().is_none(), "{}", process.output());
            address(&process, "resp").zip(address(&process, "http"))
        });
        Node { process, resp, http }
    }

    /// Runs SQL on a file with the program `sqlite3`, as if it were typed there.
    pub fn sqlite3(&self, file: &str, sql: &str) -> String {
        use std::io::Write;
        let mut shell = Command::new("sqlite3")
            .args(["-bail", "-cmd", ".timeout 5000", file])
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sqlite3 is installed");
        shell.stdin.take().expect("it is piped").write_all(sql.as_bytes()).expect("it is read");
        let output = shell.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The names of the files in it.
    pub fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path()).expect("it is there");
        let mut names: Vec<String> =
            files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A node at work; killed when dropped.
pub struct Node {
    process: Process,
    pub resp: std::net::SocketAddr,
    pub http: std::net::SocketAddr,
}

impl Node {
    /// The reply to one command, as text.
    pub fn ask(&self, words: &[&str]) -> String {
        let reply = crate::support::Raw::connect(self.resp).call(words);
        String::from_utf8_lossy(&reply).into_owned()
    }

    /// What it has printed and logged so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// A JSON answer.
    pub fn json(&self, path: &str) -> serde_json::Value {
        let answer = ureq::get(&format!("http://{}{path}", self.http)).call();
        answer.expect("an answer").body_mut().read_json().expect("JSON")
    }
}

pub fn done(command: &mut Command) -> Done {
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Done { success: output.status.success(), printed: text(output.stdout), told: text(output.stderr) }
}
