//! Unmodified clients that know clusters do a cache's work, and one of the nodes is killed in its midst: they go on by their own retries,
//! and what was acknowledged before is there. The node that is killed is that of [`VICTIM`].

use std::process::Command;

use super::nodes::Cluster;
use super::support::{node_at, output_or, python_at, tool, wait_for};

const VICTIM: usize = 1;

/// Three nodes that acknowledge what their replicas have.
fn cluster() -> Cluster {
    Cluster::start("ack = \"replicas\"")
}

/// Runs a script that kills the node itself, when it has come so far.
fn works(mut command: Command, cluster: &Cluster) {
    let ports: Vec<String> = cluster.nodes.iter().map(|node| node.redirect.port().to_string()).collect();
    command.env("CLUSTER_PORTS", ports.join(","));
    command.env("KILL_PID", cluster.nodes[VICTIM].process.id().to_string());
    output_or(&mut command, || scene(cluster));
}

fn scene(cluster: &Cluster) -> String {
    cluster.nodes.iter().map(|node| node.process.output()).collect::<Vec<_>>().join("\n")
}

#[test]
fn redis_py_works() {
    for protocol in ["2", "3"] {
        let cluster = cluster();
        let mut command = python_at("cluster_work.py", cluster.nodes[0].redirect);
        command.arg(protocol);
        works(command, &cluster);
    }
}

#[test]
fn ioredis_works() {
    let cluster = cluster();
    works(node_at("cluster_ioredis.cjs", cluster.nodes[0].redirect), &cluster);
}

/// Its multiplexed client: the blocking one asks nobody anew where a node does not accept any more.
#[test]
fn redis_rs_works() {
    let mut cluster = cluster();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let done = runtime.block_on(redis_rs(&mut cluster));
    done.unwrap_or_else(|error| panic!("{error}\n{}", scene(&cluster)));
}

async fn redis_rs(cluster: &mut Cluster) -> redis::RedisResult<()> {
    use redis::AsyncCommands;
    let urls = cluster.nodes.iter().map(|node| format!("redis://{}", node.redirect));
    // The client's own way of waiting for a failover.
    let builder = redis::cluster::ClusterClientBuilder::new(urls).retries(60);
    let client = builder.min_retry_wait(50).max_retry_wait(300).build()?;
    let mut connection = client.get_async_connection().await?;
    let names: Vec<String> = (0..300).map(|number| format!("rs:{number}")).collect();
    for name in &names {
        connection.set::<_, _, ()>(name, name).await?;
    }
    for name in &names {
        assert_eq!(connection.get::<_, String>(name).await?, *name);
    }
    let values: Vec<String> = connection.mget(&names).await?;
    assert_eq!(values, names, "the client asks each node for its part");
    connection.mset::<_, _, ()>(&[("{rs}a", 1), ("{rs}b", 2)]).await?;
    let values: Vec<Option<i64>> = connection.mget(&["{rs}a", "{rs}none", "{rs}b"]).await?;
    assert_eq!(values, [Some(1), None, Some(2)]);
    let mut pipe = redis::pipe();
    pipe.atomic().set("{rs}t", 1).ignore().incr("{rs}t", 1).get("{rs}t");
    assert_eq!(pipe.query_async::<(i64, String)>(&mut connection).await?, (2, "2".to_owned()));
    connection.set_ex::<_, _, ()>("rs:ttl", 1, 100).await?;
    assert!((98..=100).contains(&connection.ttl::<_, i64>("rs:ttl").await?));
    let size: i64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    assert_eq!(size, 300 + 4, "the sum of all nodes");
    for name in &names {
        connection.set::<_, _, ()>(name, format!("{name} again")).await?;
    }
    cluster.nodes[VICTIM].process.kill9();
    for name in &names {
        assert_eq!(connection.get::<_, String>(name).await?, format!("{name} again"));
        assert_eq!(connection.incr::<_, _, i64>(format!("{name}:count"), 1).await?, 1);
    }
    Ok(())
}

#[test]
fn redis_cli_follows_redirections() {
    let mut cluster = cluster();
    // The tool follows redirections and sends nothing twice: what fails while nobody serves the slot is its caller's to repeat.
    let call = |cluster: &Cluster, words: &[&str]| {
        let mut command = tool("redis-cli");
        command.args(["-c", "-p", &cluster.nodes[0].redirect.port().to_string()]).args(words);
        let said = command.output().expect("redis-cli is installed").stdout;
        String::from_utf8_lossy(&said).trim_end().to_owned()
    };
    let names: Vec<String> = (0..20).map(|number| format!("cli:{number}")).collect();
    for name in &names {
        wait_for("a write", || (call(&cluster, &["SET", name, "before"]) == "OK").then_some(()));
        wait_for("a read", || (call(&cluster, &["GET", name]) == "before").then_some(()));
    }
    let said = call(&cluster, &["--cluster", "check", &cluster.nodes[0].redirect.to_string()]);
    assert!(said.contains("[OK] All 16384 slots covered."), "{said}");
    cluster.nodes[VICTIM].process.kill9();
    for name in &names {
        wait_for("the slot to be served", || (call(&cluster, &["GET", name]) == "before").then_some(()));
        wait_for("a write", || (call(&cluster, &["SET", name, "after"]) == "OK").then_some(()));
    }
}

#[test]
fn redis_benchmark_runs() {
    let mut cluster = cluster();
    let load =
        ["--cluster", "-t", "set,get,incr,mset", "-n", "5000", "-r", "5000", "-c", "10", "-P", "4", "-q"];
    let run = |cluster: &Cluster| {
        let mut command = tool("redis-benchmark");
        command.args(["-p", &cluster.nodes[0].redirect.port().to_string()]).args(load);
        let said = output_or(&mut command, || scene(cluster));
        assert!(said.contains("requests per second"), "{said}");
        said
    };
    let said = run(&cluster);
    assert!(said.contains("has 3 master nodes"), "{said}");
    cluster.nodes[VICTIM].process.kill9();
    cluster.nodes.remove(VICTIM);
    cluster.wait(2);
    run(&cluster);
}
