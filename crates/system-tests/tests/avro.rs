//! Avro by a real schema registry: what an unmodified consumer reads, and what becomes of a task whose registry is away, refuses it, or
//! does not know it.
//!
//! Whether schemas and bytes are those of the Java converters is for the comparison (`parity.py --registry`).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

use rowtide_system_tests::registry::{self, ccompat, count};
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::proxy::Proxy;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{free_port, need, wait_until};
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(60);
const CONFLUENT: &str = "io.confluent.connect.avro.AvroConverter";
const APICURIO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
const SCHEMA: &str = "CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2), note text DEFAULT 'none');
    INSERT INTO orders VALUES (1, 12.50)";

fn connector(database: &Database, class: &str, options: &[(&str, &str)]) -> Map<String, Value> {
    registry::connector(database, &[("table.include.list", "public.orders")], class, options)
}

/// The first records of a topic.
fn consume(topic: &str, count: usize) -> Vec<Value> {
    registry::consume("avro", topic, count)
}

/// The keys in a topic.
fn ids(topic: &str) -> BTreeSet<i64> {
    consume(topic, count(topic)).iter().filter_map(|record| record["key"]["id"].as_i64()).collect()
}

#[test]
fn a_python_consumer_reads_the_confluent_format() {
    let database = Database::new("avro_confluent");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    // the first URL does not answer
    let urls = format!("http://127.0.0.1:{},{}", free_port(), ccompat());
    rowtide.rest.create("orders", &connector(&database, CONFLUENT, &[("schema.registry.url", &urls)]), None);
    database.wait_streaming();
    database.sql("UPDATE orders SET total = -0.01 WHERE id = 1; INSERT INTO orders VALUES (2, NULL, NULL); DELETE FROM orders WHERE id = 1");
    let records = consume(&format!("{}.public.orders", database.name), 5);
    let row = |total: Value, id: i32, note: &str| json!({ "id": id, "total": total, "note": note });
    let expected = [
        json!({ "id": 1, "op": "r", "after": row("12.50".into(), 1, "none") }),
        json!({ "id": 1, "op": "u", "after": row("-0.01".into(), 1, "none") }),
        // a null in a column that has a default is the default, as Java's converter writes it
        json!({ "id": 2, "op": "c", "after": row(Value::Null, 2, "none") }),
        json!({ "id": 1, "op": "d", "after": null }),
        json!({ "id": 1, "op": null, "after": null }),
    ];
    assert_eq!(registry::told(&records), expected, "{records:#?}");
    rowtide.stop();
}

#[test]
fn apicurios_converter_can_write_the_confluent_format_by_both_of_its_apis() {
    for api in ["v2", "v3"] {
        let database = Database::new("avro_apicurio");
        let _topics = Cleanup(database.name.clone());
        database.sql(SCHEMA);
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        let url = format!("{}/apis/registry/{api}", need("ROWTIDE_TEST_REGISTRY"));
        let options = [
            ("apicurio.registry.url", url.as_str()),
            ("apicurio.registry.auto-register", "true"),
            ("apicurio.registry.headers.enabled", "false"),
            ("apicurio.registry.as-confluent", "true"),
            ("apicurio.registry.use-id", "contentId"),
        ];
        rowtide.rest.create("orders", &connector(&database, APICURIO, &options), None);
        let topic = format!("{}.public.orders", database.name);
        assert_eq!(consume(&topic, 1)[0]["value"]["after"]["total"], "12.50", "{api}");
        rowtide.stop();
        // the latest version serves as well as the one that was registered
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        let mut options = options.to_vec();
        options[1] = ("apicurio.registry.find-latest", "true");
        let mut again = connector(&database, APICURIO, &options);
        again.insert("slot.name".into(), format!("{}_2", database.name).into());
        rowtide.rest.create("orders", &again, None);
        assert_eq!(consume(&topic, 2)[1]["value"]["after"]["total"], "12.50", "{api}");
        rowtide.stop();
    }
}

#[test]
fn a_registry_that_is_away_holds_the_task_up_and_loses_nothing() {
    let database = Database::new("avro_away");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let registry = need("ROWTIDE_TEST_REGISTRY");
    let port = registry.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the registry's port");
    let proxy = Proxy::new("avro_away", port);
    proxy.refuse();
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", proxy.port);
    let options = [("schema.registry.url", url.as_str()), ("max.retries", "1"), ("retries.wait.ms", "50")];
    // errors.tolerance=all must not skip what waits for the registry
    let mut config = connector(&database, CONFLUENT, &options);
    config.insert("errors.tolerance".into(), "all".into());
    rowtide.rest.create("orders", &config, None);
    rowtide.wait_log("the schema registry cannot be asked");
    rowtide.wait_log("restarting the task");
    assert_eq!(rowtide.rest.state("orders").1, "RUNNING");
    let topic = format!("{}.public.orders", database.name);
    assert_eq!(count(&topic), 0);
    proxy.restore();
    database.wait_streaming();
    database.sql("INSERT INTO orders VALUES (2, 1.00)");
    // what the snapshot has left comes after the stream here, and may come again
    wait_until("both rows arrive", LONG, || (ids(&topic) == [1, 2].into()).then_some(()));
    // a table that changes while the registry is away
    proxy.refuse();
    database.sql("ALTER TABLE orders ADD COLUMN more int; INSERT INTO orders VALUES (3, 1.00, 'x', 7)");
    wait_until("the task tries again", LONG, || (rowtide.log().matches("restarting the task").count() >= 2).then_some(()));
    proxy.restore();
    wait_until("the row arrives", LONG, || (ids(&topic) == [1, 2, 3].into()).then_some(()));
    let records = consume(&topic, count(&topic));
    assert!(records.iter().any(|record| record["value"]["after"]["more"] == 7), "{records:#?}");
    rowtide.stop();
}

#[test]
fn an_incompatible_change_stops_the_task_before_anything_of_it_is_written() {
    let database = Database::new("avro_incompatible");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let topic = format!("{}.public.orders", database.name);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let config = connector(&database, CONFLUENT, &[("schema.registry.url", &ccompat())]);
    registry::refuses_another_type(&rowtide, &database, config, &topic, &[]);
    assert_eq!(consume(&topic, 2)[1]["value"]["after"]["total"], 77);
    rowtide.stop();
}

/// Answers every request with a status and a body, until the test's process ends.
fn registry_that_says(status: &'static str, body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap_or(0);
                }
            }
            let _ = std::io::Read::read_exact(&mut reader, &mut vec![0; length]);
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    port
}

/// Name, converter, its options, and what the trace must say.
type Refusal<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [&'a str]);

#[test]
fn a_registry_that_refuses_names_what_to_set() {
    let database = Database::new("avro_refused");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let unauthorized = registry_that_says("401 Unauthorized", r#"{"error_code":401,"message":"who are you"}"#);
    let page = registry_that_says("404 Not Found", "<html>a web server</html>");
    let local = |port: u16| format!("http://127.0.0.1:{port}");
    let (no_registry, no_user, registry, confluent) =
        (local(page), local(unauthorized), need("ROWTIDE_TEST_REGISTRY"), ccompat());
    let secret = format!("http://user:s3cr3t-9912@127.0.0.1:{unauthorized}");
    let topic = format!("{}.public.orders", database.name);
    let cases: [Refusal; 5] = [
        ("unauthorized", CONFLUENT, vec![("schema.registry.url", &secret)], &["401", "who are you", "basic.auth.user.info"]),
        ("no_registry", CONFLUENT, vec![("schema.registry.url", &no_registry)], &["404", "schema.registry.url"]),
        (
            "unregistered",
            CONFLUENT,
            vec![("schema.registry.url", &confluent), ("auto.register.schemas", "false")],
            &["404", "auto.register.schemas", &topic],
        ),
        (
            "unregistered_apicurio",
            APICURIO,
            vec![("apicurio.registry.url", &registry)],
            &["404", "apicurio.registry.auto-register=true", &topic],
        ),
        (
            "unauthorized_apicurio",
            APICURIO,
            vec![("apicurio.registry.url", &no_user), ("apicurio.registry.auto-register", "true")],
            &["401", "apicurio.auth.username"],
        ),
    ];
    for (name, class, options, words) in cases {
        let mut config = connector(&database, class, &options);
        config.insert("slot.name".into(), format!("{}_{name}", database.name).into());
        rowtide.rest.create(name, &config, None);
        let trace = rowtide.rest.wait_failed(name);
        for word in words {
            assert!(trace.contains(word), "{name}: '{word}' is not in: {trace}");
        }
        rowtide.rest.ok("DELETE", &format!("/connectors/{name}"), None);
    }
    assert!(!rowtide.log().contains("s3cr3t-9912"), "the password is in the log");
    assert_eq!(count(&topic), 0);
    rowtide.stop();
}
