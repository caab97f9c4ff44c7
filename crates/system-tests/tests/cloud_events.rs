//! CloudEvents in Avro by a real registry, held against what Debezium's converter with Apicurio's made of the same record (recorded from
//! their jars in one JVM: workers keep the two apart). In JSON they are compared in a running worker (`cloud_events.sql`), but for metadata from
//! headers, which no transform of ours makes yet: there Debezium's converter runs beside ours here.

use std::path::PathBuf;

use rowtide_api::{Datum, Field, Header, Kind, Props, Schema, Struct, Value};
use rowtide_system_tests::converting::{self, Java, ask, hex, script};
use rowtide_system_tests::registry::ccompat;
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::{need, unique};

/// The creation of a row.
fn created() -> Datum {
    let (text, long) = (|| Schema::new(Kind::String), || Schema::new(Kind::Int64));
    let source = [
        ("version", text(), Value::string("3.6.1.Final")),
        ("connector", text(), Value::string("postgresql")),
        ("name", text(), Value::string("ce-db")),
        ("ts_ms", long(), Value::Int64(1_795_967_939_509)),
        ("snapshot", text().optional().default_value(Value::string("false")), Value::Null),
        ("db", text(), Value::string("shop")),
        ("sequence", text().optional(), Value::string("[null,\"39677848\"]")),
        ("txId", long().optional(), Value::Int64(747)),
        ("lsn", long().optional(), Value::Int64(39_677_848)),
        ("xmin", long().optional(), Value::Null),
    ];
    let (fields, values): (Vec<Field>, Vec<Value>) =
        source.into_iter().map(|(name, schema, value)| (Field::new(name, schema), value)).unzip();
    let source = Struct::new(Schema::structure(fields).named("io.debezium.connector.postgresql.Source").shared(), values);
    let row =
        Schema::structure(vec![Field::new("id", Schema::new(Kind::Int32))]).optional().named("cedb.public.ce.Value").shared();
    let schema = Schema::structure(vec![
        Field::new("before", row.clone()),
        Field::new("after", row.clone()),
        Field::new("source", source.schema.clone()),
        Field::new("op", text()),
    ]);
    let schema = schema.named("cedb.public.ce.Envelope").versioned(2).shared();
    let after = Value::Struct(Struct::new(row, vec![Value::Int32(2)]));
    let values = vec![Value::Null, after, Value::Struct(source), Value::string("c")];
    Datum::new(schema.clone(), Value::Struct(Struct::new(schema, values)))
}

/// What the converter makes of it on a topic.
fn encoded(topic: &str, options: &[(&str, &str)]) -> Vec<u8> {
    let url = format!("{}/apis/registry/v2", need("ROWTIDE_TEST_REGISTRY"));
    let mut props: Props = options.iter().copied().collect();
    props.set("data.serializer.type", "avro");
    props.set("avro.apicurio.registry.url", url);
    props.set("avro.apicurio.registry.auto-register", "true");
    converted(&props, topic, &created(), &[])
}

const CLOUD_EVENTS: &str = "io.debezium.converters.CloudEventsConverter";

fn converted(props: &Props, topic: &str, datum: &Datum, headers: &[Header]) -> Vec<u8> {
    converting::encoded(rowtide_debezium_converters::ALL, CLOUD_EVENTS, props, topic, (datum, headers)).1
}

/// The text and the global id under which an artifact is registered.
fn registered(artifact: &str) -> (String, i64) {
    let registry = Rest::new(&format!("{}/apis/registry/v2/groups/default/artifacts/{artifact}", need("ROWTIDE_TEST_REGISTRY")));
    let id = registry.ok("GET", "/meta", None)["globalId"].as_i64().expect("an id");
    (registry.ok("GET", "", None).to_string(), id)
}

/// As Avro writes a text.
fn text(text: &str) -> Vec<u8> {
    let length = text.len() * 2;
    let prefix = if length < 0x80 { vec![length as u8] } else { vec![length as u8 | 0x80, (length >> 7) as u8] };
    [prefix, text.into()].concat()
}

const ID: &str = "name:ce-db;lsn:39677848;txId:747;sequence:[null,\"39677848\"]";

#[test]
fn avro_events_and_their_data_are_registered_and_written_as_debezium_does() {
    let topic = unique("cloud_avro");
    let _topics = Cleanup(topic.clone());
    let options =
        [("serializer.type", "avro"), ("extension.attributes.enable", "false"), ("avro.apicurio.registry.as-confluent", "true")];
    let written = encoded(&topic, &options);
    let (event, event_id) = registered(&format!("{topic}-value"));
    let (data, data_id) = registered(&format!("{topic}-data-value"));
    let fields = ["id", "source", "specversion", "type", "time", "datacontenttype", "dataschema"];
    let fields: Vec<String> = fields.iter().map(|name| format!(r#"{{"name":"{name}","type":"string"}}"#)).collect();
    let expected = format!(
        r#"{{"type":"record","name":"Envelope","namespace":"ce_db.shop.CloudEvents","fields":[{},{{"name":"data","type":"bytes"}}],"connect.name":"ce_db.shop.CloudEvents.Envelope"}}"#,
        fields.join(",")
    );
    assert_eq!(event, expected);
    let expected = concat!(
        r#"{"type":"record","name":"Data","namespace":"io.debezium.connector.postgresql","fields":[{"name":"before","type":["null","#,
        r#"{"type":"record","name":"Value","namespace":"cedb.public.ce","fields":[{"name":"id","type":"int"}],"#,
        r#""connect.name":"cedb.public.ce.Value"}],"default":null},{"name":"after","type":["null","cedb.public.ce.Value"],"default":null}],"#,
        r#""connect.name":"io.debezium.connector.postgresql.Data"}"#,
    );
    assert_eq!(data, expected);
    let address = format!("{}/apis/registry/v2/schemas/ids/{data_id}", need("ROWTIDE_TEST_REGISTRY"));
    let attributes = [
        ID,
        "/debezium/postgresql/ce-db",
        "1.0",
        "io.debezium.connector.postgresql.DataChangeEvent",
        "2026-11-29T15:58:59.509Z",
        "application/avro",
        &address,
    ];
    let prefix = |id: i64| [&[0], &(id as i32).to_be_bytes()[..]].concat();
    let mut expected = prefix(event_id);
    attributes.iter().for_each(|attribute| expected.extend(text(attribute)));
    // eight bytes of data: magic byte and id, no row before, the row after
    expected.extend([&[16], &prefix(data_id)[..], &[0, 2, 4]].concat());
    assert_eq!(written, expected);
}

#[test]
fn avro_data_in_a_json_event_is_base64_and_its_address_has_half_of_a_long_id() {
    let topic = unique("cloud_json");
    let _topics = Cleanup(topic.clone());
    let written = String::from_utf8(encoded(&topic, &[("extension.attributes.enable", "false")])).expect("JSON");
    let event: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let address = format!("{}/apis/registry/v2/schemas/ids/0", need("ROWTIDE_TEST_REGISTRY"));
    assert_eq!((&event["datacontenttype"], &event["dataschema"]), (&"application/avro".into(), &address.into()), "{written}");
    // a zero byte, seven of the id that are zero, its last one, no row before, the row after
    let data = event["data"].as_str().expect("base64");
    assert!(data.starts_with("AAAAAAAAAA") && data.len() == 16, "{data}");
    assert!(registered(&format!("{topic}-value")).0.contains("io.debezium.connector.postgresql"));
}

/// What `InsertHeader` and `HeaderFrom` put beside a record, `source` and `op` among it.
fn headers() -> Vec<Header> {
    let created = created();
    let event = created.value.as_struct().expect("an event");
    let schema_of =
        |name: &str| event.schema.fields().iter().find(|field| &*field.name == name).map(|field| field.schema.clone());
    let of = |name: &str| Datum { schema: schema_of(name), value: event.get(name).cloned().expect("a field") };
    let text = |text: &str| Datum::new(Schema::new(Kind::String).shared(), Value::string(text.to_owned()));
    let all = [
        ("source", of("source")),
        ("op", of("op")),
        ("id", text("7")),
        ("type", text("OrderPlaced")),
        ("traceparent", text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        ("dataSchemaName", text("shop.Order")),
    ];
    all.into_iter().map(|(name, datum)| Header { name: name.into(), datum }).collect()
}

#[test]
fn json_events_with_metadata_from_headers_are_those_of_debeziums_converter() {
    let (event, headers, topic) = (created(), headers(), "cedb.public.ce");
    // what is left of an event once a transform has taken the row out
    let row = event.value.as_struct().and_then(|event| event.get("after")?.as_struct().cloned()).expect("a row");
    let row = Datum { schema: Some(row.schema.clone()), value: Value::Struct(row) };
    let as_json = |datum: &Datum| {
        let (class, options) = ("org.apache.kafka.connect.json.JsonConverter", Props::from_iter([("schemas.enable", "true")]));
        converting::encoded(rowtide_converters::ALL, class, &options, topic, (datum, &[])).1
    };
    let shown: Vec<_> = headers.iter().map(|header| (&*header.name, as_json(&header.datum))).collect();
    let jars = [PathBuf::from(need("ROWTIDE_TEST_DEBEZIUM")), PathBuf::from(need("ROWTIDE_TEST_KAFKA_LIBS"))];
    let (tracing, named) =
        (("opentelemetry.tracing.attributes.enable", "true"), ("schema.data.name.source.header.enable", "true"));
    let cases: [(&Datum, &[(&str, &str)]); 5] = [
        (&row, &[("metadata.source", "header")]),
        (&row, &[("metadata.source", "header"), tracing, named]),
        (&row, &[("metadata.source", "header,id:generate,type:generate,traceparent:header,dataSchemaName:generate")]),
        (&event, &[("metadata.source", "value,id:header,type:header,traceparent:header,dataSchemaName:header"), named]),
        (&event, &[("metadata.source", "value,id:header,type:generate"), ("json.schemas.enable", "false")]),
    ];
    for (datum, options) in cases {
        let props: Props = options.iter().copied().collect();
        let java = Java { jars: &jars, class: CLOUD_EVENTS, options: &props, topic };
        let theirs = String::from_utf8(java.writes(&as_json(datum), &shown).1).expect("JSON");
        let ours = String::from_utf8(converted(&props, topic, datum, &headers)).expect("JSON");
        assert_eq!(ours, theirs, "{options:?}");
    }
}

#[test]
fn avro_events_by_confluents_registry_are_read_in_python_but_not_held_against_java_whose_jar_is_not_to_be_had() {
    let (topic, url) = (unique("cloud_confluent"), ccompat());
    let _topics = Cleanup(topic.clone());
    let options = [("serializer.type", "avro"), ("data.serializer.type", "avro"), ("avro.schema.registry.url", url.as_str())];
    let written = converted(&options.into_iter().collect(), &topic, &created(), &[]);
    let read = |bytes: &str| -> serde_json::Value {
        let mut command = script("confluent.py");
        let said = ask(command.args(["avro", "read", &url, &topic]), bytes.as_bytes()).expect("Python reads it");
        serde_json::from_str(&said).expect("JSON")
    };
    let event = read(&hex(&written));
    for (name, expected) in [
        ("id", ID),
        ("source", "/debezium/postgresql/ce-db"),
        ("specversion", "1.0"),
        ("datacontenttype", "application/avro"),
        ("iodebeziumop", "c"),
    ] {
        assert_eq!(event[name], expected, "{name}");
    }
    let data = event["data"].as_str().expect("hexadecimal");
    assert_eq!(read(data), serde_json::json!({ "before": null, "after": { "id": 2 } }));
    // the event says where the schema of its data is
    let address = event["dataschema"].as_str().and_then(|address| address.strip_prefix(&url)).expect("the registry's address");
    let schema = Rest::new(&url).ok("GET", address, None)["schema"].as_str().expect("its text").to_owned();
    assert!(schema.contains("io.debezium.connector.postgresql"), "{schema}");
}
