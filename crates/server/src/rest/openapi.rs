//! The description of the surface, for programs and on a page; the names that requests may use are taken from it.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::map_response;
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{self, RefOr, Schema};
use utoipa_swagger_ui::SwaggerUi;

use super::{cluster, dependencies, entry, events, held, invalidate, stats, store, warm, why};

#[derive(OpenApi)]
#[openapi(
    info(title = "Clearwell", description = "A distributed cache whose first purpose is freshness. Every route refuses a Host that is not this node's (421), a parameter that it does not know (400), and a target that is not percent-encoded (400).", license(name = "MIT OR Apache-2.0")),
    paths(
        entry::get, store::set, store::remove, invalidate::invalidate, invalidate::clear, warm::begin, warm::list, warm::status, warm::cancel,
        dependencies::dependencies, why::why, held::list, held::cancel, events::events, stats::stats, stats::metrics, stats::health, stats::prometheus, cluster::cluster,
    ),
    tags(
        (name = "entries", description = "One entry at a time"),
        (name = "freshness", description = "Invalidations and what follows from them"),
        (name = "figures", description = "What the node did and how fast"),
    )
)]
struct ApiDescription;

static DOCUMENT: LazyLock<openapi::OpenApi> = LazyLock::new(document);

/// The query parameters that a route may have; none where it is not described. `None`: it has no such method.
pub fn parameters(route: &str, method: &Method) -> Option<Vec<&'static str>> {
    // The router's pattern of a key crosses slashes, which the description cannot say.
    let Some(item) = DOCUMENT.paths.paths.get(&route.replace("{*", "{")) else { return Some(Vec::new()) };
    let operation = match *method {
        // A route that answers GET answers HEAD.
        Method::GET | Method::HEAD => &item.get,
        Method::POST => &item.post,
        Method::PUT => &item.put,
        Method::DELETE => &item.delete,
        _ => &None,
    };
    let described = operation.as_ref()?.parameters.iter().flatten();
    let name = |parameter: &'static RefOr<Parameter>| match parameter {
        RefOr::T(it) if it.parameter_in == ParameterIn::Query => Some(it.name.as_str()),
        _ => None,
    };
    Some(described.filter_map(name).collect())
}

/// The fields that an object of this schema may have.
pub fn fields(schema: &str) -> Vec<&'static str> {
    match DOCUMENT.components.as_ref().and_then(|components| components.schemas.get(schema)) {
        Some(RefOr::T(Schema::Object(object))) => object.properties.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The document, with the routes that only repeat another's: `PUT`, `HEAD`, and the path for keys that are names.
fn document() -> openapi::OpenApi {
    let mut api = ApiDescription::openapi();
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

fn renamed(mut operation: Operation, name: &str) -> Operation {
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
    Router::from(SwaggerUi::new("/api/docs").url("/api/openapi.json", DOCUMENT.clone()))
        .layer(map_response(guarded))
}
