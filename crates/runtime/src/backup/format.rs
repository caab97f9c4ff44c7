//! A backup as bytes: a line that says what it is and how to tell that it is whole, then one JSON document. Pure.
//!
//! Offsets are written as Connect writes them, in their order. `schema_history` has its place although no database
//! that needs one is there yet: an older version must not pass over it in silence.

use std::fmt::Write;

use jiff::Timestamp;
use rowtide_api::{Error, OffsetMap, Props, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Backup, ConnectorState};
use crate::herder::TargetState;
use crate::offsets::json as offset_json;

/// Changes when an older version could not read the document.
const FORMAT: u64 = 1;

#[derive(Deserialize)]
struct Head {
    rowtide_backup: u64,
    sha256: String,
    bytes: usize,
}

/// The bytes of a backup.
pub fn to_bytes(backup: &Backup) -> Vec<u8> {
    let connectors: Vec<Value> = backup.connectors.iter().map(connector).collect();
    let document = json!({
        "taken": backup.taken.to_string(),
        "by": concat!("rowtide ", env!("CARGO_PKG_VERSION")),
        "connectors": connectors,
        "schema_history": [],
    });
    let body = format!("{document:#}\n");
    let head = json!({ "rowtide_backup": FORMAT, "sha256": checksum(body.as_bytes()), "bytes": body.len() });
    format!("{head}\n{body}").into_bytes()
}

fn connector(state: &ConnectorState) -> Value {
    let offsets = state.offsets.iter().map(
        |(partition, offset)| json!({ "partition": offset_json::to_json(partition), "offset": offset_json::to_json(offset) }),
    );
    let mut object = json!({ "name": state.name, "offsets": offsets.collect::<Vec<_>>() });
    if let Some((config, target)) = &state.config {
        let config: Map<String, Value> = config.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        object["config"] = Value::Object(config);
        object["target_state"] = target.name().into();
    }
    object
}

/// Reads a backup; one that is damaged, or of a newer version, is refused.
pub fn from_bytes(bytes: &[u8]) -> Result<Backup> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let head: Head = serde_json::from_slice(&bytes[..end])
        .map_err(|error| damaged("its first line is not that of a backup").caused_by(error))?;
    if head.rowtide_backup != FORMAT {
        return Err(newer(format!("it has format {}, this version reads format {FORMAT}", head.rowtide_backup)));
    }
    let body = bytes.get(end + 1..).unwrap_or_default();
    if body.len() != head.bytes {
        return Err(damaged(&format!("it holds {} bytes where {} were written", body.len(), head.bytes)));
    }
    if checksum(body) != head.sha256 {
        return Err(damaged("its content is not what its checksum says"));
    }
    document(body)
}

fn document(body: &[u8]) -> Result<Backup> {
    let document: Value = serde_json::from_slice(body).map_err(|error| damaged("it is not JSON").caused_by(error))?;
    if document["schema_history"].as_array().is_none_or(|entries| !entries.is_empty()) {
        return Err(newer("it holds a schema history, which this version cannot put back".to_owned()));
    }
    let taken = document["taken"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let list = document["connectors"].as_array();
    let (Some(taken), Some(list)) = (taken, list) else { return Err(damaged("its time or its connectors are missing")) };
    Ok(Backup { taken, connectors: list.iter().map(state).collect::<Result<_>>()? })
}

fn state(value: &Value) -> Result<ConnectorState> {
    let name = value["name"].as_str().ok_or_else(|| damaged("a connector has no name"))?;
    let config = value["config"].as_object().map(|config| {
        let props: Props = config.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        let target = value["target_state"].as_str().and_then(TargetState::of_name);
        (props, target.unwrap_or(TargetState::Started))
    });
    let offsets = value["offsets"].as_array().ok_or_else(|| damaged("a connector has no list of offsets"))?;
    let pair = |entry: &Value| -> Result<(OffsetMap, OffsetMap)> {
        Ok((offset_json::from_json(&entry["partition"])?, offset_json::from_json(&entry["offset"])?))
    };
    Ok(ConnectorState { name: name.to_owned(), config, offsets: offsets.iter().map(pair).collect::<Result<_>>()? })
}

/// SHA-256 in hexadecimal digits.
pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn damaged(why: &str) -> Error {
    Error::data(format!("the backup is damaged: {why}"))
        .remedy("take another one; `rowtide offsets show --backups` lists them, and which of them are whole")
}

fn newer(why: String) -> Error {
    Error::configuration(why).remedy("use the version of Rowtide that wrote the backup, or a newer one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn backup() -> Backup {
        let map = |text: &str| offset_json::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        let config: Props = [("name", "shop"), ("b", "${X}"), ("a", "1")].into_iter().collect();
        let offsets = vec![(map(r#"{"server":"shop"}"#), map(r#"{"lsn_proc":9007199254740993,"messageType":"COMMIT","lsn":1}"#))];
        Backup {
            taken: "2026-11-25T10:00:00.5Z".parse().unwrap(),
            connectors: vec![
                ConnectorState { name: "deleted".into(), config: None, offsets: offsets.clone() },
                ConnectorState { name: "shop".into(), config: Some((config, TargetState::Paused)), offsets },
            ],
        }
    }

    #[test]
    fn what_was_written_is_read_with_its_order() {
        let bytes = to_bytes(&backup());
        let read = from_bytes(&bytes).unwrap();
        assert_eq!(read, backup());
        assert_eq!(to_bytes(&read), bytes);
    }

    #[test]
    fn a_damaged_one_is_refused_with_the_remedy() {
        let bytes = to_bytes(&backup());
        let refused = |bytes: &[u8]| from_bytes(bytes).unwrap_err().to_string();
        assert!(refused(&bytes[..bytes.len() - 5]).contains("bytes where"));
        let mut changed = bytes.clone();
        let at = changed.len() - 20;
        changed[at] ^= 1;
        let error = refused(&changed);
        assert!(error.contains("not what its checksum says") && error.contains("show --backups"), "{error}");
        assert!(refused(b"hello").contains("not that of a backup"));
        assert!(refused(b"").contains("damaged"));
    }

    #[test]
    fn what_a_newer_version_wrote_is_not_read_in_part() {
        let text = String::from_utf8(to_bytes(&backup())).unwrap();
        let error = from_bytes(text.replacen(r#""rowtide_backup":1"#, r#""rowtide_backup":2"#, 1).as_bytes()).unwrap_err();
        assert!(error.message().contains("format 2"), "{error}");
        let (_, body) = text.split_once('\n').unwrap();
        let body = body.replace(r#""schema_history": []"#, r#""schema_history": [1]"#);
        assert!(document(body.as_bytes()).unwrap_err().message().contains("schema history"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_no_changed_bit_passes(change in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut bytes = to_bytes(&backup());
            let index = change.index(bytes.len());
            bytes[index] ^= 1 << bit;
            if let Ok(read) = from_bytes(&bytes) {
                // the head's own blanks and names: then the document is untouched
                prop_assert_eq!(read, backup());
            }
        }
    }
}
