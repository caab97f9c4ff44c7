//! A configuration as it runs in production today, unchanged.

use std::time::Duration;

use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::{Database, Role};
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

const LONG: Duration = Duration::from_secs(60);
const PASSWORD: &str = "pr0duction-9912-pw";
const SCHEMA: &str = "
CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2));
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE secrets (id int PRIMARY KEY);
CREATE TABLE debezium_heartbeat (id int PRIMARY KEY, ts timestamptz);
INSERT INTO debezium_heartbeat VALUES (1, '2000-01-01');
INSERT INTO orders VALUES (1, 12.50); INSERT INTO users VALUES (1, 'Ada'); INSERT INTO secrets VALUES (1);
";

/// Place and names are the test's; all else stands as users write it.
fn configuration(database: &Database, user: &str) -> Map<String, Value> {
    let place = database.connector(&[]);
    let mut config = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.user": user,
        "database.password": "${POSTGRES_PASSWORD}",
        "database.dbname": database.name,
        "topic.prefix": "prod",
        "table.include.list": "public.orders,public.users",
        "plugin.name": "pgoutput",
        "slot.name": database.name,
        "publication.name": database.name,
        "heartbeat.interval.ms": "10000",
        "heartbeat.action.query": "UPDATE debezium_heartbeat SET ts = NOW()",
        "transforms": "route",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "prod\\.public\\.(.*)",
        "transforms.route.replacement": "cdc.$1",
        "snapshot.mode": "initial",
        "decimal.handling.mode": "string",
        "tombstones.on.delete": "true",
    });
    for name in ["database.hostname", "database.port"] {
        config[name] = place[name].clone();
    }
    config.as_object().cloned().unwrap_or_default()
}

/// Topic, op and row of each line, in the order of the file; heartbeats are left out.
fn changes(home: &Home, connector: &str) -> Vec<String> {
    let lines = home.lines(connector);
    let changes = lines.iter().filter(|line| line["topic"] != "__debezium-heartbeat.prod");
    changes
        .map(|line| format!("{} {} {}", line["topic"].as_str().unwrap_or(""), line["value"]["op"], line["value"]["after"]))
        .collect()
}

#[test]
fn it_runs_as_it_stands() {
    let role = Role::new("SUPERUSER LOGIN", PASSWORD);
    let database = Database::new("production");
    database.sql(SCHEMA);
    let mut home = Home::default();
    home.set("POSTGRES_PASSWORD", PASSWORD);
    let file = home.connector_file("orders-cdc", &configuration(&database, &role.name));
    let rowtide = home.run(&[file]);
    database.wait_streaming();
    database.sql("UPDATE orders SET total = 13 WHERE id = 1; INSERT INTO secrets VALUES (2); DELETE FROM users WHERE id = 1");
    wait_until("the changes arrive", LONG, || (changes(&home, "orders-cdc").len() >= 5).then_some(()));
    let expected = [
        "cdc.orders \"r\" {\"id\":1,\"total\":\"12.50\"}",
        "cdc.users \"r\" {\"id\":1,\"name\":\"Ada\"}",
        "cdc.orders \"u\" {\"id\":1,\"total\":\"13.00\"}",
        "cdc.users \"d\" null",
        "cdc.users null null",
    ];
    assert_eq!(changes(&home, "orders-cdc"), expected);
    wait_until("a heartbeat runs the statement", LONG, || {
        (database.sql("SELECT ts > '2020-01-01' FROM debezium_heartbeat") == "t").then_some(())
    });
    wait_until("a heartbeat is written", LONG, || {
        home.lines("orders-cdc").iter().any(|line| line["topic"] == "__debezium-heartbeat.prod").then_some(())
    });
    let shown = rowtide.rest.ok("GET", "/connectors/orders-cdc/config", None);
    assert_eq!(shown["database.password"], "${POSTGRES_PASSWORD}", "what the user wrote is what is shown");
    assert!(!rowtide.log().contains("did you mean"), "every property is known:\n{}", rowtide.log());
    assert!(!rowtide.log().contains(PASSWORD), "the password is in the log");
    rowtide.stop();
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let database = Database::new("production_unset");
    let home = Home::default();
    let file = home.connector_file("orders-cdc", &configuration(&database, "postgres"));
    let mut rowtide = home.spawn(home.run_command(&[file]), std::process::Stdio::null());
    let status = rowtide.wait_exit(LONG);
    assert_eq!(status.code(), Some(3), "the password is not right then:\n{}", rowtide.log());
    assert!(rowtide.log().contains("POSTGRES_PASSWORD is not set in the environment"), "{}", rowtide.log());
}

#[test]
fn a_worker_takes_the_password_from_its_environment_provider_and_writes_to_kafka() {
    let role = Role::new("SUPERUSER LOGIN", PASSWORD);
    let database = Database::new("production_kafka");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let mut home = Home::default();
    home.set("POSTGRES_PASSWORD", PASSWORD);
    let mut config = configuration(&database, &role.name);
    config.insert("database.password".into(), "${env:POSTGRES_PASSWORD}".into());
    config.insert("topic.prefix".into(), database.name.clone().into());
    config.insert("transforms.route.regex".into(), format!("{}\\.public\\.(.*)", database.name).into());
    config.insert("transforms.route.replacement".into(), format!("{}.cdc.$1", database.name).into());
    let provider =
        "config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider";
    let rowtide = home.standalone(provider, &[]);
    rowtide.rest.create("orders-cdc", &config, None);
    let topic = format!("{}.cdc.orders", database.name);
    wait_until("the snapshot is in Kafka", LONG, || (topics::read(&topic).len() == 1).then_some(()));
    let record = &topics::read(&topic)[0];
    assert_eq!((&record.key, &record.value["after"]), (&json!({ "id": 1 }), &json!({ "id": 1, "total": "12.50" })));
    let shown = rowtide.rest.ok("GET", "/connectors/orders-cdc", None).to_string();
    assert!(shown.contains("${env:POSTGRES_PASSWORD}") && !shown.contains(PASSWORD), "{shown}");
    rowtide.stop();
}

#[test]
fn the_avro_converter_is_refused_with_what_there_is_instead() {
    let database = Database::new("production_avro");
    let home = Home::default();
    let rowtide = home.run(&[]);
    let mut config = database.connector(&[]);
    for side in ["key", "value"] {
        config.insert(format!("{side}.converter"), "io.confluent.connect.avro.AvroConverter".into());
        config.insert(format!("{side}.converter.schema.registry.url"), "http://schema-registry:8081".into());
    }
    let answer = rowtide.rest.send("PUT", "/connectors/orders-cdc/config", Some(&Value::Object(config)));
    assert_eq!(answer.status, 400, "{answer:?}");
    let message = answer.body["message"].as_str().unwrap_or_default();
    for word in ["io.confluent.connect.avro.AvroConverter", "org.apache.kafka.connect.json.JsonConverter"] {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}
