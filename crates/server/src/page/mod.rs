//! The dashboard at `/`: a page of a few files, without a build step and without anybody else's code.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// Nothing but this node's own files and answers; nobody may frame it.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page's routes.
pub fn routes() -> Router {
    let file = |content_type, text| get(move || async move { serve(content_type, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("index.html")))
        .route("/page/app.js", file("text/javascript; charset=utf-8", include_str!("app.js")))
        .route("/page/chart.js", file("text/javascript; charset=utf-8", include_str!("chart.js")))
        .route("/page/cluster.js", file("text/javascript; charset=utf-8", include_str!("cluster.js")))
        .route("/page/figures.js", file("text/javascript; charset=utf-8", include_str!("figures.js")))
        .route(
            "/page/figures.json",
            get(|| async { serve("application/json", crate::figures::listed().to_string()) }),
        )
        .route("/page/graph.js", file("text/javascript; charset=utf-8", include_str!("graph.js")))
        .route("/page/held.js", file("text/javascript; charset=utf-8", include_str!("held.js")))
        .route("/page/keyspaces.js", file("text/javascript; charset=utf-8", include_str!("keyspaces.js")))
        .route("/page/lookup.js", file("text/javascript; charset=utf-8", include_str!("lookup.js")))
        .route("/page/warm.js", file("text/javascript; charset=utf-8", include_str!("warm.js")))
        .route("/page/style.css", file("text/css; charset=utf-8", include_str!("style.css")))
}

fn serve(content_type: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
