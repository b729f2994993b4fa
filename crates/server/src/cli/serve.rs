//! `clearwell serve`: a node.

use std::io::{ErrorKind, IsTerminal};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ClusterConfig, Config, ConfigError};
use crate::data::DataFolder;
use crate::node::{ClusterEnd, Entrance};
use crate::running::Running;
use crate::tasks::Tasks;

/// Serves a node: RESP and HTTP, with the sources that the configuration names.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Check the configuration and exit: with 1 when it has a mistake
    #[arg(long)]
    pub check: bool,
    /// With --check: ask the databases as well, without changing them
    #[arg(long, requires = "check")]
    pub connect: bool,
    /// With --check: print JSON
    #[arg(long, requires = "check")]
    pub json: bool,
    /// The configuration; without one, ./clearwell.toml if it is there, else a small sample
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder, made when it is missing
    #[arg(long, value_name = "DIR", default_value = "./clearwell-data")]
    pub data: PathBuf,
    /// Where Redis clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
    pub resp: String,
    /// Where HTTP is served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7380")]
    pub http: String,
    /// Worker threads for Redis clients [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Begin a new cluster, of which this node is the first: once, on one node
    #[arg(long, conflicts_with = "join")]
    pub bootstrap: bool,
    /// Join the cluster of the nodes whose links are at these addresses
    #[arg(long, value_name = "HOST:PORT[,..]", value_delimiter = ',')]
    pub join: Vec<String>,
    /// Where the links of a cluster's other nodes are listened for [default: as configured, else 127.0.0.1:7381]
    #[arg(long, value_name = "ADDR")]
    pub link: Option<String>,
    /// Where Redis clients connect that know clusters, and are told where a key is [default: as configured, else nowhere]
    #[arg(long, value_name = "ADDR")]
    pub redirect: Option<String>,
    /// Whether to refuse to listen beyond loopback without a password [default: as configured, else yes]
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    pub protected_mode: Option<bool>,
}

fn yes_or_no(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no is needed".into()),
    }
}

/// Runs `clearwell serve`: until a signal asks it to end, or the node has left its cluster.
///
/// # Errors
/// In words: why it does not serve.
pub fn run(args: &ServeArgs) -> Result<ExitCode, String> {
    if args.check {
        let connect = args.connect.then_some(&*args.data);
        return super::check::run(args.config.as_deref(), connect, args.json);
    }
    let entrance = entrance(args);
    let (mut config, origin) = match (&entrance, args.config.is_none() && !Path::new(FILE).exists()) {
        (Some(_), true) => (Config::of_cluster(), "built-in, keys without sources".to_owned()),
        _ => configuration(args.config.as_deref()).map_err(|error| error.to_string())?,
    };
    config.protected_mode = args.protected_mode.unwrap_or(config.protected_mode);
    log_to_stderr();
    let resp = bind("--resp", &args.resp)?;
    let http = bind("--http", &args.http)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or_else(cores, usize::from);
    let cluster = entrance.is_some() || config.cluster.is_some();
    // A node with sources, or of a cluster, claims it itself.
    let _folder =
        (config.sources.is_empty() && !cluster).then(|| DataFolder::claim(&args.data)).transpose()?;
    let running = match cluster {
        false => Running::start(config, &args.data, resp, http, workers),
        true => {
            let of = config.cluster.get_or_insert_with(ClusterConfig::default);
            of.listen = args.link.clone().unwrap_or_else(|| of.listen.clone());
            of.redirect = args.redirect.clone().or_else(|| of.redirect.take());
            let redirect = of.redirect.as_ref().map(|address| bind("--redirect", address)).transpose()?;
            let entrance = entrance.unwrap_or(Entrance::Again);
            Running::start_in_cluster(config, &args.data, (resp, http, redirect), workers, entrance)
        }
    };
    let running = running.map_err(|error| error.to_string())?;
    greet(&running, &origin, &args.data);
    let end = wait_for_signal_or(running.node.clone().cluster_end())?;
    match &end {
        None => println!("stopping"),
        Some(ClusterEnd::Left(told)) => println!("{told}"),
        Some(ClusterEnd::Refused(_)) => {}
    }
    running.stop();
    match end {
        Some(ClusterEnd::Refused(why)) => Err(why),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The file that is taken where none is named.
const FILE: &str = "clearwell.toml";

/// How the node comes into its cluster, if the command line says so.
fn entrance(args: &ServeArgs) -> Option<Entrance> {
    match (args.bootstrap, args.join.is_empty()) {
        (true, _) => Some(Entrance::Bootstrap),
        (false, false) => Some(Entrance::Join(args.join.clone())),
        (false, true) => None,
    }
}

/// The configuration and a word for where it came from.
pub(super) fn configuration(file: Option<&Path>) -> Result<(Config, String), ConfigError> {
    let default = Path::new(FILE);
    match file.or_else(|| default.exists().then_some(default)) {
        Some(path) => Ok((Config::load(path)?, path.display().to_string())),
        None => Ok((Config::default_sample(), "built-in sample".to_owned())),
    }
}

fn bind(option: &str, address: &str) -> Result<TcpListener, String> {
    let wrong =
        |why: String| format!("{option} {address}: {why}; give an address and a port, such as 127.0.0.1:0");
    let addresses: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|error| wrong(error.to_string()))?.collect();
    TcpListener::bind(&addresses[..]).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{address} is taken: is another node running? Give another address with {option}; port 0 takes a free one"
        ),
        _ => format!("{option} {address}: {error}"),
    })
}

/// The first words; the lines `resp` and `http` are also read by programs.
fn greet(running: &Running, origin: &str, data: &Path) {
    let (resp, http) = (running.resp_address(), running.http_address());
    let key = running.node.example_key().unwrap_or_else(|| "greeting".into());
    println!("clearwell {}", env!("CARGO_PKG_VERSION"));
    println!("resp   {resp}");
    println!("http   {http}");
    if let Some(report) = running.node.cluster_report() {
        println!("link   {}", report.link);
        println!("node   {} of the cluster {}", report.me.node.0, report.name);
    }
    println!("config {origin}");
    println!("data   {}", data.display());
    println!();
    println!("Try:");
    println!("  redis-cli -p {} GET {key}", resp.port());
    println!("  curl http://{http}/api/cache/{key}");
    println!("  http://{http}/");
}

pub(super) fn wait_for_signal() -> Result<(), String> {
    wait_for_signal_or(std::future::pending::<()>()).map(|_| ())
}

/// Waits for a signal, which is `None`, or for something else that ends the process.
fn wait_for_signal_or<T: Send + 'static>(
    other: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>, String> {
    let failed = |error: std::io::Error| format!("cannot wait for signals: {error}");
    let tasks = Tasks::start().map_err(failed)?;
    let handle = tasks.handle();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    handle.spawn(async move {
        let signalled = async {
            let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None),
                _ = end.recv() => Ok(None),
                other = other => Ok(Some(other)),
            }
        };
        let _nobody_waits = sender.send(signalled.await);
    });
    receiver.recv().map_err(|error| error.to_string())?.map_err(failed)
}

pub(super) fn log_to_stderr() {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let filter = wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let ansi = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi);
    let logging = tracing_subscriber::registry().with(lines).with(filter);
    // Another logger may be there already when the library is embedded.
    let _already_set = logging.try_init();
}
