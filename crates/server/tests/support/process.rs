//! A child process whose output is collected and which never outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running program; killed when dropped.
pub struct Process {
    child: Child,
    name: String,
    stdout: Lines,
    stderr: Lines,
}

/// Lines read so far, shared with the thread that reads them.
struct Lines {
    read: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Starts `command` with its output collected and no input.
    pub fn start(command: &mut Command) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdout = collect(child.stdout.take().expect("stdout was piped"));
        let stderr = collect(child.stderr.take().expect("stderr was piped"));
        Process { child, name, stdout, stderr }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once the program has ended and all that it said was read.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child of ours can be waited for");
        status.filter(|_| self.stdout.reader.is_finished() && self.stderr.reader.is_finished())
    }

    /// Looks `find` up in the lines of standard output so far.
    pub fn find_line<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.stdout.read.lock().expect("no reader panics").iter().find_map(|line| find(line))
    }

    /// Everything the program has printed, for a failure message.
    pub fn output(&self) -> String {
        let text = |lines: &Lines| lines.read.lock().expect("no reader panics").join("\n");
        format!(
            "{} stdout:\n{}\n{} stderr:\n{}",
            self.name,
            text(&self.stdout),
            self.name,
            text(&self.stderr)
        )
    }

    /// Ends the program as `kill -9` does and waits until it is gone.
    pub fn kill9(&mut self) {
        // It may have ended by itself; both ways it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        rss_bytes(self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn collect(pipe: impl Read + Send + 'static) -> Lines {
    let read = Arc::<Mutex<Vec<String>>>::default();
    let shared = read.clone();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            shared.lock().expect("no reader panics").push(line);
        }
    });
    Lines { read, reader }
}

/// Resident memory of the process `id` in bytes.
pub fn rss_bytes(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a live process has VmRSS");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("VmRSS is a number");
    kib * 1024
}
