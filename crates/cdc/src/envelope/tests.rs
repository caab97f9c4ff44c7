//! Against records of the original, and what the options make of them.

use rowtide_api::{OffsetMap, Props, Values};
use serde_json::Value as Json;

use super::*;
use crate::shape::TableShaper;
use crate::table::{Column, Table, TableId};
use crate::testing::{Texts, config, record_json, recorded, source_of, source_schema, text_column, value_of};

const POSTGRES: SourceKind = SourceKind { name: "postgresql", position_in_transaction_id: true };

struct Fixture {
    emitter: Emitter,
    table: Arc<TableSchema>,
    out: Vec<SourceRecord>,
}

fn number(name: &str) -> Column {
    Column { type_name: "int4".into(), textual: false, ..text_column(name, Some(10)) }
}

fn fixture(entries: &[(&str, &str)], columns: Vec<Column>, key: &[&str]) -> Fixture {
    let table = Table {
        id: TableId::in_schema("public", "customers"),
        columns,
        key: key.iter().map(|name| (*name).into()).collect(),
        comment: None,
    };
    let context = TaskContext {
        connector: "c".into(),
        task: 0,
        config: Props::default(),
        offsets: Vec::new(),
        scratch: "".into(),
        progress: Default::default(),
    };
    let partition = Arc::new(SourcePartition { index: 0, map: OffsetMap::default() });
    config(entries, |config| Fixture {
        emitter: Emitter::read(&config, &context, POSTGRES, partition, source_schema()).unwrap(),
        table: Arc::new(TableShaper::read(&config, source_schema()).unwrap().shape(table, &Texts).unwrap()),
        out: Vec::new(),
    })
}

/// A table of id and name, keyed by id.
fn people(entries: &[(&str, &str)]) -> Fixture {
    let mut all = vec![("topic.prefix", "pg")];
    all.extend(entries);
    fixture(&all, vec![number("id"), text_column("name", None)], &["id"])
}

fn origin(transaction: Option<&str>) -> Origin {
    let source = recorded("topic-two-keys-all-records")[0]["value"]["payload"]["source"].clone();
    Origin { position: Arc::new(OffsetMap::default()), source: source_of(&source), transaction: transaction.map(Into::into) }
}

fn person(id: i32, name: &str) -> Row {
    vec![Value::Int32(id), Value::string(name)]
}

impl Fixture {
    fn row(&mut self, operation: Operation, before: Option<Row>, after: Option<Row>) -> Vec<Json> {
        self.row_in(operation, before, after, None)
    }

    fn row_in(&mut self, operation: Operation, before: Option<Row>, after: Option<Row>, transaction: Option<&str>) -> Vec<Json> {
        let change = RowChange { operation, table: self.table.clone(), before, after, origin: origin(transaction) };
        self.emit(Change::Row(change))
    }

    fn emit(&mut self, change: Change) -> Vec<Json> {
        self.out.clear();
        self.emitter.emit(change, &mut self.out).unwrap();
        self.out.iter().map(record_json).collect()
    }
}

fn here() -> Arc<dyn ToOffset> {
    Arc::new(OffsetMap::default())
}

/// One header alone tells runs apart: its value is replaced.
fn without_run(mut record: Json) -> Json {
    for header in record["headers"].as_array_mut().unwrap() {
        if header["key"] == "__debezium.context.runId" {
            assert_eq!(header["value"].as_str().map(str::len), Some(36));
            header["value"] = "run".into();
        }
    }
    record
}

fn clock(record: &Json) -> Duration {
    Duration::from_nanos(record["value"]["payload"]["ts_ns"].as_u64().unwrap())
}

#[test]
fn snapshot_and_stream_records_are_those_of_the_original() {
    let name = "streaming-column-exclude-truncate-message-key-no-tombstones";
    let options = [
        ("topic.prefix", "pgmask"),
        ("column.truncate.to.2.chars", r".*\.name"),
        ("message.key.columns", r"public.customers:name"),
        ("tombstones.on.delete", "false"),
    ];
    let mut fixture = fixture(&options, vec![number("id"), text_column("name", None)], &["id"]);
    for theirs in recorded(name) {
        let payload = &theirs["value"]["payload"];
        let row = |image: &str| {
            let fields = fixture.table.row.fields().iter();
            let mut row: Row = match &payload[image] {
                Json::Null => return None,
                values => fields.map(|field| value_of(&field.schema, &values[&*field.name])).collect(),
            };
            // the key holds the name as it was before it was cut
            row[1] = Value::string(theirs["key"]["payload"]["name"].as_str().unwrap());
            Some(row)
        };
        let operation = match payload["op"].as_str() {
            Some("r") => Operation::Read,
            Some("c") => Operation::Create,
            Some("u") => Operation::Update,
            _ => Operation::Delete,
        };
        let origin = Origin { position: here(), source: source_of(&payload["source"]), transaction: None };
        let change = RowChange { operation, table: fixture.table.clone(), before: row("before"), after: row("after"), origin };
        fixture.emitter.set_now(clock(&theirs));
        let ours = fixture.emit(Change::Row(change));
        assert_eq!(ours.len(), 1);
        let (ours, theirs) = (without_run(ours[0].clone()), without_run(theirs));
        for part in ["topic", "headers", "key", "value"] {
            assert_eq!(ours[part], theirs[part], "{part}");
        }
    }
}

#[test]
fn rows_that_a_snapshot_reads_share_all_of_their_envelope_but_the_row() {
    let mut fixture = people(&[]);
    let read = |fixture: &mut Fixture, source: &Struct, id| {
        let origin = Origin { position: here(), source: source.clone(), transaction: None };
        let (table, after) = (fixture.table.clone(), Some(person(id, "x")));
        let change = RowChange { operation: Operation::Read, table, before: None, after, origin };
        (fixture.emit(Change::Row(change)).remove(0), fixture.out[0].value.value.as_struct().unwrap().values.clone())
    };
    let own = origin(None).source;
    let (shared, other) = (own.clone().shared(), own.clone().shared());
    let are_shared = |one: &Values, other: &Values| Arc::ptr_eq(one.common().unwrap().0, other.common().unwrap().0);
    let (_, first) = read(&mut fixture, &shared, 1);
    let (json, second) = read(&mut fixture, &shared, 2);
    assert!(are_shared(&first, &second));
    assert_eq!(json, read(&mut fixture, &own, 2).0, "as one that shares nothing");
    let (_, elsewhere) = read(&mut fixture, &other, 3);
    assert!(!are_shared(&second, &elsewhere), "another source block");
    fixture.emitter.set_now(Duration::from_secs(5));
    let (json, later) = read(&mut fixture, &other, 3);
    assert!(!are_shared(&elsewhere, &later), "read later");
    assert_eq!(json["value"]["payload"]["ts_ms"], 5000);
}

#[test]
fn a_logical_message_is_that_of_the_original() {
    let mut fixture = people(&[("topic.prefix", "pgdef")]);
    let theirs = &recorded("topic-logical-decoding-messages-all-records")[0];
    let payload = &theirs["value"]["payload"];
    fixture.emitter.set_now(Duration::from_millis(payload["ts_ms"].as_u64().unwrap()));
    let origin = Origin { position: here(), source: source_of(&payload["source"]), transaction: None };
    let ours = fixture.emit(Change::Message { prefix: "my-prefix".into(), content: "transactional text".into(), origin });
    for part in ["topic", "headers", "key", "value"] {
        assert_eq!(ours[0][part], theirs[part], "{part}");
    }
}

#[test]
fn messages_are_filtered_by_their_prefix_and_follow_the_binary_mode() {
    let mut fixture = people(&[("message.prefix.exclude.list", "audit.*"), ("binary.handling.mode", "hex")]);
    let message = |prefix: &str| Change::Message { prefix: prefix.into(), content: "ab".into(), origin: origin(None) };
    assert!(fixture.emit(message("audit-log")).is_empty());
    let ours = fixture.emit(message("other"));
    assert_eq!(ours[0]["value"]["payload"]["message"]["content"], "6162");
    assert_eq!(fixture.emitter.counts().filtered, 1);
}

#[test]
fn a_key_change_is_a_delete_a_tombstone_and_a_create_that_name_each_other() {
    let mut fixture = people(&[]);
    let records = fixture.row(Operation::Update, Some(person(11, "")), Some(person(21, "b")));
    let theirs = [
        &recorded("all-types-key-change-1-delete")[0],
        &recorded("all-types-key-change-2-tombstone")[0],
        &recorded("all-types-key-change-3-create")[0],
    ];
    assert_eq!(records.len(), 3);
    for (ours, theirs) in records.iter().zip(theirs) {
        assert_eq!(ours["key"]["payload"], theirs["key"]["payload"]);
        assert_eq!(ours["value"]["payload"]["op"], theirs["value"]["payload"]["op"]);
        let names =
            |record: &Json| record["headers"].as_array().unwrap().iter().map(|header| header["key"].clone()).collect::<Vec<_>>();
        assert_eq!(names(ours), names(theirs));
        assert_eq!(ours["headers"][0], theirs["headers"][0]);
    }
    assert!(records[1]["value"].is_null());
}

#[test]
fn an_update_that_keeps_its_key_is_one_record() {
    let mut fixture = people(&[]);
    let full = fixture.row(Operation::Update, Some(person(1, "a")), Some(person(1, "b")));
    assert_eq!(full.len(), 1);
    assert_eq!(full[0]["value"]["payload"]["before"]["name"], "a");
    let bare = fixture.row(Operation::Update, None, Some(person(1, "b")));
    assert_eq!(bare.len(), 1);
    assert!(bare[0]["value"]["payload"]["before"].is_null());
}

#[test]
fn a_delete_without_values_is_skipped_and_counted() {
    let mut fixture = people(&[]);
    assert!(fixture.row(Operation::Delete, None, None).is_empty());
    assert_eq!(fixture.emitter.counts().skipped, 1);
}

#[test]
fn tombstones_follow_deletes_unless_switched_off() {
    let mut fixture = people(&[]);
    let records = fixture.row(Operation::Delete, Some(person(1, "a")), None);
    assert_eq!(records.len(), 2);
    assert!(records[1]["value"].is_null());
    assert_eq!(records[0]["headers"], records[1]["headers"]);
    let mut without = people(&[("tombstones.on.delete", "false")]);
    assert_eq!(without.row(Operation::Delete, Some(person(1, "a")), None).len(), 1);
}

#[test]
fn skipped_operations_count_and_leave_snapshots_alone() {
    let mut fixture = people(&[("skipped.operations", "c, t,r")]);
    assert!(fixture.row(Operation::Create, None, Some(person(1, "a"))).is_empty());
    assert_eq!(fixture.row(Operation::Read, None, Some(person(1, "a"))).len(), 1);
    // of a key change only the create is skipped
    assert_eq!(fixture.row(Operation::Update, Some(person(1, "a")), Some(person(2, "a"))).len(), 2);
    assert_eq!(fixture.emitter.counts().filtered, 2);
}

#[test]
fn updates_without_change_may_be_dropped() {
    let mut fixture = people(&[("skip.messages.without.change", "true"), ("column.mask.with.1.chars", r".*\.name")]);
    assert!(fixture.row(Operation::Update, Some(person(1, "a")), Some(person(1, "b"))).is_empty(), "the change is masked");
    assert_eq!(fixture.row(Operation::Update, None, Some(person(1, "b"))).len(), 1);
    assert_eq!(fixture.emitter.counts().skipped, 1);
}

#[test]
fn a_truncation_has_neither_key_nor_rows() {
    let mut fixture = people(&[("skipped.operations", "none")]);
    let change = Change::Truncate { table: fixture.table.clone(), origin: origin(None) };
    let records = fixture.emit(change);
    let payload = &records[0]["value"]["payload"];
    assert!(records[0]["key"].is_null() && payload["before"].is_null() && payload["after"].is_null());
    assert_eq!(payload["op"], "t");
    let mut usual = people(&[]);
    let change = Change::Truncate { table: usual.table.clone(), origin: origin(None) };
    assert!(usual.emit(change).is_empty());
}

#[test]
fn headers_can_be_switched_off() {
    let mut fixture = people(&[("extended.headers.enabled", "false")]);
    assert_eq!(fixture.row(Operation::Create, None, Some(person(1, "a")))[0]["headers"], Json::Array(Vec::new()));
}

#[test]
fn transactions_are_counted_and_kept_in_offsets_while_open() {
    let mut fixture = people(&[("provide.transaction.metadata", "true")]);
    let begin = fixture.emit(Change::Begin { id: "7:100".into(), timestamp: 5, position: here(), resumed: false });
    assert_eq!(begin[0]["topic"], "pg.transaction");
    assert_eq!(begin[0]["value"]["payload"]["status"], "BEGIN");
    assert_eq!(begin[0]["headers"], Json::Array(Vec::new()));
    for (lsn, order) in [("7:101", 1), ("7:102", 2)] {
        let records = fixture.row_in(Operation::Create, None, Some(person(order, "a")), Some(lsn));
        let block = &records[0]["value"]["payload"]["transaction"];
        assert_eq!(block["id"], lsn);
        assert_eq!(block["total_order"], order);
        assert_eq!(block["data_collection_order"], order);
        let offset = fixture.out[0].position.offset.to_offset();
        assert_eq!(offset.string("transaction_id"), Some("7"));
        assert_eq!(offset.int("transaction_data_collection_order_public.customers"), Some(order.into()));
    }
    let end = fixture.emit(Change::Commit { id: "7:103".into(), timestamp: 5, position: here() });
    assert_eq!(end[0]["value"]["payload"]["event_count"], 2);
    assert_eq!(end[0]["key"]["payload"]["id"], "7:103");
    assert!(fixture.emitter.with_state(here()).to_offset().is_empty());
}

#[test]
fn a_resumed_transaction_goes_on_counting_and_begins_no_second_time() {
    let mut fixture = people(&[("provide.transaction.metadata", "true")]);
    assert!(fixture.emit(Change::Begin { id: "7:100".into(), timestamp: 5, position: here(), resumed: true }).is_empty());
    fixture.emitter.count_only(&fixture.table.clone());
    let records = fixture.row_in(Operation::Create, None, Some(person(2, "a")), Some("7:102"));
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["value"]["payload"]["transaction"]["total_order"], 2);
}

#[test]
fn a_log_without_boundaries_begins_and_ends_transactions_by_its_events() {
    let mut fixture = people(&[("provide.transaction.metadata", "true")]);
    let statuses =
        |records: &[Json]| -> Vec<Json> { records.iter().map(|record| record["value"]["payload"]["status"].clone()).collect() };
    let first = fixture.row_in(Operation::Create, None, Some(person(1, "a")), Some("7:1"));
    assert_eq!(statuses(&first), [Json::from("BEGIN"), Json::Null]);
    let second = fixture.row_in(Operation::Create, None, Some(person(2, "a")), Some("8:2"));
    assert_eq!(statuses(&second), [Json::from("END"), Json::from("BEGIN"), Json::Null]);
    let outside = fixture.row_in(Operation::Create, None, Some(person(3, "a")), None);
    assert_eq!(statuses(&outside), [Json::from("END"), Json::Null]);
    assert!(outside[1]["value"]["payload"]["transaction"].is_null());
    assert!(fixture.row(Operation::Read, None, Some(person(4, "a")))[0]["value"]["payload"]["transaction"].is_null());
}
