//! Figures as JSON: `/api/cache/stats`, `/api/cache/metrics`, and their list for the page.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::{FIGURES, Figure, FigureReader, Snapshot, ToldBy, Unit, Value};

/// What the cache did since the node began.
pub struct Stats(pub Snapshot);

/// What operations took in the window, over RESP and REST together.
pub struct MetricsBody(pub Snapshot);

fn told(told: ToldBy) -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().filter(move |figure| figure.told == told)
}

fn body<S: Serializer>(of: ToldBy, snapshot: &Snapshot, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut labels: Vec<&str> = Vec::new();
    for figure in told(of) {
        match figure.read {
            FigureReader::One(read) => map.serialize_entry(&figure.rest_name(), &json_of(&read(snapshot)))?,
            FigureReader::Each(label, _) if labels.contains(&label.plural) => {}
            FigureReader::Each(label, _) => labels.push(label.plural),
        }
    }
    for plural in labels {
        map.serialize_entry(plural, &labelled(of, plural, snapshot))?;
    }
    map.end()
}

/// The figures of a label: an object by its values.
fn labelled(of: ToldBy, plural: &str, snapshot: &Snapshot) -> Json {
    let mut all = Map::new();
    for figure in told(of) {
        let FigureReader::Each(label, read) = figure.read else { continue };
        if label.plural == plural {
            for (which, value) in read(snapshot) {
                let one = all.entry(which).or_insert_with(|| json!({}));
                one[&*figure.rest_name()] = json_of(&value);
            }
        }
    }
    Json::Object(all)
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Whole(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Names(names) => json!(names),
    }
}

fn schema(of: ToldBy, description: &str) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().description(Some(description));
    for figure in told(of).filter(|figure| figure.label().is_none()) {
        object = object.property(figure.rest_name(), property(figure)).required(figure.rest_name());
    }
    use super::table::{KEYSPACE, KIND, MESSAGE, SOURCE, WHY};
    for label in [&SOURCE, &KEYSPACE, &KIND, &WHY, &MESSAGE] {
        let mut one = ObjectBuilder::new();
        for figure in told(of).filter(|figure| figure.label() == Some(label)) {
            one = one.property(figure.rest_name(), property(figure)).required(figure.rest_name());
        }
        let one = one.build();
        if !one.properties.is_empty() {
            let by = ObjectBuilder::new()
                .description(Some(format!("Figures of each {}", label.name)))
                .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(one)))));
            object = object.property(label.plural, by).required(label.plural);
        }
    }
    RefOr::T(Schema::Object(object.build()))
}

fn property(figure: &Figure) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    if figure.name == "unverified_sources" {
        let names = ArrayBuilder::new().items(text).description(Some(figure.help));
        return RefOr::T(Schema::Array(names.build()));
    }
    let of = match figure.unit {
        Unit::Text => text,
        Unit::Count | Unit::Bytes => {
            ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).minimum(Some(0))
        }
        Unit::Millis | Unit::Seconds | Unit::PerSecond | Unit::Share => {
            let format = SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Double);
            ObjectBuilder::new().schema_type(SchemaType::new(Type::Number)).format(Some(format))
        }
    };
    RefOr::T(Schema::Object(of.description(Some(figure.help)).build()))
}

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        body(ToldBy::Stats, &self.0, serializer)
    }
}

impl Serialize for MetricsBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        body(ToldBy::Metrics, &self.0, serializer)
    }
}

impl PartialSchema for Stats {
    fn schema() -> RefOr<Schema> {
        schema(ToldBy::Stats, "What the cache did since the node began.")
    }
}

impl PartialSchema for MetricsBody {
    fn schema() -> RefOr<Schema> {
        schema(ToldBy::Metrics, "What operations took in the window, over RESP and REST together.")
    }
}

impl ToSchema for Stats {}

impl ToSchema for MetricsBody {}

/// The table for whoever shows it: where each figure stands in the answers, and what it says.
pub fn listed() -> Json {
    let row = |figure: &Figure| {
        let answer = if figure.told == ToldBy::Stats { "stats" } else { "metrics" };
        json!({
            "name": figure.rest_name(),
            "answer": answer,
            "label": figure.label().map(|label| label.plural),
            "unit": unit(figure.unit),
            "help": figure.help,
        })
    };
    FIGURES.iter().map(row).collect()
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "",
        Unit::Bytes => "B",
        Unit::Millis => "ms",
        Unit::Seconds => "s",
        Unit::PerSecond => "/s",
        Unit::Share => "%",
        Unit::Text => "text",
    }
}
