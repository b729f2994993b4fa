//! What every request passes on its way in and every answer on its way out.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::names::from_base64;
use super::problem::{Problem, Reply};
use super::{Site, host};
use crate::metrics::{BadInput, OperationKind, RequestEnded};

/// Checks the host, the password and the origin, and counts.
pub async fn pass(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    site.node.wake(began);
    let kind = kind(request.method(), request.uri().path());
    let checked = host::check(&site, &request)
        .and_then(|()| check_password(&site, &request))
        .and_then(|()| check_origin(request.method(), request.headers()));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    if let Some(why) = refused(response.status()) {
        site.metrics.bad_input(why);
    }
    if let Some(kind) = kind {
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let ended =
            if response.status().is_server_error() { RequestEnded::Failed } else { RequestEnded::Well };
        site.recorder.lock().record(kind as usize, nanos, ended);
    }
    response
}

/// What kind of operation a request is; `None`: one that only watches, which is no operation of the cache.
fn kind(method: &Method, path: &str) -> Option<OperationKind> {
    let after = path.strip_prefix("/api/cache/")?;
    Some(match (method, after) {
        (_, "events" | "stats" | "metrics" | "health") => return None,
        (_, "dependencies") => OperationKind::Other,
        (_, "invalidate" | "clear") => OperationKind::Invalidate,
        (&Method::GET | &Method::HEAD, _) => OperationKind::Read,
        _ => OperationKind::Write,
    })
}

fn refused(status: StatusCode) -> Option<BadInput> {
    Some(match status {
        StatusCode::BAD_REQUEST => BadInput::Arguments,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => {
            BadInput::Unauthenticated
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::NOT_ACCEPTABLE => {
            BadInput::Unknown
        }
        StatusCode::PAYLOAD_TOO_LARGE => BadInput::TooLarge,
        StatusCode::REQUEST_TIMEOUT => BadInput::Slow,
        _ => return None,
    })
}

fn check_password(site: &Site, request: &Request) -> Reply<()> {
    let Some(password) = &site.node.config().password else { return Ok(()) };
    if request.uri().path() == "/api/cache/health" {
        return Ok(());
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
    let given = given.and_then(|given| given.split_once(' ')).and_then(|(scheme, rest)| {
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.trim().as_bytes().to_vec()),
            "basic" => from_base64(rest.trim())?.strip_prefix(b"default:").map(<[u8]>::to_vec),
            _ => None,
        }
    });
    if given.is_some_and(|given| is_same(&given, password.as_bytes())) {
        return Ok(());
    }
    let detail = "a password is needed: Authorization: Bearer <password>, or Basic with the user \"default\"";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
    Err(problem.with(header::WWW_AUTHENTICATE, "Basic realm=\"clearwell\", charset=\"UTF-8\""))
}

/// Compares without telling by its time where the first difference is.
fn is_same(given: &[u8], password: &[u8]) -> bool {
    let differ = given.iter().zip(password).fold(0, |differ, (a, b)| differ | (a ^ b));
    std::hint::black_box(differ) == 0 && given.len() == password.len()
}

/// A page of another origin may not change anything here, whatever the browser lets it send without asking.
fn check_origin(method: &Method, headers: &HeaderMap) -> Reply<()> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, from)| from);
    if from.is_some() && from == host {
        return Ok(());
    }
    let detail = format!("a page of origin {origin:?} may not change this cache");
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-origin", detail))
}
