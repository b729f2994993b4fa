//! SQLite's gaps: the file replaced, its log cut, its bytes damaged, under the same load and the same judge.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::load::{KEYS, Load};
use crate::support::{Options, Server, wait_for};
use crate::surfaces::{Events, json};
use crate::world::{PATIENT, config};

const BOUND: Duration = Duration::from_secs(1);

struct World {
    node: Server,
    file: PathBuf,
}

impl World {
    fn new(policy: &str) -> World {
        let seed = format!(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER NOT NULL); \
             WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < {}) \
             INSERT INTO items SELECT id, 1 FROM n",
            KEYS - 1
        );
        let source = format!("url = \"sqlite://items.db\"\nseed = \"{seed}\"");
        let node = Server::clearwell(Options {
            config: Some(config(&source, policy, PATIENT)),
            ..Options::default()
        });
        let file = node.data().join("items.db");
        World { node, file }
    }

    fn health(&self) -> serde_json::Value {
        json(self.node.http.expect("a node has one"), "/api/cache/health")["sources"][0].clone()
    }

    fn read(&self, key: usize) -> String {
        String::from_utf8(self.node.connect().call(&["GET", &format!("item:{key}")])).expect("text")
    }

    fn settled(&self, gaps: u64) {
        wait_for("the source to be verified", || {
            let health = self.health();
            (health["verified"] == true && health["gaps"].as_u64() >= Some(gaps)).then_some(())
        });
    }
}

pub fn sqlite3(file: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    let output =
        command.args(["-cmd", ".timeout 5000"]).arg(file).arg(sql).output().expect("sqlite3 is there");
    assert!(output.status.success(), "{sql}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().into()
}

/// Another file of this name with versions of its own, put in its place at once.
fn replace(world: &World, versions: u64) {
    let other = world.file.with_extension("other");
    sqlite3(
        &other,
        &format!(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);
             WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < {})
             INSERT INTO items SELECT id, {versions} FROM n",
            KEYS - 1
        ),
    );
    put_in_place(&other, world);
}

/// Without the log of the file before it, which SQLite would take for its own.
fn put_in_place(other: &Path, world: &World) {
    for side in ["-wal", "-shm"] {
        // It may not be there.
        let _ = std::fs::remove_file(format!("{}{side}", world.file.display()));
    }
    std::fs::rename(other, &world.file).expect("it is ours");
}

#[test]
fn a_replaced_file_and_a_cut_log_under_load() {
    let world = World::new("bypass");
    let load = Load::new();
    let events = Events::of(world.node.http.expect("a node has one"));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| load.read(world.node.resp))).collect();
        for round in 1..=3_u64 {
            for key in 0..KEYS {
                let sql =
                    format!("UPDATE items SET version = version + 1 WHERE id = {key} RETURNING version");
                load.truth.committed(key, sqlite3(&world.file, &sql).parse().expect("a version"));
            }
            let begun = Instant::now();
            match round {
                2 => {
                    let cut = "UPDATE items SET version = version + 1; DELETE FROM clearwell_changes";
                    sqlite3(&world.file, &format!("BEGIN IMMEDIATE; {cut}; COMMIT"));
                    events.wait("gap", begun);
                }
                _ => {
                    replace(&world, round * 1_000);
                    (0..KEYS).for_each(|key| load.truth.committed(key, round * 1_000));
                    events.wait("unverified", begun);
                    events.wait("gap", begun);
                    events.wait("verified", begun);
                }
            }
            world.settled(round);
            let read = load.seen.lock().expect("no reader panics").values;
            wait_for("more reads", || {
                (load.seen.lock().expect("no reader panics").values > read + 100).then_some(())
            });
        }
        load.stop();
        readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    });
    load.judge("sqlite", BOUND);
    assert_eq!(world.read(3), "$4\r\n3000\r\n");
}

#[test]
fn a_damaged_file_is_refused_until_it_is_whole() {
    let world = World::new("refuse");
    assert_eq!(world.read(3), "$1\r\n1\r\n");
    let whole = world.file.with_extension("whole");
    sqlite3(&world.file, &format!(".backup {}", whole.display()));
    let damaged = world.file.with_extension("damaged");
    std::fs::write(&damaged, vec![7; 8192]).expect("the folder is ours");
    put_in_place(&damaged, &world);
    wait_for("the node to notice", || (world.health()["verified"] == false).then_some(()));
    let refused = world.read(3);
    assert!(refused.starts_with("-UNVERIFIED keyspace item:{id:int} refuses reads"), "{refused}");
    put_in_place(&whole, &world);
    world.settled(1);
    assert_eq!(world.read(3), "$1\r\n1\r\n");
}
