//! The text of a Protobuf schema, which a registry hands out, and a message: neither may make the reader stumble.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_schema_registry::by_protobuf_schema;

/// Every way in which a field is read.
const SCHEMA: &str = r#"syntax = "proto3";
package p;
message M {
  int32 a = 1; sint64 b = 2; fixed32 c = 3; double d = 4; bool e = 5; string f = 6; bytes g = 7;
  optional uint32 h = 8; repeated sint32 i = 9; repeated string j = 10; map<string, N> k = 11; N l = 12; repeated E m = 13;
  oneof n { float o = 14; N q = 15; }
  confluent.type.Decimal r = 16; google.type.Date s = 17; google.type.TimeOfDay t = 18; google.protobuf.Timestamp u = 19;
  google.protobuf.StringValue v = 20; E w = 21; repeated N x = 22;
  message N { int64 a = 1; repeated double b = 2; }
  enum E { A = 0; B = 1; }
}"#;

fuzz_target!(|data: &[u8]| {
    let _ = by_protobuf_schema(SCHEMA, &Bytes::copy_from_slice(data));
    // a schema of its own, and a message after a zero byte
    let mut parts = data.splitn(2, |byte| *byte == 0);
    if let (Some(Ok(text)), Some(message)) = (parts.next().map(std::str::from_utf8), parts.next()) {
        let _ = by_protobuf_schema(text, &Bytes::copy_from_slice(message));
    }
});
