//! What loads rest on beside rows: the definitions of tables and views. When the schema was changed, each load's are compared
//! (decision 0025).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connect::SqliteShared;
use super::convert::SqliteFault;
use super::describe;
use crate::{Altered, AlteredLoad, Shape, Statement, Watched};

/// The definitions that may matter to one load or one watched table, each with its kind and name.
pub type Print = BTreeSet<[String; 3]>;

/// What was described, and what the schema was like then.
#[derive(Default)]
pub struct Catalog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    loads: BTreeMap<Arc<str>, Print>,
    tables: BTreeMap<Arc<str>, Print>,
    /// What changed and was not told yet.
    untold: Altered,
}

impl Catalog {
    /// From now on it is looked after what this load rests on.
    pub fn watch_over(&self, load: &Statement, print: Print) {
        self.state.lock().loads.insert(load.0.clone(), print);
    }

    /// Notes the definitions of watched tables, when their feed begins.
    pub fn begin(&self, connection: &Connection, watched: &[Watched]) -> Result<(), SqliteFault> {
        let schema = SchemaText::read(connection)?;
        let print = |watched: &Watched| (watched.table.clone(), schema.print(&watched.table));
        self.state.lock().tables = watched.iter().map(print).collect();
        Ok(())
    }

    /// Compares the schema as it is now with what was known of it. What changed is kept until it is told.
    pub fn look(&self, connection: &Connection, shared: &Arc<SqliteShared>) -> Result<(), SqliteFault> {
        let schema = SchemaText::read(connection)?;
        let loads: Vec<_> = self.state.lock().loads.clone().into_iter().collect();
        for (sql, before) in loads {
            let print = schema.print(&sql);
            if print == before {
                continue;
            }
            let load = Statement(sql.clone());
            let shape = match describe::shape(shared, &load) {
                Ok(shape) => Some(shape),
                // Whoever reads next is told why.
                Err(SqliteFault::Refused(_)) => None,
                Err(other) => return Err(other),
            };
            let mut state = self.state.lock();
            let why = schema.differ(&before, &print);
            state.loads.insert(sql, print);
            state.note(why, |untold| {
                untold.loads.retain(|known| known.statement != load);
                untold.loads.push(AlteredLoad { statement: load, shape });
            });
        }
        let mut state = self.state.lock();
        let tables: Vec<_> = state.tables.keys().cloned().collect();
        for table in tables {
            let print = schema.print(&table);
            let before = state.tables.insert(table.clone(), print.clone()).unwrap_or_default();
            if before != print {
                state.note(schema.differ(&before, &print), |untold| untold.tables.push(table));
            }
        }
        Ok(())
    }

    /// What is to be told, if anything is.
    pub fn take(&self) -> Option<Altered> {
        let untold = std::mem::take(&mut self.state.lock().untold);
        (untold != Altered::default()).then_some(untold)
    }
}

impl State {
    fn note(&mut self, why: String, add: impl FnOnce(&mut Altered)) {
        let untold = &mut self.untold;
        match untold.why.is_empty() {
            true => untold.why = why,
            false if untold.why.contains(&why) => {}
            false => untold.why = format!("{}; {why}", untold.why),
        }
        add(untold);
    }
}

/// All tables and views: kind, name and definition.
pub struct SchemaText(Vec<[String; 3]>);

impl SchemaText {
    /// As it is now.
    pub fn read(connection: &Connection) -> Result<SchemaText, SqliteFault> {
        let all = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE type IN ('table', 'view')
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'clearwell\\_%' ESCAPE '\\'";
        let mut statement = connection.prepare(all)?;
        let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
        Ok(SchemaText(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// All that a text may rest on: whatever it names, and what the views among that name. A name that stands in it for
    /// something else is taken in as well: it costs a load now and then.
    pub fn print(&self, text: &str) -> Print {
        let mut print = Print::new();
        let mut texts = vec![text.to_lowercase()];
        while let Some(text) = texts.pop() {
            for object in &self.0 {
                let [kind, name, sql] = object;
                if text.contains(&name.to_lowercase()) && print.insert(object.clone()) && kind == "view" {
                    texts.push(sql.to_lowercase());
                }
            }
        }
        print
    }

    /// What is another one than it was, in words; when nothing is, what has come to be.
    fn differ(&self, before: &Print, now: &Print) -> String {
        let mut others: Vec<&[String; 3]> = before.iter().filter(|object| !self.0.contains(object)).collect();
        if others.is_empty() {
            others = now.difference(before).collect();
        }
        let names: Vec<String> = others.iter().map(|[kind, name, _]| format!("the {kind} {name}")).collect();
        format!("{} was altered, made or dropped", names.join(", "))
    }

    /// The texts of the views that a text rests on.
    pub fn views(print: &Print) -> impl Iterator<Item = &str> {
        print.iter().filter(|[kind, ..]| kind == "view").map(|[.., sql]| &**sql)
    }
}

/// What a described load looks like, and what it rests on.
pub struct Described {
    /// Its shape.
    pub shape: Shape,
    /// The definitions that it rests on.
    pub print: Print,
}
