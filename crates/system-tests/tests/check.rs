//! `rowtide check` against a real Java worker: what runs there is said to run here as it is, and the worker is left as it was.
//!
//! Needs `ROWTIDE_TEST_CONNECT` and `ROWTIDE_TEST_PG`. What the report says of other configurations is shown by the tests of the
//! command line.

use std::process::Command;

use rowtide_system_tests::certificates::{Certificates, STORE_PASSWORD};
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::group::Group;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::{SOON, binary, connect, free_port, need, wait_until};
use serde_json::Value;

/// A connector at the Java worker; gone at the end.
struct AtJava {
    java: Rest,
    database: Database,
}

impl AtJava {
    fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        let database = Database::new(name);
        let java = connect();
        java.create(&database.name, &database.connector(extra), Some("STOPPED"));
        // a group tells of a state some time after it took the configuration
        wait_until("the connector has a state", SOON, || (java.state(&database.name).0 == "STOPPED").then_some(()));
        Self { java, database }
    }

    /// Exit code of `rowtide check URL --json`, and what it says of this connector; others may be there too.
    fn check(&self) -> (Option<i32>, Value) {
        let output = Command::new(binary()).args(["check", "--json", &need("ROWTIDE_TEST_CONNECT")]).output().expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let all = report["connectors"].as_array().expect("connectors");
        let ours = all.iter().find(|connector| connector["name"] == self.database.name.as_str());
        (output.status.code(), ours.expect("the connector is in the report").clone())
    }
}

impl Drop for AtJava {
    fn drop(&mut self) {
        self.java.delete(&self.database.name);
    }
}

#[test]
fn a_connector_of_a_java_worker_would_run_as_it_is_and_is_not_touched() {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let at = AtJava::new("check", &[("value.converter", json), ("value.converter.schemas.enable", "false")]);
    let path = format!("/connectors/{}/config", at.database.name);
    let before = at.java.ok("GET", &path, None);
    let (_, report) = at.check();
    assert_eq!((&report["outcome"], &report["state"]), (&"as_it_is".into(), &"STOPPED".into()), "{report:#}");
    let properties = report["properties"].as_array().expect("properties");
    assert!(properties.iter().all(|property| property["verdict"] == "ok"), "{report:#}");
    assert_eq!(properties.len(), before.as_object().expect("a map").len());
    assert_eq!(at.java.ok("GET", &path, None), before);
    assert_eq!(at.database.slot("slot_name"), "", "nothing was asked of the database");
}

#[test]
fn what_java_has_and_rowtide_has_not_is_told() {
    let at =
        AtJava::new("checkjava", &[("transforms", "u"), ("transforms.u.type", "io.debezium.transforms.ExtractNewRecordState")]);
    let (code, report) = at.check();
    assert_eq!((code, &report["outcome"]), (Some(1), &"refused".into()), "{report:#}");
    let class = report["properties"].as_array().expect("properties").iter().find(|it| it["property"] == "transforms.u.type");
    assert_eq!(class.expect("the transform")["verdict"], "unsupported");
}

#[test]
fn a_java_worker_is_asked_over_https_with_a_user_where_its_certificate_is_trusted() {
    let group = Group::new("check_https");
    let _topics = Cleanup(group.name.clone());
    let certificates = Certificates::new(group.path());
    ["java", "stranger"].iter().for_each(|name| certificates.identity(name));
    certificates.trust("trust.p12", &["java"]);
    let (users, jaas, port) = (group.path().join("users"), group.path().join("jaas.conf"), free_port());
    std::fs::write(&users, "ada=p@ss\n").expect("a file");
    let module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
    let login = format!("KafkaConnect {{\n  {module} required\n  file=\"{}\";\n}};\n", users.display());
    std::fs::write(&jaas, login).expect("a file");
    let p = "listeners.https.ssl";
    let lines = format!(
        "listeners=http://127.0.0.1:{{port}},https://127.0.0.1:{port}\n{p}.keystore.location={}\n{p}.keystore.password={STORE_PASSWORD}\n\
         {p}.key.password={STORE_PASSWORD}\n\
         rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension\n",
        certificates.path("java.p12")
    );
    let mut java = group.java_with(&lines, &format!("-Djava.security.auth.login.config={}", jaas.display()));
    java.rest.login("ada", "p@ss");
    let database = Database::new("check_https");
    java.rest.create(&database.name, &database.connector(&[]), Some("STOPPED"));
    wait_until("the connector has a state", SOON, || (java.rest.state(&database.name).0 == "STOPPED").then_some(()));

    let place = format!("127.0.0.1:{port}");
    let check = |address: &str, options: &[&str]| {
        let options = options.iter().flat_map(|option| ["-D", option]);
        let done = Command::new(binary()).arg("check").arg(address).args(options).output().expect("it runs");
        (done.status.code(), [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat())
    };
    let pem = |name: &str| format!("ssl.truststore.location={}", certificates.path(&format!("{name}.pem")));
    let address = format!("https://ada:p%40ss@{place}/");
    let (code, text) = check(&address, &["ssl.truststore.type=PEM", &pem("java")]);
    assert!(code == Some(0) && text.contains(&database.name), "{text}");
    let store = format!("ssl.truststore.location={}", certificates.path("trust.p12"));
    let (code, text) =
        check(&address, &["ssl.truststore.type=PKCS12", &store, &format!("ssl.truststore.password={STORE_PASSWORD}")]);
    assert!(code == Some(0) && text.contains(&database.name), "{text}");
    for options in [&[][..], &["ssl.truststore.type=PEM", &pem("stranger")]] {
        let (code, text) = check(&address, options);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(&format!("the certificate of the worker at https://{place} is not trusted")), "{text}");
        assert!(text.contains("-D ssl.truststore.location=ca.pem") && !text.contains("p@ss"), "{text}");
    }
    let (code, text) = check(&format!("https://{place}"), &["ssl.truststore.type=PEM", &pem("java")]);
    assert!(code == Some(2) && text.contains("answers 401") && text.contains("user:password@"), "{text}");
    java.stop();
}
