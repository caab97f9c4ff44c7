//! The REST API held against a real Kafka Connect worker: every request goes to both, and the answers are compared field
//! by field: to a standalone worker, to the leader of a group, and to a worker that has to send on what only the leader
//! may answer. What may differ stands in `known-differences.toml`, and nothing in it may be out of date.
//!
//! Two resources are Rowtide's own, in place of Debezium's JMX: `POST /connectors/{name}/signals` (shown by `incremental.rs`) and
//! `GET /connectors/{name}/snapshot` (by `progress.rs`). Connect answers 404 there.
//!
//! Needs `ROWTIDE_TEST_CONNECT` (a Connect 4.3 worker with Debezium's PostgreSQL plug-in), `ROWTIDE_TEST_KAFKA` (its
//! broker) and `ROWTIDE_TEST_PG`.

use std::collections::BTreeSet;

use rowtide_system_tests::group::AT_ONCE;
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::group::Group;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{SOON, need, wait_until};
use serde_json::{Map, Value, json};

/// A difference that is meant: a row of `known-differences.toml`.
struct Difference {
    request: String,
    path: String,
    /// the mode of the workers that differ; none: all
    worker: Option<String>,
}

fn differences() -> Vec<Difference> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../known-differences.toml");
    let text = std::fs::read_to_string(path).expect("the list of known differences");
    let document: toml_edit::DocumentMut = text.parse().expect("TOML");
    let rows = document["rest"].as_array_of_tables().expect("rows of REST");
    let text = |row: &toml_edit::Table, name: &str| row.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let row = |row: &toml_edit::Table| {
        let needed = |name: &str| text(row, name).unwrap_or_else(|| panic!("a row of REST has no {name}: {row:?}"));
        assert!(!needed("reason").is_empty());
        Difference { request: needed("request"), path: needed("path"), worker: text(row, "worker") }
    };
    rows.iter().map(row).collect()
}

const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// One of the two workers.
struct Side {
    /// goes where a request says `{side}`
    name: String,
    base: String,
    /// `host:port` of this worker and of others of its group
    hosts: Vec<String>,
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
    fn new(name: &str, base: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().new_agent();
        let base = base.trim_end_matches('/').to_owned();
        Self { name: name.to_owned(), hosts: vec![base.trim_start_matches("http://").to_owned()], base, agent }
    }

    /// A worker of a group in which others may have what is asked for.
    fn of_group(name: &str, workers: &[&Rowtide]) -> Self {
        let hosts: Vec<String> = workers.iter().map(|worker| worker.rest.worker_id().to_owned()).collect();
        Self { hosts: hosts.clone(), ..Self::new(name, &format!("http://{}", hosts[0])) }
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
        let mine = |text: &str| text.replace("{side}", &self.name);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{}", self.base, mine(path)));
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(mine(body)).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap_or_else(|error| panic!("{} {method} {path}: {error}", self.name));
        let own = |text: String, host: &String| text.replace(host, "{host}");
        let neutral = |text: &str| self.hosts.iter().fold(text.replace(&self.name, "{side}"), own);
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

/// Both sides, and what they disagreed on.
struct Pair<'a> {
    java: Side,
    rowtide: Side,
    /// of Rowtide's worker
    mode: &'static str,
    known: &'a [Difference],
    found: Vec<String>,
    used: BTreeSet<usize>,
    /// verb and path of every request, as [`general`] has it
    sent: BTreeSet<String>,
}

/// A request without the names in it.
fn general(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut segments: Vec<&str> = path.split('/').collect();
    let named = matches!(segments.get(1..3), Some(["connectors", _] | ["admin", "loggers"]));
    let at = if segments.get(1) == Some(&"admin") { 3 } else { 2 };
    if named && segments.len() > at {
        segments[at] = "*";
    }
    format!("{method} {}", segments.join("/"))
}

/// Every request whose answer by a Java worker was captured, as [`general`] has it.
fn captured() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lab/samples/postgres");
    let files = std::fs::read_dir(folder).expect("the samples").map(|file| file.expect("a sample").path());
    let of_rest = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rest-")));
    let request = |path: std::path::PathBuf| {
        let sample: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a sample")).expect("JSON");
        let text = |name: &str| sample["request"][name].as_str().expect("a captured request").to_owned();
        general(&text("method"), &text("path"))
    };
    of_rest.map(request).collect()
}

impl<'a> Pair<'a> {
    fn new(number: usize, rowtide: Side, mode: &'static str, known: &'a [Difference]) -> Self {
        let java = Side::new(&format!("sidea{number}"), &need("ROWTIDE_TEST_CONNECT"));
        Self { java, rowtide, mode, known, found: Vec::new(), used: BTreeSet::new(), sent: BTreeSet::new() }
    }

    fn both(&mut self, method: &str, path: &str, body: Option<Value>) {
        let text = body.map(|body| body.to_string());
        self.raw(method, path, text.as_deref(), |answer| answer);
    }

    /// Sends to both and compares what `part` leaves of the answers.
    fn raw(&mut self, method: &str, path: &str, body: Option<&str>, part: impl Fn(Value) -> Value) {
        self.sent.insert(general(method, path));
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
            let listed = self.known.iter().position(|row| {
                matches(&row.request, &request)
                    && matches(&row.path, &path)
                    && row.worker.as_deref().is_none_or(|mode| mode == self.mode)
            });
            match listed {
                Some(index) => {
                    self.used.insert(index);
                }
                None => self.found.push(format!(
                    "{} ({})\n{request}\n  {path}\n    Connect: {java}\n    Rowtide: {rowtide}",
                    self.rowtide.name, self.mode
                )),
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
impl Drop for Pair<'_> {
    fn drop(&mut self) {
        let _ = self.java.agent.delete(format!("{}/connectors/rest%20{}", self.java.base, self.java.name)).call();
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
    let known = differences();
    let home = Home::default();
    let standalone = home.standalone("", &[]);
    let mut outcomes = vec![ask_both(Pair::new(1, Side::of_group("sideb1", &[&standalone]), "standalone", &known))];
    standalone.stop();

    let group = Group::new("rest");
    let _topics = Cleanup(group.name.clone());
    let (one, two) = (Home::default(), Home::default());
    let leader = one.distributed(&group, AT_ONCE);
    outcomes.push(ask_both(Pair::new(2, Side::of_group("sideb2", &[&leader]), "distributed", &known)));
    let follower = two.distributed(&group, AT_ONCE);
    let side = Side::of_group("sideb3", &[&follower, &leader]);
    outcomes.push(ask_both(Pair::new(3, side, "distributed", &known)));
    follower.stop();
    leader.stop();

    let found: Vec<String> = outcomes.iter().flat_map(|(found, _)| found.clone()).collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    let is_used = |index: &usize| outcomes.iter().any(|(_, used)| used.contains(index));
    // whether the worker puts the exception's name in front of an unknown class depends on how it was reached
    let stale: Vec<&str> = (0..known.len())
        .filter(|index| !is_used(index) && !known[*index].request.contains("no.such.Class"))
        .map(|index| known[index].request.as_str())
        .collect();
    assert!(stale.is_empty(), "these differences are gone, take them out of known-differences.toml: {stale:?}");
}

/// Sends every request to both; what differs and is not known, and which of the known differences showed.
fn ask_both(mut pair: Pair<'_>) -> (Vec<String>, BTreeSet<usize>) {
    let database = Database::new("rest");
    database.sql("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'one')");
    pair.java.send("DELETE", "/connectors/rest%20{side}", None);
    pair.both("GET", "/", None);
    pair.both("GET", "/health", None);
    refusals(&mut pair);
    unknown_connectors(&mut pair);
    plugins(&mut pair, &config(&database));
    loggers(&mut pair);
    one_connector(&mut pair, &config(&database));
    offsets(&mut pair, &database);
    let left_out: Vec<String> = captured().difference(&pair.sent).cloned().collect();
    assert!(left_out.is_empty(), "these were captured and are not asked here: {left_out:?}");
    (std::mem::take(&mut pair.found), std::mem::take(&mut pair.used))
}

/// Bodies, paths and verbs that are wrong.
fn refusals(pair: &mut Pair<'_>) {
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
    pair.both("POST", "/connectors", Some(json!({"name": "bad", "config": {"connector.class": CLASS}})));
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

fn unknown_connectors(pair: &mut Pair<'_>) {
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

fn plugins(pair: &mut Pair<'_>, config: &Value) {
    let debezium = |answer: Value| {
        let list = answer.as_array().cloned().unwrap_or_default();
        Value::Array(list.into_iter().filter(|plugin| plugin["class"] == CLASS).collect())
    };
    pair.raw("GET", "/connector-plugins", None, debezium);
    let class = |plugin: &Value| plugin["class"].as_str().is_some_and(|class| class.starts_with("org.apache.kafka.connect.json"));
    let json = |answer: Value| answer.as_array().into_iter().flatten().filter(|plugin| class(plugin)).cloned().collect();
    pair.raw("GET", "/connector-plugins?connectorsOnly=false", None, json);
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

fn loggers(pair: &mut Pair<'_>) {
    let undated = |mut answer: Value| {
        if answer["last_modified"].is_number() {
            answer["last_modified"] = "a time".into();
        }
        answer
    };
    // what else there is has other names
    pair.raw("GET", "/admin/loggers", None, |answer| answer["root"].clone());
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
fn one_connector(pair: &mut Pair<'_>, config: &Value) {
    let c = "/connectors/rest%20{side}";
    let create = json!({"name": "rest {side}", "config": config.clone()});
    pair.both("POST", "/connectors", Some(create.clone()));
    pair.wait_for("RUNNING", 1);
    pair.both("POST", "/connectors", Some(create));
    for path in ["", "/config", "/status", "/tasks", "/tasks/0/status", "/tasks/7/status"] {
        pair.both("GET", &format!("{c}{path}"), None);
    }
    pair.raw("GET", "/connectors", None, |answer| {
        answer.as_array().is_some_and(|names| names.contains(&"rest {side}".into())).into()
    });
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
fn offsets(pair: &mut Pair<'_>, database: &Database) {
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
