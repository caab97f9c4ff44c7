//! Avro's binary encoding, piece by piece. <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>

use rowtide_api::Value;
use rowtide_converters::misfit::Misfit;

use crate::java_map;

/// A whole number: zigzag, seven bits a byte, least significant first.
pub(crate) fn long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes, or text, after their length.
pub(crate) fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// The items of an array or a map: one block, if there are any, and the end.
pub(crate) fn block<T>(
    items: &[T],
    out: &mut Vec<u8>,
    mut write: impl FnMut(&T, &mut Vec<u8>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    if !items.is_empty() {
        long(items.len() as i64, out);
        for item in items {
            write(item, out)?;
        }
    }
    out.push(0);
    Ok(())
}

/// A map's entries in the order in which a `java.util.HashMap` that they were put into hands them out.
pub(crate) fn java_order(entries: &[(Value, Value)]) -> Result<Vec<&(Value, Value)>, Misfit> {
    if entries.iter().any(|(key, _)| key.as_str().is_none()) {
        return Err(Misfit::new("Invalid type for the key of a map"));
    }
    let mut ordered: Vec<&(Value, Value)> = entries.iter().collect();
    java_map::put(&mut ordered, |(key, _)| key.as_str().unwrap_or_default());
    Ok(ordered)
}

/// Data without a schema, as the record `Anything`: nine optional fields, of which the one of the value's type is set.
pub(crate) fn anything(value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
    const FIELDS: usize = 9;
    let place = match value {
        Value::Null => FIELDS,
        Value::Boolean(_) => 0,
        Value::Bytes(_) => 1,
        Value::Float64(_) => 2,
        Value::Float32(_) => 3,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => 4,
        Value::Int64(_) => 5,
        Value::String(_) => 6,
        Value::Array(_) => 7,
        Value::Map(_) => 8,
        Value::Struct(_) => return Err(Misfit::new("a struct without its schema")),
    };
    for field in 0..FIELDS {
        out.push(if field == place { 2 } else { 0 });
        if field != place {
            continue;
        }
        match value {
            Value::Boolean(truth) => out.push(u8::from(*truth)),
            Value::Bytes(content) => bytes(content, out),
            Value::Float64(number) => out.extend_from_slice(&number.to_le_bytes()),
            Value::Float32(number) => out.extend_from_slice(&number.to_le_bytes()),
            Value::String(text) => bytes(text.as_bytes(), out),
            Value::Array(items) => block(items, out, anything)?,
            Value::Map(entries) => block(entries, out, |(key, value), out| {
                anything(key, out)?;
                anything(value, out)
            })?,
            number => long(number.as_i64().unwrap_or_default(), out),
        }
    }
    Ok(())
}

/// The schema of [`anything`].
pub(crate) const ANYTHING: &str = concat!(
    r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":["#,
    r#"{"name":"boolean","type":["null","boolean"],"default":null},{"name":"bytes","type":["null","bytes"],"default":null},"#,
    r#"{"name":"double","type":["null","double"],"default":null},{"name":"float","type":["null","float"],"default":null},"#,
    r#"{"name":"int","type":["null","int"],"default":null},{"name":"long","type":["null","long"],"default":null},"#,
    r#"{"name":"string","type":["null","string"],"default":null},"#,
    r#"{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},"#,
    r#"{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":["#,
    r#"{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"default":null}]}"#
);
