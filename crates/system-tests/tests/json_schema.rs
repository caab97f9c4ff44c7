//! JSON with schemas in a real registry: what an unmodified consumer reads, what our own readers read, and what becomes of a task whose
//! schema is refused. What a registry does that is away or refuses credentials is the same for every format: `avro.rs`.
//!
//! Whether Apicurio's Java converter writes the same is for the comparison (`parity.py --registry URL --format json`).

use std::time::Duration;

use bytes::Bytes;
use rowtide_api::{Datum, Props};
use rowtide_schema_registry::Reader;
use rowtide_system_tests::changing::foresee;
use rowtide_system_tests::registry::{self, ccompat, consume, count, hold_to};
use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{need, wait_until};
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(60);
const CONFLUENT: &str = "io.confluent.connect.json.JsonSchemaConverter";
const APICURIO: &str = "io.apicurio.registry.utils.converter.ExtJsonConverter";
const SCHEMA: &str =
    "CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2), note text DEFAULT 'none', at timestamptz(6), data bytea);
    INSERT INTO orders VALUES (1, 12.50)";

fn connector(database: &Database, class: &str, options: &[(&str, &str)]) -> Map<String, Value> {
    registry::connector(database, &[("table.include.list", "public.orders")], class, options)
}

/// The values of a topic, as a reader of ours has them.
fn values(reader: &Reader, topic: &str) -> Vec<Datum> {
    let mut found: Vec<Option<Bytes>> = Vec::new();
    topics::each(topic, |_, value| found.push(value.map(Bytes::copy_from_slice)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let read = async |bytes: &Option<Bytes>| reader.read(&[], bytes.as_ref()).await.expect("what was written");
    found.iter().map(|bytes| runtime.block_on(read(bytes))).collect()
}

#[test]
fn a_python_consumer_reads_every_record_and_holds_it_against_its_schema() {
    let database = Database::new("json_confluent");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let url = ccompat();
    let options = [("schema.registry.url", url.as_str()), ("decimal.format", "NUMERIC")];
    rowtide.rest.create("orders", &connector(&database, CONFLUENT, &options), None);
    database.wait_streaming();
    database.sql(
        "UPDATE orders SET total = -0.01, data = 'x' WHERE id = 1; INSERT INTO orders VALUES (2, NULL, NULL); DELETE FROM orders WHERE id = 1",
    );
    let topic = format!("{}.public.orders", database.name);
    let records = consume("json", &topic, 5);
    let row = |id: i32, total: Value, data: Value| json!({ "id": id, "total": total, "note": "none", "at": null, "data": data });
    let expected = [
        json!({ "id": 1, "op": "r", "after": row(1, json!(12.5), Value::Null) }),
        json!({ "id": 1, "op": "u", "after": row(1, json!(-0.01), "eA==".into()) }),
        // a null in a column that has a default is the default, as Java's converter writes it
        json!({ "id": 2, "op": "c", "after": row(2, Value::Null, Value::Null) }),
        json!({ "id": 1, "op": "d", "after": null }),
        json!({ "id": 1, "op": null, "after": null }),
    ];
    assert_eq!(registry::told(&records), expected, "{records:#?}");
    let registered = Rest::new(&ccompat()).ok("GET", &format!("/subjects/{topic}-value/versions/latest"), None);
    assert_eq!(registered["schemaType"], "JSON", "{registered}");
    let schema: Value = serde_json::from_str(registered["schema"].as_str().expect("its text")).expect("JSON");
    assert_eq!(schema["title"], format!("{topic}.Envelope"), "{schema}");
    let props: Props = options.into_iter().collect();
    let read = values(&Reader::confluent_json(&props, false).expect("good options"), &topic);
    let after = read[1].value.as_struct().and_then(|event| event.get("after")?.as_struct().cloned()).expect("a row");
    assert_eq!(after.get("total"), Some(&rowtide_api::Value::Bytes(Bytes::from_static(&[0xff]))));
    assert!(read[4].value.is_null(), "a tombstone");
    rowtide.stop();
}

#[test]
fn an_incompatible_change_stops_the_task_before_anything_of_it_is_written() {
    let database = Database::new("json_incompatible");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let topic = format!("{}.public.orders", database.name);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let config = connector(&database, CONFLUENT, &[("schema.registry.url", &ccompat())]);
    registry::refuses_another_type(&rowtide, &database, config, &topic, &["object.additional.properties"]);
    assert_eq!(consume("json", &topic, 2)[1]["value"]["after"]["total"], 77);
    rowtide.stop();
}

#[test]
fn a_new_column_is_compatible_with_a_schema_that_allows_no_others() {
    let database = Database::new("json_column");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let topic = format!("{}.public.orders", database.name);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let url = ccompat();
    let options = [("schema.registry.url", url.as_str()), ("object.additional.properties", "false")];
    rowtide.rest.create("orders", &connector(&database, CONFLUENT, &options), None);
    database.wait_streaming();
    wait_until("the first row arrives", LONG, || (count(&topic) == 1).then_some(()));
    hold_to(&format!("{topic}-value"), "BACKWARD");
    database.sql("ALTER TABLE orders ADD COLUMN more text; INSERT INTO orders VALUES (2, 77, 'x', NULL, NULL, 'much')");
    assert_eq!(consume("json", &topic, 2)[1]["value"]["after"]["more"], "much");
    rowtide.stop();
}

#[test]
fn values_go_under_the_latest_schema_only_if_they_fit_it() {
    let database = Database::new("json_latest");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let topic = format!("{}.public.orders", database.name);
    let registry = Rest::new(&ccompat());
    let register = |side: &str, properties: &str| {
        let schema = format!(r#"{{"type":"object","properties":{properties}}}"#);
        registry.ok(
            "POST",
            &format!("/subjects/{topic}-{side}/versions"),
            Some(&json!({ "schema": schema, "schemaType": "JSON" })),
        )
    };
    let id = register("key", r#"{"id":{"type":"number"}}"#)["id"].as_i64().expect("an id");
    register("value", r#"{"after":{"type":["object","null"],"properties":{"note":{"type":"integer"}}}}"#);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let url = ccompat();
    let options = [("schema.registry.url", url.as_str()), ("auto.register.schemas", "false"), ("use.latest.version", "true")];
    rowtide.rest.create("orders", &connector(&database, CONFLUENT, &options), None);
    let trace = rowtide.rest.wait_failed("orders");
    for word in ["the field 'after.note' does not fit", &format!("{topic}-value"), "auto.register.schemas=true"] {
        assert!(trace.contains(word), "'{word}' is not in: {trace}");
    }
    assert_eq!(count(&topic), 0);
    hold_to(&format!("{topic}-value"), "NONE");
    register("value", r#"{"after":{"type":["object","null"],"properties":{"note":{"type":["string","null"]}}}}"#);
    rowtide.rest.ok("POST", "/connectors/orders/restart?includeTasks=true", None);
    let records = consume("json", &topic, 1);
    assert_eq!(records[0]["value"]["after"]["note"], "none");
    let mut ids = Vec::new();
    topics::each(&topic, |key, _| ids.extend(key.and_then(|key| Some(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?)))));
    assert_eq!(ids.first().map(|id| i64::from(*id)), Some(id), "{ids:?}");
    rowtide.stop();
}

#[test]
fn what_apicurios_converter_registers_by_both_of_its_apis_is_read_again() {
    for api in ["v2", "v3"] {
        let database = Database::new("json_apicurio");
        let _topics = Cleanup(database.name.clone());
        database.sql(SCHEMA);
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        let url = format!("{}/apis/registry/{api}", need("ROWTIDE_TEST_REGISTRY"));
        let options = [("apicurio.registry.url", url.as_str()), ("apicurio.registry.auto-register", "true")];
        let config = connector(&database, APICURIO, &options);
        rowtide.rest.create("orders", &config, None);
        let topic = format!("{}.public.orders", database.name);
        wait_until("the row arrives", LONG, || (count(&topic) == 1).then_some(()));
        let props: Props = options.into_iter().collect();
        let read = values(&Reader::apicurio_json(&props).expect("good options"), &topic);
        let schema = read[0].schema.as_ref().and_then(|schema| schema.name.as_deref());
        assert_eq!(schema, Some(&*format!("{topic}.Envelope")), "{api}");
        let after = read[0].value.as_struct().and_then(|event| event.get("after")?.as_struct().cloned()).expect("a row");
        assert_eq!(after.get("note").and_then(|note| note.as_str()), Some("none"), "{api}");
        // the registry holds such schemas to nothing; what old consumers make of a change is told all the same
        let told = foresee(&home, &config, "ALTER TABLE orders ALTER COLUMN total TYPE int USING 1");
        let value = &told["tables"][0]["sides"][1];
        assert_eq!(value["verdict"], "compatible", "{api}: {told:#}");
        assert_eq!(value["since_version"][0]["change"], "column 'total': was decimal(10,2), is int32", "{api}: {told:#}");
        assert_eq!(value["since_version"][0]["breaks"], true, "{api}: {told:#}");
        rowtide.stop();
        // the latest version serves as well as the one that was registered, until the table no longer fits it
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        let latest = [options[0], ("apicurio.registry.find-latest", "true")];
        let mut again = connector(&database, APICURIO, &latest);
        again.insert("slot.name".into(), format!("{}_2", database.name).into());
        rowtide.rest.create("orders", &again, None);
        wait_until("the row arrives again", LONG, || (count(&topic) == 2).then_some(()));
        database.sql("ALTER TABLE orders ALTER COLUMN total TYPE int USING 1; INSERT INTO orders VALUES (2, 77)");
        let trace = rowtide.rest.wait_failed("orders");
        for word in ["total' does not fit the registered schema", &format!("{topic}-value"), "auto-register=true"] {
            assert!(trace.contains(word), "{api}: '{word}' is not in: {trace}");
        }
        assert_eq!(count(&topic), 2, "{api}");
        rowtide.stop();
    }
}
