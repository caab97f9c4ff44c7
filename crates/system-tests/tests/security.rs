//! A broker that takes nobody's word: the worker's own clients, its connectors' producers and admin clients, and the reader of a signal topic log in over TLS,
//! each in another way and with another kind of store, by properties that a Java worker takes as they are.

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene, start_broker};
use rowtide_system_tests::topics;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::secured::{ALICE, BOB, Secured, bearer, jaas};
use rowtide_testkit::wait_until;
use serde_json::{Map, Value, json};

/// How a scope logs in.
fn login<'a>(mechanism: &'a str, jaas: &'a str, store: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", mechanism), ("sasl.jaas.config", jaas)];
    [&base[..], store].concat()
}

/// Lines of a worker's properties.
fn lines(scope: &str, properties: &[(&str, &str)]) -> String {
    properties.iter().map(|(name, value)| format!("{scope}{name}={value}\n")).collect()
}

fn connector(scene: &Scene, more: &[(&str, &str)]) -> Map<String, Value> {
    let base = [
        ("table.include.list", "public.orders"),
        ("publication.autocreate.mode", "filtered"),
        ("poll.interval.ms", "50"),
        // asked of the admin client
        ("topic.creation.default.partitions", "1"),
        ("topic.creation.default.replication.factor", "1"),
    ];
    scene.database.connector(&[&base[..], more].concat())
}

#[test]
fn each_scope_of_a_worker_logs_in_by_its_own_properties_as_on_a_java_worker() {
    let mut secured = Secured::default();
    start_broker(&mut secured.broker);
    let broker = secured.broker.address();
    let scene = Scene::at("secured", &broker);
    let (name, at) = (scene.database.name.clone(), format!("127.0.0.1:{}", secured.sasl_ssl));
    let [pem, jks, p12] = ["server.pem", "trust.jks", "trust.p12"].map(|name| secured.file(name));
    let pem = [("ssl.truststore.type", "PEM"), ("ssl.truststore.location", pem.as_str())];
    let jks = [("ssl.truststore.location", jks.as_str()), ("ssl.truststore.password", "trustpass")];
    let p12 =
        [("ssl.truststore.type", "PKCS12"), ("ssl.truststore.location", p12.as_str()), ("ssl.truststore.password", "trustpass")];
    let (plain, scram) = (jaas("plain.PlainLoginModule", ALICE), jaas("scram.ScramLoginModule", BOB));
    let token =
        |scope: &str| bearer(&format!("unsecuredLoginStringClaim_sub=\"admin\" unsecuredLoginStringClaim_scope=\"{scope}\""));
    let (token, strange) = (token("kafka"), token("other"));
    let properties = |admin: &str| {
        let scopes = [
            lines("", &login("SCRAM-SHA-512", &scram, &p12)),
            lines("producer.", &login("PLAIN", &plain, &jks)),
            lines("consumer.", &login("SCRAM-SHA-256", &scram, &jks)),
            // the protocol and the store are the worker's, as in Java
            lines("admin.", &[("sasl.mechanism", "OAUTHBEARER"), ("sasl.jaas.config", admin)]),
        ];
        format!("{AT_ONCE}bootstrap.servers={at}\n{}", scopes.concat())
    };

    // only the admin client's token is not for this broker
    let home = Home::default();
    let rowtide = home.distributed(&scene.group, &properties(&strange));
    rowtide.rest.create(&name, &connector(&scene, &[]), None);
    let trace = rowtide.rest.wait_failed(&name);
    assert!(trace.contains("cannot create the topic") && trace.contains("whom the token is for"), "{trace}");
    // a connector's own word counts more
    let signals = format!("{name}-signals");
    let reader = login("SCRAM-SHA-256", &scram, &pem);
    let reader: Vec<(String, &str)> =
        reader.into_iter().map(|(name, value)| (format!("signal.consumer.{name}"), value)).collect();
    let mut more = vec![
        ("admin.override.sasl.jaas.config", token.as_str()),
        ("signal.enabled.channels", "source,kafka"),
        ("signal.kafka.topic", signals.as_str()),
        ("signal.kafka.bootstrap.servers", at.as_str()),
    ];
    more.extend(reader.iter().map(|(name, value)| (name.as_str(), *value)));
    topics::write_at(&broker, &signals, &name, &json!({ "id": "1", "type": "log", "data": { "message": "before" } }).to_string());
    rowtide.rest.ok("PUT", &format!("/connectors/{name}/config"), Some(&Value::Object(connector(&scene, &more))));
    wait_until("it does not fail any more", LONG, || (rowtide.rest.state(&name).1 == "RUNNING").then_some(()));
    let load = Load::start(&scene.database, Mix::All);
    scene.goes_on(&rowtide.rest);
    topics::write_at(
        &broker,
        &signals,
        &name,
        &json!({ "id": "2", "type": "log", "data": { "message": "signed in" } }).to_string(),
    );
    wait_until("the signal is read", LONG, || home.log().contains("signed in").then_some(()));
    rowtide.stop();
    assert!(![ALICE.1, BOB.1, "trustpass"].iter().any(|secret| home.log().contains(secret)), "{}", home.log());

    let java = scene.group.java(&properties(&token));
    scene.goes_on(&java.rest);
    java.stop();
    let rowtide = home.distributed(&scene.group, &properties(&token));
    scene.goes_on(&rowtide.rest);
    // rows that are read after the start that failed are followed by the log since then, so that states come again
    scene.verdict(load);
    rowtide.stop();
}
