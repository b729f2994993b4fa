//! A node over a private PostgreSQL, and psql sessions beside it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::load::KEYS;
use crate::support::{Options, Postgres, Server, wait_for};
use crate::surfaces::json;

pub struct World {
    pub node: Server,
    /// Last, so that the node goes before its source.
    pub database: Postgres,
}

/// On a busy machine a feed may be silent for a while without anything being wrong.
pub const PATIENT: &str = "20s";

/// A configuration over this source.
pub fn config(source: &str, policy: &str, behind_most: &str) -> String {
    // What memory holds is not to stand in for a source that is away: here every answer is one that somebody vouches for.
    let outage = if policy == "bypass" { "outage = \"0s\"" } else { "" };
    format!(
        r#"
[source.main]
{source}
behind_most = "{behind_most}"

[[keyspace]]
pattern = "item:{{id:int}}"
source = "main"
load = "SELECT version FROM items WHERE id = :id"
unverified = "{policy}"
{outage}

[[keyspace.feed]]
table = "items"
keys = ["item:{{id}}"]
"#
    )
}

impl World {
    pub fn new(policy: &str) -> World {
        World::with(policy, PATIENT, &["wal_level=logical"])
    }

    pub fn with(policy: &str, behind_most: &str, settings: &[&str]) -> World {
        let database = Postgres::start_with(settings);
        database.psql(&format!(
            "CREATE TABLE items (id int PRIMARY KEY, version bigint NOT NULL);
             INSERT INTO items SELECT n, 1 FROM generate_series(0, {}) n",
            KEYS - 1
        ));
        let config = config(&format!("url = \"{}\"", database.url()), policy, behind_most);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("clearwell.toml");
        std::fs::write(&file, &config).expect("the folder is ours");
        let mut init = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        let made = init.args(["feed", "init", "--run", "--config"]).arg(&file).output().expect("it runs");
        assert!(made.status.success(), "{made:?}");
        let node = Server::clearwell(Options { config: Some(config), ..Options::default() });
        World { node, database }
    }

    pub fn http(&self) -> SocketAddr {
        self.node.http.expect("a node has one")
    }

    /// The health of its source.
    pub fn health(&self) -> serde_json::Value {
        json(self.http(), "/api/cache/health")["sources"][0].clone()
    }

    /// Waits until its source is verified (or not), and answers its health then.
    pub fn until(&self, verified: bool) -> serde_json::Value {
        wait_for(&format!("verified = {verified}"), || {
            Some(self.health()).filter(|health| health["verified"] == verified)
        })
    }

    pub fn session(&self) -> Session {
        Session::open(&self.database.url()).expect("psql starts")
    }

    /// Takes the node's slot away.
    pub fn drop_slot(&self) {
        self.database.psql(
            "DO $$ BEGIN LOOP
                 PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
                 BEGIN PERFORM pg_drop_replication_slot('clearwell'); EXIT;
                 EXCEPTION WHEN object_in_use THEN NULL; END;
             END LOOP; END $$",
        );
    }

    /// Sends the node's process a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let id = self.node.process.id().to_string();
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(id).status().expect("kill is there");
        assert!(sent.success());
    }
}

/// psql, kept open; it ends with its input.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    pub fn open(url: &str) -> Option<Session> {
        let mut child = Command::new("/usr/lib/postgresql/15/bin/psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Session { child, input, output })
    }

    /// One line of SQL and the first line of its result; `None` when the server is gone.
    pub fn ask(&mut self, sql: &str) -> Option<String> {
        writeln!(self.input, "{sql}").ok()?;
        let mut line = String::new();
        let read = self.output.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().into())
    }

    /// Adds `step` to a key's version; answers the new one.
    pub fn bump(&mut self, key: usize, step: u64) -> Option<u64> {
        let sql = format!("UPDATE items SET version = version + {step} WHERE id = {key} RETURNING version;");
        self.ask(&sql)?.parse().ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.node.process.output());
        }
    }
}
