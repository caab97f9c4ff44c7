//! Any bytes as a value of a schema that is known, or of one that is as strange: `cargo +nightly fuzz run avro`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// Every type of Avro, and data without a schema.
const SCHEMAS: &[&str] = &[
    concat!(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"boolean"},{"name":"b","type":"int"},{"name":"c","type":["null","long"]},"#,
        r#"{"name":"d","type":"float"},{"name":"e","type":"double"},{"name":"f","type":"string"},{"name":"g","type":"bytes"},"#,
        r#"{"name":"h","type":{"type":"fixed","name":"F","size":3}},{"name":"i","type":{"type":"enum","name":"E","symbols":["x","y"]}},"#,
        r#"{"name":"j","type":{"type":"array","items":["null","string","int"]}},{"name":"k","type":{"type":"map","values":"F"}}]}"#
    ),
    r#"{"type":"array","items":{"type":"array","items":{"type":"record","name":"Empty","fields":[]}}}"#,
    concat!(
        r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":["#,
        r#"{"name":"boolean","type":["null","boolean"]},{"name":"bytes","type":["null","bytes"]},{"name":"double","type":["null","double"]},"#,
        r#"{"name":"float","type":["null","float"]},{"name":"int","type":["null","int"]},{"name":"long","type":["null","long"]},"#,
        r#"{"name":"string","type":["null","string"]},{"name":"array","type":["null",{"type":"array","items":"Anything"}]},"#,
        r#"{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":["#,
        r#"{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}]}]}"#
    ),
];

// the first byte chooses the schema; beyond the known ones it is the text before the first line's end
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let (schema, bytes) = match SCHEMAS.get(usize::from(*choice)) {
        Some(schema) => (*schema, rest),
        None => {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            (std::str::from_utf8(&rest[..end]).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default())
        }
    };
    let _ = rowtide_schema_registry::by_avro_schema(schema, &Bytes::copy_from_slice(bytes));
});
