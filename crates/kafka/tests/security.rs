//! Logins and TLS against a private broker with Kafka's own listeners.

mod support;

use rowtide_kafka::{Admin, KafkaError};
use rowtide_testkit::secured::{ALICE, BOB, Secured, bearer, jaas};
use std::sync::Arc;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn secured() -> Secured {
    let mut secured = Secured::default();
    start(&mut secured.broker).await;
    secured
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

fn sasl<'a>(protocol: &'a str, mechanism: &'a str, jaas: &'a str) -> [(&'a str, &'a str); 3] {
    [("security.protocol", protocol), ("sasl.mechanism", mechanism), ("sasl.jaas.config", jaas)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_and_tls_as_java_spells_them() {
    let secured = secured().await;
    let dir = secured.broker.dir().display().to_string();
    let (plain, scram) = (jaas("plain.PlainLoginModule", ALICE), jaas("scram.ScramLoginModule", BOB));
    let token = bearer("unsecuredLoginStringClaim_sub=\"carol\" unsecuredLoginStringClaim_scope=\"kafka\"");
    let [trusted, trust_jks, trust_p12] = ["server.pem", "trust.jks", "trust.p12"].map(|name| secured.file(name));
    let trust = [("ssl.truststore.type", "PEM"), ("ssl.truststore.location", trusted.as_str())];
    let jks = [("ssl.truststore.location", trust_jks.as_str()), ("ssl.truststore.password", "trustpass")];
    let p12 = [
        ("ssl.truststore.type", "PKCS12"),
        ("ssl.truststore.location", trust_p12.as_str()),
        ("ssl.truststore.password", "trustpass"),
    ];

    round_trip(secured.sasl, &sasl("SASL_PLAINTEXT", "PLAIN", &plain)).await;
    round_trip(secured.sasl, &sasl("SASL_PLAINTEXT", "SCRAM-SHA-256", &scram)).await;
    round_trip(secured.sasl, &sasl("SASL_PLAINTEXT", "OAUTHBEARER", &token)).await;
    for (mechanism, jaas, trust) in [
        ("PLAIN", &plain, &trust[..]),
        ("PLAIN", &plain, &jks),
        ("SCRAM-SHA-256", &scram, &p12),
        ("SCRAM-SHA-512", &scram, &trust),
        ("SCRAM-SHA-512", &scram, &jks),
        ("OAUTHBEARER", &token, &trust),
        ("OAUTHBEARER", &token, &p12),
    ] {
        round_trip(secured.sasl_ssl, &[&sasl("SASL_SSL", mechanism, jaas)[..], trust].concat()).await;
    }

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

    with_java_stores(&secured).await;
    let wrong = jaas("scram.ScramLoginModule", (BOB.0, "not-it"));
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

/// A token endpoint for one client: what it answers to each request; it says what it was asked.
async fn token_endpoint(answers: Vec<(u16, String)>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth2/token?tenant=a", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            // the form is the end of it
            while !request.windows(20).any(|window| window == b"&scope=kafka%20admin") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "{}", String::from_utf8_lossy(&request));
            }
            asked.push(String::from_utf8(request).unwrap());
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (url, serving)
}

/// A token that Kafka's own check of unsigned tokens takes, if it is of this scope.
fn unsigned(scope: &str) -> String {
    let encode = |text: String| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"dora","scope":"{scope}","iat":{now},"exp":{}}}"#, now + 600);
    format!("{}.{}.", encode(r#"{"alg":"none"}"#.to_owned()), encode(claims))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_an_authorization_server_and_of_a_file() {
    let secured = secured().await;
    let (trusted, file) = (secured.file("server.pem"), secured.file("token"));
    let handler = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
    let jaas = bearer("clientId=\"rowtide\" clientSecret=\"s3cret\" scope=\"kafka admin\"");
    let login = |url: &'static str| {
        let more = [
            ("sasl.login.callback.handler.class", handler),
            ("sasl.oauthbearer.token.endpoint.url", url),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", trusted.as_str()),
        ];
        [&sasl("SASL_SSL", "OAUTHBEARER", &jaas)[..], &more].concat()
    };
    let given = |token: &str| (200, format!(r#"{{"access_token":"{token}","expires_in":600,"token_type":"Bearer"}}"#));
    // the producer's token and the reader's: each client asks once, however many connections it opens
    let (url, serving) = token_endpoint(vec![given(&unsigned("kafka")), given(&unsigned("kafka"))]).await;
    round_trip(secured.sasl_ssl, &login(url.leak())).await;
    let asked = serving.await.unwrap();
    assert!(asked[0].starts_with("POST /oauth2/token?tenant=a HTTP/1.1\r\n"), "{}", asked[0]);
    // rowtide:s3cret
    assert!(asked[0].contains("Basic cm93dGlkZTpzM2NyZXQ=\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=kafka%20admin"), "{}", asked[0]);

    let refused = (401, r#"{"error":"invalid_client","error_description":"no such client","echo":"s3cret"}"#.to_owned());
    let (url, serving) = token_endpoint(vec![refused]).await;
    let error = refusal(secured.sasl_ssl, &login(url.leak())).await.to_string();
    assert!(error.contains("401 invalid_client no such client") && error.contains("clientSecret"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
    serving.await.unwrap();
    let (url, serving) = token_endpoint(vec![given(&unsigned("other"))]).await;
    let error = refusal(secured.sasl_ssl, &login(url.leak())).await;
    assert!(matches!(&error, KafkaError::Authentication { problem, .. } if problem.contains("whom the token is for")), "{error}");
    serving.await.unwrap();

    std::fs::write(&file, unsigned("kafka")).unwrap();
    round_trip(secured.sasl_ssl, &login(format!("file://{file}").leak())).await;
}

async fn with_java_stores(secured: &Secured) {
    let file = |name: &str| secured.file(name);
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
