//! A node over a database of posts, as its program runs.

use serde_json::Value;

use crate::http::call;
use crate::support::{Options, Postgres, Raw, Server, wait_for};

/// Rows of posts; more than a page of a listing.
pub const POSTS: u64 = 1_200;

const TABLE: &str =
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, slug TEXT, content TEXT, author_id INTEGER);";

fn rows(series: &str) -> String {
    format!("INSERT INTO posts SELECT n, 's' || n, 'post ' || n, n % 10 FROM {series}")
}

pub struct World {
    pub server: Server,
    postgres: Option<Postgres>,
}

/// Makes what the feed of a node needs, and follows no table.
pub fn followed(postgres: &Postgres) {
    postgres.psql("CREATE PUBLICATION clearwell");
    postgres.psql("SELECT pg_create_logical_replication_slot('clearwell', 'pgoutput')");
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Sqlite,
    Postgres,
}

pub const BASES: [Base; 2] = [Base::Sqlite, Base::Postgres];

/// Posts by number, with this query of their keys and these lines beside.
pub fn posts(keys: &str, own: &str) -> String {
    format!(
        "[[keyspace]]\npattern = 'post:{{id:int}}'\nsource = 'main'\n\
         load = 'SELECT content, author_id FROM posts WHERE id = :id'\n{keys}\n{own}\n\
         tags = ['author:{{author_id}}']\nunfollowed = 'ok'\nttl = '1h'\n"
    )
}

impl World {
    pub fn new(base: Base, keyspaces: &str) -> World {
        World::with(base, "", keyspaces)
    }

    /// With what this makes beside the posts.
    pub fn with(base: Base, made: &str, keyspaces: &str) -> World {
        let (source, postgres) = match base {
            Base::Sqlite => {
                let series = format!(
                    "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {POSTS}) SELECT n FROM s)"
                );
                (format!("url = 'sqlite://posts.db'\nseed = '''{TABLE} {made} {}'''", rows(&series)), None)
            }
            Base::Postgres => {
                let postgres = Postgres::start();
                postgres.psql(&format!("{TABLE} {made} {}", rows(&format!("generate_series(1, {POSTS}) n"))));
                followed(&postgres);
                (format!("url = '{}'", postgres.url()), Some(postgres))
            }
        };
        let config = format!("[source.main]\n{source}\n{keyspaces}");
        World { server: Server::clearwell(Options { config: Some(config), ..Options::default() }), postgres }
    }

    pub fn raw(&self) -> Raw {
        Raw::connect(self.server.resp)
    }

    /// Runs SQL as somebody else does, whom no feed follows.
    pub fn sql(&self, sql: &str) {
        match &self.postgres {
            Some(postgres) => drop(postgres.psql(sql)),
            None => {
                let file = self.server.data().join("posts.db");
                let connection = rusqlite::Connection::open(file).expect("the database is there");
                connection.busy_timeout(std::time::Duration::from_secs(10)).expect("it waits");
                connection.execute_batch(sql).expect("the statement runs");
            }
        }
    }

    pub fn database(&self) -> &Postgres {
        self.postgres.as_ref().expect("it is PostgreSQL")
    }

    /// Begins a job; its answer.
    pub fn warm(&self, body: &Value) -> crate::http::Answer {
        let address = self.server.http.expect("a node has HTTP");
        let json = [("Content-Type", "application/json")];
        call(address, "POST", "/api/cache/warm", &json, body.to_string().as_bytes())
    }

    /// Runs a job to its end.
    pub fn warmed(&self, body: &Value) -> Value {
        let begun = self.warm(body);
        assert_eq!(begun.status, 202, "{}", begun.text());
        let id = begun.json()["id"].as_u64().expect("a number");
        assert_eq!(begun.header("location"), Some(&*format!("/api/cache/warm/{id}")));
        self.until("the job's end", id, |job| job["state"] != "running")
    }

    pub fn get(&self, path: &str) -> crate::http::Answer {
        call(self.server.http.expect("a node has HTTP"), "GET", path, &[], b"")
    }

    pub fn job(&self, id: u64) -> Value {
        self.get(&format!("/api/cache/warm/{id}")).json()
    }

    /// Waits until a job says so.
    pub fn until(&self, what: &str, id: u64, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.job(id)).filter(|job| is(job)))
    }
}

/// The counts of a job: listed, loaded, present, absent, failed.
pub fn counts(job: &Value) -> [u64; 5] {
    ["listed", "loaded", "present", "absent", "failed"].map(|name| job[name].as_u64().expect("a count"))
}
