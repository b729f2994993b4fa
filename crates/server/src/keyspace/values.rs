//! What a keyspace's values are kept as, and what they may be: compression and schemas (decision 0036).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_engine::Codec;

use crate::config::{CompressConfig, SchemaConfig};
use crate::syntax::{Invalid, Schema};

/// A keyspace's rules for values, and the counts of what came of them.
#[derive(Debug, Default)]
pub struct Values {
    compress: Option<CompressConfig>,
    schema: Option<Schema>,
    counts: ValueCounts,
}

#[derive(Debug, Default)]
struct ValueCounts {
    packed: AtomicU64,
    plain_bytes: AtomicU64,
    packed_bytes: AtomicU64,
    incompressible: AtomicU64,
    refused: AtomicU64,
    loaded_invalid: AtomicU64,
}

/// What came of a keyspace's rules since the node began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueFigures {
    /// Values that were compressed.
    pub packed: u64,
    /// Their bytes before.
    pub plain_bytes: u64,
    /// Their bytes after.
    pub packed_bytes: u64,
    /// Values that were kept as they are because compressing them did not pay.
    pub incompressible: u64,
    /// Values of clients that the schema refused.
    pub refused: u64,
    /// Values that loads brought, and that the schema would have refused.
    pub loaded_invalid: u64,
}

impl Values {
    /// Compiles what is configured.
    ///
    /// # Errors
    /// The schema is none.
    pub fn new(compress: Option<CompressConfig>, schema: Option<&SchemaConfig>) -> Result<Values, String> {
        let schema = schema.map(|schema| Schema::compile(&schema.file, &schema.text)).transpose()?;
        Ok(Values { compress, schema, counts: ValueCounts::default() })
    }

    /// The compressed form of a value, if it is to be kept so and that pays.
    pub fn pack(&self, plain: &[u8]) -> Option<(Codec, Vec<u8>)> {
        let compress = self.compress.filter(|compress| plain.len() as u64 > compress.above)?;
        let Some(packed) = compress.codec.pack(plain) else {
            self.counts.incompressible.fetch_add(1, Relaxed);
            return None;
        };
        self.counts.packed.fetch_add(1, Relaxed);
        self.counts.plain_bytes.fetch_add(plain.len() as u64, Relaxed);
        self.counts.packed_bytes.fetch_add(packed.len() as u64, Relaxed);
        Some((compress.codec, packed))
    }

    /// Checks a value that a client gives.
    ///
    /// # Errors
    /// It does not fit the schema.
    pub fn check(&self, value: &[u8]) -> Result<(), Invalid> {
        let checked = self.schema.as_ref().map_or(Ok(()), |schema| schema.check(value));
        if checked.is_err() {
            self.counts.refused.fetch_add(1, Relaxed);
        }
        checked
    }

    /// Looks at a value that a load brought. The source is the truth, so it is served and kept whatever the schema says; that it
    /// does not fit is counted, and told now and then.
    pub fn note_loaded(&self, keyspace: &str, key: &[u8], value: &[u8]) {
        let Some(Err(invalid)) = self.schema.as_ref().map(|schema| schema.check(value)) else { return };
        let before = self.counts.loaded_invalid.fetch_add(1, Relaxed);
        if before.wrapping_add(1).is_power_of_two() {
            let key = String::from_utf8_lossy(key);
            tracing::warn!(keyspace, %key, %invalid, so_far = before + 1, "the source holds a value that its schema refuses");
        }
    }

    /// The figures.
    pub fn figures(&self) -> ValueFigures {
        let counts = &self.counts;
        ValueFigures {
            packed: counts.packed.load(Relaxed),
            plain_bytes: counts.plain_bytes.load(Relaxed),
            packed_bytes: counts.packed_bytes.load(Relaxed),
            incompressible: counts.incompressible.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            loaded_invalid: counts.loaded_invalid.load(Relaxed),
        }
    }
}

impl ValueFigures {
    /// What part of their bytes is left of the values that were compressed; 1 while there are none.
    pub fn ratio(&self) -> f64 {
        if self.plain_bytes == 0 { 1.0 } else { self.packed_bytes as f64 / self.plain_bytes as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}}"#;

    fn values(compress: Option<CompressConfig>) -> Values {
        let schema = SchemaConfig { file: "user.json".into(), text: USER.into() };
        Values::new(compress, Some(&schema)).expect("a schema")
    }

    #[test]
    fn a_value_is_refused_with_the_place_that_does_not_fit() {
        let values = values(None);
        assert_eq!(values.check(br#"{"name": "Ann", "tags": ["a"]}"#), Ok(()));
        for (value, pointer, why) in [
            (r#"{"name": 7}"#, "/name", "not of type"),
            (r#"{"name": "Ann", "tags": ["a", 1]}"#, "/tags/1", "not of type"),
            (r#"{}"#, "", "required"),
            ("7", "", "not of type"),
            (r#"{"name": "#, "", "not JSON"),
            ("", "", "not JSON"),
            ("\u{0}", "", "not JSON"),
        ] {
            let invalid = values.check(value.as_bytes()).expect_err(value);
            assert_eq!(
                (invalid.schema.as_str(), invalid.pointer.as_str()),
                ("user.json", pointer),
                "{value}"
            );
            assert!(invalid.why.contains(why), "{invalid}");
        }
        let long = values.check(format!("\"{}\"", "x".repeat(1 << 20)).as_bytes()).expect_err("no object");
        assert!(long.to_string().len() < 1_000, "{long}");
        values.note_loaded("user:{id}", b"user:1", b"{}");
        let figures = values.figures();
        assert_eq!((figures.refused, figures.loaded_invalid), (8, 1));
    }

    #[test]
    fn values_are_packed_above_the_limit_and_where_it_pays() {
        let values = values(Some(CompressConfig { codec: Codec::Lz4, above: 100 }));
        let text = b"all work and no play makes a dull boy. ".repeat(40);
        assert!(values.pack(&text[..100]).is_none());
        let (codec, packed) = values.pack(&text).expect("it pays");
        assert_eq!((codec, codec.unpack(&packed, text.len())), (Codec::Lz4, Some(text.clone())));
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..1_000).map(|_| random.u8(..)).collect();
        assert!(values.pack(&noise).is_none());
        let figures = values.figures();
        assert_eq!((figures.packed, figures.incompressible), (1, 1));
        assert_eq!((figures.plain_bytes, figures.packed_bytes), (text.len() as u64, packed.len() as u64));
        assert!(figures.ratio() < 0.25, "{figures:?}");
    }
}
