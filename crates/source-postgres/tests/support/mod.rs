//! Real PostgreSQL servers for the tests of the client: the one that `ROWTIDE_TEST_PG` names, and private ones with
//! certificates of their own.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rowtide_source_postgres::client::{ConnectOptions, Connection, SslMode, SslOptions};
use tempfile::TempDir;

/// The server that `ROWTIDE_TEST_PG=postgres://user:password@host:port/database` names.
pub fn shared_server() -> ConnectOptions {
    let url = std::env::var("ROWTIDE_TEST_PG")
        .expect("these tests need a PostgreSQL server with wal_level=logical: set ROWTIDE_TEST_PG=postgres://user:password@host:port/database");
    let rest = url.strip_prefix("postgres://").expect("ROWTIDE_TEST_PG begins with postgres://");
    let (login, place) = rest.rsplit_once('@').expect("user:password@ in ROWTIDE_TEST_PG");
    let (user, password) = login.split_once(':').expect("user:password in ROWTIDE_TEST_PG");
    let (address, dbname) = place.split_once('/').expect("/database in ROWTIDE_TEST_PG");
    let (host, port) = address.rsplit_once(':').expect("host:port in ROWTIDE_TEST_PG");
    ConnectOptions {
        host: host.into(),
        port: port.parse().expect("a port in ROWTIDE_TEST_PG"),
        user: user.into(),
        password: Some(password.into()),
        dbname: dbname.into(),
        ..ConnectOptions::default()
    }
}

/// A database of a test's own on the shared server, made anew.
pub async fn fresh_database(name: &str) -> ConnectOptions {
    let mut options = shared_server();
    let mut admin = Connection::connect(&options).await.unwrap();
    remove(&mut admin, name).await;
    admin.execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
    options.dbname = name.into();
    options
}

/// Leaves nothing behind.
pub async fn drop_database(name: &str) {
    let mut admin = Connection::connect(&shared_server()).await.unwrap();
    remove(&mut admin, name).await;
}

async fn remove(admin: &mut Connection, name: &str) {
    let readers =
        format!("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = '{name}' AND active");
    admin.execute(&readers).await.unwrap();
    let slots = format!("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}'");
    admin.execute(&slots).await.unwrap();
    admin.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
}

/// What the certificate of a private server looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ServerCertificate {
    /// signed by the CA, with `localhost` as alternative name
    ForLocalhost,
    /// signed by the CA, with `localhost` as common name only, as the PostgreSQL manual's recipe makes it
    CommonNameOnly,
    /// its own issuer
    SelfSigned,
}

/// A server with `ssl=on` in a directory of its own; stopped when dropped. Users (password `secret`): `tls_only`,
/// `plain_only`, `scram_user`, `md5_user`, `clear_user`, and `cert_user` with a client certificate.
pub struct PrivateServer {
    directory: TempDir,
    port: u16,
}

impl PrivateServer {
    pub fn start(certificate: ServerCertificate) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        run(Command::new("chmod").arg("755").arg(directory.path()));
        std::fs::create_dir(&data).unwrap();
        std::fs::write(directory.path().join("password"), "secret").unwrap();
        give_to_server(&[&data]);
        let password = format!("--pwfile={}", directory.path().join("password").display());
        let data_text = data.to_str().unwrap();
        run(as_server("initdb").args([
            "-D",
            data_text,
            "-U",
            "postgres",
            &password,
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]));
        make_certificates(directory.path(), certificate);
        configure(directory.path(), &data);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = data.join("server.log");
        run(as_server("pg_ctl").args(["-D", data_text, "-w", "-l", log.to_str().unwrap(), "-o", &format!("-p {port}"), "start"]));
        Self { directory, port }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn options(&self, user: &str, mode: SslMode) -> ConnectOptions {
        ConnectOptions {
            host: "localhost".into(),
            port: self.port,
            user: user.into(),
            password: Some("secret".into()),
            dbname: "postgres".into(),
            ssl: SslOptions { mode, ..SslOptions::default() },
            connect_timeout: Duration::from_secs(20),
            ..ConnectOptions::default()
        }
    }

    pub async fn create_users(&self) {
        let mut admin = Connection::connect(&self.options("postgres", SslMode::Prefer)).await.unwrap();
        for user in ["tls_only", "plain_only", "scram_user", "clear_user", "cert_user"] {
            admin.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD 'secret'")).await.unwrap();
        }
        admin.execute("SET password_encryption = 'md5'; CREATE ROLE md5_user LOGIN PASSWORD 'secret'").await.unwrap();
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        let data = self.directory.path().join("data");
        let _ = as_server("pg_ctl").args(["-D", data.to_str().unwrap(), "-m", "immediate", "-w", "stop"]).output();
    }
}

fn configure(directory: &Path, data: &Path) {
    let hba = "hostssl all tls_only 127.0.0.1/32 scram-sha-256\nhostnossl all plain_only 127.0.0.1/32 scram-sha-256\n\
         hostssl all cert_user 127.0.0.1/32 cert\nhost all tls_only,plain_only,cert_user 127.0.0.1/32 reject\n\
         host all md5_user 127.0.0.1/32 md5\nhost all clear_user 127.0.0.1/32 password\nhost all all 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
    let mut settings = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
    settings.push_str("\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nssl = on\n");
    settings.push_str("ssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.crt'\n");
    std::fs::write(data.join("postgresql.conf"), settings).unwrap();
    for name in ["server.crt", "server.key", "ca.crt"] {
        std::fs::copy(directory.join(name), data.join(name)).unwrap();
        run(Command::new("chmod").arg("600").arg(data.join(name)));
        give_to_server(&[&data.join(name)]);
    }
}

/// `ca.crt`, `other.crt` (of a CA that signs nothing here), `server.crt`, `client.crt` for `cert_user`, and its key in
/// the forms that users have.
fn make_certificates(directory: &Path, server: ServerCertificate) {
    let openssl = |arguments: &str| run(Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory));
    let new_ca = |name: &str| {
        openssl(&format!("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"))
    };
    new_ca("ca");
    new_ca("other");
    let signed = |name: &str, subject: &str, extensions: &str| {
        std::fs::write(directory.join("extensions"), extensions).unwrap();
        openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={subject} -keyout {name}.key -out {name}.csr"));
        openssl(&format!(
            "x509 -req -days 2 -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions -out {name}.crt"
        ));
    };
    match server {
        ServerCertificate::ForLocalhost => signed("server", "db", "subjectAltName=DNS:localhost"),
        ServerCertificate::CommonNameOnly => signed("server", "localhost", "basicConstraints=CA:FALSE"),
        ServerCertificate::SelfSigned => openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt",
        ),
    }
    signed("client", "cert_user", "extendedKeyUsage=clientAuth");
    openssl("pkcs8 -topk8 -nocrypt -in client.key -outform DER -out client.pk8");
    openssl("pkcs8 -topk8 -v2 aes256 -in client.key -passout pass:hidden -out client-encrypted.key");
    openssl("pkcs8 -topk8 -v2 aes256 -in client.key -passout pass:hidden -outform DER -out client-encrypted.pk8");
    openssl("rsa -in client.key -traditional -out client-pkcs1.key");
}

/// A program of the server, as a user that it accepts: it refuses to run as root.
fn as_server(program: &str) -> Command {
    let directory = std::env::var("ROWTIDE_TEST_PG_BIN").unwrap_or_else(|_| {
        let output =
            Command::new("pg_config").arg("--bindir").output().expect("ROWTIDE_TEST_PG_BIN or pg_config tells where initdb is");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    let program = Path::new(&directory).join(program);
    let mut command = if is_root() { Command::new("runuser") } else { Command::new(&program) };
    if is_root() {
        command.args(["-u", "postgres", "--"]).arg(&program);
    }
    command.current_dir("/");
    command
}

fn give_to_server(paths: &[&Path]) {
    if is_root() {
        run(Command::new("chown").arg("postgres").args(paths));
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

fn run(command: &mut Command) {
    // into a file: a server that pg_ctl starts would keep a pipe open
    let mut out = tempfile::tempfile().unwrap();
    command.stdout(out.try_clone().unwrap()).stderr(out.try_clone().unwrap());
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if !status.success() {
        let mut said = String::new();
        out.rewind().unwrap();
        out.read_to_string(&mut said).unwrap();
        panic!("{command:?}: {said}");
    }
}
