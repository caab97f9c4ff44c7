//! Logins and TLS against a private broker with Kafka's own listeners.

mod support;

use rowtide_kafka::{Admin, KafkaError};
use rowtide_testkit::free_port;
use rowtide_testkit::kafka::{Broker, Extras};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::*;

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A key pair in a PKCS12 store for the broker, and its certificate in PEM.
fn server_certificate(dir: &Path, name: &str) {
    let store = dir.join(format!("{name}.p12"));
    let mut make = Command::new("keytool");
    make.args([
        "-genkeypair",
        "-alias",
        name,
        "-keyalg",
        "EC",
        "-groupname",
        "secp256r1",
        "-validity",
        "30",
        "-dname",
        "CN=localhost",
    ]);
    run(make.args(["-ext", "SAN=IP:127.0.0.1", "-storetype", "PKCS12", "-storepass", "storepass", "-keystore"]).arg(&store));
    let mut export = Command::new("keytool");
    run(export
        .args(["-exportcert", "-rfc", "-alias", name, "-storepass", "storepass", "-keystore"])
        .arg(&store)
        .arg("-file")
        .arg(dir.join(format!("{name}.pem"))));
}

/// A client's certificate and key in PEM, by OpenSSL, as teams make them.
fn client_certificate(dir: &Path) {
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=client", "-keyout"]);
    run(make.arg(dir.join("client.key")).arg("-out").arg(dir.join("client.pem")));
    let both =
        std::fs::read_to_string(dir.join("client.key")).unwrap() + &std::fs::read_to_string(dir.join("client.pem")).unwrap();
    std::fs::write(dir.join("client-both.pem"), both).unwrap();
}

/// The same as Java's stores: the broker's certificate to trust in JKS and PKCS12, the client's key in both.
fn java_stores(dir: &Path) {
    for (kind, name) in [("JKS", "jks"), ("PKCS12", "p12")] {
        let mut trust = Command::new("keytool");
        trust.args(["-importcert", "-noprompt", "-alias", "root", "-storetype", kind, "-storepass", "trustpass", "-file"]);
        run(trust.arg(dir.join("server.pem")).arg("-keystore").arg(dir.join(format!("trust.{name}"))));
    }
    let (p12, jks) = (dir.join("client.p12"), dir.join("client.jks"));
    let mut pack = Command::new("openssl");
    pack.args(["pkcs12", "-export", "-name", "client", "-passout", "pass:keypass", "-in"]).arg(dir.join("client.pem"));
    run(pack.arg("-inkey").arg(dir.join("client.key")).arg("-out").arg(&p12));
    let mut import = Command::new("keytool");
    import.args([
        "-importkeystore",
        "-noprompt",
        "-srcstorepass",
        "keypass",
        "-deststoretype",
        "JKS",
        "-deststorepass",
        "jkspass",
    ]);
    run(import
        .args(["-srcalias", "client", "-destkeypass", "otherpass", "-srckeystore"])
        .arg(&p12)
        .arg("-destkeystore")
        .arg(&jks));
}

struct Secured {
    broker: Broker,
    sasl: u16,
    sasl_ssl: u16,
    ssl: u16,
}

async fn secured() -> Secured {
    let mut broker = Broker::new();
    let [sasl, sasl_ssl, ssl] = [0; 3].map(|_| free_port());
    let dir = broker.dir().to_owned();
    server_certificate(&dir, "server");
    server_certificate(&dir, "stranger");
    client_certificate(&dir);
    java_stores(&dir);
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=\"plain-secret\";";
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let mut properties = format!(
        "ssl.keystore.type=PKCS12\nssl.keystore.location={d}/server.p12\nssl.keystore.password=storepass\n\
         listener.name.ssl.ssl.client.auth=required\nlistener.name.ssl.ssl.truststore.type=PEM\n\
         listener.name.ssl.ssl.truststore.location={d}/client.pem\n",
        d = dir.display()
    );
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        properties += &format!("listener.name.{listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n");
        properties += &format!("listener.name.{listener}.plain.sasl.jaas.config={plain}\n");
        for hash in ["256", "512"] {
            properties += &format!("listener.name.{listener}.scram-sha-{hash}.sasl.jaas.config={scram}\n");
        }
    }
    let format =
        ["256", "512"].map(|h| ["--add-scram".to_owned(), format!("SCRAM-SHA-{h}=[name=bob,password=scram-secret]")]).concat();
    let listeners = vec![("SASL_PLAINTEXT", sasl), ("SASL_SSL", sasl_ssl), ("SSL", ssl)];
    broker.format(&Extras { listeners, properties, format, proxied: None });
    start(&mut broker).await;
    Secured { broker, sasl, sasl_ssl, ssl }
}

fn jaas(module: &str, user: &str, password: &str) -> String {
    format!("org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";")
}

async fn round_trip(port: u16, properties: &[(&str, &str)]) {
    let address = format!("127.0.0.1:{port}");
    let name = unique("secure");
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&address, properties));
    producer.send_batch((0..100).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
    for delivery in settle(&mut deliveries, 100).await {
        delivery.result.unwrap();
    }
    assert_complete_and_ordered(&read_all(config(&address, properties), &name).await, 1, 100);
}

async fn refusal(port: u16, properties: &[(&str, &str)]) -> KafkaError {
    let admin = Admin::new(config(&format!("127.0.0.1:{port}"), properties)).unwrap();
    admin.describe_cluster().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_and_tls_as_java_spells_them() {
    let secured = secured().await;
    let dir = secured.broker.dir().display().to_string();
    let (plain, scram) =
        (jaas("plain.PlainLoginModule", "alice", "plain-secret"), jaas("scram.ScramLoginModule", "bob", "scram-secret"));
    let trusted = format!("{dir}/server.pem");
    let sasl =
        |protocol, mechanism, jaas| [("security.protocol", protocol), ("sasl.mechanism", mechanism), ("sasl.jaas.config", jaas)];
    let trust = [("ssl.truststore.type", "PEM"), ("ssl.truststore.location", trusted.as_str())];

    round_trip(secured.sasl, &sasl("SASL_PLAINTEXT", "PLAIN", &plain)).await;
    round_trip(secured.sasl, &sasl("SASL_PLAINTEXT", "SCRAM-SHA-256", &scram)).await;
    round_trip(secured.sasl_ssl, &[&sasl("SASL_SSL", "SCRAM-SHA-512", &scram)[..], &trust].concat()).await;

    let both = format!("{dir}/client-both.pem");
    let mutual = [("security.protocol", "SSL"), ("ssl.keystore.type", "PEM"), ("ssl.keystore.location", both.as_str())];
    round_trip(secured.ssl, &[&mutual[..], &trust].concat()).await;
    let read = |file: &str| std::fs::read_to_string(format!("{dir}/{file}")).unwrap();
    let (key, chain, root) = (read("client.key"), read("client.pem"), read("server.pem"));
    let inline = [
        ("security.protocol", "SSL"),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.key", key.as_str()),
        ("ssl.keystore.certificate.chain", chain.as_str()),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", root.as_str()),
    ];
    round_trip(secured.ssl, &inline).await;

    with_java_stores(&secured, &dir).await;
    let wrong = jaas("scram.ScramLoginModule", "bob", "not-it");
    for (mechanism, jaas) in [("SCRAM-SHA-256", &wrong), ("PLAIN", &wrong)] {
        let error = refusal(secured.sasl, &sasl("SASL_PLAINTEXT", mechanism, jaas)).await;
        assert!(matches!(error, KafkaError::Authentication { .. }), "{error}");
        assert!(error.to_string().contains("sasl.jaas.config") && !error.to_string().contains("not-it"), "{error}");
    }
    let stranger = format!("{dir}/stranger.pem");
    let strange = [("security.protocol", "SSL"), ("ssl.truststore.type", "PEM"), ("ssl.truststore.location", stranger.as_str())];
    let error = refusal(secured.sasl_ssl, &[&sasl("SASL_SSL", "SCRAM-SHA-256", &scram)[..], &strange[1..]].concat()).await;
    assert!(matches!(&error, KafkaError::Authentication { problem, .. } if problem.contains("ssl.truststore")), "{error}");
    no_name_check(&secured, &trusted, &scram).await;
}

async fn with_java_stores(secured: &Secured, dir: &str) {
    let file = |name: &str| format!("{dir}/{name}");
    let (trust_jks, trust_p12, client_jks, client_p12) =
        (file("trust.jks"), file("trust.p12"), file("client.jks"), file("client.p12"));
    let jks = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.location", trust_jks.as_str()),
        ("ssl.keystore.location", client_jks.as_str()),
        ("ssl.keystore.password", "jkspass"),
        ("ssl.key.password", "otherpass"),
    ];
    round_trip(secured.ssl, &jks).await;
    let p12 = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.type", "PKCS12"),
        ("ssl.truststore.location", trust_p12.as_str()),
        ("ssl.truststore.password", "trustpass"),
        ("ssl.keystore.location", client_p12.as_str()),
        ("ssl.keystore.password", "keypass"),
    ];
    round_trip(secured.ssl, &p12).await;
    let wrong = [&p12[..3], &[("ssl.truststore.password", "hunter2")]].concat();
    let error = Admin::new(config("127.0.0.1:1", &wrong)).err().unwrap().to_string();
    assert!(error.contains("ssl.truststore.password") && !error.contains("hunter2"), "{error}");
    let wrong = [&jks[..4], &[("ssl.key.password", "hunter2")]].concat();
    let error = Admin::new(config("127.0.0.1:1", &wrong)).err().unwrap().to_string();
    assert!(error.contains("ssl.key.password") && !error.contains("hunter2"), "{error}");
}

/// The certificate names 127.0.0.1 only: "localhost" fails unless names are not checked.
async fn no_name_check(secured: &Secured, trusted: &str, scram: &str) {
    let address = format!("localhost:{}", secured.sasl_ssl);
    let base = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.jaas.config", scram),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", trusted),
    ];
    let checked = Admin::new(config(&address, &base)).unwrap().describe_cluster().await;
    assert!(matches!(checked, Err(KafkaError::Authentication { .. })), "{checked:?}");
    let unchecked = [&base[..], &[("ssl.endpoint.identification.algorithm", "")]].concat();
    Admin::new(config(&address, &unchecked)).unwrap().describe_cluster().await.unwrap();
}
