//! A record as one line of JSON.
//!
//! ```json
//! {"topic":"prod.public.orders","partition":null,"key":{"id":1},"value":{"op":"d"},"headers":[{"key":"h","value":1}],"timestamp":1700000000000}
//! ```
//!
//! Keys, values and headers that are JSON stand there as they are. Other text stands under `key_text` and `value_text`,
//! other bytes, as base64, under `key_base64` and `value_base64`, in the place of `key` and `value`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowtide_api::EncodedRecord;
use serde::de::IgnoredAny;

/// Appends the record's line with its line feed.
pub(crate) fn write(record: &EncodedRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"topic\":");
    string(&record.topic, out);
    out.extend_from_slice(b",\"partition\":");
    number(record.partition.map(i64::from), out);
    out.push(b',');
    member("key", record.key.as_deref(), out);
    out.push(b',');
    member("value", record.value.as_deref(), out);
    out.extend_from_slice(b",\"headers\":[");
    for (index, (name, value)) in record.headers.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"key\":" } else { b"{\"key\":" });
        string(name, out);
        out.push(b',');
        member("value", value.as_deref(), out);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"timestamp\":");
    number(record.timestamp, out);
    out.extend_from_slice(b"}\n");
}

fn member(name: &str, bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    let Some(bytes) = bytes else {
        return out.extend_from_slice(b"\":null");
    };
    let text = std::str::from_utf8(bytes);
    if text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()) {
        out.extend_from_slice(b"\":");
        let start = out.len();
        out.extend_from_slice(bytes);
        // JSON has line breaks between its tokens only
        for byte in &mut out[start..] {
            if *byte == b'\n' || *byte == b'\r' {
                *byte = b' ';
            }
        }
    } else if let Ok(text) = text {
        out.extend_from_slice(b"_text\":");
        string(text, out);
    } else {
        out.extend_from_slice(b"_base64\":\"");
        out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        out.push(b'"');
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    // a string always serialises, and a vector always takes it
    let _ = serde_json::to_writer(out, text);
}

fn number(number: Option<i64>, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}
