//! A configuration as it runs in production today, unchanged.

use std::time::Duration;

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::Scene;
use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::kafka;
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
fn with_the_avro_converter_it_runs_unchanged_too() {
    let database = Database::new("production_avro");
    let _topics = Cleanup(database.name.clone());
    database.sql(SCHEMA);
    let mut home = Home::default();
    home.set("POSTGRES_PASSWORD", "postgres");
    let mut config = configuration(&database, "postgres");
    config.insert("database.password".into(), "postgres".into());
    config.insert("topic.prefix".into(), database.name.clone().into());
    config.insert("transforms.route.regex".into(), format!("{}\\.public\\.(.*)", database.name).into());
    config.insert("transforms.route.replacement".into(), format!("{}.cdc.$1", database.name).into());
    for side in ["key", "value"] {
        config.insert(format!("{side}.converter"), "io.confluent.connect.avro.AvroConverter".into());
        let url = format!("{}/apis/ccompat/v7", rowtide_testkit::need("ROWTIDE_TEST_REGISTRY"));
        config.insert(format!("{side}.converter.schema.registry.url"), url.into());
    }
    let rowtide = home.standalone("", &[]);
    rowtide.rest.create("orders-cdc", &config, None);
    let topic = format!("{}.cdc.orders", database.name);
    let mut values = Vec::new();
    wait_until("the snapshot is in Kafka", LONG, || {
        values.clear();
        topics::each(&topic, |_, value| values.push(value.unwrap_or_default().to_vec()));
        (!values.is_empty()).then_some(())
    });
    // magic byte, id, no `before`, an `after`
    assert_eq!((values[0][0], &values[0][5..7]), (0, &[0, 2][..]));
    assert!(!rowtide.log().contains("did you mean"), "every property is known:\n{}", rowtide.log());
    rowtide.stop();
}

#[test]
fn a_worker_is_what_the_environment_of_a_container_says() {
    let scene = Scene::new("by_environment");
    let [config, offset, status] = scene.group.topics();
    let broker = kafka();
    let mut home = Home::default();
    for (name, value) in [
        ("BOOTSTRAP_SERVERS", broker.as_str()),
        ("GROUP_ID", &scene.group.name),
        ("CONFIG_STORAGE_TOPIC", &config),
        ("OFFSET_STORAGE_TOPIC", &offset),
        ("CONNECT_STATUS_STORAGE_TOPIC", &status),
        ("ADVERTISED_HOST_NAME", "127.0.0.1"),
        ("OFFSET_FLUSH_INTERVAL_MS", "200"),
        ("CONNECT_KEY_CONVERTER_SCHEMAS_ENABLE", "false"),
        ("CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE", "false"),
    ] {
        home.set(name, value);
    }
    let load = Load::start(&scene.database, Mix::All);
    let rowtide = home.by_environment();
    scene.create(&rowtide.rest);
    scene.goes_on(&rowtide.rest);
    assert!(rowtide.rest.worker_id().starts_with("127.0.0.1:"), "{}", rowtide.rest.worker_id());
    rowtide.stop();
    // what it left in these topics, a worker with a file finds
    let rowtide = home.distributed(&scene.group, "");
    scene.goes_on(&rowtide.rest);
    assert_eq!(scene.verdict(load), 0, "nothing comes twice after a clean stop");
    rowtide.stop();
}
