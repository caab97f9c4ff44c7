//! Schemas and values as recorded cases write them (`tests/golden`): the form of the golden bytes of Kafka's converters. Bytes are in hexadecimal,
//! floats are text, structs are lists.

use bytes::Bytes;
use rowtide_api::{Field, Kind, Schema, SchemaRef, Struct, Value};
use serde_json::Value as Json;

pub(crate) fn hex(text: &str) -> Bytes {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

pub(crate) fn schema(json: &Json) -> SchemaRef {
    let kind = match json["type"].as_str().unwrap() {
        "array" => Kind::Array(schema(&json["items"])),
        "map" => Kind::Map(schema(&json["keys"]), schema(&json["values"])),
        "struct" => {
            let fields = json["fields"].as_array().unwrap().iter();
            Kind::Struct(fields.map(|field| Field::new(field[0].as_str().unwrap(), schema(&field[1]))).collect())
        }
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "boolean" => Kind::Boolean,
        "string" => Kind::String,
        _ => Kind::Bytes,
    };
    let mut schema = Schema::new(kind);
    schema.optional = json["optional"].as_bool().unwrap();
    schema.name = json["name"].as_str().map(Into::into);
    schema.version = json["version"].as_i64().map(|version| version as i32);
    schema.doc = json["doc"].as_str().map(Into::into);
    for parameter in json["parameters"].as_array().into_iter().flatten() {
        schema = schema.parameter(parameter[0].as_str().unwrap(), parameter[1].as_str().unwrap());
    }
    let default = json.get("default").map(|default| value(&schema.clone().shared(), default));
    schema.default = default;
    schema.shared()
}

pub(crate) fn value(schema: &SchemaRef, json: &Json) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    let items = || json.as_array().unwrap().iter();
    let (whole, written) = (|| json.as_i64().unwrap(), || json.as_str().unwrap());
    match &schema.kind {
        Kind::Array(item) => Value::Array(items().map(|json| value(item, json)).collect()),
        Kind::Map(keys, values) => Value::Map(items().map(|pair| (value(keys, &pair[0]), value(values, &pair[1]))).collect()),
        Kind::Struct(fields) => {
            let values = fields.iter().zip(items()).map(|(field, json)| value(&field.schema, json)).collect();
            Value::Struct(Struct::new(schema.clone(), values))
        }
        Kind::Int8 => Value::Int8(whole() as i8),
        Kind::Int16 => Value::Int16(whole() as i16),
        Kind::Int32 => Value::Int32(whole() as i32),
        Kind::Int64 => Value::Int64(whole()),
        Kind::Float32 => Value::Float32(written().parse().unwrap()),
        Kind::Float64 => Value::Float64(written().parse().unwrap()),
        Kind::Boolean => Value::Boolean(json.as_bool().unwrap()),
        Kind::String => Value::string(written()),
        Kind::Bytes => Value::Bytes(hex(written())),
    }
}
