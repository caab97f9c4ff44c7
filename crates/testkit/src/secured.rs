//! A broker with Kafka's own listeners for those who have to log in, its certificates, and stores of Java's kinds.

use std::path::Path;
use std::process::Command;

use crate::free_port;
use crate::kafka::{Broker, Extras};

/// Who may log in by PLAIN, and the password.
pub const ALICE: (&str, &str) = ("alice", "plain-secret");
/// Who may log in by SCRAM, and the password.
pub const BOB: (&str, &str) = ("bob", "scram-secret");

/// The broker, formatted and not yet started. In its directory: `server.pem` to trust, the same as `trust.jks` and `trust.p12` (password
/// `trustpass`), `stranger.pem`; a client's `client.key`, `client.pem`, `client-both.pem`, `client.p12` (`keypass`), `client.jks` (`jkspass`, its key `otherpass`).
pub struct Secured {
    /// the broker
    pub broker: Broker,
    /// port of SASL_PLAINTEXT
    pub sasl: u16,
    /// port of SASL_SSL
    pub sasl_ssl: u16,
    /// port of SSL, which asks clients for a certificate
    pub ssl: u16,
}

impl Default for Secured {
    fn default() -> Self {
        Self::new(|_| (String::new(), String::new()))
    }
}

impl Secured {
    /// With more lines of the broker's properties, and options of its JVM, both of which may name files of its directory.
    pub fn new(more: impl FnOnce(&Path) -> (String, String)) -> Self {
        let mut broker = Broker::new();
        let [sasl, sasl_ssl, ssl] = [0; 3].map(|_| free_port());
        let dir = broker.dir().to_owned();
        server_certificate(&dir, "server");
        server_certificate(&dir, "stranger");
        client_certificate(&dir);
        java_stores(&dir);
        let scram =
            ["256", "512"].map(|h| ["--add-scram".to_owned(), format!("SCRAM-SHA-{h}=[name={},password={}]", BOB.0, BOB.1)]);
        let listeners = vec![("SASL_PLAINTEXT", sasl), ("SASL_SSL", sasl_ssl), ("SSL", ssl)];
        let (lines, options) = more(&dir);
        broker.options = options;
        let properties = properties(&dir) + &lines;
        broker.format(&Extras { listeners, properties, format: scram.concat(), proxied: None });
        Self { broker, sasl, sasl_ssl, ssl }
    }

    /// The path of a file of the broker's directory.
    pub fn file(&self, name: &str) -> String {
        self.broker.dir().join(name).display().to_string()
    }
}

/// A JAAS entry of a name and a password.
pub fn jaas(module: &str, (user, password): (&str, &str)) -> String {
    format!("org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";")
}

/// A JAAS entry of OAUTHBEARER.
pub fn bearer(options: &str) -> String {
    format!("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required {options};")
}

fn properties(dir: &Path) -> String {
    let plain = format!("org.apache.kafka.common.security.plain.PlainLoginModule required user_{}=\"{}\";", ALICE.0, ALICE.1);
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    // Kafka's own check of unsigned tokens: their principal, their scope, their times
    let bearer = bearer("unsecuredLoginStringClaim_sub=\"broker\" unsecuredValidatorRequiredScope=\"kafka\"");
    let mut properties = format!(
        "ssl.keystore.type=PKCS12\nssl.keystore.location={d}/server.p12\nssl.keystore.password=storepass\n\
         listener.name.ssl.ssl.client.auth=required\nlistener.name.ssl.ssl.truststore.type=PEM\n\
         listener.name.ssl.ssl.truststore.location={d}/client.pem\n",
        d = dir.display()
    );
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        let name = format!("listener.name.{listener}");
        properties += &format!("{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n");
        properties += &format!("{name}.plain.sasl.jaas.config={plain}\n{name}.oauthbearer.sasl.jaas.config={bearer}\n");
        for hash in ["256", "512"] {
            properties += &format!("{name}.scram-sha-{hash}.sasl.jaas.config={scram}\n");
        }
    }
    properties
}

fn run(command: &mut Command) {
    let done = command.output().expect("a command");
    let text = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    assert!(done.status.success(), "{command:?}: {text}");
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
    let both = std::fs::read_to_string(dir.join("client.key")).expect("a command")
        + &std::fs::read_to_string(dir.join("client.pem")).expect("a command");
    std::fs::write(dir.join("client-both.pem"), both).expect("a command");
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
