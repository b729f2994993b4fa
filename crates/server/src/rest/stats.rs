//! Figures: `GET /api/cache/stats`, `/metrics` (JSON and Prometheus) and `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use clearwell_engine::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::sources::SourceHealth;
use super::words::human_bytes;
use crate::metrics::{Surface, exposition};

/// What the cache did since the node began.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Hits of all reads, 0 to 1.
    hit_rate: f64,
    /// Misses of all reads, 0 to 1.
    miss_rate: f64,
    /// Entries in memory.
    total_keys: u64,
    /// Memory in use, for people.
    #[schema(example = "256MB")]
    memory_usage: String,
    /// Memory in use, in bytes.
    memory_bytes: u64,
    /// What memory may reach, in bytes.
    max_memory_bytes: u64,
    /// Entries removed for space.
    evictions: u64,
    /// Reads answered from memory.
    hits: u64,
    /// Reads that memory could not answer.
    misses: u64,
    /// Entries removed for time.
    expirations: u64,
    /// Invalidations applied.
    invalidations: u64,
    /// Entries removed because the fact changed.
    invalidated_entries: u64,
    /// Entries removed because a client asked.
    removals: u64,
    /// Reads answered with a stale value that the reader allowed.
    stale_hits: u64,
    /// Values stored after a load.
    fills: u64,
    /// Late fills dropped, of loads and of plain sets.
    refused_fills: u64,
    /// Loads in progress.
    flights: u64,
    /// Tags known.
    tags: u64,
    /// Scopes held for a time or an event.
    held: usize,
    /// Keys with a write-back write that the source does not have yet.
    dirty_keys: u64,
    /// Bytes of those writes.
    dirty_bytes: u64,
    /// Milliseconds since the oldest of them was acknowledged.
    dirty_oldest_ms: u64,
    /// Write-back writes that a source refused and that wait for a decision.
    parked_writes: u64,
    /// Sources whose changes may be missed just now.
    unverified_sources: Vec<String>,
    /// How often changes of a source may have been missed, so that everything was invalidated.
    gaps: u64,
    /// Seconds since the node began.
    uptime_seconds: u64,
}

/// What operations took in the window, over RESP and REST together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsBody {
    /// Operations per second.
    operations_per_second: f64,
    /// The mean latency, in milliseconds.
    average_latency: f64,
    /// What 95 % of the operations did not exceed, in milliseconds.
    p95_latency: f64,
    /// What 99 % of the operations did not exceed, in milliseconds.
    p99_latency: f64,
    /// The share of operations that ended in an error, 0 to 1.
    error_rate: f64,
    /// How many seconds these figures are of: 60, or less soon after the start.
    window_seconds: f64,
    /// Operations in the window.
    operations: u64,
    /// Operations since the start.
    total: u64,
    /// Inputs refused before they became operations, since the start.
    bad_inputs: u64,
    /// RESP connections open.
    resp_connections: u64,
    /// HTTP connections open.
    http_connections: u64,
}

/// Whether the node works.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// ok, or degraded while a source is unverified: changes in it may be missed, and its keyspaces are read by their policy.
    status: &'static str,
    /// The node.
    node: String,
    /// Its version.
    version: &'static str,
    /// Seconds since it began.
    uptime_seconds: u64,
    /// Its sources.
    sources: Vec<SourceHealth>,
}

/// Statistics
#[utoipa::path(get, path = "/api/cache/stats", tag = "figures", operation_id = "stats",
    responses((status = 200, description = "Since the node began", body = Stats)))]
pub async fn stats(State(site): State<Arc<Site>>) -> Response {
    let account = site.node.engine.account();
    let reads = account.hits.saturating_add(account.misses);
    let share = |part: u64| if reads == 0 { 0.0 } else { part as f64 / reads as f64 };
    let back = site.node.write_back_status();
    let feeds = site.node.feeds();
    let unverified = feeds.iter().filter(|feed| feed.figures.doubt.is_some());
    let stats = Stats {
        hit_rate: share(account.hits),
        miss_rate: share(account.misses),
        total_keys: account.entries,
        memory_usage: human_bytes(account.memory_bytes),
        memory_bytes: account.memory_bytes,
        max_memory_bytes: site.node.config.max_memory,
        evictions: account.evicted,
        hits: account.hits,
        misses: account.misses,
        expirations: account.expired,
        invalidations: account.invalidations,
        invalidated_entries: account.invalidated,
        removals: account.removed,
        stale_hits: account.stale_hits,
        fills: account.fills,
        refused_fills: account.fills_refused.saturating_add(account.offers_refused),
        flights: account.flights,
        tags: account.tags,
        held: site.node.held(),
        dirty_keys: back.dirty,
        dirty_bytes: back.dirty_bytes,
        dirty_oldest_ms: back.oldest_ms,
        parked_writes: back.parked,
        gaps: feeds.iter().map(|feed| feed.figures.gaps).sum(),
        unverified_sources: unverified.map(|feed| feed.source.clone()).collect(),
        uptime_seconds: site.uptime_ms() / 1000,
    };
    json(StatusCode::OK, &stats)
}

/// Latency, throughput and errors
#[utoipa::path(get, path = "/api/cache/metrics", tag = "figures", operation_id = "metrics",
    responses((status = 200, description = "Of the last minute", body = MetricsBody)))]
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    site.metrics.tick(site.node.clock.tick());
    let figures = site.metrics.figures();
    let body = MetricsBody {
        operations_per_second: figures.operations_per_second,
        average_latency: figures.average_latency,
        p95_latency: figures.p95_latency,
        p99_latency: figures.p99_latency,
        error_rate: figures.error_rate,
        window_seconds: figures.window_seconds,
        operations: figures.operations,
        total: site.metrics.total().count,
        bad_inputs: site.metrics.bad_inputs(),
        resp_connections: site.metrics.open(Surface::Resp),
        http_connections: site.metrics.open(Surface::Rest),
    };
    json(StatusCode::OK, &body)
}

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "figures", operation_id = "prometheus",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub async fn prometheus(State(site): State<Arc<Site>>) -> Response {
    let account = site.node.engine.account();
    let uptime = site.uptime_ms() as f64 / 1000.0;
    let back = site.node.write_back_status();
    let node = &site.node;
    let text = exposition(&site.metrics, account, &back, node.feeds(), node.config.max_memory, uptime);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// Health
///
/// Asks for no password.
#[utoipa::path(get, path = "/api/cache/health", tag = "figures", operation_id = "health",
    responses(
        (status = 200, description = "The node answers; status says whether its sources are followed", body = Health)))]
pub async fn health(State(site): State<Arc<Site>>) -> Response {
    let feeds = site.node.feeds();
    let sources: Vec<_> =
        feeds.into_iter().map(|report| SourceHealth::of(report, &site.node.clock)).collect();
    let degraded = sources.iter().any(|source| !source.is_verified());
    let health = Health {
        status: if degraded { "degraded" } else { "ok" },
        node: site.node_id(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: site.uptime_ms() / 1000,
        sources,
    };
    json(StatusCode::OK, &health)
}

impl Site {
    fn uptime_ms(&self) -> u64 {
        self.node.clock.tick().since(Millis(0))
    }
}
