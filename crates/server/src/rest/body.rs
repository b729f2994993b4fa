//! Request bodies: taken as they come, up to a limit, never on their word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt;

use super::problem::{Problem, Reply};

/// What bodies may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes of one body.
    pub body: usize,
    /// Bytes of all bodies that are being read.
    pub bodies: usize,
    /// How long a client may take to send one.
    pub patience: Duration,
}

/// Bytes that bodies hold now, of all requests.
#[derive(Clone, Default)]
pub struct HeldBytes(Arc<AtomicUsize>);

/// One body's share of [`HeldBytes`], given back when it is dropped.
pub struct BodyShare {
    /// What was sent.
    pub bytes: Vec<u8>,
    held: HeldBytes,
    share: usize,
}

impl BodyShare {
    fn grow(&mut self, chunk: &[u8], limits: BodyLimits) -> Reply<()> {
        if self.bytes.len() + chunk.len() > limits.body {
            return Err(too_large(limits.body));
        }
        self.share += chunk.len();
        if self.held.0.fetch_add(chunk.len(), Relaxed) + chunk.len() > limits.bodies {
            return Err(Problem::later("busy", "too many large bodies are being sent at once: try again"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.share, Relaxed);
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("the body is larger than {most} bytes"))
}

/// Reads a whole body.
pub async fn take(body: Body, held: &HeldBytes, limits: BodyLimits) -> Reply<BodyShare> {
    if body.size_hint().lower() > limits.body as u64 {
        return Err(too_large(limits.body));
    }
    let until = Instant::now() + limits.patience;
    let mut taken = BodyShare { bytes: Vec::new(), held: held.clone(), share: 0 };
    let mut chunks = body.into_data_stream();
    loop {
        match timeout_at(until, chunks.next()).await {
            Ok(Some(Ok(chunk))) => taken.grow(&chunk, limits)?,
            Ok(Some(Err(error))) => {
                return Err(Problem::bad("bad-framing", format!("the body cannot be read: {error}")));
            }
            Ok(None) => return Ok(taken),
            Err(_) => {
                let seconds = limits.patience.as_secs();
                let detail = format!("the body did not arrive within {seconds} seconds");
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail));
            }
        }
    }
}

/// The media type of a request's body, without parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(given.split(';').next()?.trim().to_ascii_lowercase())
}

/// Refuses what is not said to be JSON. (A browser sends that across origins only after asking.)
pub fn needs_json(headers: &HeaderMap) -> Reply<()> {
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(()),
        other => {
            let got = other.map_or("missing".to_owned(), |other| format!("{other:?}"));
            let detail = format!("the Content-Type is {got}: application/json is needed");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
        }
    }
}
