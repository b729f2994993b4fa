//! A private PostgreSQL of Debian's packages, for one test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Process, wait_for};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server with a folder and a port of its own; stopped and removed when dropped.
pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Process>,
    /// Its data, inside of the folder.
    data: &'static str,
}

impl Postgres {
    /// A server that keeps a logical log, with nothing in it.
    pub fn start() -> Postgres {
        Postgres::start_with(&["wal_level=logical"])
    }

    /// A server with these settings and the usual ones.
    pub fn start_with(settings: &[&str]) -> Postgres {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        run(program("initdb")
            .arg("--no-sync")
            .args(["--auth=trust", "--username=postgres", "-D"])
            .arg(&data));
        let settings = settings.iter().map(|setting| (*setting).to_string()).collect();
        let mut postgres = Postgres { folder, port: free_port(), settings, server: None, data: "data" };
        postgres.start_again();
        postgres
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs SQL as an operator would, with psql; answers what it prints.
    pub fn psql(&self, sql: &str) -> String {
        self.try_psql(sql).unwrap_or_else(|wrong| panic!("psql: {wrong}\nof: {sql}"))
    }

    /// The same in another database of the server.
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        let url = format!("{}{database}", self.url().trim_end_matches("postgres"));
        Postgres::psql_at(&url, sql).unwrap_or_else(|wrong| panic!("psql: {wrong}\nof: {sql}"))
    }

    /// The same; what psql complains about is the error.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        Postgres::psql_at(&self.url(), sql)
    }

    /// The same, of any server's database.
    pub fn psql_at(url: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(format!("{PROGRAMS}/psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
            .output()
            .expect("psql is installed");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_string()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Ends all of it as a crash does: nothing is flushed that was not, and none of its processes answers once more.
    pub fn kill9(&mut self) {
        if self.server.is_some() {
            // Stopped, it makes no new ones meanwhile.
            self.signal("STOP");
            self.signal_all("KILL");
        }
        if let Some(mut server) = self.server.take() {
            server.kill9();
        }
    }

    /// Sends a signal to the server process alone, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let server = self.server.as_ref().expect("it runs");
        run(Command::new("kill").arg(format!("-{signal}")).arg(server.id().to_string()));
    }

    /// Stops all of its processes where they are: it accepts, and answers nothing.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    fn signal_all(&self, signal: &str) {
        let id = self.server.as_ref().expect("it runs").id().to_string();
        let children =
            Command::new("ps").args(["-o", "pid=", "--ppid", &id]).output().expect("ps is installed");
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let all = std::iter::once(id.as_str()).chain(children.split_whitespace());
        // A child may end in between.
        drop(Command::new("kill").arg(format!("-{signal}")).args(all).output());
    }

    /// Starts it after [`Postgres::kill9`]. The children of a killed server take a moment to notice.
    pub fn start_again(&mut self) {
        self.server = Some(self.launch());
        wait_for("PostgreSQL to answer", || {
            if self.server.as_mut().is_some_and(|server| server.ended().is_some()) {
                self.server = Some(self.launch());
            }
            self.try_psql("SELECT 1").ok()
        });
    }

    fn launch(&self) -> Process {
        let mut command = program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let usual = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=on",
            "max_connections=200",
            "dynamic_shared_memory_type=mmap",
        ];
        for setting in usual.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        Process::start(&mut command)
    }

    /// What it has logged so far, since it was started last.
    pub fn log(&self) -> String {
        self.server.as_ref().map(Process::output).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join(self.data)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A killed server leaves shared memory behind; one that is told to stop does not.
        let stopped =
            program("pg_ctl").args(["stop", "-m", "immediate", "-w", "-D"]).arg(self.data()).output();
        drop(stopped);
        self.kill9();
    }
}

/// One of PostgreSQL's programs, which refuse to be run by root.
fn program(name: &str) -> Command {
    let path = format!("{PROGRAMS}/{name}");
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", &path]).current_dir("/");
    command
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

impl Postgres {
    /// From now on this role must give its password.
    pub fn demand_passwords(&self, role: &str) {
        self.rule(&format!("host all {role} all scram-sha-256"));
    }

    /// From now on it offers TLS with this certificate, and refuses connections without.
    pub fn demand_tls(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            std::fs::write(&path, text).expect("the folder is ours");
            run(Command::new("chmod").arg("600").arg(&path));
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&path));
            }
        }
        self.psql("ALTER SYSTEM SET ssl = on");
        self.rule("hostnossl all all all reject");
        wait_for("TLS to be offered", || self.try_psql("SHOW ssl").ok().filter(|on| on == "on"));
    }

    /// Puts a rule before the others of who may connect.
    fn rule(&self, rule: &str) {
        let rules = self.data().join("pg_hba.conf");
        let text = std::fs::read_to_string(&rules).expect("initdb wrote it");
        std::fs::write(&rules, format!("{rule}\n{text}")).expect("the folder is ours");
        self.psql("SELECT pg_reload_conf()");
    }

    /// A standby of it, which follows by streaming.
    pub fn standby(&self) -> Postgres {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        run(program("pg_basebackup")
            .args(["-R", "-X", "stream", "--checkpoint=fast", "-d", &self.url(), "-D"])
            .arg(&data));
        let settings = self.settings.clone();
        let mut standby = Postgres { folder, port: free_port(), settings, server: None, data: "data" };
        standby.start_again();
        standby
    }

    /// Removes a database with whatever is connected to it, and its replication slot of the same name.
    pub fn drop_database(&self, name: &str) {
        wait_for("the slot to be free", || {
            self.psql(&format!("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{name}' AND active"));
            self.try_psql(&format!("SELECT pg_drop_replication_slot('{name}')")).ok()
        });
        self.psql(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Copies the running server, as a standby begins. Slots are not in a copy.
    pub fn copy(&self) {
        let to = self.folder.path().join(COPY);
        let from = ["-h", "127.0.0.1", "-U", "postgres", "-c", "fast", "-p", &self.port.to_string()];
        run(program("pg_basebackup").args(from).arg("-D").arg(to));
    }

    /// After [`Postgres::kill9`]: the copy takes the server's place and port. `promoted`: as a standby that was promoted, on a
    /// timeline of its own; else as one that was restored.
    pub fn fail_over(&mut self, promoted: bool) {
        self.data = COPY;
        if promoted {
            std::fs::write(self.data().join("standby.signal"), "").expect("the folder is ours");
        }
        self.start_again();
        if promoted {
            run(program("pg_ctl").args(["promote", "-w", "-D"]).arg(self.data()));
        }
    }
}

const COPY: &str = "copy";
