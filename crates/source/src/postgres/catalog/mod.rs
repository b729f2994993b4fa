//! The catalog: what loads rest on beside rows. A table is altered, a view or a function is replaced, a policy is made: no row
//! event tells of it, and what was loaded before is old all the same (decision 0025).
//!
//! Each barrier looks at a print of it all in the query that it asks anyway, and so does the heartbeat; only when the print is
//! another one is it looked at what has changed.

mod footprint;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_postgres::error::SqlState;

pub use footprint::{Footprint, PRINT};

use super::describe::{self, DescribedStatement};
use super::feed::watch::same;
use super::feed::{Alteration, setup};
use super::link::{Link, LinkFault, LinkLimits};
use super::{PostgresShared, error};
use crate::{Altered, AlteredLoad, Shape, SourceError, Statement};

/// What was described, and what the catalog was like then.
#[derive(Default)]
pub struct Catalog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<Subject, Known>,
    /// What has changed and was not told yet: a look may end half-way.
    changes: Changes,
    seen: Arc<Seen>,
}

/// What a change of the catalog can touch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A watched table: all that its rows name.
    Table(Arc<str>),
    /// A load.
    Load(Arc<str>),
}

struct Known {
    footprint: Footprint,
    print: String,
    /// It could not be looked at to the end: it counts as changed the next time.
    unsure: bool,
}

/// The catalog when it was last looked at.
#[derive(Debug, Default)]
pub struct Seen {
    /// All that matters of it.
    pub footprint: Footprint,
    /// The print of that; `None`: it is not known.
    pub print: Option<String>,
    /// Which transactions had ended then. While they are the same, so is the catalog.
    pub snapshot: String,
    /// Where names were looked for then.
    pub schemas: String,
}

/// How a look at what has changed went.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// The follower knows of it.
    Told,
    /// The feed no longer covers what it must: it begins anew.
    Doubted,
}

/// How often it is looked again when the catalog changes meanwhile.
const ROUNDS: usize = 8;

impl Catalog {
    /// The catalog when it was last looked at.
    pub fn seen(&self) -> Arc<Seen> {
        self.state.lock().seen.clone()
    }

    /// The print was the same again; which transactions have ended since does not matter.
    pub fn same(&self, seen: &Arc<Seen>, snapshot: String, schemas: String) {
        let mut state = self.state.lock();
        if Arc::ptr_eq(&state.seen, seen) {
            let (footprint, print) = (seen.footprint.clone(), seen.print.clone());
            state.seen = Arc::new(Seen { footprint, print, snapshot, schemas });
        }
    }

    /// Whatever was seen of it: the next barrier looks anew.
    pub fn forget(&self) {
        self.state.lock().seen = Arc::default();
    }

    /// From now on it is looked after what this load rests on.
    pub fn watch_over(&self, load: &Statement, footprint: Footprint, print: String) {
        let mut state = self.state.lock();
        state.known.insert(Subject::Load(load.0.clone()), Known { footprint, print, unsure: false });
        state.seen = Arc::default();
    }

    fn is_unsure(&self) -> bool {
        self.state.lock().known.values().any(|known| known.unsure)
    }

    fn subjects(&self, shared: &PostgresShared) -> Vec<Subject> {
        let tables = shared.watched.iter().map(|watched| Subject::Table(watched.table.clone()));
        let loads = self.state.lock();
        let loads = loads.known.keys().filter(|subject| matches!(subject, Subject::Load(_))).cloned();
        tables.chain(loads).collect()
    }
}

impl Subject {
    fn statement(&self) -> Statement {
        match self {
            Subject::Table(name) => Statement(format!("SELECT * FROM {name}").into()),
            Subject::Load(sql) => Statement(sql.clone()),
        }
    }
}

/// Finds out what has changed and tells the follower of it, from the feed's thread.
pub async fn look(shared: &PostgresShared) -> Result<Look, SourceError> {
    let turn = shared.own.turn().await?;
    let link = turn.link();
    let mut finder = Finder::default();
    let looking = link.limited(LinkLimits::of(shared.timeout_ms), finder.find(shared, link));
    let found = looking.await.map_err(|fault| fault.told(shared.timeout_ms))?;
    drop(turn);
    let FoundCatalog { seen, lsn, setup } = match found {
        Ok(found) => found,
        Err(problem) => {
            shared.feed.doubt(problem);
            return Ok(Look::Doubted);
        }
    };
    let altered = shared.catalog.state.lock().changes.altered();
    if let Some(altered) = altered {
        // Before it is told: what is loaded after it goes by connections that know nothing of before.
        shared.feed.database.changed();
        let told = shared.feed.alter(Alteration { altered, lsn, tables: setup.tables });
        told.await.map_err(|_| super::gone())?;
    } else if !same(&shared.feed.tables(), &setup.tables) {
        shared.feed.doubt("a followed table was made anew, or its partitions are others".into());
        return Ok(Look::Doubted);
    }
    let mut state = shared.catalog.state.lock();
    state.changes = Changes::default();
    state.seen = Arc::new(seen);
    Ok(Look::Told)
}

/// One look, of several rounds.
#[derive(Default)]
struct Finder {
    /// What was described anew.
    renewed: Vec<Subject>,
}

/// What was found to have changed.
#[derive(Default)]
struct Changes {
    tables: Vec<Arc<str>>,
    loads: Vec<AlteredLoad>,
}

struct FoundCatalog {
    seen: Seen,
    /// All that was seen was committed before this place in the log.
    lsn: u64,
    setup: setup::Setup,
}

const SNAPSHOT: &str = "SELECT pg_current_snapshot()::text, current_schemas(false)::text,
    (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8";

impl Finder {
    /// Looks until nothing changes any more between two looks. The error is why the feed does not cover what it must.
    async fn find(
        &mut self,
        shared: &PostgresShared,
        link: &Link,
    ) -> Result<Result<FoundCatalog, String>, LinkFault> {
        for _ in 0..ROUNDS {
            link.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let round = self.round(shared, link).await;
            link.client.batch_execute("ROLLBACK").await?;
            let (changed, found) = round?;
            if let Some(problem) = found.setup.problem() {
                return Ok(Err(problem));
            }
            if changed.is_empty() {
                return Ok(Ok(found));
            }
            for (subject, print) in changed {
                self.renew(shared, link, subject, print).await?;
            }
        }
        Err(LinkFault::Late)
    }

    /// One look at one moment: which subjects are no longer what they were, and all of it.
    async fn round(
        &self,
        shared: &PostgresShared,
        link: &Link,
    ) -> Result<(Vec<(Subject, String)>, FoundCatalog), LinkFault> {
        let snapshot = link.client.query_one(SNAPSHOT, &[]).await?;
        let mut changed = Vec::new();
        let mut footprints = Vec::new();
        for subject in shared.catalog.subjects(shared) {
            let known = shared.catalog.state.lock().known.get(&subject).map(|known| {
                (
                    known.footprint.clone(),
                    known.print.clone(),
                    known.unsure && !self.renewed.contains(&subject),
                )
            });
            let (footprint, before, again) = known.unwrap_or_default();
            let print = footprint.print(link).await?;
            if again || print != before {
                changed.push((subject, print));
            }
            footprints.push(footprint);
        }
        let footprint = Footprint::union(footprints.iter());
        let print = footprint.print(link).await?;
        let seen = Seen {
            print: Some(print).filter(|_| !shared.catalog.is_unsure()),
            footprint,
            snapshot: snapshot.try_get(0)?,
            schemas: snapshot.try_get(1)?,
        };
        let lsn = u64::try_from(snapshot.try_get::<_, i64>(2)?).unwrap_or(0);
        let setup = setup::look(&link.client, &shared.feed.config, &shared.watched).await?;
        Ok((changed, FoundCatalog { seen, lsn, setup }))
    }

    /// Describes a subject anew. What PostgreSQL refuses now rests on what it did until now: that must change before it can be
    /// described again.
    async fn renew(
        &mut self,
        shared: &PostgresShared,
        link: &Link,
        subject: Subject,
        print: String,
    ) -> Result<(), LinkFault> {
        let publication = match &subject {
            Subject::Table(_) => Some(&*shared.feed.config.publication),
            Subject::Load(_) => None,
        };
        let described =
            describe::within(link, &subject.statement(), &shared.watched, LOCK, publication).await;
        let mut state = shared.catalog.state.lock();
        let (known, shape) = match described {
            Ok(DescribedStatement { shape, footprint, print }) => {
                (Known { footprint, print, unsure: false }, Some(shape))
            }
            Err(wrong) if wrong.as_db_error().is_some() && !error::is_broken(&wrong) => {
                let unsure = wrong.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
                let footprint = state.known.get(&subject).map(|known| known.footprint.clone());
                (Known { footprint: footprint.unwrap_or_default(), print, unsure }, None)
            }
            Err(wrong) => return Err(wrong.into()),
        };
        // What was never described was never loaded.
        if state.known.insert(subject.clone(), known).is_some() {
            state.changes.note(subject.clone(), shape);
        }
        self.renewed.push(subject);
        Ok(())
    }
}

impl Changes {
    fn note(&mut self, subject: Subject, shape: Option<Shape>) {
        match subject {
            Subject::Table(table) if self.tables.contains(&table) => {}
            Subject::Table(table) => self.tables.push(table),
            Subject::Load(sql) => {
                self.loads.retain(|load| load.statement.0 != sql);
                self.loads.push(AlteredLoad { statement: Statement(sql), shape });
            }
        }
    }

    fn altered(&self) -> Option<Altered> {
        let (tables, loads) = (self.tables.clone(), self.loads.clone());
        if tables.is_empty() && loads.is_empty() {
            return None;
        }
        let why = match (tables.is_empty(), loads.first()) {
            (true, Some(load)) => format!("what is read by {:?} was altered or replaced", load.statement.0),
            _ => format!("the definition of {} was changed", tables.join(", ")),
        };
        Some(Altered { why, tables, loads, heard: None })
    }
}

/// How long a look waits for a table that somebody has locked.
const LOCK: &str = "SET LOCAL lock_timeout = '50ms'";
