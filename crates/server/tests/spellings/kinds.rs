//! Kinds of key columns, and what their rows can be called.

/// A column's type and collation, with rows that each have several spellings.
#[derive(Debug)]
pub struct Kind {
    /// What stands behind the column's name.
    pub column: &'static str,
    /// How a key captures it: `str`, or a type of which each value has one written form.
    pub capture: &'static str,
    /// For each row the texts that can load it; the first is what it is inserted as.
    pub rows: &'static [&'static [&'static str]],
}

const fn kind(column: &'static str, capture: &'static str, rows: &'static [&'static [&'static str]]) -> Kind {
    Kind { column, capture, rows }
}

const NAMES: &[&[&str]] =
    &[&["Ann@x.org", "ann@x.org", "ANN@X.ORG"], &["Bob", "bob", "BOB"], &["c d", "C D"]];
const PLAIN: &[&[&str]] = &[&["Ann"], &["ann"], &["Bob "], &["Bob"]];
const NUMBERS: &[&[&str]] = &[&["7", "07", "+7", " 7"], &["-3", "-03", " -3"], &["120", "0120", "120 "]];
const DECIMALS: &[&[&str]] = &[&["1.5", "1.50", "01.5"], &["2", "2.0", "2.00"], &["0.25", ".25", "0.250"]];
const WHOLE: &[&[&str]] = &[&["7"], &["-3"], &["120"]];
const UUIDS: &[&[&str]] =
    &[&["123e4567-e89b-42d3-a456-426614174000"], &["00000000-0000-4000-8000-00000000000a"]];

/// Of the second column of composite keys, an integer.
pub const SECOND: &[&[&str]] = &[&["1", "01", "+1"], &["2", " 2"]];

/// Those of PostgreSQL.
pub const POSTGRES: &[Kind] = &[
    kind("citext", "str", NAMES),
    kind("char(10)", "str", &[&["AB", "AB ", "AB    "], &["ab", "ab "], &["Ann@x.org", "Ann@x.org "]]),
    kind("text", "str", PLAIN),
    kind("varchar(20)", "str", PLAIN),
    kind("text COLLATE ci", "str", NAMES),
    kind("text COLLATE plain", "str", &[&["Zoe", "zoé", "ZOE"], &["e\u{301}a", "\u{e9}a", "EA"]]),
    kind("numeric", "str", DECIMALS),
    kind("numeric(9,2)", "str", &[&["1.5", "1.50", "01.500"], &["2", "2.0"], &["3.25", "3.250"]]),
    kind("int", "str", NUMBERS),
    kind("bigint", "str", NUMBERS),
    kind("int", "int", WHOLE),
    kind("numeric", "int", WHOLE),
    kind("uuid", "uuid", UUIDS),
    kind(
        "uuid",
        "str",
        &[&[
            "123e4567-e89b-42d3-a456-426614174000",
            "123E4567-E89B-42D3-A456-426614174000",
            "{123e4567-e89b-42d3-a456-426614174000}",
            "123e4567e89b42d3a456426614174000",
        ]],
    ),
    kind("date", "str", &[&["2024-01-02", "20240102", "Jan 2 2024"], &["2023-11-30", "2023-11-30 "]]),
    kind(
        "timestamp",
        "str",
        &[
            &["2024-01-02 03:04:05", "2024-01-02T03:04:05", "2024-01-02 03:04:05.0"],
            &["2020-02-29", "20200229"],
        ],
    ),
    kind(
        "timestamptz",
        "str",
        &[&["2024-01-02 03:04:05+00", "2024-01-02 05:04:05+02", "2024-01-02T03:04:05Z"]],
    ),
    kind("bool", "str", &[&["true", "t", "yes", "on", "1"], &["false", "f", "no", "off"]]),
    kind("float8", "str", &[&["1.5", "1.50", "15e-1"], &["1e20", "100000000000000000000"], &["0", "-0"]]),
    kind("interval", "str", &[&["1 day", "24:00:00", "24 hours"], &["1 mon", "30 days"]]),
    kind("inet", "str", &[&["10.0.0.1", "10.0.0.1/32"], &["10.0.0.0/8"], &["::1", "0::1"]]),
    kind("macaddr", "str", &[&["08:00:2b:01:02:03", "08002b010203", "0800.2b01.0203"]]),
    kind("jsonb", "str", &[&["{\"a\": 1}", "{\"a\":1}", "{\"a\":1.0}"], &["[1,2]", "[1, 2]"]]),
    kind("text[]", "str", &[&["{a,b}", "{a, b}", "{\"a\",\"b\"}"]]),
    kind("mood", "str", &[&["sad"], &["happy"]]),
    kind("name_of", "str", NAMES),
    kind("flag", "str", &[&["true", "t", "1"], &["false", "f"]]),
    kind("code", "str", &[&["AB", "AB "], &["ab"]]),
    kind("bytea", "str", PLAIN),
];

/// Those of SQLite.
pub const SQLITE: &[Kind] = &[
    kind("TEXT COLLATE NOCASE", "str", NAMES),
    kind("varchar(20) COLLATE NOCASE", "str", NAMES),
    kind("TEXT COLLATE RTRIM", "str", &[&["AB", "AB ", "AB   "], &["ab", "ab "], &["c ", "c"]]),
    kind("TEXT", "str", PLAIN),
    kind("INTEGER", "str", &[&["7", "07", "+7", " 7", "7.0", "7e0"], &["-3", "-03"], &["120", "0120"]]),
    kind("INTEGER", "int", WHOLE),
    kind("BIGINT", "str", NUMBERS),
    kind("NUMERIC(9,2)", "str", DECIMALS),
    kind(
        "REAL",
        "str",
        &[&["1.5", "1.50", "15e-1"], &["2", "2.0", "02"], &["1e20", "100000000000000000000"]],
    ),
    kind("", "str", PLAIN),
    kind("BLOB", "str", PLAIN),
    kind("TEXT", "int", WHOLE),
    kind("TEXT COLLATE NOCASE", "int", WHOLE),
    kind("TEXT", "uuid", UUIDS),
    kind("UUID COLLATE NOCASE", "str", &[&["123e4567-E89b-42d3", "123E4567-e89b-42d3"]]),
    kind("DATE", "str", &[&["20240102", "20240102.0", "+20240102"], &["2024-01-02"]]),
];

/// What PostgreSQL needs for its kinds.
pub const POSTGRES_TYPES: &str = "
CREATE EXTENSION citext;
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION plain (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN name_of AS citext;
CREATE DOMAIN flag AS bool;
CREATE DOMAIN code AS char(10);";
