//! From messages to commits: what a transaction changed, and what of it cannot be known.

use std::collections::HashMap;
use std::sync::Arc;

use clearwell_words::Version;

use super::pgoutput::{LogMessage, LogValue, Malformed, Old, Relation, Tuple};
use crate::postgres::cell;
use crate::postgres::pending::PREFIX;
use crate::{Cell, Commit, Row, RowChange, Watched};

/// A transaction with more changed rows than this is told as a gap: remembering each would take more than it saves.
const CHANGES_MAX: usize = 1_000_000;

/// A whole transaction.
#[derive(Debug, PartialEq)]
pub struct ToldTransaction {
    /// What to tell the follower; `own` and `heard` are left to whoever knows.
    pub commit: Commit,
    /// The transaction's number, its lower half.
    pub xid: u32,
    /// When it was committed, in microseconds since 1970 by the server's clock.
    pub at_us: i64,
    /// Messages of this program's writes, ours and other nodes'.
    pub marks: Vec<Box<[u8]>>,
    /// Tables all of whose rows it took away at once, each once.
    pub truncated: Vec<Arc<str>>,
    /// Why the changes above are not all: anything may have changed besides.
    pub doubt: Option<String>,
    /// Where the log goes on behind it.
    pub end_lsn: u64,
}

/// Collects messages until a transaction is whole.
#[derive(Default)]
pub struct Assembler {
    /// Watched tables by their number and those of their partitions and heirs.
    watched: HashMap<u32, Arc<Watched>>,
    relations: HashMap<u32, Known>,
    /// The type beneath each domain: a load returns values of that type.
    domains: HashMap<u32, u32>,
    open: Option<ToldTransaction>,
}

/// A table of the log as far as it matters here.
enum Known {
    Ignored,
    /// Its rows cannot be told: why.
    Unfit(String),
    Fit {
        table: Arc<str>,
        picks: Vec<Pick>,
        all_keys: bool,
    },
}

/// A column that templates need.
struct Pick {
    name: Arc<str>,
    place: usize,
    type_oid: u32,
}

impl Assembler {
    /// For these tables, by number.
    pub fn new(watched: HashMap<u32, Arc<Watched>>) -> Assembler {
        Assembler { watched, ..Assembler::default() }
    }

    /// With the type beneath each domain, by number.
    #[must_use]
    pub fn with_domains(self, domains: HashMap<u32, u32>) -> Assembler {
        Assembler { domains, ..self }
    }

    /// Whether the table is known, or known to be of no interest.
    pub fn knows(&self, relation: u32) -> bool {
        self.watched.contains_key(&relation)
    }

    /// Whether a transaction has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The number of that transaction, its lower half.
    pub fn open_xid(&self) -> Option<u32> {
        self.open.as_ref().map(|told| told.xid)
    }

    /// A table that came to be since [`Assembler::new`]: a partition, or (`None`) one of no interest.
    pub fn learn(&mut self, relation: u32, watched: Option<Arc<Watched>>) {
        match watched {
            Some(watched) => drop(self.watched.insert(relation, watched)),
            None => drop(self.relations.insert(relation, Known::Ignored)),
        }
    }

    /// One message; at a transaction's last, the transaction.
    pub fn take(&mut self, message: LogMessage<'_>) -> Result<Option<ToldTransaction>, Malformed> {
        match message {
            LogMessage::Begin { commit_lsn, at_us, xid } => {
                let version = Version(commit_lsn);
                self.open = Some(ToldTransaction {
                    commit: Commit { version, own: false, changes: Vec::new(), heard: None },
                    xid,
                    at_us,
                    marks: Vec::new(),
                    truncated: Vec::new(),
                    doubt: None,
                    end_lsn: 0,
                });
            }
            LogMessage::Commit { end_lsn } => {
                let told = self.open.take().ok_or(Malformed)?;
                return Ok(Some(ToldTransaction { end_lsn, ..told }));
            }
            LogMessage::Relation(relation) => {
                let known = self.meet(&relation);
                self.relations.insert(relation.id, known);
            }
            LogMessage::Insert { relation, new } => {
                self.change(relation, |picks, _| Ok((None, Some(full(picks, &new, None)?))))?;
            }
            LogMessage::Update { relation, old, new } => {
                self.change(relation, |picks, all_keys| updated(picks, all_keys, old.as_ref(), &new))?;
            }
            LogMessage::Delete { relation, old } => {
                self.change(relation, |picks, all_keys| {
                    Ok((Some(full(picks, before(&old, all_keys)?, None)?), None))
                })?;
            }
            LogMessage::Truncate { relations } => {
                for relation in relations {
                    self.truncate(relation)?;
                }
            }
            // A message outside of a transaction is of no interest: ours are inside.
            LogMessage::Told { prefix, content } if prefix == PREFIX.as_bytes() => {
                if let Some(open) = &mut self.open {
                    open.marks.push(content.into());
                }
            }
            LogMessage::Told { .. } | LogMessage::Other => {}
        }
        Ok(None)
    }

    fn meet(&self, relation: &Relation<'_>) -> Known {
        let Some(watched) = self.watched.get(&relation.id) else { return Known::Ignored };
        let mut picks = Vec::with_capacity(watched.columns.len());
        let mut all_keys = true;
        for name in &watched.columns {
            let Some(place) = relation.columns.iter().position(|column| *column.name == **name) else {
                let Relation { schema, name: table, .. } = relation;
                return Known::Unfit(format!("the log tells no column {name} of {schema}.{table} any more"));
            };
            let column = &relation.columns[place];
            all_keys &= column.key;
            let type_oid = self.domains.get(&column.type_oid).copied().unwrap_or(column.type_oid);
            picks.push(Pick { name: name.clone(), place, type_oid });
        }
        Known::Fit { table: watched.table.clone(), picks, all_keys }
    }

    fn change(
        &mut self,
        relation: u32,
        rows: impl FnOnce(&[Pick], bool) -> Result<(Option<Row>, Option<Row>), Unknown>,
    ) -> Result<(), Malformed> {
        let open = self.open.as_mut().ok_or(Malformed)?;
        match self.relations.get(&relation).ok_or(Malformed)? {
            Known::Ignored => {}
            Known::Unfit(why) => open.doubt = Some(why.clone()),
            Known::Fit { table, .. } if open.commit.changes.len() >= CHANGES_MAX => {
                open.doubt =
                    Some(format!("a transaction changed more than {CHANGES_MAX} rows, the last of {table}"));
                open.commit.changes = Vec::new();
            }
            Known::Fit { table, picks, all_keys } => match rows(picks, *all_keys) {
                Ok((old, new)) => open.commit.changes.push(RowChange { table: table.clone(), old, new }),
                Err(Unknown) => {
                    open.doubt = Some(format!("{table}: a change did not tell the row as it was; {FULL}"));
                }
            },
        }
        Ok(())
    }

    fn truncate(&mut self, relation: u32) -> Result<(), Malformed> {
        let open = self.open.as_mut().ok_or(Malformed)?;
        match self.relations.get(&relation).ok_or(Malformed)? {
            Known::Ignored => {}
            Known::Unfit(why) => open.doubt = Some(why.clone()),
            Known::Fit { table, .. } if open.truncated.contains(table) => {}
            Known::Fit { table, .. } => open.truncated.push(table.clone()),
        }
        Ok(())
    }
}

const FULL: &str = "it needs REPLICA IDENTITY FULL";

/// A column whose value the log does not tell.
struct Unknown;

fn updated(
    picks: &[Pick],
    all_keys: bool,
    old: Option<&Old<'_>>,
    new: &Tuple<'_>,
) -> Result<(Option<Row>, Option<Row>), Unknown> {
    match old {
        Some(old) => {
            let old = before(old, all_keys)?;
            Ok((Some(full(picks, old, None)?), Some(full(picks, new, Some(old))?)))
        }
        // Nothing is told of the old row when its identity stayed as it is.
        None if all_keys => {
            let row = full(picks, new, None)?;
            Ok((Some(row.clone()), Some(row)))
        }
        None => Err(Unknown),
    }
}

/// The old row, when it tells all that is needed.
fn before<'o, 'a>(old: &'o Old<'a>, all_keys: bool) -> Result<&'o Tuple<'a>, Unknown> {
    match old {
        Old::Full(tuple) => Ok(tuple),
        Old::Key(tuple) if all_keys => Ok(tuple),
        Old::Key(_) => Err(Unknown),
    }
}

/// The needed columns; one that is told as unchanged is taken from the old row.
fn full(picks: &[Pick], tuple: &Tuple<'_>, old: Option<&Tuple<'_>>) -> Result<Row, Unknown> {
    let value = |pick: &Pick| {
        let told = tuple.get(pick.place).ok_or(Unknown)?;
        let told = match (told, old) {
            (LogValue::Unchanged, Some(old)) => old.get(pick.place).ok_or(Unknown)?,
            _ => told,
        };
        let cell = match told {
            LogValue::Null => Cell::Null,
            LogValue::Text(text) => cell::told(pick.type_oid, text),
            LogValue::Unchanged => return Err(Unknown),
        };
        Ok((pick.name.clone(), cell))
    };
    picks.iter().map(value).collect::<Result<_, _>>().map(Row)
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
