//! What a publication tells of the watched tables, for every way in which a table can be published, and the SQL that mends it.

use tokio_postgres::{Client, Error, Row};

use super::setup::{PublishedTable, SetupProblem};

/// A publication as the server has it.
pub struct Publication {
    /// Its name as SQL writes it.
    name: String,
    /// `None`: there is none.
    there: Option<There>,
}

struct There {
    all_tables: bool,
    /// Whether it tells of inserts, updates, deletes and truncates.
    whole: bool,
    via_root: bool,
    owner: Option<String>,
    /// Schemas all of whose tables it tells of, by number.
    schemas: Vec<u32>,
    /// A partitioned table of others that it tells of in part only.
    foreign: Option<String>,
}

const PUBLICATION: &str = "
SELECT quote_ident($1), p.puballtables, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, p.pubviaroot,
    CASE WHEN NOT pg_has_role(p.pubowner, 'USAGE') THEN pg_get_userbyid(p.pubowner)::text END,
    (SELECT r.prrelid::regclass::text FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
        WHERE r.prpubid = p.oid AND c.relkind = 'p' AND NOT r.prrelid = ANY($2)
        AND (to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL) LIMIT 1)
FROM (SELECT 1) one LEFT JOIN pg_publication p ON p.pubname = $1";

/// Since PostgreSQL 15.
const SCHEMAS: &str = "
SELECT n.pnnspid FROM pg_publication_namespace n JOIN pg_publication p ON p.oid = n.pnpubid WHERE p.pubname = $1";

impl Publication {
    /// Looks at the publication of this name, whose watched tables are `tables`.
    pub async fn look(client: &Client, name: &str, tables: &[PublishedTable]) -> Result<Publication, Error> {
        let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
        let row = client.query_one(PUBLICATION, &[&name, &oids]).await?;
        let Some(all_tables) = row.try_get(1)? else {
            return Ok(Publication { name: row.try_get(0)?, there: None });
        };
        let version = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?;
        let schemas = match version.try_get::<_, i32>(0)? {
            150_000.. => client.query(SCHEMAS, &[&name]).await?,
            _ => Vec::new(),
        };
        let schemas = schemas.iter().map(|row: &Row| row.try_get(0)).collect::<Result<_, _>>()?;
        let there = There {
            all_tables,
            whole: row.try_get(2)?,
            via_root: row.try_get(3)?,
            owner: row.try_get(4)?,
            schemas,
            foreign: row.try_get(5)?,
        };
        Ok(Publication { name: row.try_get(0)?, there: Some(there) })
    }

    /// What it leaves out of tables that it tells of. To be mended before anything else: with a column list, an update of a table
    /// that tells its whole old rows fails.
    pub fn in_part(&self, tables: &[PublishedTable]) -> Vec<SetupProblem> {
        let Some(there) = &self.there else { return Vec::new() };
        let name = &self.name;
        let cut = tables.iter().filter(|table| match table.is_partitioned() {
            // Its filter counts for its partitions only when they are told of under its name.
            true => table.is_member && (table.filtered || table.narrowed) && there.via_root,
            false => table.is_member && (table.narrowed || table.filtered && !there.covers_schema_of(table)),
        });
        let problem = |table: &PublishedTable| SetupProblem {
            what: format!("the publication {name} leaves out rows or columns of {}", table.name),
            sql: vec![
                format!("ALTER PUBLICATION {name} DROP TABLE ONLY {}", table.sql),
                format!("ALTER PUBLICATION {name} ADD TABLE ONLY {}", table.sql),
            ],
            ..self.problem(Some(table))
        };
        cut.map(problem).collect()
    }

    /// What it does not tell of at all.
    pub fn missing(&self, tables: &[PublishedTable]) -> Vec<SetupProblem> {
        let name = &self.name;
        let Some(there) = &self.there else {
            let mut roots: Vec<&str> = Vec::new();
            let mut places = 0;
            for table in tables.iter().filter(|table| table.is_publishable()) {
                if table.place > places && !roots.contains(&&*table.sql) {
                    roots.push(&table.sql);
                }
                places = places.max(table.place);
            }
            let list =
                if roots.is_empty() { String::new() } else { format!(" FOR TABLE {}", roots.join(", ")) };
            return vec![SetupProblem {
                what: format!("there is no publication {name}"),
                sql: vec![format!("CREATE PUBLICATION {name}{list}")],
                ..SetupProblem::default()
            }];
        };
        let mut problems: Vec<SetupProblem> = there.options(self).into_iter().collect();
        let mut added: Vec<u32> = Vec::new();
        for table in tables.iter().filter(|table| !table.is_partitioned() && table.is_publishable()) {
            if there.covers(table) || table.is_told_under(&added) {
                continue;
            }
            // A partitioned table brings its partitions, those to come as well; heirs are tables of their own.
            let whole = |root: &&PublishedTable| root.is_partitioned() && root.place == table.place;
            let root = tables.iter().find(whole).filter(|root| table.ancestors.contains(&root.oid));
            let (what, only) = root.map_or((table, "ONLY "), |root| (root, ""));
            added.push(what.oid);
            problems.push(SetupProblem {
                what: format!("the publication {name} does not cover {}", what.name),
                sql: vec![format!("ALTER PUBLICATION {name} ADD TABLE {only}{}", what.sql)],
                ..self.problem(Some(what))
            });
        }
        problems
    }

    /// A problem with who has to mend it.
    fn problem(&self, table: Option<&PublishedTable>) -> SetupProblem {
        let owner = self.there.as_ref().and_then(|there| there.owner.clone());
        let role = match (owner, table.and_then(|table| table.owner.clone())) {
            (Some(one), Some(other)) if one != other => Some("a superuser".to_owned()),
            (one, other) => one.or(other),
        };
        SetupProblem { role, ..SetupProblem::default() }
    }
}

impl There {
    fn covers_schema_of(&self, table: &PublishedTable) -> bool {
        self.all_tables || table.schemas.iter().any(|schema| self.schemas.contains(schema))
    }

    fn covers(&self, table: &PublishedTable) -> bool {
        table.is_covered || self.covers_schema_of(table)
    }

    fn options(&self, publication: &Publication) -> Option<SetupProblem> {
        let name = &publication.name;
        let what =
            format!("the publication {name} does not tell of every change, of partitions as themselves");
        let mut options = Vec::new();
        if !self.whole {
            options.push("publish = 'insert, update, delete, truncate'");
        }
        if self.via_root {
            options.push("publish_via_partition_root = false");
        }
        let (options, sql) = match &self.foreign {
            _ if options.is_empty() => return None,
            // PostgreSQL refuses it, and what others made of their table is theirs.
            Some(foreign) if self.via_root => {
                let why = format!(
                    "{what}, and cannot while it has rows or columns of {foreign} only: name another one in the source's `publication`"
                );
                return Some(SetupProblem { what: why, ..SetupProblem::default() });
            }
            _ => (options.join(", "), "ALTER PUBLICATION"),
        };
        Some(SetupProblem {
            what,
            sql: vec![format!("{sql} {name} SET ({options})")],
            ..publication.problem(None)
        })
    }
}
