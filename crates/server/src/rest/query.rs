//! Query parameters: repeated, decoded, and none that nobody knows.

use std::sync::Arc;

use axum::extract::{Extension, MatchedPath, Request};
use axum::middleware::Next;

use super::names::{decode, text, unknown};
use super::openapi;
use super::problem::{Problem, Reply};

/// Reads the parameters of a request, of which only those may occur that the description of its route names.
pub async fn read(mut request: Request, next: Next) -> Reply {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // A request without a route, or of a method that its route has not, is refused for that.
    if let Some(known) = route.and_then(|route| openapi::parameters(route, request.method())) {
        let query = Query::parse(request.uri().query(), known)?;
        request.extensions_mut().insert(Arc::new(query));
    }
    Ok(next.run(request).await)
}

/// The parameters of a request, as a handler is given them.
pub type Asked = Extension<Arc<Query>>;

/// The parameters of a request, decoded.
pub struct Query {
    known: Vec<&'static str>,
    given: Vec<(String, Vec<u8>)>,
}

impl Query {
    fn parse(query: Option<&str>, known: Vec<&'static str>) -> Reply<Query> {
        let mut all = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |it| {
                let bad = |_| {
                    Problem::bad(
                        "bad-value",
                        format!("the query has a % without two hexadecimal digits in {pair:?}"),
                    )
                };
                decode(it, true).map_err(bad)
            };
            let name = text(&decoded(name)?).into_owned();
            if !known.contains(&name.as_str()) {
                return Err(Problem::bad("unknown-parameter", unknown("parameter", &name, &known)));
            }
            all.push((name, decoded(value)?));
        }
        Ok(Query { known, given: all })
    }

    /// A parameter that may be given once.
    pub fn one(&self, name: &'static str) -> Reply<Option<&[u8]>> {
        let mut given = self.all(name);
        let first = given.next();
        match given.next() {
            Some(_) => Err(Problem::bad("bad-value", format!("parameter {name:?} is given twice"))),
            None => Ok(first),
        }
    }

    /// A parameter that may be given once, as text.
    pub fn text(&self, name: &'static str) -> Reply<Option<&str>> {
        let as_text = |value| {
            let bad = |_| Problem::bad("bad-value", format!("parameter {name:?} is not UTF-8"));
            std::str::from_utf8(value).map_err(bad)
        };
        self.one(name)?.map(as_text).transpose()
    }

    /// A switch: `name`, `name=1`, `name=true`; off: not given, `0`, `false`.
    pub fn flag(&self, name: &'static str) -> Reply<bool> {
        match self.one(name)? {
            None | Some(b"0" | b"false") => Ok(false),
            Some(b"" | b"1" | b"true") => Ok(true),
            Some(other) => {
                let other = text(other);
                Err(Problem::bad("bad-value", format!("{name} is {other:?}: 1, 0, true or false is needed")))
            }
        }
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// A parameter's values, in order.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        debug_assert!(self.known.contains(&name), "the description of the route has no parameter {name:?}");
        self.given.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_slice())
    }
}
