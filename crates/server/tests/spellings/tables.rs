//! Tables with keyspaces over them, drawn: a kind of key, what keeps it unique, how rows are loaded, and what the feed says.

use fastrand::Rng;

use super::kinds::{Kind, POSTGRES, SECOND, SQLITE};

/// A database that both the node and the test speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Postgres,
    Sqlite,
}

/// What keeps keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    Primary,
    Index,
    /// An index that takes for two keys what a comparison takes for one.
    Finer,
    Nothing,
}

/// How a row is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    Star,
    Filtered,
    Folded,
    Newest,
    Counted,
    Within,
    Joined,
    Optional,
    View,
}

/// Which name of the feed is an entry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Key,
    Tag,
    Dependency,
    Event,
}

#[derive(Debug)]
pub struct Table {
    pub base: Base,
    /// Its number; it is called `t` and this.
    pub number: usize,
    pub kind: &'static Kind,
    pub unique: Unique,
    pub form: Form,
    pub named: Named,
    /// Whether a second column, `c`, is part of its key.
    pub composite: bool,
}

/// A key as a client writes it: of the first column, and of the second where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spelling {
    pub k: &'static str,
    pub c: &'static str,
}

impl Table {
    pub fn draw(base: Base, number: usize, rng: &mut Rng) -> Table {
        use Form::*;
        let kinds = if base == Base::Postgres { POSTGRES } else { SQLITE };
        // Each kind before any comes twice.
        let kind = &kinds[number % kinds.len()];
        let unique =
            rng.choice([Unique::Primary, Unique::Primary, Unique::Index, Unique::Finer, Unique::Nothing]);
        let forms =
            [Plain, Plain, Plain, Star, Filtered, Folded, Newest, Counted, Within, Joined, Optional, View];
        let named = [Named::Key, Named::Key, Named::Key, Named::Tag, Named::Dependency, Named::Event];
        Table {
            base,
            number,
            kind,
            unique: unique.unwrap_or(Unique::Primary),
            form: rng.choice(forms).unwrap_or(Plain),
            named: rng.choice(named).unwrap_or(Named::Key),
            composite: rng.u8(..4) == 0,
        }
    }

    /// A key that is drawn.
    pub fn spelling(&self, rng: &mut Rng) -> Spelling {
        let mut one = |rows: &[&[&'static str]]| {
            let row = rows[rng.usize(..rows.len())];
            row[rng.usize(..row.len())]
        };
        let k = one(self.kind.rows);
        Spelling { k, c: if self.composite { one(SECOND) } else { "" } }
    }

    /// The tables, called with this prefix.
    pub fn schema(&self, prefix: &str) -> String {
        let (number, column) = (self.number, self.kind.column);
        let (second, of) = if self.composite { ("c int NOT NULL,", ", c") } else { ("", "") };
        let primary = match self.unique {
            Unique::Primary => format!(", PRIMARY KEY (k{of})"),
            _ => String::new(),
        };
        let rest = "v text, live int NOT NULL DEFAULT 1, n int NOT NULL DEFAULT 0";
        let index = match (self.unique, self.base) {
            (Unique::Index, _) => {
                format!("CREATE UNIQUE INDEX {prefix}i{number} ON {prefix}t{number} (k{of});")
            }
            (Unique::Finer, Base::Sqlite) => {
                format!("CREATE UNIQUE INDEX {prefix}i{number} ON {prefix}t{number} (k COLLATE BINARY{of});")
            }
            (Unique::Finer, Base::Postgres) if self.kind.column.contains("COLLATE") => {
                format!("CREATE UNIQUE INDEX {prefix}i{number} ON {prefix}t{number} (k COLLATE \"C\"{of});")
            }
            (Unique::Finer, Base::Postgres) => {
                format!("CREATE UNIQUE INDEX {prefix}i{number} ON {prefix}t{number} (k{of}) WHERE live = 2;")
            }
            _ => String::new(),
        };
        format!(
            "CREATE TABLE {prefix}t{number} (k {column}, {second} {rest} {primary}); {index}
             CREATE TABLE {prefix}b{number} (k {column}, {second} w text);
             CREATE VIEW {prefix}w{number} AS SELECT * FROM {prefix}t{number};"
        )
    }

    /// What loads a row, from the tables called with this prefix.
    pub fn load(&self, prefix: &str) -> String {
        let load = self.load_by_first(prefix);
        match (self.composite, self.joins()) {
            (false, _) => load,
            (true, false) => load.replace("WHERE ", "WHERE c = :c AND "),
            (true, true) => load
                .replace("ON y.k = x.k", "ON y.k = x.k AND y.c = x.c")
                .replace("WHERE ", "WHERE :c = x.c AND "),
        }
    }

    fn load_by_first(&self, prefix: &str) -> String {
        let number = self.number;
        let (t, b) = (format!("{prefix}t{number}"), format!("{prefix}b{number}"));
        let one = if self.is_unique() { "" } else { " ORDER BY n DESC, v LIMIT 1" };
        match (self.form, self.base) {
            (Form::Plain, _) => format!("SELECT v FROM {t} WHERE k = :k{one}"),
            (Form::Star, _) => format!("SELECT v, x.* FROM {t} AS x WHERE (:k = x.k){one}"),
            (Form::Filtered, _) => format!("SELECT v FROM {t} x WHERE x.k = :k AND live = 1{one}"),
            (Form::Folded, Base::Postgres) => {
                format!("SELECT v FROM {t} WHERE lower(k::text) = lower(:k::text) ORDER BY n DESC, v LIMIT 1")
            }
            (Form::Folded, Base::Sqlite) => {
                format!("SELECT v FROM {t} WHERE lower(k) = lower(:k) ORDER BY n DESC, v LIMIT 1")
            }
            (Form::Newest, _) => format!("SELECT v FROM {t} WHERE k = :k ORDER BY n DESC, v LIMIT 1"),
            (Form::Counted, _) => {
                format!("SELECT count(*) || ':' || coalesce(max(v), '-') FROM {t} WHERE k = :k")
            }
            (Form::Within, _) => {
                format!("SELECT v FROM (SELECT * FROM {t}) AS x WHERE k = :k ORDER BY n DESC, v LIMIT 1")
            }
            (Form::Joined, _) => format!(
                "SELECT v || '-' || w FROM {t} AS x JOIN {b} AS y ON y.k = x.k WHERE x.k = :k ORDER BY n DESC, v, w LIMIT 1"
            ),
            (Form::Optional, _) => format!(
                "SELECT v || '-' || coalesce(w, '') FROM {t} AS x LEFT JOIN {b} AS y ON y.k = x.k WHERE x.k = :k ORDER BY n DESC, v, w LIMIT 1"
            ),
            (Form::View, _) => {
                format!("SELECT v FROM {prefix}w{number} WHERE k = :k ORDER BY n DESC, v LIMIT 1")
            }
        }
    }

    /// What writes a row; `None`: nothing can find it by its key, or a load makes something else of it.
    pub fn store(&self, prefix: &str) -> Option<String> {
        let t = format!("{prefix}t{}", self.number);
        let (of, value) = if self.composite { (", c", ", :c") } else { ("", "") };
        (self.is_unique() && matches!(self.form, Form::Plain | Form::Star)).then(|| {
            format!(
                "INSERT INTO {t} (k{of}, v) VALUES (:k{value}, :value) ON CONFLICT (k{of}) DO UPDATE SET v = excluded.v"
            )
        })
    }

    pub fn delete(&self, prefix: &str) -> String {
        let of = if self.composite { " AND c = :c" } else { "" };
        format!("DELETE FROM {prefix}t{} WHERE k = :k{of}", self.number)
    }

    pub fn is_unique(&self) -> bool {
        matches!(self.unique, Unique::Primary | Unique::Index)
    }

    /// Whether a second table is joined.
    pub fn joins(&self) -> bool {
        matches!(self.form, Form::Joined | Form::Optional)
    }

    /// The second column stands first: what is captured last takes all that is left.
    pub fn key(&self, Spelling { k, c }: Spelling) -> String {
        match self.composite {
            true => format!("t{}:{c}:{k}", self.number),
            false => format!("t{}:{k}", self.number),
        }
    }

    /// Its keyspace and feeds.
    pub fn config(&self) -> String {
        let (number, kind) = (self.number, self.kind);
        let (of, event) = if self.composite { ("{c}:{k}", "{c={c},k={k}}") } else { ("{k}", "{k={k}}") };
        let (own, other) = (format!("t{number}:{of}"), format!("b{number}:{of}"));
        let (names, told) = match self.named {
            Named::Key => (String::new(), format!("keys = [\"{own}\"]")),
            Named::Tag => (format!("tags = [\"tag:{own}\"]"), format!("tags = [\"tag:{own}\"]")),
            Named::Dependency => (format!("depends_on = [\"of:{own}\"]"), format!("keys = [\"of:{own}\"]")),
            Named::Event => (
                format!("events = [\"moved{number}{event}\"]"),
                format!("events = [\"moved{number}{event}\"]"),
            ),
        };
        let store = self
            .store("")
            .map_or_else(String::new, |store| format!("store = \"\"\"{store}\"\"\"\nflush_every = \"1h\""));
        // The second table's rows are followed by a name of their own, which entries carry from their key.
        let names = match (self.joins(), self.named) {
            (false, _) => names,
            (true, Named::Dependency) => format!("depends_on = [\"of:{own}\", \"{other}\"]"),
            (true, _) => format!("{names}\ndepends_on = [\"{other}\"]"),
        };
        let joined = match self.joins() {
            true => format!("[[keyspace.feed]]\ntable = \"b{number}\"\nkeys = [\"{other}\"]"),
            false => String::new(),
        };
        format!(
            "[[keyspace]]\npattern = \"t{number}:{pattern}\"\nsource = \"main\"\nload = \"\"\"{load}\"\"\"\n{store}\n\
             delete = \"{delete}\"\nttl = \"1h\"\nnegative_ttl = \"1h\"\n{names}\n\
             [[keyspace.feed]]\ntable = \"t{number}\"\n{told}\n{joined}\n",
            pattern = of.replace("{k}", &format!("{{k:{}}}", kind.capture)),
            load = self.load(""),
            delete = self.delete(""),
        )
    }
}
