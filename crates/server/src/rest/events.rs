//! `GET /api/cache/events`: invalidations as they are applied, as Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;

use super::Site;
use super::filter::Filter;
use super::problem::Reply;
use super::query::Asked;
use super::serve::stopped;
use super::sources::FeedNews;
use super::told::{HeldNews, RefusedNews, ToldInvalidation};
use crate::node::{NewsItem, NewsPosition};

const PING: Duration = Duration::from_secs(15);
const ACCEL: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Follow invalidations
///
/// Events `invalidate` carry one invalidation each. Events `unverified`, `gap`, `altered` and `verified` say that a source's
/// feed is no longer complete, that commits may have been missed, that a table, view or function behind it was changed, and
/// that it is complete again. Events `refused` say which fill was dropped, because it may have been old. An event `reset` says
/// that some were missed: whoever keeps copies drops them. `Last-Event-ID` goes on where a cut connection was.
///
/// With filters only what may concern them is told; an invalidation passes when one of them wants it. `pattern` wants invalidations
/// that may cover a matching key: of such a key, of an overlapping pattern or prefix, and of what may cover any key (a
/// tag, an event, dependents). `tag` and `event` want invalidations of that tag, and events that match. Everything, `reset`
/// and what is told of sources pass always.
#[utoipa::path(
    get, path = "/api/cache/events", tag = "freshness", operation_id = "events",
    params(
        ("pattern" = Option<Vec<String>>, Query, description = "Keys to follow, as a glob: user:*"),
        ("tag" = Option<Vec<String>>, Query, description = "A tag to follow"),
        ("event" = Option<Vec<String>>, Query, description = "Events to follow, as entries name them: user_updated{user_id=7}"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen"),
    ),
    responses((status = 200, description = "A stream without an end", body = ToldInvalidation, content_type = "text/event-stream"))
)]
pub async fn events(State(site): State<Arc<Site>>, Extension(query): Asked, headers: HeaderMap) -> Reply {
    let filter = Filter::parse(&query)?;
    let last = headers.get("last-event-id").map(|id| site.position_of(id.to_str().unwrap_or_default()));
    let (missed, receiver) = match last {
        // An id of another run says nothing about this log.
        Some(None) => (None, site.node.listen(None).1),
        Some(Some(position)) => site.node.listen(Some(position)),
        None => site.node.listen(None),
    };
    let sse = Sse::new(stream(EventSubscriber::new(site, filter), missed, receiver))
        .keep_alive(KeepAlive::new().interval(PING).text("ping"));
    Ok(([(header::CACHE_CONTROL, "no-store"), (ACCEL, "no")], sse).into_response())
}

impl Site {
    fn position_of(&self, id: &str) -> Option<NewsPosition> {
        let (run, position) = id.split_once('-')?;
        let same_run = run == format!("{:x}", self.node.run_id());
        position.parse().ok().filter(|_| same_run).map(NewsPosition)
    }

    fn id_of(&self, position: NewsPosition) -> String {
        format!("{:x}-{}", self.node.run_id(), position.0)
    }

    fn event_of(&self, item: &NewsItem) -> Event {
        let clock = self.node.clock();
        let (name, data) = if let Some((name, news)) = FeedNews::of(item, clock) {
            (name, serde_json::to_string(&news))
        } else if let Some((name, news)) = HeldNews::of(item, clock) {
            (name, serde_json::to_string(&news))
        } else if let Some(refused) = RefusedNews::of(item, clock) {
            ("refused", serde_json::to_string(&refused))
        } else {
            ("invalidate", serde_json::to_string(&ToldInvalidation::of(item, clock)))
        };
        Event::default().id(self.id_of(item.position)).event(name).data(data.unwrap_or_default())
    }

    fn reset(&self, why: &str) -> Event {
        let data = format!("{{\"why\":{why:?}}}");
        Event::default().id(self.id_of(self.node.position())).event("reset").data(data)
    }
}

/// Items passed over after which a subscriber is told the position alone: far fewer than the log keeps, so that it can resume.
const SILENT_MOST: u32 = 128;

/// A subscriber, and how long it has heard nothing.
struct EventSubscriber {
    site: Arc<Site>,
    filter: Filter,
    passed_over: u32,
}

impl EventSubscriber {
    fn new(site: Arc<Site>, filter: Filter) -> EventSubscriber {
        EventSubscriber { site, filter, passed_over: 0 }
    }

    /// What it is told of an item. An id without data moves a browser's `Last-Event-ID` and nothing else.
    fn event_of(&mut self, item: &NewsItem) -> Option<Event> {
        if self.filter.wants(item) {
            self.passed_over = 0;
            return Some(self.site.event_of(item));
        }
        self.passed_over += 1;
        (self.passed_over >= SILENT_MOST).then(|| {
            self.passed_over = 0;
            Event::default().id(self.site.id_of(item.position))
        })
    }
}

/// What a listener gets: what it missed, or a reset; then what comes, until the node stops or the client goes.
fn stream(
    follower: EventSubscriber,
    missed: Option<Vec<Arc<NewsItem>>>,
    receiver: Receiver<Arc<NewsItem>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sender, events) = mpsc::channel(16);
    tokio::spawn(follow(follower, missed, receiver, sender));
    tokio_stream::wrappers::ReceiverStream::new(events)
}

async fn follow(
    mut follower: EventSubscriber,
    missed: Option<Vec<Arc<NewsItem>>>,
    mut receiver: Receiver<Arc<NewsItem>>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
) {
    let mut stop = follower.site.stop.clone();
    let hello = Event::default().retry(Duration::from_secs(2)).comment("listening");
    let mut first = vec![hello];
    match missed {
        Some(items) => first.extend(items.iter().filter_map(|item| follower.event_of(item))),
        None => first.push(follower.site.reset("what happened since is forgotten")),
    }
    for event in first {
        if sender.send(Ok(event)).await.is_err() {
            return;
        }
    }
    while let Some(told) = next(&mut follower, &mut receiver, &mut stop, &sender).await {
        if let Some(event) = told
            && sender.send(Ok(event)).await.is_err()
        {
            return;
        }
    }
}

/// `None` at the end; what comes, if the subscriber is told of it.
async fn next(
    follower: &mut EventSubscriber,
    receiver: &mut Receiver<Arc<NewsItem>>,
    stop: &mut watch::Receiver<bool>,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) -> Option<Option<Event>> {
    tokio::select! {
        () = sender.closed() => None,
        () = stopped(stop) => None,
        item = receiver.recv() => match item {
            Ok(item) => Some(follower.event_of(&item)),
            Err(RecvError::Lagged(_)) => Some(Some(follower.site.reset("the listener was too slow"))),
            Err(RecvError::Closed) => None,
        },
    }
}
