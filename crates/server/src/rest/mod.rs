//! The REST surface: it only translates between HTTP and the node's verbs.

mod accept;
mod body;
mod cluster;
mod condition;
mod dependencies;
mod elsewhere;
mod entry;
mod events;
mod fields;
mod filter;
mod gate;
mod held;
mod host;
mod invalidate;
mod names;
mod openapi;
mod problem;
mod query;
mod serve;
mod sources;
mod stats;
mod store;
mod target;
mod told;
mod view;
mod warm;
mod why;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use parking_lot::Mutex;
use tokio::sync::watch;

use body::{BodyLimits, HeldBytes};
use problem::Problem;

pub use names::base64_unless_text;
pub use serve::{RestServing, serve};
pub use told::ToldInvalidation;
pub(crate) use words::rfc3339;

use crate::metrics::{Metrics, OperationKind, Recorder};
use crate::node::Node;

/// What handlers share.
struct Site {
    node: Arc<Node>,
    /// Where it listens.
    address: SocketAddr,
    metrics: Metrics,
    recorder: Mutex<Recorder>,
    held: HeldBytes,
    limits: BodyLimits,
    /// Turns true when the node stops.
    stop: watch::Receiver<bool>,
}

/// The largest body, where memory allows it.
const BODY_MOST: u64 = 64 << 20;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

impl Site {
    fn new(node: Arc<Node>, address: SocketAddr, metrics: Metrics, stop: watch::Receiver<bool>) -> Site {
        let body = usize::try_from(BODY_MOST.min(node.config().max_memory)).unwrap_or(usize::MAX);
        let limits = BodyLimits { body, bodies: body.saturating_mul(4), patience: BODY_PATIENCE };
        let recorder = Mutex::new(metrics.recorder(OperationKind::ALL));
        Site { node, address, metrics, recorder, held: HeldBytes::default(), limits, stop }
    }

    /// This node's name in answers.
    fn node_id(&self) -> String {
        format!("{:x}", self.node.run_id())
    }
}

/// Every route. The names under `/api/cache` win over keys; any key at all is reachable under `/api/cache/keys/`.
fn router(site: Arc<Site>) -> Router {
    let entry = || get(entry::get).post(store::set).put(store::set).delete(store::remove);
    Router::new()
        .route("/api/cache/{*key}", entry())
        .route("/api/cache/dependencies", get(dependencies::dependencies))
        .route("/api/cache/events", get(events::events))
        .route("/api/cache/why", get(why::why))
        .route("/api/cache/cluster", get(cluster::cluster))
        .route("/api/cache/held", get(held::list).delete(held::cancel))
        .route("/api/cache/invalidate", post(invalidate::invalidate))
        .route("/api/cache/clear", post(invalidate::clear))
        .route("/api/cache/warm", get(warm::list).post(warm::begin))
        .route("/api/cache/warm/{id}", get(warm::status).delete(warm::cancel))
        .route("/api/cache/stats", get(stats::stats))
        .route("/api/cache/metrics", get(stats::metrics))
        .route("/api/cache/health", get(stats::health))
        .route("/metrics", get(stats::prometheus))
        .with_state(site.clone())
        .merge(openapi::routes())
        .merge(crate::page::routes())
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(query::read))
        .layer(from_fn_with_state(site, gate::pass))
}

async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!(
        "no route {:?}: entries are at /api/cache/{{key}}, the description of all routes at /api/docs",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", detail)
}

async fn wrong_method(method: axum::http::Method, uri: Uri) -> Problem {
    let detail = format!(
        "{method} is not for {}: see Allow; a key of this name is at /api/cache/keys/{}",
        uri.path(),
        uri.path().strip_prefix("/api/cache/").unwrap_or("{key}")
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
