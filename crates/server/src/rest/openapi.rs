//! The description of the surface, for programs and on a page.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::{dependencies, entry, events, held, invalidate, stats, store, warm, why};

#[derive(OpenApi)]
#[openapi(
    info(title = "Clearwell", description = "A distributed cache whose first purpose is freshness. Every route refuses a Host that is not this node's (421), a parameter that it does not know (400), and a target that is not percent-encoded (400).", license(name = "MIT OR Apache-2.0")),
    paths(
        entry::get, store::set, store::remove, invalidate::invalidate, invalidate::clear, warm::warm,
        dependencies::dependencies, why::why, held::list, held::cancel, events::events, stats::stats, stats::metrics, stats::health, stats::prometheus,
    ),
    tags(
        (name = "entries", description = "One entry at a time"),
        (name = "freshness", description = "Invalidations and what follows from them"),
        (name = "figures", description = "What the node did and how fast"),
    )
)]
struct Described;

/// The document, with the routes that only repeat another's: `PUT`, `HEAD`, and the path for keys that are names.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut api = Described::openapi();
    if let Some(entry) = api.paths.paths.get_mut("/api/cache/{key}") {
        entry.put = entry.post.clone().map(|operation| renamed(operation, "putEntry"));
        entry.head = entry.get.clone().map(|operation| renamed(operation, "headEntry"));
        let mut any_key = entry.clone();
        for operation in
            [&mut any_key.get, &mut any_key.head, &mut any_key.post, &mut any_key.put, &mut any_key.delete]
        {
            *operation = operation.take().map(|it| {
                let name = format!("{}OfAnyKey", it.operation_id.as_deref().unwrap_or_default());
                renamed(it, &name)
            });
        }
        api.paths.paths.insert("/api/cache/keys/{key}".to_owned(), any_key);
    }
    api
}

fn renamed(mut operation: utoipa::openapi::path::Operation, name: &str) -> utoipa::openapi::path::Operation {
    operation.operation_id = Some(name.to_owned());
    operation
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document and its page.
pub fn routes() -> Router {
    let guarded = |mut response: Response| async {
        let csp = HeaderValue::from_static(CSP);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, csp);
        let referrer = HeaderName::from_static("referrer-policy");
        response.headers_mut().insert(referrer, HeaderValue::from_static("no-referrer"));
        response
    };
    Router::from(SwaggerUi::new("/api/docs").url("/api/openapi.json", document()))
        .layer(map_response(guarded))
}
