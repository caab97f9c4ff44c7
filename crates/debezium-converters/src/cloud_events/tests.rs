//! Events as Debezium 3.6.1's converter wrote them in a running worker, and what it does with headers by its source.

use super::*;
use rowtide_api::{Field, Schema};

fn text() -> Schema {
    Schema::new(Kind::String)
}

fn long() -> Schema {
    Schema::new(Kind::Int64)
}

/// The source block of PostgreSQL's events.
fn source() -> Struct {
    let fields = [
        ("version", text(), Value::string("3.6.1.Final")),
        ("connector", text(), Value::string("postgresql")),
        ("name", text(), Value::string("cedb")),
        ("ts_ms", long(), Value::Int64(1_795_967_939_509)),
        ("snapshot", text().optional().default_value(Value::string("false")), Value::Null),
        ("db", text(), Value::string("shop")),
        ("sequence", text().optional(), Value::string("[null,\"39677848\"]")),
        ("txId", long().optional(), Value::Int64(747)),
        ("lsn", long().optional(), Value::Int64(39_677_848)),
        ("xmin", long().optional(), Value::Null),
    ];
    let (fields, values): (Vec<Field>, Vec<Value>) =
        fields.into_iter().map(|(name, schema, value)| (Field::new(name, schema), value)).unzip();
    Struct::new(Schema::structure(fields).named("io.debezium.connector.postgresql.Source").shared(), values)
}

fn row() -> Struct {
    let schema = Schema::structure(vec![Field::new("id", Schema::new(Kind::Int32))]).optional().named("cedb.public.ce.Value");
    Struct::new(schema.shared(), vec![Value::Int32(2)])
}

/// The creation of a row, in a transaction or without one.
fn created(in_transaction: bool) -> Datum {
    let block = rowtide_cdc::transaction::block_schema();
    let transaction = Struct::new(block.clone(), vec![Value::string("747:39677848"), Value::Int64(1), Value::Int64(1)]);
    let source = source();
    let schema = Schema::structure(vec![
        Field::new("before", row().schema),
        Field::new("after", row().schema),
        Field::new("source", source.schema.clone()),
        Field::new("transaction", block),
        Field::new("op", text()),
    ]);
    let schema = schema.named("cedb.public.ce.Envelope").versioned(2).shared();
    let transaction = if in_transaction { Value::Struct(transaction) } else { Value::Null };
    let values = vec![Value::Null, Value::Struct(row()), Value::Struct(source), transaction, Value::string("c")];
    Datum::new(schema.clone(), Value::Struct(Struct::new(schema, values)))
}

fn encoded(options: &[(&str, &str)], datum: &Datum, headers: &[Header]) -> Result<Option<String>> {
    let converter = new(&Props::from_iter(options.iter().copied()), false)?;
    let Plan::Ready(plan) = converter.plan_for("cedb.public.ce", datum, headers)? else { panic!("no registry here") };
    let mut out = Vec::new();
    Ok(plan.encode_with(headers, &datum.value, &mut out)?.then(|| String::from_utf8(out).unwrap()))
}

const HEAD: &str = concat!(
    r#"{"id":"name:cedb;lsn:39677848;txId:747;sequence:[null,\"39677848\"]","source":"/debezium/postgresql/cedb","specversion":"1.0","#,
    r#""type":"io.debezium.connector.postgresql.DataChangeEvent","time":"2026-11-29T15:58:59.509Z","datacontenttype":"application/json","#,
);
const EXTENSIONS: &str = concat!(
    r#""iodebeziumop":"c","iodebeziumversion":"3.6.1.Final","iodebeziumconnector":"postgresql","iodebeziumname":"cedb","#,
    r#""iodebeziumtsms":"1795967939509","iodebeziumsnapshot":"false","iodebeziumdb":"shop","iodebeziumsequence":"[null,\"39677848\"]","#,
    r#""iodebeziumtxId":"747","iodebeziumlsn":"39677848","iodebeziumxmin":null,"#,
);

#[test]
fn data_without_its_schema_is_part_of_the_event() {
    let transaction = r#""iodebeziumtxid":"747:39677848","iodebeziumtxtotalorder":"1","iodebeziumtxdatacollectionorder":"1","#;
    let expected = format!("{HEAD}{EXTENSIONS}{transaction}\"data\":{{\"before\":null,\"after\":{{\"id\":2}}}}}}");
    let plain = [("json.schemas.enable", "false")];
    assert_eq!(encoded(&plain, &created(true), &[]).unwrap().unwrap(), expected);
    let none = r#""iodebeziumtxid":null,"iodebeziumtxtotalorder":null,"iodebeziumtxdatacollectionorder":null,"#;
    assert!(encoded(&plain, &created(false), &[]).unwrap().unwrap().contains(none));
    let without = [("json.schemas.enable", "false"), ("extension.attributes.enable", "false")];
    let expected = format!("{HEAD}\"data\":{{\"before\":null,\"after\":{{\"id\":2}}}}}}");
    assert_eq!(encoded(&without, &created(true), &[]).unwrap().unwrap(), expected);
}

#[test]
fn data_with_its_schema_is_an_object_of_both() {
    let row = r#"{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":true,"name":"cedb.public.ce.Value","field":"#;
    let expected = format!(
        r#"{HEAD}"data":{{"schema":{{"type":"struct","fields":[{row}"before"}},{row}"after"}}],"optional":false,"name":"io.debezium.connector.postgresql.Data"}},"payload":{{"before":null,"after":{{"id":2}}}}}}}}"#
    );
    assert_eq!(encoded(&[("extension.attributes.enable", "false")], &created(true), &[]).unwrap().unwrap(), expected);
}

#[test]
fn what_is_no_change_of_data_is_null() {
    let key = Schema::structure(vec![Field::new("id", Schema::new(Kind::Int32))]).named("cedb.public.ce.Key").shared();
    let key = Datum::new(key.clone(), Value::Struct(Struct::new(key, vec![Value::Int32(1)])));
    assert_eq!(encoded(&[], &key, &[]).unwrap(), None);
    assert_eq!(encoded(&[], &Datum { schema: created(true).schema, value: Value::Null }, &[]).unwrap(), None);
}

/// After a null the next event is one again.
#[test]
fn a_null_does_not_hide_what_follows() {
    let converter = new(&Props::default(), false).unwrap();
    let event = created(true);
    let Ok(Plan::Ready(plan)) = converter.plan("t", event.schema.as_ref()) else { panic!("no registry here") };
    let mut out = Vec::new();
    assert!(!plan.encode(&Value::Null, &mut out).unwrap());
    assert!(plan.encode(&event.value, &mut out).unwrap());
    assert!(out.starts_with(HEAD.as_bytes()));
}

#[test]
fn attributes_may_come_from_headers() {
    let header = |name: &str, value: Value| Header { name: name.into(), datum: Datum { schema: None, value } };
    let headers = [
        header("source", Value::Struct(source())),
        header("op", Value::string("u")),
        header("id", Value::string("7")),
        header("type", Value::string("OrderPlaced")),
    ];
    // the value is a row alone
    let value = row();
    let datum = Datum::new(value.schema.clone(), Value::Struct(value));
    let options = [("metadata.source", "header,dataSchemaName:generate"), ("json.schemas.enable", "false")];
    let event = encoded(&options, &datum, &headers).unwrap().unwrap();
    assert!(
        event.starts_with(r#"{"id":"7","source":"/debezium/postgresql/cedb","specversion":"1.0","type":"OrderPlaced","#),
        "{event}"
    );
    assert!(event.contains(r#""iodebeziumop":"u""#) && event.ends_with(r#""data":{"id":2}}"#), "{event}");
    assert_eq!(encoded(&options, &datum, &[]).unwrap(), None, "no source, no event");
    let error = encoded(&options, &datum, &headers[..2]).unwrap_err().to_string();
    assert!(error.contains("Header `id` was not provided"), "{error}");
}

#[test]
fn avro_needs_the_url_of_a_registry() {
    let error = new(&Props::from_iter([("data.serializer.type", "avro")]), false).err().unwrap().to_string();
    assert!(error.contains("Need URL(s) for schema registry instances"), "{error}");
}
