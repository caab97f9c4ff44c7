//! Protobuf: messages of classes that protoc compiled, written by confluent-kafka. What Rowtide writes is read by the same in `protobuf.rs` of the suites
//! beside this one. Apicurio's jars have no converter of Protobuf.

use rowtide_api::{Datum, Struct, Value};
use rowtide_schema_registry::Reader;
use rowtide_testkit::unique;
use serde_json::{Value as Json, json};

use super::{confluent_options, encoded, everything, payload, python_writes, read, with_schema_of};

const CONFLUENT: &str = "io.confluent.connect.protobuf.ProtobufConverter";

fn reader(more: &[(&str, &str)]) -> Reader {
    let mut options = confluent_options();
    options.0.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Reader::confluent_protobuf(&options, false).expect("good options")
}

const MONEY: &str = r#"syntax = "proto3";
package shop;
enum Currency { NONE = 0; EUR = 1; }
message Money { int64 units = 1; Currency currency = 2; }"#;

const SCALARS: &str = r#"
  double f64 = 1; float f32 = 2; int32 i32 = 3; int64 i64 = 4; uint32 u32 = 5; uint64 u64 = 6; sint32 s32 = 7; sint64 s64 = 8;
  fixed32 x32 = 9; fixed64 x64 = 10; sfixed32 sx32 = 11; sfixed64 sx64 = 12; bool yes = 13; string text = 14; bytes raw = 15;"#;

/// The files of an order: the message is neither the first nor on the outside of its file.
fn files() -> Json {
    let order = format!(
        r#"syntax = "proto3";
package shop;
import "shop/money.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
message First {{ int32 id = 1; }}
message Envelope {{
  message Other {{ string text = 1; }}
  message Order {{
    enum State {{ NEW = 0; SENT = 7; }}
    message Line {{ string sku = 1; repeated sint32 counts = 2; }}
{SCALARS}
    Line line = 20; repeated Line lines = 21; State state = 22; repeated State states = 23;
    map<string, int32> stock = 24; map<int64, Line> by_number = 25; repeated string words = 26;
    oneof either {{ int32 number = 27; Line of_line = 28; }}
    optional int32 maybe = 29; optional string never = 30; repeated fixed64 spread = 31 [packed = false];
    shop.Money price = 32; google.protobuf.Timestamp at = 33; google.protobuf.Duration took = 34;
    google.protobuf.Int32Value wrapped = 35; google.protobuf.StringValue unwrapped = 36;
  }}
}}"#
    );
    json!({ "shop/money.proto": MONEY, "shop/order.proto": order })
}

/// A value of every type, by Protobuf's mapping to JSON.
fn full() -> Json {
    json!({
        "f64": -1e-300, "f32": 1.5, "i32": i32::MIN, "i64": i64::MIN.to_string(), "u32": u32::MAX, "u64": i64::MAX.to_string(),
        "s32": i32::MIN, "s64": i64::MIN.to_string(), "x32": u32::MAX, "x64": "1", "sx32": -1, "sx64": "-1", "yes": true,
        "text": "Ærø 🌊", "raw": "AP8=", "line": { "sku": "a", "counts": [1, -1] }, "lines": [{ "sku": "b" }, {}],
        "state": "SENT", "states": ["SENT", "NEW"], "stock": { "x": 1 }, "byNumber": { "-5": { "sku": "c" } }, "words": ["p", ""],
        "ofLine": { "sku": "d" }, "maybe": 0, "spread": ["1", "2"], "price": { "units": "5", "currency": "EUR" },
        "at": "2024-02-29T12:00:00.5Z", "took": "3.5s", "wrapped": 0
    })
}

/// What Rowtide's reader makes of it: fields of the oneof first.
fn expected() -> Json {
    let line = |sku: &str, counts: Json| json!({ "sku": sku, "counts": counts });
    json!({
        "either_0": { "number": null, "of_line": line("d", json!([])) },
        "f64": -1e-300, "f32": 1.5, "i32": i32::MIN, "i64": i64::MIN, "u32": u32::MAX, "u64": i64::MAX, "s32": i32::MIN, "s64": i64::MIN,
        "x32": u32::MAX, "x64": 1, "sx32": -1, "sx64": -1, "yes": true, "text": "Ærø 🌊", "raw": "AP8=",
        "line": line("a", json!([1, -1])), "lines": [line("b", json!([])), line("", json!([]))],
        "state": "SENT", "states": ["SENT", "NEW"], "stock": { "x": 1 }, "by_number": [[-5, line("c", json!([]))]], "words": ["p", ""],
        "maybe": 0, "never": null, "spread": [1, 2], "price": { "units": 5, "currency": "EUR" }, "at": 1_709_208_000_500_i64,
        "took": { "seconds": 3, "nanos": 500_000_000 }, "wrapped": { "value": 0 }, "unwrapped": null
    })
}

/// What Python writes of these values.
fn written(files: &Json, message: &str, values: &Json, unknown: &str) -> Vec<bytes::Bytes> {
    let asked = json!({ "files": files, "message": message, "values": values, "unknown": unknown });
    python_writes("protobuf", &unique("protobuf_python"), &asked)
}

fn read_all(reader: &Reader, written: &[bytes::Bytes]) -> Vec<Datum> {
    written.iter().map(|bytes| read(reader, &Vec::new(), bytes).expect("Rowtide reads it")).collect()
}

#[test]
fn what_python_writes_of_every_type_rowtide_reads() {
    // fields 900 (a number), 901 (bytes) and 902 (four bytes) are a newer writer's
    let unknown = "a03805aa3802abcdb53801020304";
    let bytes = written(&files(), "shop.Envelope.Order", &json!([full(), {}]), unknown);
    let found = read_all(&reader(&[]), &bytes);
    assert_eq!(payload(&found[0]), expected());
    assert_eq!(found[0].schema.as_ref().and_then(|schema| schema.name.as_deref()), Some("Order"));
    let least = payload(&found[1]);
    for (name, zero) in [
        ("i64", json!(0)),
        ("f32", json!(0.0)),
        ("yes", json!(false)),
        ("text", json!("")),
        ("raw", json!("")),
        ("state", json!("NEW")),
        ("lines", json!([])),
        ("stock", json!({})),
        ("line", Json::Null),
        ("either_0", Json::Null),
        ("maybe", Json::Null),
        ("at", Json::Null),
        ("wrapped", Json::Null),
    ] {
        assert_eq!(least[name], zero, "{name}");
    }
    let wrapped =
        payload(&read_all(&reader(&[("wrapper.for.nullables", "true"), ("optional.for.nullables", "true")]), &bytes[..1])[0]);
    assert_eq!((&wrapped["wrapped"], &wrapped["unwrapped"]), (&json!(0), &Json::Null));
}

#[test]
fn a_message_at_any_place_of_a_file_is_found_and_a_newer_symbol_has_a_name() {
    for (message, value, expected) in [
        ("shop.First", json!({ "id": 5 }), json!({ "id": 5 })),
        ("shop.Envelope.Other", json!({ "text": "x" }), json!({ "text": "x" })),
        ("shop.Envelope.Order.Line", json!({ "sku": "y" }), json!({ "sku": "y", "counts": [] })),
    ] {
        let found = read_all(&reader(&[]), &written(&files(), message, &json!([value]), ""));
        assert_eq!(payload(&found[0]), expected, "{message}");
    }
    let money = json!({ "shop/money.proto": MONEY });
    let found = read_all(&reader(&[]), &written(&money, "shop.Money", &json!([{ "currency": 9 }]), ""));
    assert_eq!(payload(&found[0])["currency"], "UNKNOWN_ENUM_VALUE_Currency_9");
}

#[test]
fn what_rowtide_writes_of_every_type_of_connect_it_reads_again() {
    let mut datum = everything();
    let Value::Struct(fields) = &datum.value else { panic!("a struct") };
    // Protobuf has no null within an array or a map
    let filled = fields.schema.fields().iter().zip(fields.values.iter()).map(|(field, value)| match &*field.name {
        "array" => Value::Array(vec![Value::Int32(1), Value::Int32(0)]),
        "map" => Value::Map(vec![(Value::string("k"), Value::string(""))]),
        _ => value.clone(),
    });
    datum.value = Value::Struct(Struct::new(fields.schema.clone(), filled.collect()));
    let mut options = confluent_options();
    options.0.insert("optional.for.nullables".into(), "true".into());
    let (headers, bytes) = encoded(CONFLUENT, &options, &unique("protobuf_all"), &datum);
    let found = read(&reader(&[("optional.for.nullables", "true")]), &headers, &bytes).expect("Rowtide reads it");
    assert_eq!(found.value, with_schema_of(&datum.value, &found), "decode(encode(x)) = x");
}

#[test]
fn a_decimal_of_another_scale_than_its_schemas_is_the_same_number_or_refused() {
    let decimal = r#"syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"#;
    let priced = r#"syntax = "proto3"; import "confluent/type/decimal.proto"; message Priced { confluent.type.Decimal it = 1; }"#;
    let files = json!({ "confluent/type/decimal.proto": decimal, "priced.proto": priced });
    // 12.00 and 12.50
    let values = json!([{ "it": { "value": "BLA=", "scale": 2 } }, { "it": { "value": "BOI=", "scale": 2 } }]);
    let bytes = written(&files, "Priced", &values, "");
    let reader = reader(&[]);
    assert_eq!(payload(&read_all(&reader, &bytes[..1])[0]), json!({ "it": "DA==" }));
    let error = read(&reader, &Vec::new(), &bytes[1]).expect_err("its scale would be lost");
    assert!(error.to_string().contains("of scale 2 does not fit the schema's scale 0"), "{error}");
    assert!(error.remedy_text().is_some_and(|text| text.contains("confluent.field_meta")), "{error:?}");
}

#[test]
fn a_schema_that_cannot_be_read_is_refused_with_a_way_out() {
    let tree = r#"syntax = "proto3"; message Tree { int32 id = 1; Tree next = 2; }"#;
    let masked =
        r#"syntax = "proto3"; import "google/protobuf/field_mask.proto"; message Masked { google.protobuf.FieldMask it = 1; }"#;
    for (name, text, value, word, remedy) in [
        ("Tree", tree, json!({ "id": 1 }), "holds itself", "end the recursion"),
        ("Masked", masked, json!({ "it": "a.b" }), "does not define 'google.protobuf.FieldMask'", "skip.known.types=false"),
    ] {
        let bytes = written(&json!({ "it.proto": text }), name, &json!([value]), "");
        let error = read(&reader(&[]), &Vec::new(), &bytes[0]).expect_err("it cannot be read");
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.remedy_text().is_some_and(|text| text.contains(remedy)), "{error:?}");
    }
}
