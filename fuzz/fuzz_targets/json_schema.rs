//! Any text as a schema of a registry, and any as a value of it, for both converters of JSON: read or refused, without end to neither time nor
//! memory: `cargo +nightly fuzz run json_schema`. A zero byte stands between the two.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_schema_registry::{by_connect_schema, by_json_schema};

/// Schemas that chance does not find, for inputs that begin with one's number.
const KNOWN: [&str; 4] = [
    r#"{"type":"object","title":"t","properties":{"a":{"oneOf":[{"type":"null"},{"type":"integer","connect.type":"int8"}],"connect.index":0},
        "m":{"type":"object","connect.type":"map","additionalProperties":{"type":"number","connect.type":"float32"},"connect.index":1},
        "u":{"oneOf":[{"type":"boolean"},{"type":"array","items":{"type":"string"}},{"type":"object","properties":{"x":{"type":"string"}}}],"connect.index":2}}}"#,
    r#"{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","connect.parameters":{"scale":"2"},"default":1.5}"#,
    r#"{"type":"struct","fields":[{"type":"map","keys":{"type":"int64"},"values":{"type":"bytes","optional":true},"field":"m"},
        {"type":"array","items":{"type":"string","optional":true},"field":"l"},{"type":"double","default":1.5,"field":"d"}]}"#,
    r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"-3"},"optional":true}"#,
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (schema, json) = match KNOWN.get(usize::from(*first)) {
        Some(schema) => (*schema, rest),
        None => {
            let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
            let Ok(schema) = std::str::from_utf8(&data[..end]) else { return };
            (schema, data.get(end + 1..).unwrap_or_default())
        }
    };
    let json = Bytes::copy_from_slice(json);
    let _ = by_json_schema(schema, &json);
    let _ = by_connect_schema(schema, &json);
});
