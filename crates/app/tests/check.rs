//! `rowtide check` as a user meets it: reports, exit codes, messages, on files and against a server that stands in for a Kafka
//! Connect worker. Nothing here needs a database, a broker or a Java worker; `system-tests` has the real one.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "hunter2-not-to-be-shown";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

fn check(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowtide")).arg("check").args(args).env_remove("RUST_LOG").output().unwrap()
}

fn file(dir: &TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A configuration as it runs in production, with changes.
fn config(name: &str, more: Value) -> Value {
    let mut config = json!({
        "name": name,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "db.invalid",
        "database.port": "5432",
        "database.user": "postgres",
        "database.password": SECRET,
        "database.dbname": "shop",
        "topic.prefix": "prod",
        "plugin.name": "pgoutput",
        "slot.name": "shop",
        "table.include.list": "public.orders,public.users",
        "heartbeat.interval.ms": "10000",
        "transforms": "route",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "prod\\.public\\.(.*)",
        "transforms.route.replacement": "cdc.$1",
        "key.converter": JSON,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// Standard output, after the exit code and the absence of secrets were looked at.
fn told(output: &Output, code: i32) -> String {
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{log}");
    assert!(!out.contains(SECRET) && !log.contains(SECRET) && !log.contains("panicked"), "{out}{log}");
    out.into_owned()
}

#[test]
fn a_configuration_from_production_would_run_as_it_is_and_no_server_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let posted = json!({ "name": "orders", "config": config("orders", json!({})) });
    let told_of = told(&check(&[&file(&dir, "orders.json", &posted.to_string())]), 0);
    assert!(told_of.contains("connector orders: would run as it is\n"), "{told_of}");
    assert!(told_of.contains("  20 ok\n") && !told_of.contains("invalid"), "{told_of}");
    assert!(told_of.ends_with("1 connector: 1 would run as they are, 0 with differences, 0 would not start\n"), "{told_of}");
    let all = told(&check(&["--all", &file(&dir, "flat.json", &config("flat", json!({})).to_string())]), 0);
    assert!(all.contains("  ok           database.password\n"), "{all}");
}

#[test]
fn each_property_that_matters_is_told_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let more = json!({
        "database.port": "many",
        "database.pasword": SECRET,
        "snapshot.fetch.size": "2000",
        "transforms": "route,unwrap",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.drop.tombstones": "false",
        "producer.override.sasl.jaas.config": SECRET,
        "producer.override.lingr.ms": "5",
        "database.user": "${file:/etc/secrets:user}",
    });
    let out = told(&check(&[&file(&dir, "shop.json", &config("shop", more).to_string())]), 1);
    let line = |verdict: &str, property: &str, why: &str| {
        let found = out.lines().find(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(verdict) && words.next() == Some(property)
        });
        assert!(found.is_some_and(|line| line.contains(why)), "{verdict} {property} {why}: {out}");
    };
    line("invalid", "database.port", "An integer is expected");
    line("unknown", "database.pasword", "did you mean 'database.password'?");
    line("ignored", "snapshot.fetch.size", "as the server sends them");
    line("unsupported", "transforms.unwrap.type", "a class of Debezium, is not built in");
    line("unknown", "producer.override.lingr.ms", "did you mean 'producer.override.linger.ms'?");
    line("variable", "database.user", "provider 'file'");
    assert!(out.contains("Remedy: correct 'database.port': Port."), "{out}");
    assert!(out.contains("1 that go with what is not there"), "{out}");
    assert!(out.contains("--worker FILE"), "what the worker declares is not known: {out}");
}

#[test]
fn what_a_task_would_refuse_at_its_start_is_told_before() {
    let dir = tempfile::tempdir().unwrap();
    let decoder = config("old", json!({ "plugin.name": "decoderbufs" }));
    let out = told(&check(&[&file(&dir, "old.json", &decoder.to_string())]), 1);
    assert!(out.contains("'decoderbufs' is not supported") && out.contains("Remedy: set plugin.name=pgoutput"), "{out}");
}

#[test]
fn a_directory_is_looked_at_whole_and_connectors_are_held_against_its_worker() {
    let dir = tempfile::tempdir().unwrap();
    let provider = "org.apache.kafka.common.config.provider.EnvVarConfigProvider";
    let worker = format!(
        "bootstrap.servers=b:1\nkey.converter={JSON}\nvalue.converter={JSON}\ngroup.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\n\
         status.storage.topic=s\nconfig.providers=env\nconfig.providers.env.class={provider}\nplugin.path=/opt/plugins\n"
    );
    file(&dir, "connect-distributed.properties", &worker);
    file(&dir, "consumer.properties", "bootstrap.servers=b:1\ngroup.id=x\n");
    file(&dir, "package.json", "{\"name\": \"web\"}");
    file(&dir, "notes.txt", "{");
    file(&dir, "a.json", &config("a", json!({ "database.password": "${env:PW}" })).to_string());
    file(&dir, "b.properties", "name=b\nconnector.class=io.debezium.connector.mysql.MySqlConnector\ndatabase.hostname=h\n");
    let path = dir.path().display().to_string();
    let out = told(&check(&[&path]), 1);
    assert!(out.contains("worker of a group: would run, with differences") && out.contains("plugin.path"), "{out}");
    assert!(out.contains("filled in by the worker's provider 'env'"), "{out}");
    assert!(out.contains("MySqlConnector, a class of Debezium, is not built in"), "{out}");
    assert!(out.contains("consumer.properties, ") && out.contains("package.json\n"), "{out}");
    let summary = "1 worker: 0 would run as they are, 1 with differences, 0 would not start; \
                   2 connectors: 1 would run as they are, 0 with differences, 1 would not start\n";
    assert!(out.ends_with(summary), "{out}");
    let json: Value = serde_json::from_str(&told(&check(&["--json", &path]), 1)).unwrap();
    assert_eq!(json["summary"]["connectors"], json!({ "as_it_is": 1, "differs": 0, "refused": 1 }));
    assert_eq!((&json["workers"][0]["mode"], &json["connectors"][0]["name"]), (&json!("distributed"), &json!("a")));
    file(&dir, "torn.json", "{\"name\": ");
    let torn = check(&[&path]);
    assert!(told(&torn, 2).contains("2 connectors"), "what can be read is told all the same");
    assert!(String::from_utf8_lossy(&torn.stderr).contains("torn.json: this is not well-formed JSON"), "{torn:?}");
}

#[test]
fn a_worker_that_would_not_start_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let worker = format!(
        "bootstrap.servers=b:1\nkey.converter={JSON}\nvalue.converter={JSON}\nlisteners=https://:8443\nssl.keystore.password={SECRET}\n\
         rest.extension.classes=org.x.BasicAuth\nresponse.http.headers.config=put x: y\naccess.control.allow.origin=http://(\n"
    );
    let out = told(&check(&[&file(&dir, "worker.properties", &worker)]), 1);
    assert!(out.contains("standalone worker: would not start"), "{out}");
    for what in [
        "offset.storage.file.filename",
        "ssl.keystore.location",
        "org.x.BasicAuth",
        "Invalid header config action",
        "a pattern that cannot be used",
    ] {
        assert!(out.contains(what), "{what}: {out}");
    }
}

#[test]
fn what_cannot_be_read_ends_with_2_and_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    for (what, words) in [
        ("/no/such/file.json", vec!["/no/such/file.json", "No such file"]),
        (path.as_str(), vec!["neither a connector nor a worker", "Remedy:"]),
        (&file(&dir, "x.json", "{\"a\": 1}"), vec!["x.json is neither", "Remedy:"]),
        ("https://127.0.0.1:1", vec!["no answer from https://127.0.0.1:1", "Remedy:"]),
        ("http://127.0.0.1:1", vec!["no answer from http://127.0.0.1:1", "Remedy:"]),
    ] {
        let output = check(&[what]);
        assert_eq!(told(&output, 2), "");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.iter().all(|word| log.contains(word)), "{what}: {log}");
    }
    assert_eq!(check(&[]).status.code(), Some(2));
}

/// A server that stands in for a Kafka Connect worker: answers each request by the path, then the next one; tells what was asked.
fn stand_in_server(answers: Vec<(&'static str, u16, String)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (path, status, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut request).unwrap() > 0, "a request has an end: {request}");
            }
            assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            reader.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
            asked.push(request);
        }
        asked
    });
    (address, served)
}

const LISTING: &str = "/connectors?expand=info&expand=status";

#[test]
fn a_stand_in_server_for_connect_is_asked_by_get_only_and_by_name() {
    let entry = |config: Value, state: &str| {
        json!({
            "info": { "name": config["name"], "config": config, "tasks": [], "type": "source" },
            "status": { "connector": { "state": state }, "tasks": [{ "id": 0, "state": state }] },
        })
    };
    let listing = json!({
        "orders": entry(config("orders", json!({})), "RUNNING"),
        "users": entry(config("users", json!({ "slot.name": "No-Slot" })), "FAILED"),
    });
    let names = json!(["orders", "users", "gone", "new"]).to_string();
    let answers = vec![
        ("/connectors", 200, names),
        (LISTING, 200, listing.to_string()),
        ("/connectors/gone/config", 404, json!({ "error_code": 404, "message": "Connector gone not found" }).to_string()),
        ("/connectors/new/config", 200, config("new", json!({})).to_string()),
    ];
    let (address, served) = stand_in_server(answers);
    let out = told(&check(&[&format!("http://ada:{SECRET}@{address}")]), 1);
    assert!(out.contains(&format!("http://{address}: connector orders (RUNNING there): would run as it is")), "{out}");
    assert!(out.contains("connector users (FAILED, 1 of 1 tasks FAILED there): would not start"), "{out}");
    assert!(out.contains("Valid replication slot name"), "{out}");
    assert!(out.contains("connector new: would run as it is") && !out.contains("gone"), "what has no state yet is there: {out}");
    let asked = served.join().unwrap();
    let with_name = |request: &String| request.to_ascii_lowercase().contains("authorization: basic ");
    assert!(asked.iter().all(with_name), "{asked:?}");
}

#[test]
fn an_older_stand_in_server_for_connect_is_asked_for_each_configuration() {
    let answers = vec![
        ("/connectors", 200, "[\"my orders\"]".to_owned()),
        (LISTING, 200, "[\"my orders\"]".to_owned()),
        ("/connectors/my%20orders/config", 200, config("my orders", json!({})).to_string()),
    ];
    let (address, served) = stand_in_server(answers);
    let out = told(&check(&[&format!("http://{address}")]), 0);
    assert!(out.contains("connector my orders: would run as it is"), "{out}");
    served.join().unwrap();
}

#[test]
fn a_stand_in_server_that_lets_nobody_in_or_is_no_connect_ends_with_2() {
    for (status, body, words) in [
        (401, "{}", "http://user:password@host:8083"),
        (200, "<html>", "does not answer as Kafka Connect"),
        (200, "{\"a\": 1}", "does not answer as Kafka Connect"),
        (404, "{}", "does not answer as Kafka Connect"),
        (200, "[]", "has no connectors"),
        (500, "{}", "answers 500"),
    ] {
        let (address, served) = stand_in_server(vec![("/connectors", status, body.to_owned())]);
        let output = check(&[&format!("http://{address}")]);
        told(&output, 2);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(log.contains(words) && log.contains("Remedy:"), "{log}");
        served.join().unwrap();
    }
}
