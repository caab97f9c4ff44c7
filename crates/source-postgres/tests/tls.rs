//! Encryption and authentication against private servers with certificates of their own. The programs of the server
//! (`initdb`, `pg_ctl`) come from `ROWTIDE_TEST_PG_BIN`, or from where `pg_config` says.

use rowtide_source_postgres::client::{ClientError, ConnectOptions, Connection, SslMode};

#[allow(dead_code)] // each test binary uses its part
mod support;
use support::{PrivateServer, ServerCertificate};

async fn tls_of(options: &ConnectOptions) -> Result<bool, ClientError> {
    let mut connection = Connection::connect(options).await?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let seen = connection.query(sql).await?[0].text(0) == "t";
    assert_eq!(seen, connection.is_tls());
    Ok(seen)
}

#[tokio::test]
async fn each_mode_encrypts_and_verifies_as_libpq_does() {
    let server = PrivateServer::start(ServerCertificate::ForLocalhost);
    server.create_users().await;
    // (user, mode) → encrypted; None: refused by pg_hba.conf
    let cases = [
        ("tls_only", SslMode::Disable, None),
        ("tls_only", SslMode::Allow, Some(true)),
        ("tls_only", SslMode::Prefer, Some(true)),
        ("tls_only", SslMode::Require, Some(true)),
        ("plain_only", SslMode::Disable, Some(false)),
        ("plain_only", SslMode::Allow, Some(false)),
        ("plain_only", SslMode::Prefer, Some(false)),
        ("plain_only", SslMode::Require, None),
        ("scram_user", SslMode::Allow, Some(false)),
        ("scram_user", SslMode::Prefer, Some(true)),
    ];
    for (user, mode, expected) in cases {
        match (tls_of(&server.options(user, mode)).await, expected) {
            (Ok(encrypted), Some(expected)) => assert_eq!(encrypted, expected, "{user} {mode:?}"),
            (Err(error), None) => assert_eq!(error.sqlstate(), Some("28000"), "{user} {mode:?}: {error}"),
            (got, expected) => panic!("{user} {mode:?}: {got:?} instead of {expected:?}"),
        }
    }
    // (mode, root certificate, host) → works
    let cases = [
        (SslMode::Require, None, "127.0.0.1", true),
        (SslMode::Require, Some("ca.crt"), "127.0.0.1", true),
        (SslMode::Require, Some("other.crt"), "localhost", false),
        (SslMode::Require, Some("missing.crt"), "localhost", true),
        (SslMode::VerifyCa, None, "localhost", false),
        (SslMode::VerifyCa, Some("missing.crt"), "localhost", false),
        (SslMode::VerifyCa, Some("ca.crt"), "127.0.0.1", true),
        (SslMode::VerifyCa, Some("other.crt"), "localhost", false),
        (SslMode::VerifyFull, Some("ca.crt"), "localhost", true),
        (SslMode::VerifyFull, Some("ca.crt"), "127.0.0.1", false),
        (SslMode::VerifyFull, Some("other.crt"), "localhost", false),
    ];
    for (mode, root, host, works) in cases {
        let mut options = server.options("scram_user", mode);
        options.host = host.into();
        options.ssl.root_cert = root.map(|name| server.file(name));
        match tls_of(&options).await {
            Ok(encrypted) => assert!(works && encrypted, "{mode:?} {root:?} {host}"),
            Err(error) => assert!(!works && matches!(error, ClientError::Tls(_)), "{mode:?} {root:?} {host}: {error}"),
        }
        options.ssl.non_validating = true;
        assert!(tls_of(&options).await.unwrap(), "NonValidatingFactory takes any certificate: {mode:?} {root:?} {host}");
    }
}

#[tokio::test]
async fn certificates_of_the_manuals_recipes_are_verified_too() {
    for certificate in [ServerCertificate::CommonNameOnly, ServerCertificate::SelfSigned] {
        let server = PrivateServer::start(certificate);
        let mut options = server.options("postgres", SslMode::VerifyFull);
        options.ssl.root_cert =
            Some(server.file(if certificate == ServerCertificate::SelfSigned { "server.crt" } else { "ca.crt" }));
        assert!(tls_of(&options).await.unwrap());
        options.host = "127.0.0.1".into();
        let error = tls_of(&options).await.unwrap_err();
        assert!(matches!(error, ClientError::Tls(_)), "{error}");
        options.ssl.mode = SslMode::VerifyCa;
        assert!(tls_of(&options).await.unwrap());
    }
}

#[tokio::test]
async fn every_way_to_prove_who_one_is() {
    let server = PrivateServer::start(ServerCertificate::ForLocalhost);
    server.create_users().await;
    for user in ["md5_user", "clear_user", "scram_user"] {
        for mode in [SslMode::Disable, SslMode::Require] {
            let mut options = server.options(user, mode);
            assert_eq!(tls_of(&options).await.unwrap(), mode == SslMode::Require, "{user}");
            options.password = Some("false".into());
            assert_eq!(tls_of(&options).await.unwrap_err().sqlstate(), Some("28P01"), "{user}");
        }
    }
    let keys = [
        ("client.key", None, true),
        ("client-pkcs1.key", None, true),
        ("client.pk8", None, true),
        ("client-encrypted.key", Some("hidden"), true),
        ("client-encrypted.pk8", Some("hidden"), true),
        ("client-encrypted.key", None, false),
        ("client-encrypted.key", Some("false"), false),
        ("ca.key", None, false),
    ];
    for (key, password, works) in keys {
        let mut options = server.options("cert_user", SslMode::Require);
        options.password = None;
        options.ssl.client_cert = Some(server.file("client.crt"));
        options.ssl.client_key = Some(server.file(key));
        options.ssl.key_password = password.map(str::to_owned);
        match tls_of(&options).await {
            Ok(_) => assert!(works, "{key} {password:?}"),
            Err(error) => assert!(!works && matches!(error, ClientError::Tls(_)), "{key} {password:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_session_is_cancelled_over_tls_too() {
    let server = PrivateServer::start(ServerCertificate::ForLocalhost);
    let options = server.options("postgres", SslMode::Require);
    let mut connection = Connection::connect(&options).await.unwrap();
    let mut watcher = Connection::connect(&options).await.unwrap();
    let (token, pid) = (connection.cancel_token(), connection.process_id());
    let cancelling = async {
        let sql = format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'");
        while watcher.query(&sql).await.unwrap().is_empty() {}
        token.cancel().await.unwrap();
    };
    let (slept, ()) = tokio::join!(connection.query("SELECT pg_sleep(600)"), cancelling);
    assert_eq!(slept.unwrap_err().sqlstate(), Some("57014"));
}
