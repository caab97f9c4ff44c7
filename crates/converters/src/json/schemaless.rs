//! Values without a schema, written by what they are.

use rowtide_api::Value;

use super::text;
use crate::misfit::Misfit;

pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Int8(number) => text::whole(*number, out),
        Value::Int16(number) => text::whole(*number, out),
        Value::Int32(number) => text::whole(*number, out),
        Value::Int64(number) => text::whole(*number, out),
        Value::Float32(number) => text::float(*number, out),
        Value::Float64(number) => text::double(*number, out),
        Value::String(string) => text::string(string, out),
        Value::Bytes(bytes) => text::base64(bytes, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Map(entries) if entries.iter().all(|(key, _)| key.as_str().is_some()) => {
            out.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text::string(key.as_str().unwrap_or_default(), out);
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
        Value::Map(entries) => {
            out.push(b'[');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b",[" } else { b"[" });
                write(key, out)?;
                out.push(b',');
                write(value, out)?;
                out.push(b']');
            }
            out.push(b']');
        }
        Value::Struct(_) => return Err(Misfit::new("Mismatching schema.")),
    }
    Ok(())
}
