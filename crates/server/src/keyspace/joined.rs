//! A plain `SELECT` with what its database knows of the tables in it.

use crate::syntax::select::{Output, Select, SelectColumn as Named, Side};
use std::sync::Arc;

use clearwell_source::{Column, ColumnKind, Shape, Source, SourceError, Table};

/// The statement and its tables.
pub struct Joined {
    /// `None`: it is not of the plain form, and nothing can be proven of it.
    pub select: Option<Select>,
    tables: Vec<Table>,
    parameters: Vec<(Arc<str>, Arc<str>)>,
}

/// A column of one of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The table's place in the statement.
    pub place: usize,
    /// The column, as the table spells it.
    pub name: Arc<str>,
}

impl Joined {
    /// Reads a statement. `None`: the source cannot tell what its tables are.
    pub fn read(source: &dyn Source, sql: &str, shape: &Shape) -> Result<Option<Joined>, SourceError> {
        let select = Select::parse(sql);
        if source.table("clearwell")?.is_none() {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for from in select.iter().flat_map(|select| &select.tables) {
            tables.push(source.table(&from.table)?.unwrap_or_default());
        }
        Ok(Some(Joined { select, tables, parameters: shape.parameters.clone() }))
    }

    /// Where a table stands in the statement.
    pub fn places(&self, id: &str) -> Vec<usize> {
        let is = |(_, table): &(usize, &Table)| !table.columns.is_empty() && *table.id == *id;
        self.tables.iter().enumerate().filter(is).map(|(place, _)| place).collect()
    }

    /// The table's column that a column of the result is, as it is.
    pub fn origin(&self, output: &str) -> Option<Ref> {
        let select = self.select.as_ref()?;
        let of = |name: &Output| match name {
            Output::Column(column, called) if called.eq_ignore_ascii_case(output) => {
                Some(self.find(column.of.as_deref(), &column.name))
            }
            Output::Star(of) => {
                let among = |place: &usize| of.as_ref().is_none_or(|of| self.is_called(*place, of));
                let place =
                    (0..self.tables.len()).filter(among).find(|place| self.column(*place, output).is_some());
                place.map(|place| self.reference(place, output))
            }
            Output::Column(..) | Output::Other => None,
        };
        select.outputs.iter().find_map(of).flatten()
    }

    /// Whether each row of a table that counts has this parameter's value in this column, by the column's own equality.
    pub fn is_bound(&self, column: &Ref, parameter: &str) -> bool {
        self.with(column).any(|side| matches!(side, Side::Parameter(name) if *name == *parameter))
    }

    /// Whether two columns are equal in each row that counts, by one equality.
    pub fn is_same(&self, column: &Ref, other: &Ref) -> bool {
        self.with(column).any(|side| match side {
            Side::Column(name) => self.resolve(name).as_ref() == Some(other),
            Side::Parameter(_) => false,
        })
    }

    /// Whether there is at most one row of the table to a key, by an index that says so.
    pub fn is_one_row(&self, place: usize, visited: &mut Vec<usize>) -> bool {
        if visited.contains(&place) {
            return false;
        }
        visited.push(place);
        let Some(table) = self.tables.get(place) else { return false };
        let is = table.unique.iter().any(|columns| {
            columns.iter().all(|name| {
                let sides: Vec<&Side> = self.with(&Ref { place, name: name.clone() }).collect();
                sides.iter().any(|side| match side {
                    Side::Parameter(_) => true,
                    Side::Column(name) => {
                        self.resolve(name).is_some_and(|other| self.is_one_row(other.place, visited))
                    }
                })
            })
        });
        visited.pop();
        is
    }

    /// Whether a row of the table may be lacking without that the result is.
    pub fn is_optional(&self, place: usize) -> bool {
        let Some(select) = &self.select else { return false };
        let asked = select.equal.iter().filter(|equal| equal.only.is_none()).flat_map(|equal| &equal.sides);
        let mut asked = asked.filter_map(|side| match side {
            Side::Column(name) => Some(self.resolve(name).is_none_or(|column| column.place == place)),
            Side::Parameter(_) => None,
        });
        select.is_bare
            && select.tables.get(place).is_some_and(|table| table.optional)
            && !asked.any(|own| own)
    }

    /// Whether it reads this table alone and asks nothing but that columns which `named` knows have their parameters' values.
    pub fn is_only_bound(&self, place: usize, named: impl Fn(&str) -> bool) -> bool {
        let Some(select) = &self.select else { return false };
        let column = |side: &Side| match side {
            Side::Column(name) => {
                self.resolve(name).is_some_and(|column| column.place == place && named(&column.name))
            }
            Side::Parameter(_) => true,
        };
        select.is_bare
            && select.tables.len() == 1
            && select.equal.iter().all(|equal| {
                equal.sides.iter().all(column)
                    && equal.sides.iter().any(|side| matches!(side, Side::Parameter(_)))
            })
    }

    /// Whether two values of a capture are never one to the load.
    pub fn tells_apart(&self, capture: &str, kind: ColumnKind) -> bool {
        let columns = self.select.iter().flat_map(|select| &select.equal).filter_map(|equal| {
            let is = |side: &Side| matches!(side, Side::Parameter(name) if *name == *capture);
            let other = match &equal.sides {
                [one, other] if is(one) => other,
                [other, one] if is(one) => other,
                _ => return None,
            };
            let Side::Column(name) = other else { return None };
            let column = self.resolve(name)?;
            self.is_bound(&column, capture).then(|| self.column(column.place, &column.name)).flatten()
        });
        let mut columns = columns;
        match kind {
            ColumnKind::Other => columns.any(|column| column.exact.texts),
            // Each has one written form; only what rounds takes two for one.
            ColumnKind::Integer | ColumnKind::Uuid => !columns
                .any(|column| ["real", "pg_catalog.float4", "pg_catalog.float8"].contains(&&*column.family)),
        }
    }

    /// What a column is equal to in each row that counts.
    fn with<'j>(&'j self, column: &Ref) -> impl Iterator<Item = &'j Side> {
        let column = column.clone();
        let equal = self.select.iter().flat_map(|select| &select.equal);
        equal.filter_map(move |equal| {
            if equal.only.is_some_and(|only| only != column.place) {
                return None;
            }
            let is = |side: &Side| matches!(side, Side::Column(name) if self.resolve(name).as_ref() == Some(&column));
            let other = match &equal.sides {
                [one, other] if is(one) => other,
                [other, one] if is(one) => other,
                _ => return None,
            };
            self.is_compared(&column, other).then_some(other)
        })
    }

    /// Whether a comparison with a column is the column's own equality.
    fn is_compared(&self, column: &Ref, other: &Side) -> bool {
        let Some(own) = self.column(column.place, &column.name) else { return false };
        match other {
            Side::Parameter(name) => {
                let known = self.parameters.iter().find(|(known, _)| **known == **name);
                known.is_none_or(|(_, family)| *family == own.family)
            }
            Side::Column(name) => self.resolve(name).is_some_and(|other| {
                let other = self.column(other.place, &other.name);
                other.is_some_and(|other| other.family == own.family && other.collation == own.collation)
            }),
        }
    }

    fn resolve(&self, column: &Named) -> Option<Ref> {
        self.find(column.of.as_deref(), &column.name)
    }

    fn find(&self, of: Option<&str>, name: &str) -> Option<Ref> {
        let among = |place: &usize| of.is_none_or(|of| self.is_called(*place, of));
        let mut found = (0..self.tables.len()).filter(among).filter_map(|place| self.reference(place, name));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn is_called(&self, place: usize, name: &str) -> bool {
        let select = self.select.as_ref().and_then(|select| select.tables.get(place));
        select.is_some_and(|from| from.alias.eq_ignore_ascii_case(name))
    }

    fn column(&self, place: usize, name: &str) -> Option<&Column> {
        self.tables.get(place)?.column(name)
    }

    fn reference(&self, place: usize, name: &str) -> Option<Ref> {
        self.column(place, name).map(|column| Ref { place, name: column.name.clone() })
    }
}
