//! Tokens that an authorization server signs and gives over https, to a real broker that checks their signatures by its key set.
//!
//! The authorization server is the test's own: it has a certificate that nobody but the test trusts, and signs by RS256.

mod support;

use rowtide_kafka::{Admin, ClientAuth, KafkaError, Secret, TlsSettings};
use rowtide_testkit::secured::{Secured, bearer};
use rowtide_testkit::tokens::Issuer;
use std::sync::Arc;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const HANDLER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";

/// A broker whose TLS listener takes tokens of the issuer for `rowtide-kafka` only.
async fn checking() -> (Secured, Issuer) {
    let mut issuer = None;
    let mut secured = Secured::new(|dir| {
        let made = issuer.insert(Issuer::new(dir, "issuer"));
        let keys = format!("file://{}", made.key_set.display());
        let check = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
        let lines = format!(
            "listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class={check}\nsasl.oauthbearer.jwks.endpoint.url={keys}\n\
             sasl.oauthbearer.expected.audience=rowtide-kafka\nsasl.oauthbearer.expected.issuer=issuer\n"
        );
        // which files and URLs a JVM may be sent to: Kafka 4 lets none pass unless they are named
        let allowed = "org.apache.kafka.sasl.oauthbearer.allowed";
        (lines, format!("-D{allowed}.urls={keys} -D{allowed}.files={}", made.key_set.display()))
    });
    start(&mut secured.broker).await;
    (secured, issuer.expect("it was made"))
}

/// A token endpoint behind https that gives this token to everybody; its URL.
async fn endpoint(secured: &Secured, token: String) -> String {
    let tls = TlsSettings {
        keystore_type: Some("PKCS12".into()),
        keystore_location: Some(secured.file("stranger.p12")),
        keystore_password: Some(Secret::new("storepass")),
        ..TlsSettings::default()
    };
    let acceptor = TlsAcceptor::from(Arc::new(tls.server_config(ClientAuth::None).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // who does not trust it goes away
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"grant_type=client_credentials") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let body = format!(r#"{{"access_token":"{token}","expires_in":600,"token_type":"Bearer"}}"#);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    url
}

/// Properties of a client that asks there, and trusts this certificate of the endpoint.
fn login(secured: &Secured, url: &str, trusted: &str) -> Vec<(&'static str, String)> {
    let store = if trusted.is_empty() {
        String::new()
    } else {
        format!("ssl.truststore.type=\"PEM\" ssl.truststore.location=\"{}\"", secured.file(trusted))
    };
    vec![
        ("security.protocol", "SASL_SSL".into()),
        ("sasl.mechanism", "OAUTHBEARER".into()),
        ("sasl.login.callback.handler.class", HANDLER.into()),
        ("sasl.oauthbearer.token.endpoint.url", url.into()),
        ("sasl.jaas.config", bearer(&format!("clientId=\"rowtide\" clientSecret=\"s3cret\" {store}"))),
        ("ssl.truststore.type", "PEM".into()),
        ("ssl.truststore.location", secured.file("server.pem")),
    ]
}

async fn describe(secured: &Secured, properties: &[(&'static str, String)]) -> Result<(), KafkaError> {
    let properties: Vec<(&str, &str)> = properties.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let admin = Admin::new(config(&format!("127.0.0.1:{}", secured.sasl_ssl), &properties)).unwrap();
    admin.describe_cluster().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_tokens_from_behind_https_are_taken_by_a_broker_that_checks_them() {
    let (secured, issuer) = checking().await;
    let url = endpoint(&secured, issuer.token("dora", "rowtide-kafka", 600, "issuer")).await;
    let good = login(&secured, &url, "stranger.pem");
    describe(&secured, &good).await.unwrap();
    let properties: Vec<(&str, &str)> = good.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (address, name) = (format!("127.0.0.1:{}", secured.sasl_ssl), unique("signed"));
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&address, &properties));
    producer.send_batch((0..100).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
    for delivery in settle(&mut deliveries, 100).await {
        delivery.result.unwrap();
    }
    assert_complete_and_ordered(&read_all(config(&address, &properties), &name).await, 1, 100);

    // the endpoint's certificate is trusted by what the JAAS entry says, not by what the broker's is
    for trusted in ["", "server.pem"] {
        let error = describe(&secured, &login(&secured, &url, trusted)).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, KafkaError::Token { passes: false, .. }), "{text}");
        assert!(text.contains("options of sasl.jaas.config: ssl.truststore") && !text.contains("s3cret"), "{text}");
    }
    let impostor = Issuer::new(secured.broker.dir(), "impostor");
    for (what, token) in [
        ("another's signature", impostor.token("dora", "rowtide-kafka", 600, "issuer")),
        ("a key that is not in the set", issuer.token("dora", "rowtide-kafka", 600, "other")),
        ("for somebody else", issuer.token("dora", "shop", 600, "issuer")),
        ("too old", issuer.token("dora", "rowtide-kafka", -120, "issuer")),
    ] {
        let url = endpoint(&secured, token).await;
        let error = describe(&secured, &login(&secured, &url, "stranger.pem")).await.unwrap_err();
        let says = matches!(&error, KafkaError::Authentication { problem, .. } if problem.contains("whom the token is for"));
        assert!(says, "{what}: {error}");
    }
}
