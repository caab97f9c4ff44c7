//! The REST API held against a real Kafka Connect worker: every request goes to both, and the answers are compared field
//! by field. What may differ stands in [`DIFFERENCES`], and nothing in it may be out of date.
//!
//! Two resources are Rowtide's own, in place of Debezium's JMX: `POST /connectors/{name}/signals` (shown by `incremental.rs`) and
//! `GET /connectors/{name}/snapshot` (by `progress.rs`). Connect answers 404 there.
//!
//! Needs `ROWTIDE_TEST_CONNECT` (a Connect 4.3 worker with Debezium's PostgreSQL plug-in), `ROWTIDE_TEST_KAFKA` (its
//! broker) and `ROWTIDE_TEST_PG`.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{SOON, binary, free_port, need, wait_until};
use serde_json::{Map, Value, json};

/// Request, path in the answer (`*` stands for anything) and reason of each difference that is meant.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("GET /", "body.commit", "the worker's own commit"),
    ("*", "body.*.documentation", "options are described in our own words"),
    ("*", "media", "an answer to an unknown path or verb says what it is as well"),
    ("POST /connectors *", "status", "no NullPointerException for a body without a configuration: 400"),
    ("POST /connectors *", "body.error_code", "likewise"),
    ("POST /connectors {\"name\":\"a\"}", "body.message", "likewise"),
    ("POST /connectors null", "body.message", "likewise"),
    ("PUT /connectors/a/config {\"x\":\"b\"}", "body.message", "a configuration is not repeated: it may hold passwords"),
    ("POST /connectors *no.such.Class*", "body.message", "no name of a Java exception in front"),
    ("POST /connectors *", "body.tasks", "a standalone worker has its tasks when it answers, as Connect's has"),
    ("GET /connector-plugins/*", "body.connector.plugin.version.default_value", "declarations alone name no connector"),
    ("PUT *validate {}", "status", "no wrapped BadRequestException without a connector.class: 400"),
    ("PUT *validate {}", "body.error_code", "likewise"),
    ("PUT *validate {}", "body.message", "likewise"),
    ("PUT *validate *", "body.configs.*.value.recommended_values", "the converters and transforms that are built in"),
    ("PUT *validate *", "body.configs.schema.exclude.list.value.visible", "options are not hidden by each other's values"),
    ("PUT *validate *", "body.configs.database.hostname.value.errors.0", "a connection's error says what to do"),
    (
        "PUT *validate *RegexRouter*",
        "body.configs.transforms.route.regex.value.errors",
        "no NullPointerException as a second reason",
    ),
    ("PUT *validate *RegexRouter*", "body.error_count", "likewise"),
    ("PUT /connectors/rest%20{side}/config *", "status", "Connect 4.3 answers 500 to an invalid Debezium configuration: 400"),
    ("PUT /connectors/rest%20{side}/config *", "body.error_code", "likewise"),
    ("PUT /connectors/rest%20{side}/config *", "body.message", "likewise"),
];

const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// One of the two workers.
struct Side {
    /// goes where a request says `{side}`
    name: &'static str,
    base: String,
    agent: ureq::Agent,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    media: Option<String>,
    location: Option<String>,
    body: Value,
}

impl Side {
    fn new(name: &'static str, base: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().new_agent();
        Self { name, base: base.trim_end_matches('/').to_owned(), agent }
    }

    /// Sends a request, again while the worker is busy with another one's connectors.
    fn send(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        wait_until(&format!("{} is not busy: {method} {path}", self.name), SOON, || {
            let answer = self.send_once(method, path, body);
            let message = answer.body["message"].as_str().unwrap_or_default();
            (!message.contains("momentarily") && !message.contains("rebalance")).then_some(answer)
        })
    }

    /// What is this side's own in the answer is made neutral.
    fn send_once(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mine = |text: &str| text.replace("{side}", self.name);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{}", self.base, mine(path)));
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(mine(body)).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap_or_else(|error| panic!("{} {method} {path}: {error}", self.name));
        let host = self.base.trim_start_matches("http://");
        let neutral = |text: &str| text.replace(self.name, "{side}").replace(host, "{host}");
        let header = |name: &str| response.headers().get(name).map(|value| neutral(value.to_str().unwrap()));
        let (media, location) = (header("content-type"), header("location"));
        let status = response.status().as_u16();
        let text = neutral(&response.body_mut().read_to_string().unwrap());
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Answer { status, media, location, body }
    }

    /// Asks again until the answer is as wanted.
    fn wait_until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        let what = format!("{}: {path} is as wanted", self.name);
        wait_until(&what, SOON, || wanted(&self.send("GET", path, None).body).then_some(()));
    }
}

/// A standalone worker that writes what it is asked to as Connect's does, and its REST.
fn worker() -> (Home, Rowtide, Side) {
    let home = Home::default();
    let base = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new(binary());
    command.arg("standalone").arg(home.worker_file(&format!("listeners={base}")));
    let rowtide = home.spawn(command, Stdio::null());
    rowtide.wait_log("REST answers at");
    (home, rowtide, Side::new("sideb", &base))
}

/// Both sides, and what they disagreed on.
struct Pair {
    java: Side,
    rowtide: Side,
    found: Vec<String>,
    used: BTreeSet<usize>,
}

impl Pair {
    fn both(&mut self, method: &str, path: &str, body: Option<Value>) {
        let text = body.map(|body| body.to_string());
        self.raw(method, path, text.as_deref(), |answer| answer);
    }

    /// Sends to both and compares what `part` leaves of the answers.
    fn raw(&mut self, method: &str, path: &str, body: Option<&str>, part: impl Fn(Value) -> Value) {
        let [java, rowtide] = [&self.java, &self.rowtide].map(|side| side.send(method, path, body));
        let mut differences = Vec::new();
        let mut note = |path: &str, java: String, rowtide: String| {
            if java != rowtide {
                differences.push((path.to_owned(), java, rowtide));
            }
        };
        note("status", java.status.to_string(), rowtide.status.to_string());
        note("media", format!("{:?}", java.media), format!("{:?}", rowtide.media));
        note("location", format!("{:?}", java.location), format!("{:?}", rowtide.location));
        compare("body", &part(java.body), &part(rowtide.body), &mut differences);
        let request = format!("{method} {path}{}", body.map(|body| format!(" {body}")).unwrap_or_default());
        for (path, java, rowtide) in differences {
            let listed = DIFFERENCES.iter().position(|(of, at, _)| matches(of, &request) && matches(at, &path));
            match listed {
                Some(index) => {
                    self.used.insert(index);
                }
                None => self.found.push(format!("{request}\n  {path}\n    Connect: {java}\n    Rowtide: {rowtide}")),
            }
        }
    }

    /// Waits until the connector and its tasks have this state on both sides.
    fn wait_for(&self, state: &str, tasks: usize) {
        self.wait_until("/connectors/rest%20{side}/status", |status| {
            let states: Vec<&Value> = status["tasks"].as_array().into_iter().flatten().map(|task| &task["state"]).collect();
            status["connector"]["state"] == state && states.len() == tasks && states.iter().all(|one| **one == *state)
        });
    }

    fn wait_until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        self.java.wait_until(path, &wanted);
        self.rowtide.wait_until(path, &wanted);
    }
}

/// What a failed test would leave behind on the worker that others use too.
impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.java.agent.delete(format!("{}/connectors/rest%20sidea", self.java.base)).call();
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn compare(path: &str, java: &Value, rowtide: &Value, out: &mut Vec<(String, String, String)>) {
    match (java, rowtide) {
        (Value::Object(java), Value::Object(rowtide)) => {
            let keys: BTreeSet<&String> = java.keys().chain(rowtide.keys()).collect();
            for key in keys {
                let absent = Value::from("(absent)");
                let [java, rowtide] = [java, rowtide].map(|map| map.get(key).unwrap_or(&absent));
                compare(&format!("{path}.{key}"), java, rowtide, out);
            }
        }
        // options and loggers are matched by name, so that one more does not shift all others
        (Value::Array(java), Value::Array(rowtide)) if named(java).is_some() && named(rowtide).is_some() => {
            let [java, rowtide] = [java, rowtide].map(|list| Value::Object(named(list).unwrap()));
            compare(path, &java, &rowtide, out);
        }
        (Value::Array(java), Value::Array(rowtide)) if java.len() == rowtide.len() => {
            for (index, (java, rowtide)) in java.iter().zip(rowtide).enumerate() {
                compare(&format!("{path}.{index}"), java, rowtide, out);
            }
        }
        _ if java != rowtide => out.push((path.to_owned(), java.to_string(), rowtide.to_string())),
        _ => {}
    }
}

/// A list of options as a map by name; their order is compared as a value of its own.
fn named(list: &[Value]) -> Option<Map<String, Value>> {
    let name = |item: &Value| item["name"].as_str().or(item["definition"]["name"].as_str()).map(str::to_owned);
    let mut map: Map<String, Value> = list.iter().map(|item| Some((name(item)?, item.clone()))).collect::<Option<_>>()?;
    if map.is_empty() {
        return None;
    }
    map.insert("(order)".to_owned(), list.iter().filter_map(name).collect());
    Some(map)
}

fn config(database: &Database) -> Value {
    let mut config = database.connector(&[
        ("tasks.max", "1"),
        ("publication.autocreate.mode", "filtered"),
        ("table.include.list", "public.items"),
    ]);
    for name in ["topic.prefix", "slot.name", "publication.name"] {
        let both = config[name].as_str().map(|text| format!("{text}_{{side}}"));
        config.insert(name.to_owned(), both.into());
    }
    Value::Object(config)
}

fn with(mut config: Value, name: &str, value: &str) -> Value {
    config[name] = value.into();
    config
}

#[test]
fn answers_are_those_of_kafka_connect() {
    let database = Database::new("rest");
    database.sql("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'one')");
    let (_home, _process, rowtide) = worker();
    let java = Side::new("sidea", &need("ROWTIDE_TEST_CONNECT"));
    let mut pair = Pair { java, rowtide, found: Vec::new(), used: BTreeSet::new() };
    pair.java.send("DELETE", "/connectors/rest%20{side}", None);
    pair.both("GET", "/", None);
    pair.both("GET", "/health", None);
    refusals(&mut pair);
    unknown_connectors(&mut pair);
    plugins(&mut pair, &config(&database));
    loggers(&mut pair);
    one_connector(&mut pair, &config(&database));
    offsets(&mut pair, &database);
    // whether the worker puts the exception's name in front of an unknown class depends on how it was reached
    let stale: Vec<_> = DIFFERENCES
        .iter()
        .enumerate()
        .filter(|(index, row)| !pair.used.contains(index) && !row.0.contains("no.such.Class"))
        .collect();
    assert!(pair.found.is_empty(), "{} differences:\n{}", pair.found.len(), pair.found.join("\n"));
    assert!(stale.is_empty(), "these differences are gone, take them out: {stale:?}");
}

/// Bodies, paths and verbs that are wrong.
fn refusals(pair: &mut Pair) {
    for body in [
        r#"{not json"#,
        r#"{"name":"a", x}"#,
        r#"{"name":"a" "config":{}}"#,
        r#"{"name" "config":{}}"#,
        r#"{"name": tru}"#,
        r#"{"name": ?}"#,
        r#"{"name":"a","config":{"a":1,"b":true,"c":{"x":1}}}"#,
        r#"{"name":"a","config":[]}"#,
        r#"{"name":"a","cofig":{}}"#,
        r#"{"name":"a","config":{},"initial_state":"X"}"#,
        r#"{"name":"a","config":{"name":"b"}}"#,
        r#"{"name":{"x":1},"config":{}}"#,
        r#"{"name":"bad","config":{}}"#,
        r#"{"config":{}}"#,
        r#"{"name":"a"}"#,
        r#"[]"#,
        r#"null"#,
    ] {
        pair.raw("POST", "/connectors", Some(body), |answer| answer);
    }
    for body in ["[1]", r#"{"name":"b"}"#, r#"{"x":"b"}"#] {
        pair.raw("PUT", "/connectors/a/config", Some(body), |answer| answer);
    }
    // the list of available connectors differs
    let unknown = json!({"name": "bad", "config": {"connector.class": "no.such.Class"}}).to_string();
    let head = |mut answer: Value| {
        answer["message"] = answer["message"].as_str().and_then(|text| text.split(", available").next()).into();
        answer
    };
    pair.raw("POST", "/connectors", Some(&unknown), head);
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "/connectors/a/tasks/0"),
        ("GET", "/connectors/a/tasks-config"),
        ("PUT", "/connectors"),
        ("DELETE", "/"),
    ] {
        pair.both(method, path, None);
    }
}

fn unknown_connectors(pair: &mut Pair) {
    for (method, path) in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/config"),
        ("GET", "/status"),
        ("GET", "/tasks"),
        ("GET", "/tasks/7/status"),
        ("POST", "/tasks/0/restart"),
        ("POST", "/restart"),
        ("POST", "/restart?includeTasks=true"),
        ("PUT", "/pause"),
        ("PUT", "/resume"),
        ("PUT", "/stop"),
        ("GET", "/topics"),
        ("PUT", "/topics/reset"),
        ("GET", "/offsets"),
        ("DELETE", "/offsets"),
    ] {
        pair.both(method, &format!("/connectors/no%20such{path}"), None);
    }
    pair.both("PATCH", "/connectors/none/config", Some(json!({"x": null})));
    for offsets in [
        json!({}),
        json!({"offsets": []}),
        json!({"offsets": {}}),
        json!({"offsets": [{"partition": {"a": 1}, "offset": {"b": 2}}]}),
        json!({"offsets": [{"partition": {"a": 1}, "offst": {"b": 2}}]}),
    ] {
        pair.both("PATCH", "/connectors/none/offsets", Some(offsets));
    }
}

fn plugins(pair: &mut Pair, config: &Value) {
    let debezium = |answer: Value| {
        let list = answer.as_array().cloned().unwrap_or_default();
        Value::Array(list.into_iter().filter(|plugin| plugin["class"] == CLASS).collect())
    };
    pair.raw("GET", "/connector-plugins", None, debezium);
    pair.both("GET", &format!("/connector-plugins/{CLASS}/config"), None);
    pair.both("GET", "/connector-plugins/nope/config", None);
    let validate = format!("/connector-plugins/{CLASS}/config/validate");
    let bad_values = [("tasks.max", "x"), ("database.port", "abc"), ("plugin.name", "nope"), ("decimal.handling.mode", "bogus")];
    for body in [
        json!({"connector.class": CLASS}),
        with(config.clone(), "name", "x"),
        with(config.clone(), "database.password", "wrong"),
        with(config.clone(), "database.port", "1"),
        bad_values.into_iter().fold(config.clone(), |config, (name, value)| with(config, name, value)),
        with(
            with(config.clone(), "transforms", "route"),
            "transforms.route.type",
            "org.apache.kafka.connect.transforms.RegexRouter",
        ),
        with(config.clone(), "tasks.max", "0"),
        json!({"connector.class": "MySql"}),
        json!({}),
    ] {
        pair.both("PUT", &validate, Some(body));
    }
}

fn loggers(pair: &mut Pair) {
    let undated = |mut answer: Value| {
        if answer["last_modified"].is_number() {
            answer["last_modified"] = "a time".into();
        }
        answer
    };
    pair.both("GET", "/admin/loggers/root", None);
    pair.both("GET", "/admin/loggers/nope", None);
    for (name, body) in [
        ("rest.conformance.below", json!({"level": "debug"})),
        ("rest.conformance", json!({"level": "ERROR"})),
        ("rest.conformance", json!({"level": "X"})),
        ("rest.conformance", json!({})),
        ("rest.conformance?scope=cluster", json!({"level": "WARN"})),
    ] {
        let name = name.replace("conformance", "conformance-{side}");
        pair.both("PUT", &format!("/admin/loggers/{name}"), Some(body));
    }
    // a level for the cluster comes back to the worker by its topic
    pair.wait_until("/admin/loggers/rest.conformance-{side}", |logger| logger["level"] == "WARN");
    pair.raw("GET", "/admin/loggers/rest.conformance-{side}", None, undated);
}

/// A connector from its creation to its restarts.
fn one_connector(pair: &mut Pair, config: &Value) {
    let c = "/connectors/rest%20{side}";
    let create = json!({"name": "rest {side}", "config": config.clone()});
    pair.both("POST", "/connectors", Some(create.clone()));
    pair.wait_for("RUNNING", 1);
    pair.both("POST", "/connectors", Some(create));
    for path in ["", "/config", "/status", "/tasks", "/tasks/0/status", "/tasks/7/status"] {
        pair.both("GET", &format!("{c}{path}"), None);
    }
    let mine = |answer: Value| answer["rest {side}"].clone();
    pair.raw("GET", "/connectors?expand=info&expand=status", None, mine);
    pair.raw("GET", "/connectors?expand=status", None, mine);
    pair.both("POST", &format!("{c}/tasks/7/restart"), None);
    pair.both("DELETE", &format!("{c}/offsets"), None);
    pair.both("PATCH", &format!("{c}/offsets"), Some(json!({"offsets": [{"partition": {"a": 1}, "offset": {"b": 2}}]})));
    pair.both("PUT", &format!("{c}/config"), Some(json!({"connector.class": CLASS, "tasks.max": "1"})));
    pair.both("PUT", &format!("{c}/config"), Some(with(config.clone(), "poll.interval.ms", "100")));
    pair.wait_for("RUNNING", 1);
    pair.both("PATCH", &format!("{c}/config"), Some(json!({"poll.interval.ms": null, "max.batch.size": "1024"})));
    pair.wait_for("RUNNING", 1);
    pair.both("GET", &format!("{c}/config"), None);
    pair.both("PUT", &format!("{c}/pause"), None);
    pair.wait_for("PAUSED", 1);
    pair.both("GET", &format!("{c}/status"), None);
    pair.both("PUT", &format!("{c}/resume"), None);
    pair.wait_for("RUNNING", 1);
    // nothing has failed: the plan is empty
    pair.both("POST", &format!("{c}/restart?includeTasks=true&onlyFailed=true"), None);
    pair.both("POST", &format!("{c}/restart"), None);
    pair.wait_for("RUNNING", 1);
    pair.both("POST", &format!("{c}/restart?includeTasks=true&onlyFailed=false"), None);
    pair.wait_for("RUNNING", 1);
    pair.both("POST", &format!("{c}/tasks/0/restart"), None);
    pair.wait_for("RUNNING", 1);
}

/// Offsets of a stopped connector, and its end.
fn offsets(pair: &mut Pair, database: &Database) {
    let c = "/connectors/rest%20{side}";
    for (id, name) in [(2, "two"), (3, "three")] {
        database.sql(&format!("INSERT INTO items VALUES ({id}, '{name}')"));
    }
    // the second change's offset names the commit of the first
    pair.wait_until(&format!("{c}/offsets"), |stored| stored["offsets"][0]["offset"]["lsn_commit"].is_number());
    pair.both("GET", &format!("{c}/topics"), None);
    pair.both("PUT", &format!("{c}/stop"), None);
    pair.wait_for("STOPPED", 0);
    pair.both("GET", &format!("{c}/status"), None);
    pair.both("GET", &format!("{c}/tasks"), None);
    // positions of two slots differ: the shape is compared
    let shape = |mut answer: Value| {
        for entry in answer["offsets"].as_array_mut().into_iter().flatten() {
            let keys: BTreeSet<String> = entry["offset"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
            entry["offset"] = keys.into_iter().filter(|key| !key.starts_with("rowtide_")).collect();
        }
        answer
    };
    pair.raw("GET", &format!("{c}/offsets"), None, shape);
    let prefix = &config(database)["topic.prefix"];
    let altered = json!({"offsets": [{"partition": {"server": prefix}, "offset": {"lsn": 24038008, "ts_usec": 1}}]});
    pair.both("PATCH", &format!("{c}/offsets"), Some(altered));
    pair.both("GET", &format!("{c}/offsets"), None);
    pair.both("PATCH", &format!("{c}/offsets"), Some(json!({"offsets": [{"partition": {"server": prefix}, "offset": null}]})));
    pair.both("DELETE", &format!("{c}/offsets"), None);
    pair.both("GET", &format!("{c}/offsets"), None);
    pair.both("PUT", &format!("{c}/topics/reset"), None);
    // Connect forgets them a moment after it answered
    pair.wait_until(&format!("{c}/topics"), |topics| topics["rest {side}"]["topics"] == json!([]));
    pair.both("GET", &format!("{c}/topics"), None);
    pair.both("DELETE", c, None);
    pair.both("GET", c, None);
}
