//! Connecting, the state of a session, and cancelling what it runs.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use postgres_protocol::message::backend::{
    Message, NOTICE_RESPONSE_TAG, NOTIFICATION_RESPONSE_TAG, PARAMETER_STATUS_TAG, READY_FOR_QUERY_TAG,
};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::auth::authenticate;
use super::error::{ClientError, ServerError};
use super::options::{ConnectOptions, SslMode};
use super::stream::{Socket, Stream};
use super::tls;
use super::wire::Wire;

/// `invalid_authorization_specification`: how pg_hba.conf refuses.
const REFUSED: &str = "28000";

/// Whether a transaction is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// none
    Idle,
    /// one is
    Open,
    /// one is, and it has failed: only ROLLBACK does
    Failed,
}

/// A session. Used by one task at a time.
///
/// A call whose future is dropped half-way leaves the session usable: the next call first reads away what the server
/// still sends for the former (a [`CancelToken`] makes that short).
pub struct Connection {
    pub(super) wire: Wire,
    parameters: HashMap<String, String>,
    process_id: i32,
    secret_key: i32,
    status: TransactionStatus,
    /// how many ReadyForQuery are owed by the server
    pending: u32,
    peer: SocketAddr,
    options: Arc<ConnectOptions>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("process_id", &self.process_id)
            .field("status", &self.status)
            .finish()
    }
}

/// How one attempt is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    None,
    /// if the server can
    Offered,
    Needed,
}

impl Connection {
    /// Opens a session; tries all addresses of the host in turn.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClientError> {
        let host = options.host.trim_matches(['[', ']']);
        let doing = || format!("connecting to {host}:{}", options.port);
        let found = timeout(options.connect_timeout, lookup_host((host, options.port))).await.map_err(|_| {
            ClientError::Timeout(format!("no answer from the name service for '{host}' within {:?}", options.connect_timeout))
        })?;
        let addresses: Vec<_> = found.map_err(|error| ClientError::io(doing(), error))?.collect();
        let options = Arc::new(options.clone());
        let mut failures = Vec::new();
        for address in addresses {
            match Self::connect_to(address, host, &options).await {
                Ok(connection) => return Ok(connection),
                // the server was reached: its answer counts
                Err(error) if !matches!(error, ClientError::Io { .. } | ClientError::Timeout(_)) => return Err(error),
                Err(error) => failures.push((address, error)),
            }
        }
        if failures.len() == 1
            && let Some((_, error)) = failures.pop()
        {
            return Err(error);
        }
        let all: Vec<_> = failures.iter().map(|(address, error)| format!("{address}: {error}")).collect();
        let kind = std::io::ErrorKind::NotConnected;
        Err(ClientError::io(
            doing(),
            std::io::Error::new(kind, if all.is_empty() { "the name has no address".into() } else { all.join("; ") }),
        ))
    }

    /// One address, in the way or ways that `sslmode` wants (PostgreSQL manual, "SSL Support").
    async fn connect_to(address: SocketAddr, host: &str, options: &Arc<ConnectOptions>) -> Result<Self, ClientError> {
        let (first, second) = match options.ssl.mode {
            SslMode::Disable => (Encryption::None, None),
            SslMode::Allow => (Encryption::None, Some(Encryption::Needed)),
            SslMode::Prefer => (Encryption::Offered, Some(Encryption::None)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Encryption::Needed, None),
        };
        let failed = match Self::attempt(address, host, options, first).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let refused =
            failed.sqlstate() == Some(REFUSED) || (first == Encryption::Offered && matches!(failed, ClientError::Tls(_)));
        match second.filter(|_| refused) {
            Some(second) => Self::attempt(address, host, options, second).await.map_err(|_| failed),
            None => Err(failed),
        }
    }

    async fn attempt(
        address: SocketAddr,
        host: &str,
        options: &Arc<ConnectOptions>,
        encryption: Encryption,
    ) -> Result<Self, ClientError> {
        let opening = async {
            let stream = open_stream(address, host, options, encryption).await?;
            Self::start(stream, address, options).await
        };
        match timeout(options.connect_timeout, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(ClientError::Timeout(format!("no session with {address} within {:?}", options.connect_timeout))),
        }
    }

    async fn start(stream: Stream, peer: SocketAddr, options: &Arc<ConnectOptions>) -> Result<Self, ClientError> {
        let mut wire = Wire::new(stream, options.read_buffer);
        wire.patience = options.answer_timeout;
        let mut parameters = vec![
            ("user", options.user.as_str()),
            ("database", options.dbname.as_str()),
            ("application_name", options.application_name.as_str()),
            ("client_encoding", "UTF8"),
        ];
        if options.replication {
            parameters.push(("replication", "database"));
        }
        parameters.extend(options.startup_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        frontend::startup_message(parameters, wire.output()).map_err(ClientError::protocol)?;
        wire.flush().await?;
        authenticate(&mut wire, options).await?;
        let mut connection = Self {
            wire,
            parameters: HashMap::new(),
            process_id: 0,
            secret_key: 0,
            status: TransactionStatus::Idle,
            pending: 1,
            peer,
            options: options.clone(),
        };
        loop {
            match connection.next().await? {
                Message::BackendKeyData(body) => {
                    connection.process_id = body.process_id();
                    connection.secret_key = body.secret_key();
                }
                Message::ReadyForQuery(_) => return Ok(connection),
                Message::ErrorResponse(body) => return Err(ClientError::Server(Box::new(ServerError::read(body.fields())?))),
                _ => return Err(ClientError::protocol("an unexpected message at the start of a session")),
            }
        }
    }

    /// The next message that is not about the session itself (notices, parameters, notifications). An ErrorResponse is
    /// handed out like others: what follows it depends on what was asked.
    pub(super) async fn next(&mut self) -> Result<Message, ClientError> {
        loop {
            if let Some(message) = self.next_or_absorbed().await? {
                return Ok(message);
            }
        }
    }

    /// Takes one message. None: it was about the session itself, and is dealt with.
    pub(super) async fn next_or_absorbed(&mut self) -> Result<Option<Message>, ClientError> {
        match self.wire.message().await? {
            Message::NoticeResponse(body) => {
                let notice = ServerError::read(body.fields())?;
                tracing::debug!(process_id = self.process_id, "server: {notice}");
                Ok(None)
            }
            Message::ParameterStatus(body) => {
                let (name, value) = (body.name().map_err(ClientError::protocol)?, body.value().map_err(ClientError::protocol)?);
                self.parameters.insert(name.to_owned(), value.to_owned());
                Ok(None)
            }
            Message::NotificationResponse(_) => Ok(None),
            Message::ReadyForQuery(body) => {
                self.pending = self.pending.saturating_sub(1);
                self.wire.let_go();
                self.status = match body.status() {
                    b'T' => TransactionStatus::Open,
                    b'E' => TransactionStatus::Failed,
                    _ => TransactionStatus::Idle,
                };
                Ok(Some(Message::ReadyForQuery(body)))
            }
            other => Ok(Some(other)),
        }
    }

    /// Reads away what the server owes, whatever it is.
    pub(super) async fn settle(&mut self) -> Result<(), ClientError> {
        while self.pending > 0 {
            let front = self.wire.wait().await?;
            match front.tag {
                NOTICE_RESPONSE_TAG | NOTIFICATION_RESPONSE_TAG | PARAMETER_STATUS_TAG | READY_FOR_QUERY_TAG => {
                    self.next_or_absorbed().await?;
                }
                _ => self.wire.skip(front),
            }
        }
        Ok(())
    }

    /// Sends a simple query once nothing is owed for a former one.
    pub(super) async fn send_query(&mut self, sql: &str) -> Result<(), ClientError> {
        if sql.contains('\0') {
            return Err(ClientError::protocol("a statement cannot hold a zero byte"));
        }
        self.settle().await?;
        frontend::query(sql, self.wire.output()).map_err(ClientError::protocol)?;
        self.pending += 1;
        self.wire.flush().await
    }

    /// The last value that the server reported of one of its reported settings (`TimeZone`, `server_encoding`, …).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The server's version as `server_version_num` has it: 150004 for 15.4, 90624 for 9.6.24. 0 if it does not say.
    pub fn server_version(&self) -> u32 {
        self.parameter("server_version").map_or(0, version_number)
    }

    /// The server's process that serves this session, as `pg_stat_activity.pid`.
    pub fn process_id(&self) -> i32 {
        self.process_id
    }

    /// Whether a transaction was open when the last statement ended.
    pub fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    /// Whether the session is encrypted.
    pub fn is_tls(&self) -> bool {
        self.wire.stream.is_tls()
    }

    /// What is needed to cancel what this session runs, from any task.
    pub fn cancel_token(&self) -> CancelToken {
        CancelToken {
            peer: self.peer,
            encrypted: self.is_tls(),
            process_id: self.process_id,
            secret_key: self.secret_key,
            options: self.options.clone(),
        }
    }

    /// Says good-bye and closes. Dropping the connection closes it as well; the server then logs an unexpected end.
    pub async fn close(mut self) -> Result<(), ClientError> {
        frontend::terminate(self.wire.output());
        self.wire.flush().await?;
        // the server may be gone already: nothing is lost by that
        let _ = self.wire.stream.shutdown().await;
        Ok(())
    }
}

/// Cancels what a session runs (PostgreSQL manual, "Canceling Requests in Progress").
#[derive(Clone)]
pub struct CancelToken {
    peer: SocketAddr,
    encrypted: bool,
    process_id: i32,
    secret_key: i32,
    options: Arc<ConnectOptions>,
}

impl CancelToken {
    /// Asks the server to cancel. Whether it does shows in the session: SQLSTATE 57014, or the statement was faster; then
    /// it may hit the session's next statement.
    pub async fn cancel(&self) -> Result<(), ClientError> {
        let encryption = if self.encrypted { Encryption::Needed } else { Encryption::None };
        let host = self.options.host.trim_matches(['[', ']']);
        let cancelling = async {
            let mut stream = open_stream(self.peer, host, &self.options, encryption).await?;
            let mut request = bytes::BytesMut::new();
            frontend::cancel_request(self.process_id, self.secret_key, &mut request);
            let failed = |error| ClientError::io("sending a cancel request", error);
            stream.write_all(&request).await.map_err(failed)?;
            stream.flush().await.map_err(failed)?;
            // the server closes once it has dealt with it; how it closes does not matter
            let _ = stream.read(&mut [0; 1]).await;
            Ok(())
        };
        timeout(self.options.connect_timeout, cancelling)
            .await
            .map_err(|_| ClientError::Timeout(format!("cancelling at {}", self.peer)))?
    }
}

async fn open_stream(
    address: SocketAddr,
    host: &str,
    options: &ConnectOptions,
    encryption: Encryption,
) -> Result<Stream, ClientError> {
    let failed = |error| ClientError::io(format!("connecting to {address}"), error);
    let mut socket = Socket::connect(address, options.tcp_keepalive).await.map_err(failed)?;
    if encryption == Encryption::None {
        return Ok(Stream::Plain(socket));
    }
    // files are read before the server is asked, so that their errors do not depend on it
    let config = tls::client_config(&options.ssl)?;
    let mut request = bytes::BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request).await.map_err(failed)?;
    match socket.read_u8().await.map_err(failed)? {
        b'S' => {}
        b'N' if encryption == Encryption::Offered => return Ok(Stream::Plain(socket)),
        b'N' => {
            return Err(ClientError::Tls(format!(
                "the server at {address} does not offer TLS (ssl=off), and sslmode asks for it: set ssl=on there, or sslmode=disable"
            )));
        }
        other => {
            return Err(ClientError::protocol(format!(
                "{address} answers {other:#04x} to SSLRequest: is this a PostgreSQL server?"
            )));
        }
    }
    let connector = TlsConnector::from(Arc::new(config));
    match connector.connect(tls::server_name(host)?, socket).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(ClientError::Tls(format!("handshake with {host} ({address}): {error}"))),
    }
}

/// `server_version` → `server_version_num`: "15.4 (Debian …)", "9.6.24", "18beta1".
fn version_number(text: &str) -> u32 {
    let mut parts = text
        .split(|c: char| c != '.' && !c.is_ascii_digit())
        .next()
        .unwrap_or("")
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let (major, minor, patch): (u32, u32, u32) =
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if major >= 10 {
        major.saturating_mul(10_000).saturating_add(minor)
    } else {
        major * 10_000 + minor.saturating_mul(100).saturating_add(patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_the_server_numbers_them() {
        assert_eq!(version_number("15.4 (Debian 15.4-1.pgdg)"), 150_004);
        assert_eq!(version_number("9.6.24"), 90_624);
        assert_eq!(version_number("18beta1"), 180_000);
        assert_eq!(version_number("devel"), 0);
    }
}
