//! What went wrong, as RFC 9457 says it: `application/problem+json`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clearwell_engine::TooLarge;
use clearwell_source::SourceError;
use serde::Serialize;
use utoipa::ToSchema;

use super::names::text;
use crate::node::{ReadError, Unordered, WriteError};

/// An answer, or what went wrong.
pub type Reply<T = Response> = Result<T, Problem>;

/// An error as clients see it: the detail says what was wrong and what would be right.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    pointer: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The document of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Names the kind of problem: `urn:clearwell:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// The kind of problem, for programs.
    code: &'a str,
    /// What was wrong and what would be right, for people.
    detail: &'a str,
    /// Where in the value, as a JSON pointer; of a value that its schema refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), pointer: None, headers: Vec::new() }
    }

    /// A request that says something that cannot be meant.
    pub fn bad(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.push((name, value));
        }
        self
    }

    /// Not now, but perhaps in a second.
    pub fn later(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with(header::RETRY_AFTER, "1")
    }

    /// The same, said of something inside `outer`.
    pub fn within(mut self, outer: &str) -> Problem {
        self.detail = format!("in {outer}: {}", self.detail);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:clearwell:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            pointer: self.pointer.as_deref(),
        };
        let json = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = (self.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Problem {
        let detail = error.to_string();
        match error {
            SourceError::Refused(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "source-refused", detail)
            }
            SourceError::Unreachable(_) => Problem::later("source-unreachable", detail),
            SourceError::TooSlow(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "source-too-slow", detail),
            SourceError::Busy { .. } => Problem::later("source-busy", detail),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        match error {
            ReadError::Unmet(..) => Problem::later("level-unmet", error.to_string()),
            ReadError::Source(error) => error.into(),
            ReadError::Unverified(..) => Problem::later("unverified", error.to_string()),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Problem {
        let conflict = |code, detail| Problem::new(StatusCode::CONFLICT, code, detail);
        match error {
            WriteError::Source(error) => error.into(),
            WriteError::Invalid(invalid) => Problem {
                pointer: Some(invalid.pointer.clone()),
                ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-value", invalid.to_string())
            },
            WriteError::Unfit(unfit) => unfit.into(),
            WriteError::Unsupported(why) => conflict("unsupported", why),
            WriteError::NearMiss(why) => conflict("near-miss", why),
            WriteError::Journal(why) => Problem::later("journal", why),
            WriteError::Full(why) => Problem::later("write-back-full", why),
            WriteError::LeaseUnknown => conflict("lease-unknown", error.to_string()),
            WriteError::Unmet(_) => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", error.to_string())
            }
            WriteError::Unread(_) => Problem::later("condition-unread", error.to_string()),
            WriteError::Unordered(why) => why.into(),
            WriteError::Strategy(..) => conflict("strategy", error.to_string()),
        }
    }
}

impl From<Unordered> for Problem {
    fn from(why: Unordered) -> Problem {
        let kind = match why {
            Unordered::Nothing => "no-owner",
            Unordered::Unknown => "unknown",
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, why.to_string())
    }
}

impl From<TooLarge> for Problem {
    fn from(unfit: TooLarge) -> Problem {
        match unfit {
            TooLarge::Entry { needed, allowed } => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!(
                    "the entry needs {needed} bytes and an entry may have {allowed}: raise max_memory, or split the value"
                ),
            ),
            TooLarge::Cycle(way) => {
                let way: Vec<_> = way.iter().map(|name| text(name)).collect();
                let way = way.join(" -> ");
                Problem::new(
                    StatusCode::CONFLICT,
                    "cycle",
                    format!("the entry would depend on itself: {way}"),
                )
            }
            TooLarge::Elsewhere => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "moving",
                "the key's slot is moving to another node: send the request again".to_owned(),
            ),
            TooLarge::Depth(most) => Problem::new(
                StatusCode::CONFLICT,
                "too-deep",
                format!("the chain of dependencies would be deeper than {most}"),
            ),
        }
    }
}
