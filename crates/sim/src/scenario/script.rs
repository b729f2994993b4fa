//! What a scenario says: the lines of its script, read.

use std::num::NonZeroU64;

use clearwell_cluster::Level;
use clearwell_cluster::request::Strategy;
use clearwell_engine::Event;

use super::book::{Book, Who};
use super::expect::{Answer, State};
use super::words::{LineWords, Wrong};
use crate::history::Covered;
use crate::names::{Class, KeyId};
use crate::queue::Micros;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientWish {
    /// A read.
    Read(KeyId, Level),
    /// A write; `None` removes. Then its time to live and its strategy.
    Write(KeyId, Option<String>, Option<NonZeroU64>, Strategy),
    /// A touch: how long from now, or for ever.
    Touch(KeyId, Option<NonZeroU64>),
    /// A value after a miss.
    Fill(KeyId, String),
    /// An invalidation.
    Invalidate {
        /// What is covered.
        covered: Covered,
        /// Only marked.
        lazy: bool,
        /// Until no live copy is older.
        waits: bool,
    },
}

/// What a line does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A client asks; what it may be told.
    Ask {
        /// Which.
        client: u16,
        /// Whom.
        at: Who,
        /// For what.
        wish: ClientWish,
        /// What it may be told, with the line that says so.
        expect: Option<(usize, Answer)>,
    },
    /// A session takes over what another has seen.
    Token(u16, u16),
    /// A commit behind the cluster's back.
    Psql(KeyId, Option<String>),
    /// A cut.
    Cut {
        /// One side.
        from: Vec<Who>,
        /// The other.
        to: Vec<Who>,
        /// Whether the other side still gets through.
        one_way: bool,
        /// For how long.
        us: Micros,
    },
    /// The next record from one to the other gets lost.
    LoseNext(Who, Who),
    /// A host stands still.
    Pause(Who, Micros),
    /// A node dies and comes back.
    Crash(Who, Option<Micros>),
    /// A node joins.
    Join(u32),
    /// A node leaves.
    Leave(u32),
    /// The replication factor changes.
    Replicas(u8),
    /// Statements are so long on their way to the source.
    SlowStatements(Micros),
    /// The source's answers take so long.
    SlowAnswers(Micros),
    /// The source fails.
    SourceFails(Micros),
    /// The feed stands still.
    FeedStalls(Micros),
    /// So many bytes of slots' contents pass a link in a second.
    NarrowLinks(u64),
    /// How something must be.
    Expect(State),
}

/// Reads what stands behind `at 2.0`.
pub fn action(book: &mut Book, words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    let action = match words.next() {
        "client" => client(book, words)?,
        "psql" => psql(book, words)?,
        "cut" => cut(book, words)?,
        "lose" => {
            words.needs("the next record from")?;
            let from = book.who(words)?;
            words.needs("to")?;
            Action::LoseNext(from, book.who(words)?)
        }
        "pause" => {
            let who = book.who(words)?;
            words.needs("for")?;
            Action::Pause(who, words.duration()?)
        }
        "crash" => {
            words.needs("node")?;
            let who = Who::Node(book.node(words)?);
            let back = if words.takes("for ever") { None } else { Some(()) };
            let back = back.map(|()| words.needs("for").and_then(|()| words.duration())).transpose()?;
            Action::Crash(who, back)
        }
        "node" => node(book, words)?,
        "replicas" => Action::Replicas(words.number("how many replicas")? as u8),
        "the" => surroundings(words)?,
        "expect" => Action::Expect(State::read(book, words)?),
        other => {
            return Err(format!(
                "`{other}` begins no line; these do: client, psql, cut, lose, pause, crash, node, replicas, the source, \
                 the feed, the links, expect"
            ));
        }
    };
    words.ends()?;
    Ok(action)
}

fn client(book: &mut Book, words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    let client = book.client(words);
    let wish = match words.next() {
        "reads" => {
            let key = book.key(words)?;
            ClientWish::Read(key, level(words)?)
        }
        "writes" => {
            let key = book.key(words)?;
            words.needs("=")?;
            let value = words.value()?;
            let ttl_ms = if words.takes("for") { Some(lifetime(words)?) } else { None };
            ClientWish::Write(key, Some(value), ttl_ms, strategy(book, key, words)?)
        }
        "fills" => {
            let key = book.key(words)?;
            if book.keys[key as usize].class != Class::Cache {
                return Err(format!(
                    "{} has a source; only a `value` is filled by clients",
                    book.key_text(key)
                ));
            }
            words.needs("=")?;
            ClientWish::Fill(key, words.value()?)
        }
        "deletes" => {
            let key = book.key(words)?;
            ClientWish::Write(key, None, None, strategy(book, key, words)?)
        }
        "expires" => {
            let key = book.key(words)?;
            words.needs("after")?;
            ClientWish::Touch(key, Some(lifetime(words)?))
        }
        "persists" => ClientWish::Touch(book.key(words)?, None),
        "invalidates" => {
            let covered = covered(book, words)?;
            let lazy = words.takes("lazily");
            ClientWish::Invalidate { covered, lazy, waits: words.takes("and waits") }
        }
        "takes" => {
            words.needs("the token of client")?;
            return Ok(Action::Token(client, book.client(words)));
        }
        other => {
            return Err(format!(
                "a client `reads`, `writes`, `deletes`, `fills`, `expires`, `persists`, `invalidates`, or `takes the token of client b`; it \
                 does not `{other}`"
            ));
        }
    };
    words.needs("on")?;
    Ok(Action::Ask { client, at: book.who(words)?, wish, expect: None })
}

fn lifetime(words: &mut LineWords<'_>) -> Result<NonZeroU64, Wrong> {
    NonZeroU64::new(words.duration()? / 1000)
        .ok_or_else(|| "nothing lives for less than a millisecond".into())
}

fn level(words: &mut LineWords<'_>) -> Result<Level, Wrong> {
    Ok(match words.peek() {
        "on" => Level::Eventual,
        _ if words.takes("strong") => Level::Strong,
        _ if words.takes("session") => Level::Session,
        _ if words.takes("eventual") => Level::Eventual,
        _ if words.takes("weak") => Level::Weak,
        _ if words.takes("bounded") => Level::Bounded(words.duration()? / 1000),
        other => {
            return Err(format!(
                "`{other}` is no level; levels are strong, session, bounded 2s, eventual and weak"
            ));
        }
    })
}

fn strategy(book: &Book, key: KeyId, words: &mut LineWords<'_>) -> Result<Strategy, Wrong> {
    let (usual, also) = match book.keys[key as usize].class {
        Class::Source => {
            (("write-through", Strategy::Through), Some(("write-invalidate", Strategy::Invalidate)))
        }
        Class::Back => (("write-back", Strategy::Back), None),
        Class::Cache => (("cache-only", Strategy::CacheOnly), None),
    };
    if let Some((_, strategy)) = also.filter(|(word, _)| words.takes(word)) {
        return Ok(strategy);
    }
    if words.takes(usual.0) || words.peek() == "on" {
        return Ok(usual.1);
    }
    let allowed: Vec<&str> = std::iter::once(usual).chain(also).map(|(word, _)| word).collect();
    let key = book.key_text(key);
    Err(format!("`{}` is no strategy for {key}, which is written {}", words.peek(), allowed.join(" or ")))
}

fn covered(book: &mut Book, words: &mut LineWords<'_>) -> Result<Covered, Wrong> {
    Ok(match words.peek() {
        "tag" => {
            words.next();
            Covered::Tag(book.tag(words)?)
        }
        "event" => {
            words.next();
            Covered::Event(book.events.may_tell(event(&words.value()?)?))
        }
        "everything" => {
            words.next();
            Covered::Everything
        }
        _ => Covered::Key(book.key(words)?),
    })
}

/// `user_updated{user_id=7,by=hand}`.
fn event(text: &str) -> Result<Event, Wrong> {
    let (name, rest) = text.split_once('{').unwrap_or((text, "}"));
    let attribute = |part: &str| {
        let pair = part.split_once('=').map(|(name, value)| (name.into(), value.into()));
        pair.ok_or_else(|| format!("an attribute is written `name=value`, not `{part}`"))
    };
    let inside = rest.strip_suffix('}').ok_or("an event's attributes end with `}`")?;
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    Event::new(name, parts.map(attribute).collect::<Result<_, Wrong>>()?)
}

fn psql(book: &Book, words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    let word = words.next();
    let key = book.key(words)?;
    if book.keys[key as usize].class != Class::Source {
        return Err(format!("{} is no row that psql may change; `row` makes one", book.key_text(key)));
    }
    match word {
        "updates" => {
            words.needs("=")?;
            Ok(Action::Psql(key, Some(words.value()?)))
        }
        "deletes" => Ok(Action::Psql(key, None)),
        other => Err(format!("psql `updates post:1 = \"new\"` or `deletes post:1`; it does not `{other}`")),
    }
}

/// `cut node 1 from node 2, node 3 for 5s`, or `cut the way from ... to ... for 5s`.
fn cut(book: &Book, words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    let one_way = words.takes("the way from");
    let from = several(book, words)?;
    words.needs(if one_way { "to" } else { "from" })?;
    let to = several(book, words)?;
    if let Some(both) = from.iter().find(|who| to.contains(who)) {
        return Err(format!("{} is on both sides of the cut", book.host_text(book.host(*both))));
    }
    words.needs("for")?;
    Ok(Action::Cut { from, to, one_way, us: words.duration()? })
}

fn several(book: &Book, words: &mut LineWords<'_>) -> Result<Vec<Who>, Wrong> {
    let mut all = vec![book.who(words)?];
    while words.takes(",") || words.takes("and") {
        all.push(book.who(words)?);
    }
    Ok(all)
}

fn node(book: &mut Book, words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    let next = book.nodes + book.joining + 1;
    let node = words.number("a node")?;
    match words.next() {
        "joins" if node == next => {
            book.joining += 1;
            Ok(Action::Join(node))
        }
        "joins" => Err(format!("the next node that joins is node {next}")),
        "leaves" if node >= 1 && node < next => Ok(Action::Leave(node)),
        "leaves" => Err(format!("there is no node {node} that could leave")),
        other => Err(format!("a node `joins` or `leaves`; it does not `{other}`")),
    }
}

fn surroundings(words: &mut LineWords<'_>) -> Result<Action, Wrong> {
    if words.takes("source is reached after") {
        return words.duration().map(Action::SlowStatements);
    }
    if words.takes("source answers after") {
        return words.duration().map(Action::SlowAnswers);
    }
    if words.takes("source fails for") {
        return words.duration().map(Action::SourceFails);
    }
    if words.takes("feed stands still for") {
        return words.duration().map(Action::FeedStalls);
    }
    if words.takes("links carry") {
        let bytes = words.number("how many bytes a second")?;
        words.needs("bytes a second")?;
        return Ok(Action::NarrowLinks(u64::from(bytes)));
    }
    Err("here comes `source is reached after 2s`, `source answers after 500ms`, `source fails for 2s`, `feed stands \
         still for 2s` or `links carry 100 bytes a second`"
        .into())
}
