//! REST that not everybody may read or call: https from every kind of store, certificates of clients, users and passwords, CORS and
//! headers of answers, and workers of one group, Java's among them, that reach each other so.
//!
//! What a Java worker answers is asked of one. What may differ stands in [`DIFFERENCES`], and nothing in it may be out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use rowtide_system_tests::certificates::{Certificates, KEY_PASSWORD, STORE_PASSWORD};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene, add_small, wait_shared, workers};
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::group::Group;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{free_port, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

const EXTENSION: &str =
    "rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";

/// Request and field of each difference that is meant (`*` at the end stands for anything), and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("DELETE /connectors", "status", "whoever is not let in is not told which verbs there are: 401, not 405"),
    ("DELETE /connectors", "body", "likewise"),
    ("PUT /connectors/x/tasks []", "status", "likewise"),
    ("PUT /connectors/x/tasks []", "body", "likewise"),
    ("POST /connectors text", "status", "nor which bodies: 401, not 415"),
    ("POST /connectors text", "body", "likewise"),
    ("GET /connectors Basic ???", "status", "no IllegalArgumentException (500) for what is no base64"),
    ("GET /connectors Basic ???", "body", "likewise"),
    ("DELETE /connectors", "allow", "a 405 says which verbs there are, as HTTP wants it"),
    ("PUT /connectors/x/tasks []", "allow", "likewise"),
    ("*", "content-type", "an answer to an unknown path or verb says what it is"),
];

/// Runs curl, whose TLS is OpenSSL's; status and answer, or curl's own error.
fn curl(words: &str) -> Result<(u16, String), String> {
    let done =
        Command::new("curl").args(["-s", "-S", "-i", "--max-time", "30"]).args(words.split_whitespace()).output().expect("curl");
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let answer = String::from_utf8_lossy(&done.stdout).into_owned();
    let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.unwrap_or_else(|| panic!("an answer: {answer}")), answer))
}

/// `rowtide run` with one https listener, and its URL.
fn run(home: &Home, lines: &[String]) -> (Rowtide, String) {
    let url = format!("https://127.0.0.1:{}", free_port());
    let mut command = home.run_command(&[]);
    command.arg("-D").arg(format!("listeners={url}"));
    for line in lines {
        command.arg("-D").arg(line);
    }
    let rowtide = home.spawn(command, Stdio::null());
    rowtide.wait_log("REST answers at");
    (rowtide, url)
}

fn store(certificates: &Certificates, name: &str) -> Vec<String> {
    let location = certificates.path(&format!("{name}.p12"));
    vec![
        format!("listeners.https.ssl.keystore.location={location}"),
        format!("listeners.https.ssl.keystore.password={STORE_PASSWORD}"),
    ]
}

fn directory() -> (TempDir, Certificates) {
    let dir = tempfile::tempdir().expect("a directory");
    let certificates = Certificates::new(dir.path());
    (dir, certificates)
}

#[test]
fn https_is_served_from_every_kind_of_store() {
    let (_dir, certificates) = directory();
    certificates.identity("worker");
    let (path, password) = (|file: &str| certificates.path(file), |what: &str, is: &str| format!("{what}.password={is}"));
    let stores: [Vec<String>; 3] = [
        vec![format!("ssl.keystore.location={}", path("worker.p12")), password("ssl.keystore", STORE_PASSWORD)],
        vec![
            "listeners.https.ssl.keystore.type=JKS".to_owned(),
            format!("listeners.https.ssl.keystore.location={}", path("worker.jks")),
            password("listeners.https.ssl.keystore", STORE_PASSWORD),
            password("listeners.https.ssl.key", KEY_PASSWORD),
        ],
        vec![
            "listeners.https.ssl.keystore.type=PEM".to_owned(),
            format!("listeners.https.ssl.keystore.location={}", path("worker-both.pem")),
            password("listeners.https.ssl.key", KEY_PASSWORD),
        ],
    ];
    for lines in stores {
        let home = Home::default();
        let (rowtide, url) = run(&home, &lines);
        let trusting = format!("--cacert {}", path("worker.pem"));
        let (status, answer) = curl(&format!("{trusting} {url}/")).expect("an answer");
        assert!(status == 200 && answer.contains("kafka_cluster_id"), "{answer}");
        assert!(curl(&format!("{url}/")).is_err(), "nobody else has signed its certificate");
        assert!(curl(&url.replace("https", "http")).is_err(), "it is not plain http");
        assert_eq!(curl(&format!("{trusting} {url}/health")).expect("it serves on").0, 200);
        assert!(!home.log().contains(KEY_PASSWORD) && !home.log().contains(STORE_PASSWORD));
        rowtide.stop();
    }
    let home = Home::default();
    let mut command = home.run_command(&[]);
    command.args(["-D", "listeners=https://127.0.0.1:0", "-D", &format!("ssl.keystore.location={}", path("worker.p12"))]);
    let mut refused = home.spawn(command, Stdio::null());
    assert_eq!(refused.wait_exit(LONG).code(), Some(3));
    assert!(home.log().contains("password") && home.log().contains("Remedy:"), "{}", home.log());
}

#[test]
fn clients_show_certificates_where_they_are_asked_for() {
    let (_dir, certificates) = directory();
    ["worker", "friend", "stranger"].iter().for_each(|name| certificates.identity(name));
    certificates.trust("trust.jks", &["friend"]);
    let path = |file: &str| certificates.path(file);
    let with = |name: &str| format!("--cert {} --key {}", path(&format!("{name}.pem")), path(&format!("{name}-key.pem")));
    for (asked, without) in [("required", false), ("requested", true), ("none", true)] {
        let home = Home::default();
        let mut lines = store(&certificates, "worker");
        lines.push(format!("listeners.https.ssl.client.auth={asked}"));
        lines.push(format!("listeners.https.ssl.truststore.location={}", path("trust.jks")));
        let (rowtide, url) = run(&home, &lines);
        let gets_in =
            |more: &str| curl(&format!("--cacert {} {more} {url}/", path("worker.pem"))).is_ok_and(|answer| answer.0 == 200);
        assert_eq!(gets_in(""), without, "{asked}");
        assert!(gets_in(&with("friend")), "{asked}");
        assert_eq!(gets_in(&with("stranger")), asked == "none", "{asked}");
        rowtide.stop();
    }
}

#[test]
fn protocols_and_cipher_suites_are_those_that_are_named() {
    let (_dir, certificates) = directory();
    certificates.identity("worker");
    let mut lines = store(&certificates, "worker");
    lines.push("listeners.https.ssl.enabled.protocols=TLSv1.1,TLSv1.2".to_owned());
    lines.push(
        "listeners.https.ssl.cipher.suites=TLS_RSA_WITH_AES_128_CBC_SHA,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".to_owned(),
    );
    let home = Home::default();
    let (rowtide, url) = run(&home, &lines);
    let ask = |more: &str| curl(&format!("--cacert {} {more} {url}/", certificates.path("worker.pem"))).map(|answer| answer.0);
    assert_eq!(ask(""), Ok(200));
    assert_eq!(ask("--ciphers ECDHE-ECDSA-CHACHA20-POLY1305"), Ok(200));
    assert!(ask("--ciphers ECDHE-ECDSA-AES128-GCM-SHA256").is_err());
    assert!(ask("--tlsv1.3").is_err());
    rowtide.stop();
}

/// The users of a worker: what its environment has to say.
fn users(home: &std::path::Path, lines: &str) -> String {
    let (users, jaas) = (home.join("users.properties"), home.join("jaas.conf"));
    std::fs::write(&users, lines).expect("a file");
    let module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
    std::fs::write(&jaas, format!("KafkaConnect {{\n  {module} required\n  file=\"{}\";\n}};\n", users.display()))
        .expect("a file");
    format!("-Djava.security.auth.login.config={}", jaas.display())
}

/// Three workers of one group, one of them Java's, that are reached over https by certificate and password.
struct Secured {
    scene: Scene,
    certificates: Certificates,
    options: String,
}

impl Secured {
    fn new(name: &str) -> Self {
        let scene = Scene::new(name);
        let certificates = Certificates::new(scene.group.path());
        ["java", "one", "two"].iter().for_each(|name| certificates.identity(name));
        certificates.trust("trust.p12", &["java", "one", "two"]);
        let options = users(scene.group.path(), "ada=hunter2\n");
        Self { scene, certificates, options }
    }

    /// Its properties: the test asks it over http, the others over https on this port.
    fn properties(&self, port: u16, store: &str) -> String {
        let path = |file: &str| self.certificates.path(file);
        let p = "listeners.https.ssl";
        format!(
            "{AT_ONCE}listeners=http://127.0.0.1:{{port}},https://127.0.0.1:{port}\nrest.advertised.listener=https\n{EXTENSION}\n\
             {p}.client.auth=required\n{p}.truststore.type=PKCS12\n{p}.truststore.location={}\n{p}.truststore.password={STORE_PASSWORD}\n\
             {p}.keystore.location={}\n{p}.key.password={}\n{}",
            path("trust.p12"),
            path(store),
            if store.ends_with(".p12") { STORE_PASSWORD } else { KEY_PASSWORD },
            if store.ends_with(".pem") {
                format!("{p}.keystore.type=PEM\n")
            } else {
                format!("{p}.keystore.password={STORE_PASSWORD}\n")
            }
        )
    }

    fn java(&self, port: u16) -> rowtide_testkit::group::JavaWorker {
        let mut java = self.scene.group.java_with(&self.properties(port, "java.jks"), &self.options);
        java.rest.login("ada", "hunter2");
        java
    }

    fn rowtide(&self, home: &mut Home, port: u16, store: &str) -> Rowtide {
        home.set("KAFKA_OPTS", &format!("-Dother=1 {}", self.options));
        let mut rowtide = home.begin_distributed(&self.scene.group, &self.properties(port, store));
        rowtide.rest.login("ada", "hunter2");
        rowtide.wait_ready();
        rowtide
    }
}

#[test]
fn a_worker_that_does_not_trust_another_says_what_would_make_it() {
    let scene = Scene::new("rest_distrust");
    let certificates = Certificates::new(scene.group.path());
    ["leader", "follower", "stranger"].iter().for_each(|name| certificates.identity(name));
    certificates.trust("leaders.p12", &["follower"]);
    certificates.trust("followers.p12", &["stranger"]);
    let properties = |name: &str| {
        let p = "listeners.https.ssl";
        let port = free_port();
        let store = certificates.path(&format!("{name}.p12"));
        let trust = certificates.path(&format!("{name}s.p12"));
        format!(
            "{AT_ONCE}listeners=http://127.0.0.1:{{port}},https://127.0.0.1:{port}\nrest.advertised.listener=https\nrest.advertised.port={port}\n\
             {p}.keystore.location={store}\n{p}.keystore.password={STORE_PASSWORD}\n\
             {p}.truststore.location={trust}\n{p}.truststore.password={STORE_PASSWORD}\n"
        )
    };
    let (one, two) = (Home::default(), Home::default());
    let leader = one.distributed(&scene.group, &properties("leader"));
    let follower = two.distributed(&scene.group, &properties("follower"));
    let path = format!("/connectors/{}/config", scene.database.name);
    let config = Value::Object(scene.database.connector(&[("table.include.list", "public.orders")]));
    let answer = wait_until("the follower is a member", LONG, || {
        let answer = follower.rest.send("PUT", &path, Some(&config));
        (answer.status != 409).then_some(answer)
    });
    let message = answer.body["message"].as_str().expect("a message");
    assert_eq!(answer.status, 500, "{message}");
    assert!(
        message.starts_with("IO Error trying to forward REST request: the certificate of the worker at https://127.0.0.1"),
        "{message}"
    );
    assert!(message.contains("is not trusted") && message.contains("listeners.https.ssl.truststore.location"), "{message}");
    // as the message says, no worker need be restarted
    std::fs::remove_file(certificates.path("followers.p12")).expect("a store");
    certificates.trust("followers.p12", &["leader"]);
    assert_eq!(follower.rest.send("PUT", &path, Some(&config)).status, 201);
    leader.rest.wait_running(&scene.database.name);
    follower.stop();
    leader.stop();
}

/// Asks for what the leader or the owner alone can do.
fn asks_for_what_others_do(rest: &Rest, names: &[&str], interval: &str) {
    // a Java worker answers nothing while the group forms anew
    let taken = |method: &str, path: &str, body: Option<&Value>| {
        wait_until(&format!("{method} {path} is answered"), LONG, || {
            rest.try_send(method, path, body).filter(|answer| answer.status < 300).map(|answer| answer.body)
        })
    };
    for name in names {
        taken("POST", &format!("/connectors/{name}/restart?includeTasks=true"), None);
        workers(rest, names);
        taken("PATCH", &format!("/connectors/{name}/config"), Some(&json!({ "poll.interval.ms": interval })));
        wait_until("its task is configured anew", LONG, || {
            let tasks = taken("GET", &format!("/connectors/{name}/tasks"), None);
            (tasks[0]["config"]["poll.interval.ms"] == interval).then_some(())
        });
        workers(rest, names);
    }
}

#[test]
fn workers_of_a_group_reach_each_other_over_https_with_certificates_and_passwords() {
    let secured = Secured::new("group_https");
    let scene = &secured.scene;
    let [java_port, one_port, two_port] = [0; 3].map(|_| free_port());
    let java = secured.java(java_port);
    let (mut one, mut two) = (Home::default(), Home::default());
    let first = secured.rowtide(&mut one, one_port, "one.p12");
    let second = secured.rowtide(&mut two, two_port, "two-both.pem");
    let stranger = Rest::new(&format!("http://{}", second.rest.worker_id()));
    assert_eq!(stranger.send("GET", "/connectors", None).status, 401);
    // the Java worker leads
    scene.create(&second.rest);
    let (small, _topics) = add_small("group_https", &first.rest);
    let (other, _others) = add_small("group_https_other", &java.rest);
    let names = [scene.database.name.as_str(), small.name.as_str(), other.name.as_str()];
    wait_shared(&first.rest, &names, 3);
    let ids: BTreeSet<String> = [java_port, one_port, two_port].iter().map(|port| format!("127.0.0.1:{port}")).collect();
    assert_eq!(workers(&java.rest, &names).into_keys().collect::<BTreeSet<_>>(), ids);
    for (rest, interval) in [(&java.rest, "31"), (&first.rest, "32"), (&second.rest, "33")] {
        asks_for_what_others_do(rest, &names, interval);
    }
    // Rowtide leads
    java.stop();
    wait_shared(&second.rest, &names, 2);
    let java = secured.java(java_port);
    wait_shared(&java.rest, &names, 3);
    for (rest, interval) in [(&java.rest, "34"), (&first.rest, "35"), (&second.rest, "36")] {
        asks_for_what_others_do(rest, &names, interval);
    }
    let trusting = format!(
        "--cacert {} --cert {} --key {} -u ada:hunter2",
        secured.certificates.path("two.pem"),
        secured.certificates.path("one.pem"),
        secured.certificates.path("one-key.pem")
    );
    assert_eq!(curl(&format!("{trusting} https://127.0.0.1:{two_port}/connectors")).expect("an answer").0, 200);
    assert!(!one.log().contains("hunter2") && !two.log().contains("hunter2"));
    for database in [&small, &other] {
        first.rest.delete(&database.name);
        database.wait_slot_free();
    }
    java.stop();
    first.stop();
    second.stop();
}

/// A request, named by what is to be seen of it.
struct Asked {
    name: String,
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Option<&'static str>,
}

fn asked(method: &'static str, path: &'static str, headers: &[(&'static str, &str)], body: Option<&'static str>) -> Asked {
    let told = headers.iter().map(|(_, value)| *value).chain(body);
    let name = [method, path].into_iter().chain(told).collect::<Vec<_>>().join(" ");
    Asked { name, method, path, headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body }
}

/// What is compared of an answer. Lists that Java takes out of hash sets are put in order.
fn answer(base: &str, asked: &Asked) -> BTreeMap<&'static str, String> {
    const HEADERS: [&str; 12] = [
        "content-type",
        "www-authenticate",
        "allow",
        "vary",
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-allow-credentials",
        "access-control-max-age",
        "x-frame-options",
        "cache-control",
        "expires",
    ];
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().new_agent();
    let mut request = ureq::http::Request::builder().method(asked.method).uri(format!("{base}{}", asked.path));
    for (name, value) in &asked.headers {
        request = request.header(*name, value);
    }
    let sent = match asked.body {
        Some(body) => agent.run(request.body(body).expect("a request")),
        None => agent.run(request.body(()).expect("a request")),
    };
    let mut response = sent.unwrap_or_else(|error| panic!("{base} {}: {error}", asked.name));
    let sorted = |text: &str| {
        let mut items: Vec<&str> = text.split(',').map(str::trim).collect();
        items.sort_unstable();
        items.join(",")
    };
    let mut found = BTreeMap::from([("status", response.status().as_u16().to_string())]);
    for name in HEADERS {
        let values: Vec<&str> = response.headers().get_all(name).iter().map(|value| value.to_str().expect("text")).collect();
        match name {
            _ if values.is_empty() => {}
            "expires" => {
                _ = found.insert(name, format!("{} date in GMT", values.iter().filter(|date| date.ends_with(" GMT")).count()))
            }
            "allow" | "access-control-allow-methods" => _ = found.insert(name, sorted(values[0])),
            _ => _ = found.insert(name, values.join(" + ")),
        }
    }
    let body = response.body_mut().read_to_string().expect("text");
    found.insert("body", if asked.method == "OPTIONS" { sorted(&body) } else { body });
    found
}

/// Holds answers against each other; the differences that are meant are noted as seen.
fn differences(java: &str, rowtide: &str, all: &[Asked], seen: &mut BTreeSet<usize>) -> Vec<String> {
    let mut found = Vec::new();
    for asked in all {
        let (java, rowtide) = (answer(java, asked), answer(rowtide, asked));
        let fields: BTreeSet<_> = java.keys().chain(rowtide.keys()).collect();
        for field in fields.into_iter().filter(|field| java.get(*field) != rowtide.get(*field)) {
            let is = |pattern: &str, text: &str| {
                pattern == text || pattern.strip_suffix('*').is_some_and(|start| text.starts_with(start))
            };
            let meant = DIFFERENCES.iter().position(|row| is(row.0, &asked.name) && is(row.1, field));
            match meant {
                Some(row) => _ = seen.insert(row),
                None => {
                    found.push(format!("{}: {field}: {:?} in Java, {:?} here", asked.name, java.get(field), rowtide.get(field)))
                }
            }
        }
    }
    found
}

/// Every way to say who one is.
fn logins() -> Vec<Asked> {
    let ada = ["Basic YWRhOnA6dw==", "bASIC YWRhOnA6dw"]; // ada:p:w
    let wrong = [
        "Basic YWRhOnA=",
        "Basic Ym9iOng=",
        "Basic ZXZlOg==",
        "Basic OnA=",
        "Basic YWRh",
        "Basic",
        "Bearer YWRhOnA6dw==",
        "Basic ???",
    ];
    let json = ("Content-Type", "application/json");
    let mut all: Vec<Asked> = ada
        .iter()
        .chain(&wrong)
        .chain(&["Basic Ym9iOg=="])
        .map(|login| asked("GET", "/connectors", &[("Authorization", login)], None))
        .collect();
    for path in ["/", "/health", "/connectors", "/connectors/x/status", "/connector-plugins", "/admin/loggers", "/nowhere"] {
        all.push(asked("GET", path, &[], None));
    }
    all.push(asked("GET", "/nowhere", &[("Authorization", ada[0])], None));
    all.push(asked("GET", "/connectors/x/status", &[("Authorization", ada[0])], None));
    all.push(asked("DELETE", "/connectors", &[], None));
    all.push(asked("DELETE", "/connectors/x", &[], None));
    // what workers sign
    for (method, path) in [("POST", "/connectors/x/tasks"), ("POST", "/connectors/x/tasks/"), ("PUT", "/connectors/x/fence")] {
        let body = Some("[]").filter(|_| method == "POST");
        all.push(Asked { headers: vec![("Content-Type", json.1.to_owned())], ..asked(method, path, &[], body) });
    }
    all.push(Asked {
        headers: vec![("Content-Type", json.1.to_owned())],
        ..asked("PUT", "/connectors/x/tasks", &[], Some("[]"))
    });
    all.push(Asked {
        headers: vec![("Content-Type", "text/plain".to_owned())],
        ..asked("POST", "/connectors", &[], Some("text"))
    });
    all
}

/// Every way for a page to ask.
fn pages(login: &str) -> Vec<Asked> {
    let mut all = Vec::new();
    let headers = [("Authorization", login), ("Access-Control-Request-Method", "PUT")];
    for origin in ["https://www.shop.com", "HTTP://localhost", "https://evil.com", "https://evil.com http://localhost", "null"] {
        for path in ["/connectors", "/connectors/x/config", "/nowhere"] {
            all.push(asked("GET", path, &[("Authorization", login), ("Origin", origin)], None));
            all.push(asked("OPTIONS", path, &[&headers[..], &[("Origin", origin)]].concat(), None));
        }
        all.push(asked("OPTIONS", "/", &[("Authorization", login), ("Origin", origin)], None));
    }
    all.push(asked("OPTIONS", "/connectors", &[("Origin", "https://www.shop.com"), headers[1]], None));
    all.push(asked("OPTIONS", "/", &[("Authorization", login)], None));
    all
}

#[test]
fn whoever_calls_is_answered_as_by_a_java_worker() {
    let group = |what: &str| Group::new(what);
    let (java_group, own_group) = (group("auth_java"), group("auth_own"));
    let _topics = [Cleanup(java_group.name.clone()), Cleanup(own_group.name.clone())];
    let options = users(java_group.path(), "ada=p:w\nbob=\n");
    let properties = format!(
        "{EXTENSION}\naccess.control.allow.origin=https://.*\\\\.shop\\\\.com, http://localhost\naccess.control.allow.methods=GET,PUT,DELETE\n\
         response.http.headers.config=set X-Frame-Options: DENY, \"add Cache-Control: no-cache, no-store\",add Cache-Control: private, setDate Expires: 0\n"
    );
    let java = java_group.java_with(&properties, &options);
    let mut home = Home::default();
    home.set("KAFKA_OPTS", &options);
    let rowtide = home.begin_distributed(&own_group, &properties);
    rowtide.wait_log("REST answers at");
    let base = |rest: &Rest| format!("http://{}", rest.worker_id());
    let mut seen = BTreeSet::new();
    let all: Vec<Asked> = logins().into_iter().chain(pages("Basic YWRhOnA6dw==")).collect();
    let found = differences(&base(&java.rest), &base(&rowtide.rest), &all, &mut seen);
    java.stop();
    rowtide.stop();
    // without users everybody is let in; any origin, and its usual methods
    let options = users(java_group.path(), "# nobody\n");
    let properties = format!("{EXTENSION}\naccess.control.allow.origin=*\n");
    let java = java_group.java_with(&properties, &options);
    let rowtide = home.begin_distributed(&own_group, &properties);
    wait_until("it is up again", LONG, || (home.log().matches("REST answers at").count() == 2).then_some(()));
    // what they answer, once somebody is let in, is held against each other elsewhere
    let elsewhere = ["/", "/connector-plugins", "/admin/loggers"];
    let logins = logins().into_iter().filter(|asked| !elsewhere.contains(&asked.path));
    let all: Vec<Asked> = logins.chain(pages("Basic Ym9iOg==")).collect();
    let more = differences(&base(&java.rest), &base(&rowtide.rest), &all, &mut seen);
    assert!(home.log().contains("everybody is let in") && !home.log().contains("p:w"));
    java.stop();
    rowtide.stop();
    let found = [found, more].concat();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    let stale: Vec<_> = DIFFERENCES.iter().enumerate().filter(|(row, _)| !seen.contains(row)).collect();
    assert!(stale.is_empty(), "these differences are gone, take them out: {stale:?}");
}
