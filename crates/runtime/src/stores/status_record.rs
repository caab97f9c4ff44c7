//! Records of the status topic, byte for byte as `KafkaStatusBackingStore` writes them. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use super::config_record::task_id;
use crate::herder::{State, TaskId};
use crate::pipeline::Trouble;

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
/// The one member that is not Connect's.
const TROUBLE: &str = "rowtide";
/// Between a topic's name, which holds no colon, and its connector's.
const OF_CONNECTOR: &str = ":connector-";

/// How a connector or a task is, as the worker that has it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// the state
    pub state: State,
    /// why it failed
    pub trace: Option<String>,
    /// `host:port` of the worker's REST
    pub worker_id: String,
    /// of the group, in which the worker says so
    pub generation: i32,
    /// of the plug-in, when it is known
    pub version: Option<String>,
    /// of a task that has some; Java workers take the members that they know, and leave this one alone
    pub trouble: Option<Trouble>,
}

/// A topic that a connector wrote to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveTopic {
    /// its name
    pub topic: String,
    /// the connector
    pub connector: String,
    /// the task that wrote to it first
    pub task: usize,
    /// when, in milliseconds since 1970
    pub discovered: i64,
}

/// A record of the status topic; none in place of a status is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusRecord {
    /// A connector's.
    Connector(String, Option<Status>),
    /// A task's.
    Task(TaskId, Option<Status>),
    /// A connector wrote to this topic.
    Topic(ActiveTopic),
    /// A connector's topic is forgotten: topic and connector.
    TopicGone(String, String),
}

impl StatusRecord {
    /// The key that it is stored under.
    pub fn key(&self) -> String {
        match self {
            Self::Connector(name, _) => format!("{CONNECTOR}{name}"),
            Self::Task(id, _) => format!("{TASK}{}-{}", id.connector, id.task),
            Self::Topic(active) => format!("{TOPIC}{}{OF_CONNECTOR}{}", active.topic, active.connector),
            Self::TopicGone(topic, connector) => format!("{TOPIC}{topic}{OF_CONNECTOR}{connector}"),
        }
    }

    /// Its value; none is a tombstone.
    pub fn value(&self) -> Option<Vec<u8>> {
        let value = match self {
            Self::Connector(_, status) | Self::Task(_, status) => {
                let Status { state, trace, worker_id, generation, version, trouble } = status.as_ref()?;
                let mut value = json!({ "state": state.name(), "trace": trace, "worker_id": worker_id, "generation": generation, "version": version });
                if let Some(trouble) = trouble {
                    value[TROUBLE] = json!(trouble);
                }
                value
            }
            Self::Topic(ActiveTopic { topic, connector, task, discovered }) => {
                json!({ "topic": { "name": topic, "connector": connector, "task": task, "discoverTimestamp": discovered } })
            }
            Self::TopicGone(..) => return None,
        };
        Some(value.to_string().into_bytes())
    }

    /// Reads a record; an error says what is wrong with it.
    pub fn read(key: &[u8], value: Option<&[u8]>) -> Result<Self, &'static str> {
        let key = std::str::from_utf8(key).map_err(|_| "its key is not UTF-8")?;
        let value: Option<Value> =
            value.map(|bytes| serde_json::from_slice(bytes).map_err(|_| "its value is not JSON")).transpose()?;
        let value = value.filter(|value| !value.is_null());
        let status = || value.as_ref().map(|value| read_status(value).ok_or("it is no status")).transpose();
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return Ok(Self::Connector(name.to_owned(), status()?));
        }
        if let Some(id) = key.strip_prefix(TASK) {
            let (connector, task) = task_id(id).ok_or("its key does not end in a task's number")?;
            return Ok(Self::Task(TaskId { connector, task }, status()?));
        }
        let topic = key.strip_prefix(TOPIC).ok_or("no record of a status topic has such a key")?;
        let (topic, connector) = topic.split_once(OF_CONNECTOR).ok_or("its key names no connector")?;
        Ok(match &value {
            Some(value) => Self::Topic(read_topic(value).ok_or("it is no status of a topic")?),
            None => Self::TopicGone(topic.to_owned(), connector.to_owned()),
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

fn read_status(value: &Value) -> Option<Status> {
    Some(Status {
        state: State::of_name(value.get("state")?.as_str()?)?,
        trace: text(value, "trace"),
        worker_id: text(value, "worker_id")?,
        generation: i32::try_from(value.get("generation")?.as_i64()?).ok()?,
        version: text(value, "version"),
        // what another version of ours wrote otherwise is no reason not to know the state
        trouble: value.get(TROUBLE).and_then(|trouble| Trouble::deserialize(trouble).ok()),
    })
}

fn read_topic(value: &Value) -> Option<ActiveTopic> {
    let value = value.get("topic")?;
    Some(ActiveTopic {
        topic: text(value, "name")?,
        connector: text(value, "connector")?,
        task: usize::try_from(value.get("task")?.as_u64()?).ok()?,
        discovered: value.get("discoverTimestamp")?.as_i64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_wrote_is_read_and_written_again_byte_for_byte() {
        let mut failed = 0;
        for (key, value) in super::super::golden(include_str!("../../tests/golden/connect-status.tsv")) {
            let record = StatusRecord::read(key, value).unwrap_or_else(|why| panic!("{}: {why}", String::from_utf8_lossy(key)));
            assert_eq!(record.key().as_bytes(), key);
            assert_eq!(record.value().as_deref(), value, "{}", String::from_utf8_lossy(key));
            let trace =
                matches!(&record, StatusRecord::Task(_, Some(status)) if status.state == State::Failed && status.trace.is_some());
            failed += usize::from(trace);
        }
        assert_eq!(failed, 1, "the golden file holds a task that failed");
    }

    #[test]
    fn trouble_stands_behind_connects_own_members() {
        use crate::pipeline::{Retry, Skipped};
        let retry = Retry { attempt: 2, of: None, at_ms: 9, reason: "away".into() };
        let last_skipped = Some(Skipped { at_ms: 8, reason: "too large".into() });
        let trouble = Trouble { restarts: 3, retry: Some(retry), skipped: 2, dead_letters: 1, last_skipped };
        let status = Status {
            state: State::Running,
            trace: None,
            worker_id: "w:1".into(),
            generation: 4,
            version: None,
            trouble: Some(trouble),
        };
        let record = StatusRecord::Task(TaskId { connector: "c".into(), task: 0 }, Some(status));
        let value = record.value().unwrap();
        assert_eq!(
            String::from_utf8(value.clone()).unwrap(),
            r#"{"state":"RUNNING","trace":null,"worker_id":"w:1","generation":4,"version":null,"rowtide":{"restarts":3,"retry":{"attempt":2,"of":null,"at_ms":9,"reason":"away"},"skipped":2,"dead_letters":1,"last_skipped":{"at_ms":8,"reason":"too large"}}}"#
        );
        assert_eq!(StatusRecord::read(record.key().as_bytes(), Some(&value)), Ok(record));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for (key, value) in [
            ("status-task-a", None),
            ("status-topic-a", None),
            ("other", None),
            ("status-connector-a", Some(r#"{"state":"DANCING","worker_id":"w","generation":1}"#)),
        ] {
            assert!(StatusRecord::read(key.as_bytes(), value.map(str::as_bytes)).is_err(), "{key}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_read_survives_being_written(
            key in "status-(connector|task|topic)-.{0,9}(:connector-.{0,5})?(-[0-9]{1,3})?",
            state in "RUNNING|FAILED|x",
            generation in proptest::prelude::any::<i64>(),
            name in ".{0,5}",
        ) {
            let status = json!({ "state": state, "trace": name, "worker_id": name, "generation": generation });
            let topic = json!({ "topic": { "name": name, "connector": name, "task": generation, "discoverTimestamp": generation } });
            for value in [Some(status.to_string()), Some(topic.to_string()), Some(name.clone()), None] {
                if let Ok(record) = StatusRecord::read(key.as_bytes(), value.as_deref().map(str::as_bytes)) {
                    let again = StatusRecord::read(record.key().as_bytes(), record.value().as_deref());
                    proptest::prop_assert_eq!(again, Ok(record));
                }
            }
        }
    }
}
