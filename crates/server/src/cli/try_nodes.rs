//! `clearwell try`: a cluster on this machine, in one process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::serve::{log_to_stderr, wait_for_signal};
use crate::config::{ClusterConfig, Config};
use crate::node::Entrance;
use crate::running::Running;

/// Starts several nodes of one cluster on this machine, to look at and to break.
#[derive(Debug, Clone, clap::Args)]
pub struct TryArgs {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub nodes: u8,
    /// Where their data folders are made; a second start goes on with what the first one was
    #[arg(long, value_name = "DIR", default_value = "./clearwell-try")]
    pub data: PathBuf,
    /// The first node's RESP port; its HTTP and its links are on the next two, and each further node's ten higher. 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 7379)]
    pub port: u16,
}

/// Runs `clearwell try`: until a signal asks it to end.
///
/// # Errors
/// In words: why one of the nodes does not serve.
pub fn run(args: &TryArgs) -> Result<ExitCode, String> {
    log_to_stderr();
    let mut nodes: Vec<Running> = Vec::new();
    for at in 0..args.nodes {
        let seed = nodes.first().and_then(|first| first.node.cluster_report()).map(|report| report.link);
        nodes.push(start(args, at, seed)?);
    }
    greet(&nodes, &args.data);
    wait_for_signal()?;
    println!("stopping");
    nodes.into_iter().for_each(Running::stop);
    Ok(ExitCode::SUCCESS)
}

fn start(args: &TryArgs, at: u8, seed: Option<String>) -> Result<Running, String> {
    let data = args.data.join(format!("node{}", at + 1));
    let port = |beside: u16| match args.port {
        0 => Ok(0),
        first => {
            let wanted = u32::from(first) + 10 * u32::from(at) + u32::from(beside);
            u16::try_from(wanted)
                .map_err(|_| format!("--port {first} leaves no room for {} nodes", args.nodes))
        }
    };
    let mut config = sample(&args.data)?;
    let join: Vec<String> = seed.into_iter().collect();
    let of = config.cluster.get_or_insert_with(ClusterConfig::default);
    of.listen = format!("127.0.0.1:{}", port(2)?);
    of.join.clone_from(&join);
    let entrance = match join.is_empty() && !was_there(&data) {
        true => Entrance::Bootstrap,
        false => Entrance::Again,
    };
    let listeners = (listen(port(0)?)?, listen(port(1)?)?, Some(listen(0)?));
    Running::start_in_cluster(config, &data, listeners, 1, entrance).map_err(|error| error.to_string())
}

/// The sample of posts and authors, in one database that all nodes share.
fn sample(data: &Path) -> Result<Config, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", data.display());
    std::fs::create_dir_all(data).map_err(wrong)?;
    let data = data.canonicalize().map_err(wrong)?;
    let mut config = Config::default_sample();
    for source in config.sources.values_mut() {
        source.path = data.join(&source.path);
    }
    Ok(config)
}

/// Whether a node has been in a cluster with this folder.
fn was_there(data: &Path) -> bool {
    data.join("cluster").join("identity").exists()
}

fn listen(port: u16) -> Result<TcpListener, String> {
    TcpListener::bind(("127.0.0.1", port))
        .map_err(|error| format!("127.0.0.1:{port}: {error}; --port takes other ports, and 0 free ones"))
}

fn greet(nodes: &[Running], data: &Path) {
    println!(
        "clearwell {}, {} nodes of one cluster; data in {}",
        env!("CARGO_PKG_VERSION"),
        nodes.len(),
        data.display()
    );
    for node in nodes {
        let link = node.node.cluster_report().map(|report| report.link).unwrap_or_default();
        println!("resp {}  http {}  link {link}", node.resp_address(), node.http_address());
    }
    let Some((first, last)) = nodes.first().zip(nodes.last()) else { return };
    println!();
    let second = nodes.get(1).unwrap_or(last).resp_address().port();
    println!("Try:");
    println!("  redis-cli -p {} GET post:1", first.resp_address().port());
    println!("  redis-cli -p {second} SET post:1 'Written through another node'");
    println!("  redis-cli -p {} GET post:1", last.resp_address().port());
    println!("  clearwell cluster status --addr {}", first.resp_address());
    println!("  http://{}/", first.http_address());
}
