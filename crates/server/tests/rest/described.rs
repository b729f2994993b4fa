//! What the description names and what requests may name are the same, for every operation and schema of it.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::world::World;

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];
/// A body of bytes, whose options stand in the query.
const BYTES: &[(&str, &str)] = &[("Content-Type", "application/octet-stream")];

/// One operation of the description.
struct Operation {
    method: String,
    path: String,
    /// The names of its query parameters.
    parameters: Vec<String>,
    /// The names of its body's fields, and of the fields of those that are objects themselves.
    fields: Vec<Vec<String>>,
}

impl Operation {
    fn query(&self, world: &World, name: &str) -> Answer {
        world.call(&self.method, &format!("{}?{name}=", self.path), BYTES, b"")
    }

    /// With a body of one field, under the names that lead to it.
    fn body(&self, world: &World, names: &[String]) -> Answer {
        let body = names.iter().rev().fold(json!({}), |within, name| json!({name: within}));
        world.call(&self.method, &self.path, JSON, body.to_string().as_bytes())
    }
}

fn operations(world: &World) -> Vec<Operation> {
    let api = world.get("/api/openapi.json").json();
    let mut all = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none).iter();
            let name = |it: &Value| it["name"].as_str().expect("a name").to_owned();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.replace("{key}", "k").replace("{id}", "1"),
                parameters: parameters.filter(|it| it["in"] == "query").map(name).collect(),
                fields: fields(&api, schema),
            });
        }
    }
    assert!(all.len() > 20, "the description is read");
    all
}

/// The ways to the fields of a schema.
fn fields(api: &Value, schema: &Value) -> Vec<Vec<String>> {
    let schema = match schema["$ref"].as_str() {
        Some(named) => api.pointer(&named[1..]).expect("a schema"),
        None => schema,
    };
    if let Some(one_of) = schema["oneOf"].as_array() {
        return one_of.iter().flat_map(|one| fields(api, one)).collect();
    }
    let mut all = Vec::new();
    for (name, within) in schema["properties"].as_object().into_iter().flatten() {
        all.push(vec![name.clone()]);
        all.extend(fields(api, within).into_iter().map(|way| [vec![name.clone()], way].concat()));
    }
    all
}

/// A name with its last letter twice, and what is said of it.
fn misspelt(name: &str, kind: &str) -> (String, String) {
    let wrong = format!("{name}{}", &name[name.len() - 1..]);
    let said = format!("unknown {kind} {wrong:?}: did you mean {name:?}?");
    (wrong, said)
}

#[test]
fn a_misspelt_parameter_is_refused_with_the_nearest_name() {
    let world = World::new();
    let mut tried = 0;
    for operation in operations(&world) {
        let mut cases: Vec<_> = operation.parameters.iter().map(|it| misspelt(it, "parameter")).collect();
        if cases.is_empty() {
            let said = "unknown parameter \"pretty\": none is known here".to_owned();
            cases.push(("pretty".to_owned(), said));
        }
        tried += cases.len();
        for (wrong, said) in cases {
            let answer = operation.query(&world, &wrong);
            let at = format!("{} {}?{wrong}", operation.method, operation.path);
            match operation.method.as_str() {
                "HEAD" => assert_eq!(answer.status, 400, "{at}"),
                _ => assert_eq!(answer.problem(), (400, "unknown-parameter".into(), said), "{at}"),
            }
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_misspelt_field_is_refused_with_the_nearest_name() {
    let world = World::new();
    let mut tried = 0;
    for operation in operations(&world) {
        for way in &operation.fields {
            let (last, outer) = way.split_last().expect("a name");
            let (wrong, said) = misspelt(last, "field");
            let within: String = outer.iter().map(|name| format!("in {name}: ")).collect();
            let answer = operation.body(&world, &[outer, &[wrong]].concat());
            let expected = (400, "unknown-field".into(), format!("{within}{said}"));
            assert_eq!(answer.problem(), expected, "{} {} {way:?}", operation.method, operation.path);
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_described_name_is_never_unknown() {
    let world = World::new();
    let unknown = |answer: &Answer| answer.status == 400 && answer.text().contains("unknown-");
    for operation in operations(&world) {
        let at = format!("{} {}", operation.method, operation.path);
        for name in &operation.parameters {
            let answer = operation.query(&world, name);
            assert!(!unknown(&answer), "{at}?{name}: {answer:?}");
            assert!(answer.status < 500, "{at}?{name}: {answer:?}");
        }
        for way in &operation.fields {
            let answer = operation.body(&world, way);
            assert!(!unknown(&answer), "{at} {way:?}: {answer:?}");
            assert!(answer.status < 500, "{at} {way:?}: {answer:?}");
        }
    }
}
