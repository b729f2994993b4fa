//! TLS, as the url asks for it.

use std::sync::Arc;

use clearwell_source::config::PostgresConfig;
use clearwell_source::postgres::{Postgres as Source, setup};
use clearwell_source::{Source as _, SourceError};

use crate::support::Postgres;
use crate::world::{POSTS, Recorder, World, int, watched};

/// A certificate authority and a certificate of it for 127.0.0.1: the authority's, the server's, its key.
fn certificates() -> (String, String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate");
    let issuer = rcgen::Issuer::new(params, key);
    let own = rcgen::KeyPair::generate().expect("a key");
    let server = rcgen::CertificateParams::new(["127.0.0.1".to_string()]).expect("a name");
    let server = server.signed_by(&own, &issuer).expect("a certificate");
    (authority.pem(), server.pem(), own.serialize_pem())
}

fn open(url: String) -> Result<Source, SourceError> {
    Source::open("main", &PostgresConfig::new(url), 2000, watched(&[("posts", &["author_id", "id"])]))
}

#[track_caller]
fn unreachable(opened: Result<Source, SourceError>, why: &str) {
    match opened.map(|_| ()) {
        Err(SourceError::Unreachable(told)) => assert!(told.contains(why), "{told}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connections_and_the_stream_are_secret_when_asked() {
    let database = Postgres::start();
    database.psql(POSTS);
    let (authority, certificate, key) = certificates();
    database.demand_tls(&certificate, &key);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let (right, wrong) = (file("right.pem", &authority), file("wrong.pem", &certificates().0));
    let empty = file("empty.pem", "nothing");
    let url = |parameters: &str| format!("{}?{parameters}", database.url());

    unreachable(open(url("sslmode=disable")), "pg_hba.conf");
    unreachable(open(url(&format!("sslmode=verify-full&sslrootcert={wrong}"))), "certificate");
    unreachable(open(url(&format!("sslmode=verify-full&sslrootcert={empty}"))), "no certificate in it");
    unreachable(open(url("sslmode=verify-full&sslrootcert=/nowhere.pem")), "/nowhere.pem");
    unreachable(open(url("sslmode=verify-full")), "sslrootcert");
    let other_name =
        url(&format!("sslmode=verify-full&sslrootcert={right}")).replace("127.0.0.1", "localhost");
    unreachable(open(other_name), "certificate");
    for parameters in ["sslmode=prefer", "sslmode=require"] {
        let source = open(url(parameters)).expect("it opens");
        assert_eq!(source.unverified().as_deref(), Some("the feed has not begun"));
    }

    let config = PostgresConfig::new(url(&format!("sslmode=verify-full&sslrootcert={right}")));
    let tables = watched(&[("posts", &["author_id", "id"])]);
    setup(&config, &tables, true).expect("the database is set up");
    let world = World::open(database, config, tables, 2000);
    assert_eq!(world.changes("UPDATE posts SET author_id = 77 WHERE id = 3"), ["posts 3,3>77,3"]);
    let update = "UPDATE posts SET author_id = 5 WHERE id = :id";
    assert_eq!(world.write(update, vec![int("id", 4)], None).map(|receipt| receipt.rows), Ok(1));
    // The wish to end a statement takes the same road.
    assert_eq!(world.load("SELECT pg_sleep(20)::text", vec![]), Err(SourceError::TooSlow(2000)));
    let secret = "SELECT count(*) > 2 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name LIKE 'clearwell%'";
    assert_eq!(world.database.psql(secret), "t");
}

#[test]
fn a_server_without_tls_is_told_as_such() {
    let database = Postgres::start();
    database.psql(POSTS);
    let url = |mode: &str| format!("{}?sslmode={mode}", database.url());
    unreachable(open(url("require")), "does not support TLS");
    for mode in ["prefer", "disable"] {
        let config = PostgresConfig::new(url(mode));
        let tables = watched(&[("posts", &["author_id", "id"])]);
        setup(&config, &tables, true).expect("the database is set up");
        let source = Source::open("main", &config, 2000, tables).expect("it opens");
        source.follow(Arc::new(Recorder::default())).expect("it is followed");
    }
}
