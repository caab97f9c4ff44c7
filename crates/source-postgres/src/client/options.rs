//! Where and how to connect.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a connection is made from.
#[derive(Clone)]
pub struct ConnectOptions {
    /// host name, IPv4 or IPv6 address (with or without brackets); all addresses of a name are tried in turn
    pub host: String,
    /// TCP port
    pub port: u16,
    /// role
    pub user: String,
    /// password; None: the server must not ask for one
    pub password: Option<String>,
    /// database
    pub dbname: String,
    /// shown in `pg_stat_activity`
    pub application_name: String,
    /// whether this is a walsender's connection for logical replication (`replication=database`)
    pub replication: bool,
    /// encryption
    pub ssl: SslOptions,
    /// whether the operating system probes idle connections
    pub tcp_keepalive: bool,
    /// for everything until the session is ready: TCP, TLS and authentication, per address
    pub connect_timeout: Duration,
    /// how long the server may be silent while an answer is awaited; None: for ever. Slots may take longer to be made,
    /// and a stream may be idle
    pub answer_timeout: Option<Duration>,
    /// further startup parameters: any setting of the server (`options`, `TimeZone`, …)
    pub startup_parameters: Vec<(String, String)>,
    /// bytes of a piece of read buffer, and so at most (but for a single larger message) of a batch
    pub read_buffer: usize,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 5432,
            user: "postgres".to_owned(),
            password: None,
            dbname: "postgres".to_owned(),
            application_name: "rowtide".to_owned(),
            replication: false,
            ssl: SslOptions::default(),
            tcp_keepalive: true,
            connect_timeout: Duration::from_secs(30),
            answer_timeout: None,
            startup_parameters: Vec::new(),
            read_buffer: 64 * 1024,
        }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "********"))
            .field("dbname", &self.dbname)
            .field("application_name", &self.application_name)
            .field("replication", &self.replication)
            .field("ssl", &self.ssl)
            .finish_non_exhaustive()
    }
}

/// `sslmode`, with libpq's meanings (PostgreSQL manual, "SSL Support", table "SSL Mode Descriptions").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// never encrypted
    Disable,
    /// plain first; encrypted if the server refuses that
    Allow,
    /// encrypted if the server can and lets us in so; else plain
    #[default]
    Prefer,
    /// encrypted; the server's certificate is verified only if a root certificate file is named and there
    Require,
    /// encrypted, and the server's certificate leads to a root certificate
    VerifyCa,
    /// as `VerifyCa`, and the certificate names the host
    VerifyFull,
}

/// Encryption: the mode and the files it needs. Where pgjdbc has default files
/// (`~/.postgresql/root.crt`, `postgresql.crt`, `postgresql.pk8`), so have we, if they are there.
#[derive(Clone, Default)]
pub struct SslOptions {
    /// how much is asked of the server
    pub mode: SslMode,
    /// certificates that may sign the server's (PEM, or one in DER)
    pub root_cert: Option<PathBuf>,
    /// our certificate, with intermediate ones (PEM, or one in DER)
    pub client_cert: Option<PathBuf>,
    /// our private key: PEM (PKCS#8, PKCS#1, SEC1) or PKCS#8 in DER (`.pk8`)
    pub client_key: Option<PathBuf>,
    /// of an encrypted PKCS#8 key
    pub key_password: Option<String>,
    /// pgjdbc's `NonValidatingFactory`: encrypted, but any certificate is taken
    pub non_validating: bool,
}

impl fmt::Debug for SslOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslOptions")
            .field("mode", &self.mode)
            .field("root_cert", &self.root_cert)
            .field("client_cert", &self.client_cert)
            .field("client_key", &self.client_key)
            .field("non_validating", &self.non_validating)
            .finish_non_exhaustive()
    }
}
