//! The registry as it stands in companies: over https with a certificate authority of one's own, with credentials, at an IPv6 address; and a
//! registry that answers late, or is started again amid a stream.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::proxy::{Fault, Proxy, Way};
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{free_port, need, wait_until};

const LONG: Duration = Duration::from_secs(120);
const CONFLUENT: &str = "io.confluent.connect.avro.AvroConverter";
const APICURIO: &str = "io.apicurio.registry.utils.converter.AvroConverter";

/// A registry's port, and a way to it over https that asks for credentials.
struct Front {
    child: Child,
    port: u16,
}

impl Front {
    /// With `registry.pem` and `registry.key` of the directory.
    fn new(dir: &Path, allowed: &[&str]) -> Self {
        let registry = need("ROWTIDE_TEST_REGISTRY");
        let target = registry.strip_prefix("http://").expect("http");
        let mut command = Command::new(need("ROWTIDE_TEST_PYTHON"));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/registry/front.py"));
        command.arg(dir.join("registry.pem")).arg(dir.join("registry.key")).arg(target).args(allowed);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("Python");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its port");
        Self { child, port: line.trim().parse().expect("a port") }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ca.pem`, `ca.jks` (password `trustpass`), and what it has signed for 127.0.0.1 and ::1: `registry.pem`, `registry.key`.
fn certificates(dir: &Path) {
    let script = "set -e
        ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $ec -days 30 -subj /CN=authority -keyout ca.key -out ca.pem
        openssl req $ec -subj /CN=registry -keyout registry.key -out registry.csr
        echo 'subjectAltName=IP:127.0.0.1,IP:::1' >names
        openssl x509 -req -in registry.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out registry.pem
        keytool -importcert -noprompt -alias ca -storetype JKS -storepass trustpass -file ca.pem -keystore ca.jks";
    let done = Command::new("sh").args(["-c", script]).current_dir(dir).output().expect("sh");
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
}

/// A database of one table, and what captures it.
struct Scene {
    database: Database,
    _topics: Cleanup,
    rowtide: Rowtide,
    _home: Home,
}

impl Scene {
    fn new(name: &str) -> Self {
        let database = Database::new(name);
        database.sql("CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'first of all')");
        let home = Home::default();
        Self { _topics: Cleanup(database.name.clone()), rowtide: home.standalone("", &[]), database, _home: home }
    }

    /// Starts a connector with a topic of its own, whose key and value go through the converter.
    fn create(&self, name: &str, class: &str, options: &[(&str, &str)]) {
        let own = format!("{}_{name}", self.database.name);
        let mut config = self.database.connector(&[
            ("retriable.restart.connector.wait.ms", "500"),
            ("topic.prefix", &own),
            ("slot.name", &own),
            ("publication.name", &own),
        ]);
        for side in ["key", "value"] {
            config.insert(format!("{side}.converter"), class.into());
            for (name, value) in options {
                config.insert(format!("{side}.converter.{name}"), (*value).into());
            }
        }
        self.rowtide.rest.create(name, &config, None);
    }

    /// Waits for a row by its text.
    fn arrives(&self, name: &str, note: &str) {
        let topic = format!("{}_{name}.public.orders", self.database.name);
        wait_until(&format!("{name}: '{note}' arrives"), LONG, || (holds(&topic, note) > 0).then_some(()));
    }
}

/// How many values hold a text.
fn holds(topic: &str, text: &str) -> usize {
    let mut count = 0;
    let has = |value: &[u8]| value.windows(text.len()).any(|part| part == text.as_bytes());
    topics::each(topic, |_, value| count += usize::from(value.is_some_and(has)));
    count
}

/// A converter's, in a connector.
type Options<'a> = Vec<(&'a str, &'a str)>;

const BASIC: &str = "Basic YWxpY2U6czNjcjN0LTQ3MTE="; // alice:s3cr3t-4711
const BEARER: &str = "Bearer t0ken-4711";

#[test]
fn a_registry_behind_https_and_credentials_is_asked_by_both_converters() {
    let scene = Scene::new("registry_https");
    let dir = tempfile::tempdir().expect("a directory");
    certificates(dir.path());
    let front = Front::new(dir.path(), &[BASIC, BEARER]);
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (pem, jks) = (file("ca.pem"), file("ca.jks"));
    let url = |host: &str, user: &str, path: &str| format!("https://{user}{host}:{}/apis/{path}", front.port);
    let (four, six) = (url("127.0.0.1", "", "ccompat/v7"), url("[::1]", "", "ccompat/v7"));
    let user_in_url = url("[::1]", "alice:s3cr3t-4711@", "ccompat/v7");
    let apicurio = url("[::1]", "", "registry/v2");
    let trust_pem = [("schema.registry.ssl.truststore.type", "PEM"), ("schema.registry.ssl.truststore.location", pem.as_str())];
    let trust_jks =
        [("schema.registry.ssl.truststore.password", "trustpass"), ("schema.registry.ssl.truststore.location", jks.as_str())];
    let basic = [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", "alice:s3cr3t-4711")];
    let bearer = [("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "t0ken-4711")];
    let to = |url| [("schema.registry.url", url)];
    let by_apicurio = [
        ("apicurio.registry.url", apicurio.as_str()),
        ("apicurio.registry.auto-register", "true"),
        ("apicurio.registry.request.ssl.truststore.location", &jks),
        ("apicurio.registry.request.ssl.truststore.type", "JKS"),
        ("apicurio.registry.request.ssl.truststore.password", "trustpass"),
    ];
    let user = [("apicurio.auth.username", "alice"), ("apicurio.auth.password", "s3cr3t-4711")];
    let good: [(&str, &str, Options<'_>); 5] = [
        ("basic", CONFLUENT, [&to(four.as_str())[..], &trust_pem, &basic].concat()),
        ("bearer", CONFLUENT, [&to(four.as_str())[..], &trust_jks, &bearer].concat()),
        ("six", CONFLUENT, [&to(six.as_str())[..], &trust_pem, &basic].concat()),
        ("in_url", CONFLUENT, [&to(user_in_url.as_str())[..], &trust_pem].concat()),
        ("apicurio", APICURIO, [&by_apicurio[..], &user].concat()),
    ];
    for (name, class, options) in good {
        scene.create(name, class, &options);
        scene.arrives(name, "first of all");
        scene.rowtide.rest.ok("DELETE", &format!("/connectors/{name}"), None);
    }
    let wrong = [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", "alice:wr0ng-4711")];
    let bad: [(&str, &str, Options<'_>, &[&str]); 4] = [
        (
            "stranger",
            CONFLUENT,
            [&to(four.as_str())[..], &basic].concat(),
            &["certificate", "schema.registry.ssl.truststore.location"],
        ),
        (
            "nobody",
            CONFLUENT,
            [&to(six.as_str())[..], &trust_pem].concat(),
            &["401", "Unauthorized", "basic.auth.user.info", "bearer.auth.token"],
        ),
        ("wrong", CONFLUENT, [&to(four.as_str())[..], &trust_pem, &wrong].concat(), &["401", "basic.auth.user.info"]),
        ("nobody_apicurio", APICURIO, by_apicurio.to_vec(), &["401", "apicurio.auth.username"]),
    ];
    for (name, class, options, words) in bad {
        scene.create(name, class, &options);
        let trace = scene.rowtide.rest.wait_failed(name);
        for word in words {
            assert!(trace.contains(word), "{name}: '{word}' is not in: {trace}");
        }
        scene.rowtide.rest.ok("DELETE", &format!("/connectors/{name}"), None);
    }
    for secret in ["s3cr3t-4711", "wr0ng-4711", "t0ken-4711"] {
        assert!(!scene.rowtide.log().contains(secret), "{secret} is in the log");
    }
    scene.rowtide.stop();
}

#[test]
fn a_registry_that_answers_late_is_waited_for_within_its_limit_and_asked_again_beyond() {
    let scene = Scene::new("registry_slow");
    let registry = need("ROWTIDE_TEST_REGISTRY");
    let port = registry.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the registry's port");
    let proxy = Proxy::new("registry_slow", port);
    let late = |delay| proxy.set(Way::ToClient, Fault { delay, ..Fault::default() });
    late(Duration::from_secs(2));
    let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", proxy.port);
    let options = [
        ("schema.registry.url", url.as_str()),
        ("http.read.timeout.ms", "10000"),
        ("max.retries", "1"),
        ("retries.wait.ms", "50"),
    ];
    scene.create("slow", CONFLUENT, &options);
    scene.arrives("slow", "first of all");
    assert!(!scene.rowtide.log().contains("cannot be asked"), "{}", scene.rowtide.log());
    // from now on later than its limit
    late(Duration::from_secs(30));
    scene.database.sql("ALTER TABLE orders ADD COLUMN more int; INSERT INTO orders VALUES (2, 'the second', 7)");
    scene.rowtide.wait_log("no answer in time");
    scene.rowtide.wait_log("restarting the task");
    assert_eq!(scene.rowtide.rest.state("slow").1, "RUNNING");
    proxy.restore();
    scene.arrives("slow", "the second");
    scene.rowtide.stop();
}

/// The lab's registry once more, whose schemas survive its end.
struct Registry {
    dir: tempfile::TempDir,
    port: u16,
}

impl Registry {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("rowtide-registry").tempdir_in("/var/tmp").expect("a directory");
        Self { dir, port: free_port() }
    }

    fn lab(&self, words: &[&str]) {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../lab/apicurio.sh"));
        command.args(words).env("LAB_RUN", self.dir.path()).env("LAB_REGISTRY_PORT", self.port.to_string());
        command.env("LAB_REGISTRY", format!("http://127.0.0.1:{}", self.port));
        let database = self.dir.path().join("schemas").display().to_string();
        command.env("LAB_REGISTRY_STORE", database);
        let done = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("bash");
        assert!(done.success(), "lab/apicurio.sh {words:?}: {done}");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let words = ["stop", "KILL"];
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../lab/apicurio.sh"));
        let _ = command.args(words).env("LAB_RUN", self.dir.path()).stdout(Stdio::null()).status();
    }
}

#[test]
fn a_registry_that_is_killed_and_started_again_amid_a_stream_loses_nothing() {
    let registry = Registry::new();
    registry.lab(&["start"]);
    let scene = Scene::new("registry_restart");
    let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", registry.port);
    scene.create("restart", CONFLUENT, &[("schema.registry.url", &url), ("max.retries", "0")]);
    scene.arrives("restart", "first of all");
    scene.database.sql("INSERT INTO orders VALUES (0, 'of the stream')");
    scene.arrives("restart", "of the stream");
    registry.lab(&["stop", "KILL"]);
    // what is known needs no registry
    scene.database.sql("INSERT INTO orders VALUES (2, 'while it was away')");
    scene.arrives("restart", "while it was away");
    scene.database.sql("ALTER TABLE orders ADD COLUMN more int; INSERT INTO orders VALUES (3, 'of a new schema', 7)");
    scene.rowtide.wait_log("restarting the task");
    registry.lab(&["start"]);
    scene.arrives("restart", "of a new schema");
    scene.database.sql("INSERT INTO orders VALUES (4, 'the last one', 8)");
    scene.arrives("restart", "the last one");
    assert_eq!(scene.rowtide.rest.state("restart").1, "RUNNING");
    scene.rowtide.stop();
}
