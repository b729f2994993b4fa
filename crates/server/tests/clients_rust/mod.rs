//! redis-rs, unmodified: its blocking connection and its multiplexed one.

use super::support::Server;
use redis::aio::MultiplexedConnection;
use redis::{AsyncTypedCommands, Client, Commands, ErrorKind, RedisResult, ServerErrorKind, pipe};
use std::collections::HashSet;

fn client(server: &Server, protocol: &str) -> Client {
    Client::open(format!("redis://{}/?protocol={protocol}", server.resp)).expect("a loopback URL is valid")
}

/// Cache work over a blocking connection, RESP2 and RESP3.
pub fn sync_works(server: &Server) {
    for protocol in ["resp2", "resp3"] {
        sync_cache_work(&client(server, protocol)).unwrap_or_else(|error| panic!("{protocol}: {error}"));
    }
}

fn sync_cache_work(client: &Client) -> RedisResult<()> {
    let mut connection = client.get_connection()?;
    redis::cmd("FLUSHALL").exec(&mut connection)?;
    connection.set_ex::<_, _, ()>("rs:a", "1", 100)?;
    assert_eq!(connection.get::<_, Option<String>>("rs:a")?, Some("1".into()));
    assert_eq!(connection.get::<_, Option<String>>("rs:none")?, None);
    assert!((98..=100).contains(&connection.ttl::<_, i64>("rs:a")?));
    connection.mset::<_, _, ()>(&[("rs:b", "2"), ("rs:c", "3")])?;
    let values: Vec<Option<i64>> = connection.mget(&["rs:b", "rs:none", "rs:c"])?;
    assert_eq!(values, [Some(2), None, Some(3)]);

    let both: (i64, String) =
        pipe().atomic().set("rs:t", 1).ignore().incr("rs:t", 1).get("rs:t").query(&mut connection)?;
    assert_eq!(both, (2, "2".into()));

    let names: HashSet<String> = (0..100).map(|i| format!("rs:scan:{i}")).collect();
    for name in &names {
        connection.set::<_, _, ()>(name, "x")?;
    }
    let found: HashSet<String> =
        connection.scan_match::<_, String>("rs:scan:*")?.collect::<RedisResult<HashSet<String>>>()?;
    assert_eq!(found, names);

    let error =
        redis::cmd("INCR").arg("rs:word").arg("extra").exec(&mut connection).expect_err("wrong arity");
    assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError), "{error}");
    assert_eq!(connection.del::<_, i64>(&["rs:a", "rs:b", "rs:none"])?, 2);
    assert_eq!(redis::cmd("PING").query::<String>(&mut connection)?, "PONG");
    Ok(())
}

/// Cache work by many tasks that share one multiplexed connection, RESP2 and RESP3.
pub fn multiplexed_works(server: &Server) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a current-thread runtime starts");
    for protocol in ["resp2", "resp3"] {
        runtime
            .block_on(shared_cache_work(&client(server, protocol)))
            .unwrap_or_else(|error| panic!("{protocol}: {error}"));
    }
}

async fn shared_cache_work(client: &Client) -> RedisResult<()> {
    let connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("FLUSHALL").exec_async(&mut connection.clone()).await?;
    let tasks: Vec<_> = (0..32).map(|task| tokio::spawn(one_task(connection.clone(), task))).collect();
    for task in tasks {
        task.await.expect("a task does not panic")?;
    }
    assert_eq!(connection.clone().get("rs:shared").await?, Some("3200".into()));
    Ok(())
}

async fn one_task(mut connection: MultiplexedConnection, task: usize) -> RedisResult<()> {
    for step in 0..100 {
        let (key, value) = (format!("rs:{task}:{step}"), format!("{}", task * 1000 + step));
        connection.set_ex(&key, &value, 60).await?;
        assert_eq!(connection.get(&key).await?, Some(value), "another task's reply came back");
        connection.incr("rs:shared", 1).await?;
    }
    Ok(())
}
