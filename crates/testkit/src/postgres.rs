//! PostgreSQL: databases of a test's own on the shared servers, and private servers that a test may kill. By the
//! programs of PostgreSQL (`psql`, `initdb`, `postgres`).

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::{SOON, free_port, need, unique, wait_until};

/// A database of a test's own; gone, with its slots, when it goes out of scope.
pub struct Database {
    server: String,
    /// its name, which slots, publications and topics share
    pub name: String,
}

/// Runs SQL on a server; what `psql -At` prints, or what it complains of.
pub fn try_psql(url: &str, sql: &str) -> Result<String, String> {
    let output = psql_command(url).args(["-c", sql]).output().expect("psql");
    outcome(&output)
}

fn psql_command(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", url]).stdin(Stdio::null());
    command
}

fn outcome(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Runs SQL that must work.
pub fn psql(url: &str, sql: &str) -> String {
    try_psql(url, sql).unwrap_or_else(|error| panic!("{error}\nin: {sql}"))
}

/// An open session of psql that holds what it began, for instance a transaction.
pub struct Session(Child);

impl Session {
    /// Sends statements without waiting.
    pub fn send(&mut self, sql: &str) {
        use std::io::Write as _;
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{sql}").expect("psql listens");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Database {
    /// On the PostgreSQL of the tests.
    pub fn new(name: &str) -> Self {
        Self::on(&need("ROWTIDE_TEST_PG"), name)
    }

    /// On the PostgreSQL 18 of the tests.
    pub fn new18(name: &str) -> Self {
        Self::on(&need("ROWTIDE_TEST_PG18"), name)
    }

    /// On any server; `server` ends with a database's name.
    pub fn on(server: &str, name: &str) -> Self {
        let name = unique(name);
        psql(server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Self { server: server.to_owned(), name }
    }

    /// The database as a URL.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("a URL with a database");
        format!("{server}/{}", self.name)
    }

    /// Runs SQL.
    pub fn sql(&self, sql: &str) -> String {
        psql(&self.url(), sql)
    }

    /// Opens a session that stays.
    pub fn session(&self) -> Session {
        let mut command = psql_command(&self.url());
        Session(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("psql"))
    }

    /// The parts of the URL: user, password, host, port.
    fn parts(&self) -> [&str; 4] {
        let rest = self.server.strip_prefix("postgres://").expect("postgres://");
        let (login, place) = rest.split_once('@').expect("user:password@");
        let (user, password) = login.split_once(':').expect("user:password");
        let (host, port) = place.split_once('/').expect("/database").0.rsplit_once(':').expect("host:port");
        [user, password, host, port]
    }

    /// A connector's configuration: prefix, slot and publication have the database's name. `extra` wins.
    pub fn connector(&self, extra: &[(&str, &str)]) -> Map<String, Value> {
        let [user, password, host, port] = self.parts();
        let name = self.name.as_str();
        let mut config = Map::new();
        let base = [
            ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
            ("database.hostname", host),
            ("database.port", port),
            ("database.user", user),
            ("database.password", password),
            ("database.dbname", name),
            ("topic.prefix", name),
            ("plugin.name", "pgoutput"),
            ("slot.name", name),
            ("publication.name", name),
        ];
        for (key, value) in base.iter().chain(extra) {
            config.insert((*key).to_owned(), (*value).into());
        }
        config
    }

    /// A column of the connector's row in `pg_replication_slots`; empty when there is none.
    pub fn slot(&self, column: &str) -> String {
        self.sql(&format!("SELECT {column} FROM pg_replication_slots s WHERE slot_name = '{}'", self.name))
    }

    /// Waits until the slot is streamed from. (A slot is active while it is made, too.)
    pub fn wait_streaming(&self) {
        let name = &self.name;
        let sql = format!(
            "SELECT r.state FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE slot_name = '{name}'"
        );
        wait_until(&format!("{name} streams"), SOON, || (self.sql(&sql) == "streaming").then_some(()));
    }

    /// Ends the session that reads the slot, as soon as there is one.
    pub fn end_streaming(&self) {
        let name = &self.name;
        let sql =
            format!("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{name}' AND active");
        wait_until("the walsender is ended", SOON, || (self.sql(&sql) == "t").then_some(()));
    }

    /// Waits until nobody reads the slot.
    pub fn wait_slot_free(&self) {
        wait_until("the slot is free", SOON, || (self.slot("active") != "t").then_some(()));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        let mut statements = Vec::new();
        statements.push(format!(
            "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = '{name}' AND active"
        ));
        statements
            .push(format!("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}'"));
        statements.push(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        for statement in statements {
            if let Err(error) = try_psql(&self.server, &statement) {
                eprintln!("cleaning up {name}: {error}");
            }
        }
    }
}

/// A role on the PostgreSQL of the tests; gone when it goes out of scope.
pub struct Role {
    server: String,
    /// its name
    pub name: String,
}

impl Role {
    /// With these attributes, for instance `LOGIN REPLICATION`.
    pub fn new(attributes: &str, password: &str) -> Self {
        let (server, name) = (need("ROWTIDE_TEST_PG"), unique("role"));
        psql(&server, &format!("CREATE ROLE {name} {attributes} PASSWORD '{password}'"));
        Self { server, name }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = try_psql(&self.server, &format!("DROP ROLE {}", self.name));
    }
}

/// A PostgreSQL of a test's own (the programs in `ROWTIDE_TEST_PG_BIN`); gone with the test.
pub struct Server {
    bin: String,
    dir: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// A new, empty server, with extra lines of `postgresql.conf`; the last one of a name wins.
    pub fn new(extra: &str) -> Self {
        Self::made_by(need("ROWTIDE_TEST_PG_BIN"), extra)
    }

    /// The same of PostgreSQL 18 (`ROWTIDE_TEST_PG18_BIN`).
    pub fn new18(extra: &str) -> Self {
        Self::made_by(need("ROWTIDE_TEST_PG18_BIN"), extra)
    }

    /// A hot standby of it, which stands still while it is copied.
    pub fn standby(&mut self) -> Self {
        self.stop("INT");
        let mut standby = Self::in_directory(self.bin.clone());
        let copied = Command::new("cp").args(["-a", &self.data(), &standby.data()]).status().expect("cp");
        assert!(copied.success(), "{copied}");
        self.start();
        let (own, primary) = (standby.port, self.port);
        let primary = format!("host=127.0.0.1 port={primary} user=postgres password=postgres");
        standby.configure(&format!("port = {own}\nprimary_conninfo = '{primary}'\nhot_standby_feedback = on"));
        let signal = format!("{}/standby.signal", standby.data());
        std::fs::write(signal, "").expect("standby.signal");
        standby.start();
        standby
    }

    fn in_directory(bin: String) -> Self {
        let dir = tempfile::Builder::new().prefix("rowtide-pg").tempdir_in("/var/tmp").expect("a directory");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).expect("chmod");
        Self { bin, dir, port: free_port(), child: None }
    }

    fn made_by(bin: String, extra: &str) -> Self {
        let mut server = Self::in_directory(bin);
        let data = server.data();
        server.file("pw", "postgres");
        let pw = server.dir.path().join("pw").display().to_string();
        let mut initdb = server.program("initdb");
        initdb.args([
            "-D",
            &data,
            "-U",
            "postgres",
            "--pwfile",
            &pw,
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]);
        let done = initdb.output().expect("initdb");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        server.configure(&format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nwal_level = logical\nfsync = off\n\
             wal_sender_timeout = 10s\n{extra}\n",
            server.port
        ));
        server.start();
        server
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    }

    /// Adds lines to `postgresql.conf`; they hold from the next start.
    pub fn configure(&self, lines: &str) {
        let path = format!("{}/postgresql.conf", self.data());
        let mut text = std::fs::read_to_string(&path).expect("postgresql.conf");
        let _ = writeln!(text, "{lines}");
        std::fs::write(&path, text).expect("postgresql.conf");
    }

    /// The servers refuse to run as root.
    fn program(&self, name: &str) -> Command {
        let path = format!("{}/{name}", self.bin);
        let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        let mut command = if root { Command::new("runuser") } else { Command::new(&path) };
        if root {
            command.args(["-u", "postgres", "--", &path]);
        }
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it takes connections.
    pub fn start(&mut self) {
        let log = self.dir.path().join("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let data = self.data();
        let child = self.program("postgres").args(["-D", &data]).stdout(Stdio::null()).stderr(log).spawn().expect("postgres");
        self.child = Some(child);
        wait_until("the private PostgreSQL answers", SOON, || try_psql(&self.url(), "SELECT 1").ok());
    }

    /// A fast shutdown (`INT`), or as after a crash (`QUIT`).
    pub fn stop(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let pid = std::fs::read_to_string(format!("{}/postmaster.pid", self.data())).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            let _ = Command::new("kill").args([&format!("-{signal}"), pid]).status();
        }
        wait_until("PostgreSQL ends", Duration::from_secs(30), || child.try_wait().ok().flatten());
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres:postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop("QUIT");
    }
}
