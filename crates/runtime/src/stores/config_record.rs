//! Records of the config topic, byte for byte as `KafkaConfigBackingStore` writes them. Pure.
//!
//! Keys are text, values JSON without schemas. What the records amount to together belongs to `config_state`.

use rowtide_api::Props;
use serde_json::{Map, Value, json};

use crate::herder::TargetState;

const CONNECTOR: &str = "connector-";
const TASK: &str = "task-";
const COMMIT: &str = "commit-";
const TARGET_STATE: &str = "target-state-";
const FENCING: &str = "tasks-fencing-";
const SESSION_KEY: &str = "session-key";
const RESTART: &str = "restart-connector-";
const LOGGER: &str = "logger-cluster-";

/// The key that requests between workers are signed with (KIP-507).
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// base64, as it is stored
    pub key: String,
    /// of the key, `HmacSHA256`
    pub algorithm: String,
    /// milliseconds since 1970
    pub created: i64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionKey {{ algorithm: {}, created: {} }}", self.algorithm, self.created)
    }
}

/// A record of the config topic.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigRecord {
    /// A connector's configuration; none: it is deleted.
    Connector(String, Option<Props>),
    /// A task's configuration, to hold from the next `Commit` on.
    Task(String, usize, Props),
    /// The connector has this many tasks, whose configurations stand before.
    Commit(String, usize),
    /// What the user wants of a connector; none: STARTED, until a record says more.
    Target(String, Option<TargetState>),
    /// As many producers of its tasks are fenced (exactly once).
    Fencing(String, usize),
    /// The key that requests between workers are signed with.
    SessionKey(SessionKey),
    /// A restart that all workers carry out: with its tasks, only what has failed.
    Restart(String, bool, bool),
    /// The level of a logger on all workers.
    LogLevel(String, String),
}

impl ConfigRecord {
    /// The key that it is stored under.
    pub fn key(&self) -> String {
        match self {
            Self::Connector(name, _) => format!("{CONNECTOR}{name}"),
            Self::Task(name, task, _) => format!("{TASK}{name}-{task}"),
            Self::Commit(name, _) => format!("{COMMIT}{name}"),
            Self::Target(name, _) => format!("{TARGET_STATE}{name}"),
            Self::Fencing(name, _) => format!("{FENCING}{name}"),
            Self::SessionKey(_) => SESSION_KEY.to_owned(),
            Self::Restart(name, ..) => format!("{RESTART}{name}"),
            Self::LogLevel(logger, _) => format!("{LOGGER}{logger}"),
        }
    }

    /// Its value; none is a tombstone.
    pub fn value(&self) -> Option<Vec<u8>> {
        let value = match self {
            Self::Connector(_, config) => json!({ "properties": properties(config.as_ref()?) }),
            Self::Task(_, _, config) => json!({ "properties": properties(config) }),
            Self::Commit(_, tasks) => json!({ "tasks": tasks }),
            Self::Target(_, state) => {
                let state = (*state)?;
                // Workers before 3.5 know no STOPPED: to them it is paused and without tasks.
                let old = if state == TargetState::Stopped { TargetState::Paused } else { state };
                json!({ "state": old.name(), "state.v2": state.name() })
            }
            Self::Fencing(_, tasks) => json!({ "task-count": tasks }),
            Self::SessionKey(key) => json!({ "key": key.key, "algorithm": key.algorithm, "creation-timestamp": key.created }),
            Self::Restart(_, tasks, failed) => json!({ "include-tasks": tasks, "only-failed": failed }),
            Self::LogLevel(_, level) => json!({ "level": level }),
        };
        Some(value.to_string().into_bytes())
    }

    /// Reads a record; an error says what is wrong with it, and nothing of what it holds.
    pub fn read(key: &[u8], value: Option<&[u8]>) -> Result<Self, &'static str> {
        let key = std::str::from_utf8(key).map_err(|_| "its key is not UTF-8")?;
        let value: Option<Value> =
            value.map(|bytes| serde_json::from_slice(bytes).map_err(|_| "its value is not JSON")).transpose()?;
        let value = value.filter(|value| !value.is_null());
        // In the order in which Java tells them apart.
        if let Some(name) = key.strip_prefix(TARGET_STATE) {
            let state = value.as_ref().map(|value| target(value).ok_or("its state is not one that is known")).transpose()?;
            return Ok(Self::Target(name.to_owned(), state));
        }
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            // Java takes a connector whose configuration it cannot read for deleted.
            return Ok(Self::Connector(name.to_owned(), value.as_ref().and_then(read_properties)));
        }
        let value = value.ok_or("it has no value")?;
        if key == SESSION_KEY {
            return read_session_key(&value).ok_or("a session key has key, algorithm and creation-timestamp");
        }
        if let Some(id) = key.strip_prefix(TASK) {
            let (name, task) = task_id(id).ok_or("its key does not end in a task's number")?;
            return Ok(Self::Task(name, task, read_properties(&value).ok_or("it has no properties")?));
        }
        let count = |name: &str| value.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        if let Some(name) = key.strip_prefix(COMMIT) {
            return Ok(Self::Commit(name.to_owned(), count("tasks").ok_or("it does not say how many tasks there are")?));
        }
        if let Some(name) = key.strip_prefix(RESTART) {
            return Ok(Self::Restart(name.to_owned(), flag("include-tasks"), flag("only-failed")));
        }
        if let Some(name) = key.strip_prefix(FENCING) {
            return Ok(Self::Fencing(name.to_owned(), count("task-count").ok_or("it does not say how many tasks there are")?));
        }
        if let Some(logger) = key.strip_prefix(LOGGER) {
            let level = value.get("level").and_then(Value::as_str).ok_or("it has no level")?;
            return Ok(Self::LogLevel(logger.to_owned(), level.to_owned()));
        }
        Err("no record of a config topic has such a key")
    }
}

/// A configuration as JSON.
pub fn properties(config: &Props) -> Value {
    Value::Object(config.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}

/// A property that is null says as much as one that is missing.
fn read_properties(value: &Value) -> Option<Props> {
    let properties: &Map<String, Value> = value.get("properties")?.as_object()?;
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Some(properties.iter().filter_map(|(name, value)| Some((name.as_str(), text(value)?))).collect())
}

fn target(value: &Value) -> Option<TargetState> {
    let name = value.get("state.v2").or_else(|| value.get("state"))?;
    TargetState::of_name(name.as_str()?)
}

fn read_session_key(value: &Value) -> Option<ConfigRecord> {
    let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let created = value.get("creation-timestamp")?.as_i64()?;
    Some(ConfigRecord::SessionKey(SessionKey { key: text("key")?, algorithm: text("algorithm")?, created }))
}

/// `<connector>-<number>`; a connector's name may hold dashes.
pub(super) fn task_id(text: &str) -> Option<(String, usize)> {
    let (name, number) = text.rsplit_once('-')?;
    Some((name.to_owned(), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_wrote_is_read_and_written_again_byte_for_byte() {
        let mut kinds = std::collections::BTreeSet::new();
        for (key, value) in super::super::golden(include_str!("../../tests/golden/connect-configs.tsv")) {
            let record = ConfigRecord::read(key, value).unwrap_or_else(|why| panic!("{}: {why}", String::from_utf8_lossy(key)));
            assert_eq!(record.key().as_bytes(), key);
            let written = record.value();
            assert_eq!(written.as_deref(), value, "{}", String::from_utf8_lossy(key));
            kinds.insert(format!("{record:?}").split('(').next().map(str::to_owned));
        }
        assert_eq!(kinds.len(), 7, "the golden file holds every kind but that of exactly once");
    }

    #[test]
    fn a_stopped_connector_is_paused_to_old_workers() {
        let record = ConfigRecord::Target("c".into(), Some(TargetState::Stopped));
        assert_eq!(record.value().unwrap(), br#"{"state":"PAUSED","state.v2":"STOPPED"}"#);
        let old = ConfigRecord::read(b"target-state-c", Some(br#"{"state":"PAUSED"}"#)).unwrap();
        assert_eq!(old, ConfigRecord::Target("c".into(), Some(TargetState::Paused)));
    }

    #[test]
    fn names_with_dashes_and_properties_without_values_are_read() {
        let record = ConfigRecord::read(b"task-a-b-12", Some(br#"{"properties":{"x":null,"y":"1"}}"#)).unwrap();
        assert_eq!(record, ConfigRecord::Task("a-b".into(), 12, [("y", "1")].into_iter().collect()));
    }

    #[test]
    fn damage_is_named_without_what_it_holds() {
        for (key, value) in [
            (&b"task-a"[..], Some(&br#"{"properties":{}}"#[..])),
            (b"task-a-x", Some(br#"{"properties":{}}"#)),
            (b"commit-a", Some(br#"{"tasks":"1"}"#)),
            (b"commit-a", None),
            (b"target-state-a", Some(br#"{"state.v2":"DANCING"}"#)),
            (b"session-key", Some(br#"{"key":"s3cret"}"#)),
            (b"\xff", None),
            (b"other", Some(b"{}")),
            (b"logger-cluster-x", Some(b"s3cret")),
        ] {
            let why = ConfigRecord::read(key, value).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_read_survives_being_written(
            key in "(connector|task|commit|target-state|tasks-fencing|restart-connector|logger-cluster|session)-.{0,9}(-[0-9]{1,3})?",
            value in "\\{\"(properties|tasks|state|state.v2|task-count|level)\":(\\{\"a\":(\"b\"|null|1)\\}|-?[0-9]{1,3}|\"(STARTED|STOPPED|x)\"|true)\\}|.{0,9}",
        ) {
            for value in [Some(value.as_bytes()), None] {
                if let Ok(record) = ConfigRecord::read(key.as_bytes(), value) {
                    let again = ConfigRecord::read(record.key().as_bytes(), record.value().as_deref());
                    proptest::prop_assert_eq!(again, Ok(record));
                }
            }
        }
    }
}
