//! Notifications: what happens to snapshots, told in a topic (`notification.sink.topic.name`) and in the log.
//!
//! When something happens is for whoever tells it; the position of the records is the dispatcher's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rowtide_api::config::Config;
use rowtide_api::{Datum, Field, Kind, Schema, SchemaRef, SourcePosition, SourceRecord, Struct, Value};
use tracing::{info, warn};

use crate::java_order;
use crate::progress::SnapshotEvent;
use crate::table::TableId;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// a snapshot that the stream waits for
    Initial,
    /// a snapshot beside the stream
    Incremental,
}

impl Aggregate {
    fn as_str(self) -> &'static str {
        match self {
            Aggregate::Initial => "Initial Snapshot",
            Aggregate::Incremental => "Incremental Snapshot",
        }
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// of an incremental snapshot its signal's id, else one of its own
    pub id: String,
    /// what it is about
    pub aggregate: Aggregate,
    /// what happened: `STARTED`, …
    pub kind: &'static str,
    /// details, by the original's names
    pub data: Vec<(&'static str, String)>,
}

/// How the original logs it.
struct Logged<'a>(&'a Notification, &'a str, Duration);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Logged(it, connector, now) = self;
        write!(f, "{{id='{}', aggregateType='{}', type='{}', additionalData={{", it.id, it.aggregate.as_str(), it.kind)?;
        for (index, (name, value)) in details(it, connector).into_iter().enumerate() {
            write!(f, "{}{name}={value}", if index > 0 { ", " } else { "" })?;
        }
        write!(f, "}}, timestamp={}}}", now.as_millis())
    }
}

/// The details with the connector's name, in the order in which the original's map gives them out: a copy of the details, to
/// which the name is added. (Details in one bucket come in an order that is another in each process of Java.)
fn details<'a>(notification: &'a Notification, connector: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut all: Vec<_> = notification.data.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("connector_name", connector));
    java_order::sort_copy(notification.data.len(), &mut all, |(name, _)| name);
    all
}

/// Sends notifications on the enabled channels.
#[derive(Clone, Debug)]
pub struct Notifier {
    topic: Option<Arc<str>>,
    log: bool,
    connector: String,
    key: SchemaRef,
    value: SchemaRef,
    /// tables of the snapshot under way, and all captured ones, as they are listed
    tables: (String, String),
}

impl Notifier {
    /// Reads `notification.enabled.channels` and `notification.sink.topic.name`.
    pub fn read(config: &Config<'_>) -> Self {
        let channels = config.list("notification.enabled.channels");
        let has = |name: &str| channels.iter().any(|channel| channel.eq_ignore_ascii_case(name));
        for channel in channels.iter().filter(|channel| !["sink", "log"].iter().any(|known| channel.eq_ignore_ascii_case(known)))
        {
            warn!(
                "notification.enabled.channels: '{channel}' is not a channel that Rowtide has. There are sink (a topic) and log; \
                 what JMX would show is in REST"
            );
        }
        let text = || Schema::new(Kind::String);
        let map = Kind::Map(text().shared(), text().shared());
        let structure = |name: &str, fields: Vec<(&str, Schema)>| {
            let fields = fields.into_iter().map(|(name, schema)| Field::new(name, schema)).collect();
            Schema::structure(fields).named(format!("io.debezium.connector.common.{name}")).versioned(1).shared()
        };
        let value = vec![
            ("id", text()),
            ("type", text()),
            ("aggregate_type", text()),
            ("additional_data", Schema::new(map).optional()),
            ("timestamp", Schema::new(Kind::Int64)),
        ];
        Self {
            topic: config.opt("notification.sink.topic.name").filter(|_| has("sink")).map(Arc::from),
            log: has("log"),
            connector: config.opt("topic.prefix").unwrap_or_default().to_owned(),
            key: structure("NotificationKey", vec![("id", text())]),
            value: structure("Notification", value),
            tables: Default::default(),
        }
    }

    /// Whether anybody listens.
    pub fn is_enabled(&self) -> bool {
        self.log || self.topic.is_some()
    }

    /// Logs a notification where that is asked for.
    pub fn log(&self, notification: &Notification, now: Duration) {
        if self.log {
            info!("[Notification Service]  {}", Logged(notification, &self.connector, now));
        }
    }

    /// The record of the notification topic; none: there is no such topic.
    pub fn record(&self, notification: &Notification, now: Duration, position: SourcePosition) -> Option<SourceRecord> {
        let topic = self.topic.clone()?;
        let text = |text: &str| Value::string(text.to_owned());
        let details = details(notification, &self.connector).into_iter().map(|(name, value)| (text(name), text(value)));
        let value = vec![
            text(&notification.id),
            text(notification.kind),
            text(notification.aggregate.as_str()),
            Value::Map(details.collect()),
            Value::Int64(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        ];
        let datum = |schema: &SchemaRef, values: Vec<Value>| {
            Datum::new(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)))
        };
        Some(SourceRecord {
            topic,
            partition: None,
            key: datum(&self.key, vec![text(&notification.id)]),
            value: datum(&self.value, value),
            headers: Arc::default(),
            timestamp: None,
            position,
        })
    }

    /// The notification of what happens to a snapshot that the stream waits for.
    pub fn of(&mut self, event: &SnapshotEvent) -> Notification {
        let (kind, data) = match event {
            SnapshotEvent::Started { tables, captured, .. } => {
                self.tables = (in_hash_order(tables), listed(captured));
                ("STARTED", Vec::new())
            }
            SnapshotEvent::TableStarted { table } => (
                "IN_PROGRESS",
                vec![("current_collection_in_progress", table.to_string()), ("data_collections", self.tables.0.clone())],
            ),
            SnapshotEvent::ChunkStarted(chunk) => (
                "TABLE_CHUNK_IN_PROGRESS",
                vec![
                    ("current_collection_in_progress", chunk.table.to_string()),
                    ("chunk_index", chunk.index.to_string()),
                    ("total_chunks", chunk.total.to_string()),
                    ("total_rows_scanned", chunk.rows.to_string()),
                ],
            ),
            SnapshotEvent::ChunkCompleted(chunk) => (
                "TABLE_CHUNK_COMPLETED",
                vec![
                    ("scanned_collection", chunk.table.to_string()),
                    ("data_collections", self.tables.1.clone()),
                    ("chunk_index", chunk.index.to_string()),
                    ("total_chunks", chunk.total.to_string()),
                    ("status", "SUCCEEDED".to_owned()),
                ],
            ),
            SnapshotEvent::TableCompleted { table, rows, status } => (
                "TABLE_SCAN_COMPLETED",
                vec![
                    ("scanned_collection", table.to_string()),
                    ("data_collections", self.tables.1.clone()),
                    ("total_rows_scanned", rows.to_string()),
                    ("status", status.as_str().to_owned()),
                ],
            ),
            SnapshotEvent::Completed => ("COMPLETED", Vec::new()),
            SnapshotEvent::Aborted => ("ABORTED", Vec::new()),
            SnapshotEvent::Skipped => ("SKIPPED", Vec::new()),
        };
        Notification { id: uuid::Uuid::now_v7().to_string(), aggregate: Aggregate::Initial, kind, data }
    }
}

/// All captured tables, by name.
fn listed(tables: &[TableId]) -> String {
    let mut names: Vec<_> = tables.iter().map(TableId::to_string).collect();
    names.sort();
    names.join(",")
}

/// The tables that are read: the original holds them in a hash set.
fn in_hash_order(tables: &[TableId]) -> String {
    let mut names: Vec<_> = tables.iter().map(TableId::to_string).collect();
    java_order::sort(&mut names, |name| name);
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::SnapshotKind;

    use crate::progress::ScanStatus;
    use crate::testing::{config, record_json, recorded, somewhere};

    fn notifier() -> Notifier {
        let entries = [
            ("topic.prefix", "pgall"),
            ("notification.enabled.channels", "sink,log"),
            ("notification.sink.topic.name", "pgall.notifications"),
        ];
        config(&entries, |config| Notifier::read(&config))
    }

    fn tables(names: &[&str]) -> Vec<TableId> {
        names.iter().map(|name| TableId::in_schema("public", *name)).collect()
    }

    #[test]
    fn records_are_those_of_the_original() {
        let mut notifier = notifier();
        let customers = TableId::in_schema("public", "customers");
        let events = [
            SnapshotEvent::Started {
                kind: SnapshotKind::Initial,
                tables: tables(&["customers", "full_identity"]).into(),
                captured: tables(&["customers", "full_identity", "debezium_signal"]).into(),
            },
            SnapshotEvent::TableStarted { table: customers.clone() },
            SnapshotEvent::TableCompleted { table: customers, rows: 0, status: ScanStatus::Succeeded },
        ];
        for (event, theirs) in events.iter().zip(recorded("streaming-notification-topic")) {
            let now = theirs["value"]["payload"]["timestamp"].as_u64().unwrap();
            let id = theirs["value"]["payload"]["id"].as_str().unwrap().to_owned();
            let notification = Notification { id, ..notifier.of(event) };
            let ours = record_json(&notifier.record(&notification, Duration::from_millis(now), somewhere()).unwrap());
            for part in ["topic", "headers", "key", "value"] {
                let mut theirs = theirs[part].clone();
                if let Some(listed) = theirs.pointer_mut("/payload/additional_data/data_collections") {
                    // the recorded list is in the order of the include list of an older table set
                    *listed = ours[part]["payload"]["additional_data"]["data_collections"].clone();
                }
                assert_eq!(ours[part], theirs, "{part} of {event:?}");
            }
        }
    }

    #[test]
    fn details_come_in_the_order_of_the_originals_map() {
        let details = |names: &[&'static str]| {
            let data = names.iter().map(|name| (*name, String::new())).collect();
            let notification = Notification { id: String::new(), aggregate: Aggregate::Incremental, kind: "", data };
            super::details(&notification, "").into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            details(&["data_collections", "current_collection_in_progress", "maximum_key", "last_processed_key"]),
            ["current_collection_in_progress", "connector_name", "maximum_key", "data_collections", "last_processed_key"]
        );
        assert_eq!(
            details(&["scanned_collection", "data_collections", "total_rows_scanned", "status"]),
            ["scanned_collection", "connector_name", "total_rows_scanned", "data_collections", "status"]
        );
        assert_eq!(
            details(&["current_collection_in_progress", "data_collections"]),
            ["current_collection_in_progress", "connector_name", "data_collections"]
        );
    }

    #[test]
    fn tables_are_listed_as_a_hash_set_of_java_gives_them_out() {
        // as the lab's Debezium listed them
        assert_eq!(
            in_hash_order(&tables(&["a", "b", "empt", "nokey", "uq"])),
            "public.a,public.nokey,public.b,public.empt,public.uq"
        );
    }

    #[test]
    fn the_log_has_the_words_of_the_original() {
        let notification = Notification {
            id: "m1".to_owned(),
            aggregate: Aggregate::Incremental,
            kind: "STARTED",
            data: vec![("data_collections", "public.a,public.b".to_owned())],
        };
        let logged = Logged(&notification, "sigx2", Duration::from_millis(1795533178578)).to_string();
        assert_eq!(
            logged,
            "{id='m1', aggregateType='Incremental Snapshot', type='STARTED', \
             additionalData={connector_name=sigx2, data_collections=public.a,public.b}, timestamp=1795533178578}"
        );
    }
}
