//! What a statement rests on in the catalog, and a print of it that changes with any of it.
//!
//! The statement stands as the view `clearwell_probe` for a moment, so that PostgreSQL itself says what it depends on. From
//! there on: the rules of views, the types of columns, functions and what their bodies name where PostgreSQL keeps that, the
//! policies of tables and what those read, partitions and heirs.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::postgres::link::Link;

/// Objects of the catalog, by number, and names that are resolved anew whenever a statement is prepared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    relations: Vec<u32>,
    /// Partitions and heirs: of them it matters which they are and where their rows lie; their columns are their parents'.
    heirs: Vec<u32>,
    functions: Vec<u32>,
    types: Vec<u32>,
    schemas: Vec<u32>,
    /// Tables and views that the statement names itself: another one of that name may come to stand before them.
    names: Vec<String>,
    /// Functions that it names itself.
    calls: Vec<String>,
    /// Publications, for tables whose changes must be told.
    publications: Vec<String>,
    /// It calls a function whose body is a text: that may read anything.
    opaque: bool,
}

/// What the view `clearwell_probe` of this session rests on, and which functions in it answer otherwise each time.
const FOOTPRINT: &str = r"
WITH RECURSIVE rule AS (
    SELECT oid, ev_action::text AS tree FROM pg_rewrite WHERE ev_class = 'pg_temp.clearwell_probe'::regclass
), used (classid, objid, inherited) AS (
    SELECT 'pg_rewrite'::regclass::oid, oid, false FROM rule
    UNION
    SELECT next.classid, next.objid, next.inherited FROM used u CROSS JOIN LATERAL (
        SELECT d.refclassid, d.refobjid, false FROM pg_depend d
        WHERE NOT u.inherited AND d.classid = u.classid AND d.objid = u.objid
        AND d.refobjid <> 'pg_temp.clearwell_probe'::regclass
        AND NOT (d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass)
        UNION ALL
        SELECT 'pg_rewrite'::regclass, r.oid, false FROM pg_rewrite r
        WHERE NOT u.inherited AND u.classid = 'pg_class'::regclass AND r.ev_class = u.objid AND r.ev_type = '1'
        UNION ALL
        SELECT 'pg_policy'::regclass, p.oid, false FROM pg_policy p
        WHERE NOT u.inherited AND u.classid = 'pg_class'::regclass AND p.polrelid = u.objid
        UNION ALL
        SELECT 'pg_class'::regclass, i.inhrelid, true FROM pg_inherits i
        WHERE u.classid = 'pg_class'::regclass AND i.inhparent = u.objid
    ) AS next (classid, objid, inherited)
), called AS (
    SELECT DISTINCT r.oid = (SELECT oid FROM rule) AS itself, p.oid, p.proname, p.pronargs, p.provolatile
    FROM used u JOIN pg_rewrite r ON u.classid = 'pg_rewrite'::regclass AND r.oid = u.objid
    CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS number
    JOIN pg_proc p ON p.oid = number[1]::oid
)
SELECT
    ARRAY(SELECT DISTINCT objid FROM used WHERE classid = 'pg_class'::regclass AND NOT inherited),
    ARRAY(SELECT DISTINCT objid FROM used WHERE classid = 'pg_class'::regclass AND inherited),
    ARRAY(SELECT DISTINCT objid FROM used WHERE classid = 'pg_proc'::regclass),
    ARRAY(SELECT DISTINCT objid FROM used WHERE classid = 'pg_type'::regclass),
    ARRAY(SELECT DISTINCT objid FROM used WHERE classid = 'pg_namespace'::regclass),
    ARRAY(SELECT DISTINCT quote_ident(c.relname) FROM pg_depend d JOIN rule ON d.objid = rule.oid
        JOIN pg_class c ON c.oid = d.refobjid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND c.oid <> 'pg_temp.clearwell_probe'::regclass),
    ARRAY(SELECT DISTINCT proname::text FROM called WHERE itself),
    EXISTS (SELECT FROM used u JOIN pg_proc p ON u.classid = 'pg_proc'::regclass AND p.oid = u.objid
        JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname NOT IN ('internal', 'c') AND p.prosqlbody IS NULL
        AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
    ARRAY(SELECT DISTINCT 'the function ' || proname || '()' FROM called
        WHERE oid < 16384 AND (provolatile = 'v' AND proname !~ '^pg_sleep'
            OR proname IN ('now', 'transaction_timestamp', 'statement_timestamp') OR proname = 'age' AND pronargs = 1)
        UNION
        SELECT 'the current time' FROM used u JOIN pg_rewrite r ON u.classid = 'pg_rewrite'::regclass AND r.oid = u.objid
        WHERE r.ev_action::text ~ '\{SQLVALUEFUNCTION :op [0-8] ')";

/// A print of a footprint; its nine parameters are those of [`Footprint::parameters`]. A row of the catalog is known by the
/// transaction that wrote it: nothing in it changes without another one, but for what VACUUM and ANALYZE count.
pub const PRINT: &str = "
SELECT md5(string_agg(item, ',' ORDER BY item)) FROM (
    SELECT 'r' || oid || ' ' || xmin AS item FROM pg_class WHERE oid = ANY($1::oid[]) OR oid = ANY($2::oid[])
    UNION ALL SELECT 'a' || attrelid || ' ' || attnum || ' ' || xmin FROM pg_attribute
        WHERE attrelid = ANY($1::oid[]) AND attnum > 0
    UNION ALL SELECT 'v' || oid || ' ' || xmin FROM pg_rewrite WHERE ev_class = ANY($1::oid[])
    UNION ALL SELECT 'p' || oid || ' ' || xmin FROM pg_policy WHERE polrelid = ANY($1::oid[])
    UNION ALL SELECT 'm' || roleid || ' ' || member || ' ' || xmin FROM pg_auth_members
        WHERE EXISTS (SELECT FROM pg_policy WHERE polrelid = ANY($1::oid[]))
    UNION ALL SELECT 'i' || inhrelid || ' ' || inhparent || ' ' || xmin FROM pg_inherits
        WHERE inhparent = ANY($1::oid[]) OR inhparent = ANY($2::oid[])
    UNION ALL SELECT 'f' || oid || ' ' || xmin FROM pg_proc WHERE oid = ANY($3::oid[])
    UNION ALL SELECT 't' || oid || ' ' || xmin FROM pg_type WHERE oid = ANY($4::oid[])
    UNION ALL SELECT 'e' || oid || ' ' || xmin FROM pg_enum WHERE enumtypid = ANY($4::oid[])
    UNION ALL SELECT 's' || oid || ' ' || xmin FROM pg_namespace WHERE oid = ANY($5::oid[])
    UNION ALL SELECT 'n' || name || ' ' || coalesce(to_regclass(name)::oid::text, '-') FROM unnest($6::text[]) AS name
    UNION ALL SELECT 'c' || oid || ' ' || xmin FROM pg_proc WHERE proname = ANY($7::text[]) AND oid >= 16384
    UNION ALL SELECT 'h' || current_schemas(false)::text
    UNION ALL SELECT 'u' || rolname || ' ' || rolbypassrls || ' ' || rolsuper FROM pg_roles WHERE rolname = current_user
        AND EXISTS (SELECT FROM pg_class WHERE oid = ANY($1::oid[]) AND relrowsecurity)
    UNION ALL SELECT 'd' || setdatabase || ' ' || setrole || ' ' || xmin FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
    UNION ALL SELECT 'b' || oid || ' ' || xmin FROM pg_publication WHERE pubname = ANY($8::text[])
    UNION ALL SELECT 'l' || pr.oid || ' ' || pr.xmin FROM pg_publication_rel pr JOIN pg_publication pb ON pb.oid = pr.prpubid
        WHERE pb.pubname = ANY($8::text[]) AND (pr.prrelid = ANY($1::oid[]) OR pr.prrelid = ANY($2::oid[]))
    UNION ALL SELECT 'q' || pn.oid || ' ' || pn.xmin FROM pg_publication_namespace pn
        JOIN pg_publication pb ON pb.oid = pn.pnpubid WHERE pb.pubname = ANY($8::text[])
    UNION ALL SELECT 'x' || indexrelid || ' ' || xmin FROM pg_index
        WHERE cardinality($8::text[]) > 0 AND (indisprimary OR indisreplident)
        AND (indrelid = ANY($1::oid[]) OR indrelid = ANY($2::oid[]))
    UNION ALL SELECT 'F' || oid || ' ' || xmin FROM pg_proc WHERE $9 AND oid >= 16384
    UNION ALL SELECT 'T' || oid || ' ' || xmin FROM pg_type WHERE $9 AND oid >= 16384 AND typtype IN ('e', 'd')
    UNION ALL SELECT 'E' || oid || ' ' || xmin FROM pg_enum WHERE $9
    UNION ALL SELECT 'P' || oid || ' ' || xmin FROM pg_policy WHERE $9
    UNION ALL SELECT 'I' || inhrelid || ' ' || inhparent || ' ' || xmin FROM pg_inherits WHERE $9
    UNION ALL SELECT 'R' || c.oid || ' ' || c.xmin || ' ' || (SELECT count(*) || ' ' || coalesce(max(r.xmin::text::int8), 0)
            FROM pg_rewrite r WHERE r.ev_class = c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE $9 AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'
    UNION ALL SELECT 'A' || attrelid || ' ' || attnum || ' ' || a.xmin FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE $9 AND attrelid >= 16384 AND attnum > 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'
) AS items";

impl Footprint {
    /// Of the view `clearwell_probe`, and what in it no feed can follow: functions that answer otherwise each time.
    pub async fn of_probe(link: &Link) -> Result<(Footprint, Vec<String>), Error> {
        let row = link.client.query_one(FOOTPRINT, &[]).await?;
        Ok((Footprint::read(&row)?, row.try_get(8)?))
    }

    fn read(row: &Row) -> Result<Footprint, Error> {
        Ok(Footprint {
            relations: row.try_get(0)?,
            heirs: row.try_get(1)?,
            functions: row.try_get(2)?,
            types: row.try_get(3)?,
            schemas: row.try_get(4)?,
            names: row.try_get(5)?,
            calls: row.try_get(6)?,
            publications: Vec::new(),
            opaque: row.try_get(7)?,
        })
    }

    /// Of a table whose changes this publication is to tell.
    pub fn published(self, publication: &str) -> Footprint {
        Footprint { publications: vec![publication.into()], ..self }
    }

    /// What is printed, in the order of [`PRINT`]'s parameters.
    pub fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.relations,
            &self.heirs,
            &self.functions,
            &self.types,
            &self.schemas,
            &self.names,
            &self.calls,
            &self.publications,
            &self.opaque,
        ]
    }

    /// What it is now.
    pub async fn print(&self, link: &Link) -> Result<String, Error> {
        let statement = link.own(PRINT).await?;
        link.client.query_one(&statement, &self.parameters()).await?.try_get(0)
    }

    /// All of several.
    pub fn union<'f>(all: impl Iterator<Item = &'f Footprint>) -> Footprint {
        let mut union = Footprint::default();
        for one in all {
            union.relations.extend(&one.relations);
            union.heirs.extend(&one.heirs);
            union.functions.extend(&one.functions);
            union.types.extend(&one.types);
            union.schemas.extend(&one.schemas);
            union.names.extend(one.names.iter().cloned());
            union.calls.extend(one.calls.iter().cloned());
            union.publications.extend(one.publications.iter().cloned());
            union.opaque |= one.opaque;
        }
        for numbers in [
            &mut union.relations,
            &mut union.heirs,
            &mut union.functions,
            &mut union.types,
            &mut union.schemas,
        ] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        for names in [&mut union.names, &mut union.calls, &mut union.publications] {
            names.sort_unstable();
            names.dedup();
        }
        union
    }
}
