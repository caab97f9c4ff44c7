//! Executes the JSON in the header of a transform's file. Only for tests.

use std::sync::Arc;

use rowtide_api::{
    Datum, Field, Header, Kind, OffsetMap, Outcome, Predicate, Props, Result, Schema, SourcePartition, SourcePosition,
    SourceRecord, Struct, Transform, Value,
};
use serde_json::Value as Json;

/// Runs `before` through the transform and compares with `after`; no `after` means that the record is dropped.
pub(crate) fn run_transform(file: &str, new: fn(&Props) -> Result<Box<dyn Transform>>) {
    let example = example(file);
    let mut transform = new(&config(&example)).unwrap();
    match transform.apply(record(&example["before"])) {
        Outcome::Kept(got) => {
            let want = record(&example["after"]);
            assert_eq!(
                (got.topic, got.partition, got.key, got.value, got.headers, got.timestamp),
                (want.topic, want.partition, want.key, want.value, want.headers, want.timestamp)
            );
        }
        Outcome::Dropped => assert!(example.get("after").is_none(), "dropped"),
        Outcome::Failed(error) => panic!("{error}"),
    }
}

/// Holds the records under `true` and `false` against the predicate.
pub(crate) fn run_predicate(file: &str, new: fn(&Props) -> Result<Box<dyn Predicate>>) {
    let example = example(file);
    let predicate = new(&config(&example)).unwrap();
    assert!(predicate.test(&record(&example["true"])));
    assert!(!predicate.test(&record(&example["false"])));
}

/// A record without key and value.
pub(crate) fn record_to(topic: &str) -> SourceRecord {
    record(&serde_json::json!({ "topic": topic }))
}

fn example(file: &str) -> Json {
    let lines = file.lines().map_while(|line| line.strip_prefix("//!"));
    let json: String = lines.skip_while(|line| *line != " ```json").skip(1).take_while(|line| *line != " ```").collect();
    serde_json::from_str(&json).expect("the header holds an example")
}

fn config(example: &Json) -> Props {
    let options = example["config"].as_object().expect("config");
    options.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default())).collect()
}

fn record(json: &Json) -> SourceRecord {
    let headers = json["headers"].as_object().into_iter().flatten();
    let partition = Arc::new(SourcePartition { index: 0, map: OffsetMap::default() });
    SourceRecord {
        topic: json["topic"].as_str().expect("topic").into(),
        partition: json["partition"].as_i64().map(|partition| partition as i32),
        key: datum(&json["key"]),
        value: datum(&json["value"]),
        headers: headers.map(|(name, value)| Header { name: name.as_str().into(), datum: datum(value) }).collect(),
        timestamp: json["timestamp"].as_i64(),
        position: SourcePosition { partition, offset: Arc::new(OffsetMap::default()) },
    }
}

/// Objects are structs, whole numbers are int64; null has no schema.
fn datum(json: &Json) -> Datum {
    let (kind, value) = match json {
        Json::Null => return Datum::null(),
        Json::Bool(truth) => (Kind::Boolean, Value::Boolean(*truth)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => (Kind::Int64, Value::Int64(whole)),
            None => (Kind::Float64, Value::Float64(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => (Kind::String, Value::string(text.clone())),
        Json::Array(_) => panic!("an example has no arrays"),
        Json::Object(members) => {
            let data: Vec<(&String, Datum)> = members.iter().map(|(name, member)| (name, datum(member))).collect();
            let optional = || Schema::new(Kind::String).optional().shared();
            let field =
                |(name, datum): &(&String, Datum)| Field::new(name.as_str(), datum.schema.clone().unwrap_or_else(optional));
            let schema = Schema::structure(data.iter().map(field).collect()).shared();
            let values = data.into_iter().map(|(_, datum)| datum.value).collect();
            return Datum::new(schema.clone(), Value::Struct(Struct::new(schema, values)));
        }
    };
    Datum::new(Schema::new(kind).shared(), value)
}
