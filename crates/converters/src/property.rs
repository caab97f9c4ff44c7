//! Any value of any schema comes out as JSON that reads back as the same tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use rowtide_api::{Common, Field, Kind, Plan, Props, Schema, SchemaRef, Struct, Value};
use serde_json::{Value as Json, json};

/// A schema, a value of it, and the tree that it should read back as.
type Case = (SchemaRef, Value, Json);

fn leaf() -> BoxedStrategy<Case> {
    let case = |kind: Kind, value: Value, json: Json| (Schema::new(kind).shared(), value, json);
    prop_oneof![
        any::<bool>().prop_map(move |truth| case(Kind::Boolean, Value::Boolean(truth), json!(truth))),
        any::<i8>().prop_map(move |n| case(Kind::Int8, Value::Int8(n), json!(n))),
        any::<i32>().prop_map(move |n| case(Kind::Int32, Value::Int32(n), json!(n))),
        any::<i64>().prop_map(move |n| case(Kind::Int64, Value::Int64(n), json!(n))),
        any::<f64>().prop_map(move |n| {
            // what is not a number is quoted
            let json = if n.is_finite() { json!(n) } else { json!(crate::number::double(n).as_str()) };
            case(Kind::Float64, Value::Float64(n), json)
        }),
        any::<String>().prop_map(move |text| case(Kind::String, Value::string(text.clone()), json!(text))),
        any::<Vec<u8>>().prop_map(move |bytes| {
            let json = json!(STANDARD.encode(&bytes));
            case(Kind::Bytes, Value::Bytes(Bytes::from(bytes)), json)
        }),
        any::<i16>().prop_map(|_| (Schema::new(Kind::Int16).optional().shared(), Value::Null, Json::Null)),
    ]
    .boxed()
}

fn structure(members: Vec<(String, Case)>) -> Case {
    let (mut fields, mut values, mut json) = (Vec::new(), Vec::new(), serde_json::Map::new());
    for (name, (schema, value, tree)) in members {
        // a struct's names are distinct
        if json.insert(name.clone(), tree).is_none() {
            fields.push(Field::new(name, schema));
            values.push(value);
        } else {
            return structure(Vec::new());
        }
    }
    let schema = Schema::structure(fields).named("any").shared();
    let own = Struct::new(schema.clone(), values);
    // of common values the JSON is kept, and an array's items come again
    let value = match json.len() % 3 {
        0 => own.shared(),
        1 => with_some_of_its_own(&own),
        _ => own,
    };
    (schema, Value::Struct(value), Json::Object(json))
}

/// The same struct: some values are its own, the others are common.
fn with_some_of_its_own(fields: &Struct) -> Struct {
    let values: Vec<Value> = fields.values.iter().cloned().collect();
    let own: &[usize] = if values.len() > 3 { &[1, 3] } else { &[0] };
    let of_its_own: Vec<Value> = own.iter().map(|index| values[*index].clone()).collect();
    Struct::varied(fields.schema.clone(), Common::new(values, own), of_its_own)
}

fn any_case() -> impl Strategy<Value = Case> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec((any::<String>(), inner.clone()), 0..6).prop_map(structure),
            (inner.clone(), 0usize..4).prop_map(|((schema, value, json), count)| {
                let schema = Schema::new(Kind::Array(schema)).shared();
                (schema, Value::Array(vec![value; count]), Json::Array(vec![json; count]))
            }),
            (inner, any::<String>()).prop_map(|((schema, value, json), key)| {
                let map = Kind::Map(Schema::new(Kind::String).shared(), schema);
                (Schema::new(map).shared(), Value::Map(vec![(Value::string(key.clone()), value)]), json!({ key: json }))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same_tree((schema, value, tree) in any_case()) {
        for schemas in ["true", "false"] {
            let props = Props::from_iter([("schemas.enable", schemas)]);
            let converter = (crate::json::CONVERTER.new)(&props, false).unwrap();
            let Plan::Ready(plan) = converter.plan("t", Some(&schema)).unwrap() else { panic!("no registry here") };
            let mut out = Vec::new();
            prop_assert!(plan.encode(&value, &mut out).unwrap());
            let read: Json = serde_json::from_slice(&out).unwrap();
            let payload = if schemas == "true" { &read["payload"] } else { &read };
            prop_assert_eq!(payload, &tree);
        }
    }
}
