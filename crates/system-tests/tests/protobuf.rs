//! Protobuf by a real schema registry: what an unmodified consumer reads with messages compiled from the registered schema, what this
//! converter's own reader reads, and what becomes of a change that the registry refuses.
//!
//! Confluent's converter was not to be had: nothing here compares with it.

use std::time::Duration;

use bytes::Bytes;
use rowtide_api::Props;
use rowtide_schema_registry::Reader;
use rowtide_system_tests::registry::{self, ccompat, count, hold_to, told};
use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(60);
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";
const SCHEMA: &str = "CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2), note text DEFAULT 'none', small smallint, tags text[], day date, at timestamp);
    INSERT INTO orders VALUES (1, 12.50, 'first', 7, '{a,b}', '2024-02-29', '2024-02-29 12:00:00.5')";

fn connector(database: &Database, options: &[(&str, &str)]) -> Map<String, Value> {
    let more = [("table.include.list", "public.orders"), ("time.precision.mode", "connect")];
    let url = ccompat();
    registry::connector(database, &more, PROTOBUF, &[&[("schema.registry.url", url.as_str())], options].concat())
}

/// The first records of a topic.
fn consume(topic: &str, count: usize) -> Vec<Value> {
    registry::consume("protobuf", topic, count)
}

/// The text under which the latest schema of a subject is registered.
fn registered(subject: &str) -> String {
    let found = Rest::new(&ccompat()).ok("GET", &format!("/subjects/{subject}/versions/latest"), None);
    found["schema"].as_str().expect("a schema").to_owned()
}

#[test]
fn a_python_consumer_reads_what_was_registered_and_null_is_null_where_labels_or_wrappers_say_so() {
    for (name, option) in [("optional", "optional.for.nullables"), ("wrapper", "wrapper.for.nullables")] {
        let database = Database::new(&format!("protobuf_{name}"));
        let _topics = Cleanup(database.name.clone());
        database.sql(SCHEMA);
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        rowtide.rest.create("orders", &connector(&database, &[(option, "true")]), None);
        database.wait_streaming();
        database.sql(
            "UPDATE orders SET total = -0.01, small = 0, tags = '{}' WHERE id = 1; INSERT INTO orders VALUES (2, NULL, NULL); DELETE FROM orders WHERE id = 1",
        );
        let topic = format!("{}.public.orders", database.name);
        let records = consume(&topic, 5);
        let (day, at) = (json!({ "year": 2024, "month": 2, "day": 29 }), "2024-02-29T12:00:00.500Z");
        let first = json!({ "id": 1, "total": "12.50", "note": "first", "small": 7, "tags": ["a", "b"], "day": day, "at": at });
        let second = json!({ "id": 1, "total": "-0.01", "note": "first", "small": 0, "tags": [], "day": day, "at": at });
        // a null in a column that has a default is the default
        let third = json!({ "id": 2, "total": null, "note": "none", "small": null, "tags": [], "day": null, "at": null });
        let expected = [
            json!({ "id": 1, "op": "r", "after": first }),
            json!({ "id": 1, "op": "u", "after": second }),
            json!({ "id": 2, "op": "c", "after": third }),
            json!({ "id": 1, "op": "d", "after": null }),
            json!({ "id": 1, "op": null, "after": null }),
        ];
        assert_eq!(told(&records), expected, "{name}: {records:#?}");
        rowtide.stop();
    }
}

#[test]
fn the_registered_text_is_the_one_that_the_rules_give_and_our_own_reader_reads_by_it() {
    let database = Database::new("protobuf_text");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    rowtide.rest.create("orders", &connector(&database, &[]), None);
    database.wait_streaming();
    let topic = format!("{}.public.orders", database.name);
    wait_until("the row arrives", LONG, || (count(&topic) == 1).then_some(()));
    let key = format!("syntax = \"proto3\";\npackage {topic};\n\nmessage Key {{\n  int32 id = 1;\n}}\n");
    assert_eq!(registered(&format!("{topic}-key")), key);
    let value = registered(&format!("{topic}-value"));
    let row = "  message Value {\n    int32 id = 1;\n    confluent.type.Decimal total = 2 [(confluent.field_meta) = {\n";
    for part in [
        row,
        "import \"confluent/type/decimal.proto\";\n",
        "    repeated string tags = 5;\n",
        "  Value after = 2;\n",
        "  Source source = 3;\n",
    ] {
        assert!(value.contains(part), "'{part}' is not in:\n{value}");
    }
    let props = Props::from_iter([("schema.registry.url", ccompat())]);
    let reader = Reader::confluent_protobuf(&props, false).expect("a reader");
    let mut written = None;
    topics::each(&topic, |_, value| written = value.map(Bytes::copy_from_slice));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let read = runtime.block_on(reader.read(&[], written.as_ref())).expect("a datum");
    let after = read.value.as_struct().and_then(|event| event.get("after")).and_then(rowtide_api::Value::as_struct);
    let after = after.expect("a row");
    assert_eq!(after.get("note"), Some(&rowtide_api::Value::string("first")));
    assert_eq!(after.get("total"), Some(&rowtide_api::Value::Bytes(vec![4, 0xE2].into())));
    assert_eq!(after.get("small"), Some(&rowtide_api::Value::Int16(7)));
    rowtide.stop();
}

#[test]
fn an_incompatible_change_stops_the_task_before_anything_of_it_is_written() {
    let database = Database::new("protobuf_incompatible");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let topic = format!("{}.public.orders", database.name);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let mut config = connector(&database, &[("optional.for.nullables", "true")]);
    config.insert("errors.tolerance".into(), "all".into());
    rowtide.rest.create("orders", &config, None);
    database.wait_streaming();
    wait_until("the first row arrives", LONG, || (count(&topic) == 1).then_some(()));
    hold_to(&format!("{topic}-value"), "BACKWARD");
    // a new column that may be null is compatible
    database.sql("ALTER TABLE orders ADD COLUMN more int; INSERT INTO orders (id, more) VALUES (2, 5)");
    wait_until("the second row arrives", LONG, || (count(&topic) == 2).then_some(()));
    database.sql("ALTER TABLE orders ALTER COLUMN small TYPE text USING 'x'; INSERT INTO orders (id, small) VALUES (3, 'much')");
    registry::refuses_then_takes(&rowtide, "orders", &topic, 2, &[]);
    let records = consume(&topic, 3);
    assert_eq!((&records[1]["value"]["after"]["more"], &records[2]["value"]["after"]["small"]), (&json!(5), &json!("much")));
    rowtide.stop();
}

#[test]
fn known_files_are_registered_and_referred_to_where_that_is_wanted() {
    let database = Database::new("protobuf_references");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    rowtide.rest.create("orders", &connector(&database, &[("skip.known.types", "false")]), None);
    let topic = format!("{}.public.orders", database.name);
    assert_eq!(consume(&topic, 1)[0]["value"]["after"]["total"], "12.50");
    let latest = Rest::new(&ccompat()).ok("GET", &format!("/subjects/{topic}-value/versions/latest"), None);
    let names: Vec<&str> =
        latest["references"].as_array().expect("references").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["confluent/type/decimal.proto", "google/type/date.proto", "google/protobuf/timestamp.proto"], "{latest}");
    rowtide.stop();
    // the latest version serves as well as the one that was registered
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let mut again = connector(&database, &[("auto.register.schemas", "false"), ("use.latest.version", "true")]);
    again.insert("slot.name".into(), format!("{}_2", database.name).into());
    rowtide.rest.create("orders", &again, None);
    assert_eq!(consume(&topic, 2)[1]["value"]["after"]["total"], "12.50");
    rowtide.stop();
}
