//! One connection to one broker: TCP or TLS, version negotiation, SASL, and pipelined requests.
//!
//! Requests are written in the order of `send` and answered in that order by the broker; each waits for its answer by
//! correlation id (Kafka protocol guide, "Network"). Not here: which broker to talk to (`client`).

use crate::config::{ClientConfig, Secret};
use crate::error::{KafkaError, codes};
use crate::login::{Login, SaslMechanism, SaslSettings};
use crate::sasl;
use base64::Engine as _;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes, VersionRange};
use ring::rand::SecureRandom;
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Larger answers than this are damage, not data. The start of a TLS alert, which a TLS listener sends to a plaintext client,
/// reads as a length of 336 MiB.
const MAX_FRAME: usize = 256 << 20;
/// A frame's buffer grows by at most this much ahead of the bytes that have come.
const READ_AHEAD: usize = 1 << 20;

/// What to look at when a login is refused.
const PASSWORD: &str = "username and password in sasl.jaas.config";
const TOKEN: &str =
    "whom the token is for, until when and by whom it is given, and what the broker accepts (its sasl.oauthbearer.* properties)";

type Answer = Result<Bytes, KafkaError>;

/// A connection, shared by all that talk to this broker.
pub(crate) struct Connection {
    address: String,
    client_id: StrBytes,
    timeout: Duration,
    versions: HashMap<i16, VersionRange>,
    writer: tokio::sync::Mutex<Box<dyn AsyncWrite + Send + Unpin>>,
    shared: Arc<Shared>,
    next_id: AtomicI32,
    /// When the broker wants a new login (KIP-368); a new connection brings it.
    login_ends: Mutex<Option<Instant>>,
    reader: tokio::task::JoinHandle<()>,
}

/// What the reader task shares with those who wait.
#[derive(Default)]
struct Shared {
    pending: Mutex<HashMap<i32, oneshot::Sender<Answer>>>,
    closed: AtomicBool,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, HashMap<i32, oneshot::Sender<Answer>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, address: &str, problem: &str) {
        let mut pending = self.pending();
        self.closed.store(true, Ordering::Release);
        for (_, waiting) in pending.drain() {
            let _ = waiting.send(Err(lost(address, problem)));
        }
    }
}

fn lost(address: &str, problem: impl Into<String>) -> KafkaError {
    KafkaError::Disconnected { address: address.into(), problem: problem.into() }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Connection {
    /// Connects, negotiates versions and logs in.
    pub(crate) async fn open(
        address: &str,
        config: &ClientConfig,
        tls: Option<&tokio_rustls::TlsConnector>,
    ) -> Result<Self, KafkaError> {
        // a limit of its own: an authorization server is no broker
        let token = match &config.sasl {
            Some(Login::Token(settings)) => Some(settings.token().await?),
            _ => None,
        };
        let setup = async {
            let (reader, writer) = open_stream(address, tls).await?;
            let mut connection = Self::start(address, config, reader, writer);
            connection.negotiate().await?;
            if let Some(login) = &config.sasl {
                connection.login(login, token).await?;
            }
            Ok(connection)
        };
        match tokio::time::timeout(config.connect_timeout, setup).await {
            Ok(result) => result,
            Err(_) => Err(KafkaError::Unreachable {
                address: address.into(),
                problem: format!(
                    "no connection within socket.connection.setup.timeout.ms={}{}",
                    config.connect_timeout.as_millis(),
                    if tls.is_none() { "; if this is a TLS listener, set security.protocol=SSL or SASL_SSL" } else { "" }
                ),
            }),
        }
    }

    fn start(
        address: &str,
        config: &ClientConfig,
        reader: Box<dyn AsyncRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let reader = tokio::spawn(read_answers(reader, shared.clone(), address.to_owned()));
        Self {
            address: address.into(),
            client_id: StrBytes::from_string(config.client_id.clone()),
            timeout: config.request_timeout,
            versions: HashMap::new(),
            writer: tokio::sync::Mutex::new(writer),
            shared,
            next_id: AtomicI32::new(0),
            login_ends: Mutex::new(None),
            reader,
        }
    }

    /// The broker's address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether new requests may go this way.
    pub(crate) fn is_usable(&self) -> bool {
        let ends = *self.login_ends.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_closed() && ends.is_none_or(|at| Instant::now() < at)
    }

    /// Whether it can no longer be used.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// The newest version of a request that both sides know, not above `newest`.
    pub(crate) fn version<R: Request>(&self, newest: i16) -> Result<i16, KafkaError> {
        let problem = match self.versions.get(&R::KEY) {
            None => "does not offer this request".to_owned(),
            Some(theirs) => {
                let ours = VersionRange { min: R::VERSIONS.min, max: R::VERSIONS.max.min(newest) };
                let both = ours.intersect(theirs);
                if !both.is_empty() {
                    return Ok(both.max);
                }
                format!("offers versions {theirs}, this client {ours}")
            }
        };
        let name = ApiKey::try_from(R::KEY).map_or_else(|()| R::KEY.to_string(), |k| format!("{k:?}"));
        Err(KafkaError::Protocol {
            address: self.address.clone(),
            problem: format!("{name}: the broker {problem}; Kafka 2.1 or newer is needed"),
        })
    }

    async fn negotiate(&mut self) -> Result<(), KafkaError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("rowtide"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut response = self.call(&request, 3).await;
        // A broker that does not know version 3 answers in version 0 (KIP-511).
        if !matches!(&response, Ok(r) if r.error_code == 0) && !self.is_closed() {
            response = self.call(&request, 0).await;
        }
        let response = response?;
        if response.error_code != 0 {
            return Err(KafkaError::broker(response.error_code, "ApiVersions", None));
        }
        self.versions =
            response.api_keys.iter().map(|k| (k.api_key, VersionRange { min: k.min_version, max: k.max_version })).collect();
        Ok(())
    }

    async fn login(&self, login: &Login, token: Option<Secret>) -> Result<(), KafkaError> {
        let mechanism = login.mechanism();
        let hello = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let answer = self.call(&hello, 1).await?;
        if answer.error_code != 0 {
            let offered: Vec<&str> = answer.mechanisms.iter().map(|m| m.as_str()).collect();
            return Err(self.refused(format!("the broker does not take {mechanism}, it offers {}", offered.join(", "))));
        }
        match login {
            Login::Password(settings) if settings.mechanism == SaslMechanism::Plain => {
                self.authenticate(sasl::plain(settings), PASSWORD).await.map(drop)
            }
            Login::Password(settings) => self.scram(settings).await,
            Login::Token(settings) => {
                let message = sasl::bearer(&token.unwrap_or_default(), &settings.extensions);
                let refused = match self.authenticate(message, TOKEN).await {
                    Ok(answer) if answer.is_empty() => return Ok(()),
                    // the refusal itself comes with the next answer
                    Ok(_) => self.authenticate(sasl::REFUSAL_SEEN.to_vec(), TOKEN).await.err(),
                    Err(error) => Some(error),
                };
                settings.forget().await;
                Err(refused.unwrap_or_else(|| self.refused("the broker refused the token".into())))
            }
        }
    }

    fn refused(&self, problem: String) -> KafkaError {
        KafkaError::Authentication {
            address: self.address.clone(),
            problem: format!("{problem}; check sasl.mechanism and sasl.jaas.config"),
        }
    }

    async fn scram(&self, settings: &SaslSettings) -> Result<(), KafkaError> {
        let refused = |problem: String| self.refused(problem);
        let mut random = [0; 24];
        ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| refused("no random numbers from the system".into()))?;
        let nonce = base64::engine::general_purpose::STANDARD.encode(random);
        let mut scram = sasl::Scram::new(settings, nonce);
        let server_first = self.authenticate(scram.first(), PASSWORD).await?;
        let last = scram.last(&server_first).map_err(refused)?;
        let server_final = self.authenticate(last, PASSWORD).await?;
        scram.verify(&server_final).map_err(refused)
    }

    /// One message and its answer; `check` says what to look at when it is refused.
    async fn authenticate(&self, message: Vec<u8>, check: &str) -> Result<Bytes, KafkaError> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
        let newest = self.version::<SaslAuthenticateRequest>(i16::MAX)?;
        let answer = self.call(&request, newest).await?;
        if answer.error_code == 0 {
            if let Ok(lifetime @ 1..) = u64::try_from(answer.session_lifetime_ms) {
                // Like Java's clients somewhat before the end, so that requests under way still get their answers.
                let ends = Instant::now().checked_add(Duration::from_millis(lifetime).mul_f64(0.85));
                *self.login_ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
            }
            return Ok(answer.auth_bytes);
        }
        let detail = answer.error_message.map_or_else(|| crate::error::code_name(answer.error_code), |m| m.to_string());
        Err(KafkaError::Authentication { address: self.address.clone(), problem: format!("{detail}; check {check}") })
    }

    /// Sends a request of exactly this version and waits for its answer.
    pub(crate) async fn call<R: Request>(&self, request: &R, version: i16) -> Result<R::Response, KafkaError> {
        let waiting = self.send(request, version).await?;
        self.receive::<R>(waiting, version).await
    }

    /// Sends a request of the newest common version, not above `newest`, and waits for its answer.
    pub(crate) async fn call_newest<R: Request>(&self, request: &R, newest: i16) -> Result<R::Response, KafkaError> {
        self.call(request, self.version::<R>(newest)?).await
    }

    /// Writes a request; the answer comes by the receiver. Requests go out in the order of the calls.
    pub(crate) async fn send<R: Request>(&self, request: &R, version: i16) -> Result<oneshot::Receiver<Answer>, KafkaError> {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).map_err(|e| self.not_encoded(&e))?;
        self.send_pieces::<R>(vec![body.freeze()], version).await
    }

    /// The same for a request whose encoded body is at hand, in pieces to be written one after the other.
    pub(crate) async fn send_pieces<R: Request>(
        &self,
        body: Vec<Bytes>,
        version: i16,
    ) -> Result<oneshot::Receiver<Answer>, KafkaError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let frame = self.frame::<R>(body, version, id)?;
        let (sender, receiver) = oneshot::channel();
        {
            let mut pending = self.shared.pending();
            if self.is_closed() {
                return Err(lost(&self.address, "it was closed"));
            }
            pending.insert(id, sender);
        }
        self.write(&frame).await?;
        Ok(receiver)
    }

    /// Writes a request that the broker never answers: a produce request with `acks=0`.
    pub(crate) async fn send_unanswered<R: Request>(&self, body: Vec<Bytes>, version: i16) -> Result<(), KafkaError> {
        if self.is_closed() {
            return Err(lost(&self.address, "it was closed"));
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        self.write(&self.frame::<R>(body, version, id)?).await
    }

    async fn write(&self, frame: &[Bytes]) -> Result<(), KafkaError> {
        let mut writer = self.writer.lock().await;
        let problem = match tokio::time::timeout(self.timeout, write_pieces(&mut **writer, frame)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it took no bytes within request.timeout.ms".into(),
        };
        self.shared.fail(&self.address, &problem);
        Err(lost(&self.address, problem))
    }

    /// Waits for the answer to a sent request. When `request.timeout.ms` passes the connection is given up, as Java does.
    pub(crate) async fn receive<R: Request>(
        &self,
        waiting: oneshot::Receiver<Answer>,
        version: i16,
    ) -> Result<R::Response, KafkaError> {
        self.receive_within::<R>(waiting, version, self.timeout).await
    }

    /// The same for a request that the broker may keep for longer: joining a group.
    pub(crate) async fn receive_within<R: Request>(
        &self,
        waiting: oneshot::Receiver<Answer>,
        version: i16,
        limit: Duration,
    ) -> Result<R::Response, KafkaError> {
        let mut body = match tokio::time::timeout(limit, waiting).await {
            Ok(Ok(answer)) => answer?,
            Ok(Err(_)) => return Err(lost(&self.address, "it was closed")),
            Err(_) => {
                let problem = match limit == self.timeout {
                    true => format!("no answer within request.timeout.ms={}", limit.as_millis()),
                    false => format!("no answer within {} ms", limit.as_millis()),
                };
                self.shared.fail(&self.address, &problem);
                return Err(lost(&self.address, problem));
            }
        };
        let bad = |e: &dyn std::fmt::Display| KafkaError::Protocol {
            address: self.address.clone(),
            problem: format!("answer not understood: {e}"),
        };
        let header_version = R::Response::header_version(version);
        ResponseHeader::decode(&mut body, header_version).map_err(|e| bad(&e))?;
        if R::KEY == ApiKey::ApiVersions as i16 && body.get(..2) == Some(&codes::UNSUPPORTED_VERSION.to_be_bytes()) {
            return Err(KafkaError::broker(codes::UNSUPPORTED_VERSION, "ApiVersions", None));
        }
        R::Response::decode(&mut body, version).map_err(|e| bad(&e))
    }

    /// The body with what goes before it: the length of it all, and the request's header.
    fn frame<R: Request>(&self, body: Vec<Bytes>, version: i16, id: i32) -> Result<Vec<Bytes>, KafkaError> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(self.client_id.clone()));
        let mut head = BytesMut::from(&[0; 4][..]);
        header.encode(&mut head, R::header_version(version)).map_err(|e| self.not_encoded(&e))?;
        let size = head.len() - 4 + body.iter().map(Bytes::len).sum::<usize>();
        let length = i32::try_from(size).map_err(|e| self.not_encoded(&e))?;
        head[..4].copy_from_slice(&length.to_be_bytes());
        Ok(std::iter::once(head.freeze()).chain(body).collect())
    }

    fn not_encoded(&self, problem: &dyn std::fmt::Display) -> KafkaError {
        KafkaError::Protocol { address: self.address.clone(), problem: format!("request not encoded: {problem}") }
    }
}

/// Writes pieces as one, so that none has to be copied to the others.
async fn write_pieces(writer: &mut (dyn AsyncWrite + Send + Unpin), pieces: &[Bytes]) -> std::io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match writer.write_vectored(left).await? {
            0 => return Err(std::io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut left, written),
        }
    }
    writer.flush().await
}

type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

/// Both directions of a new connection to `host:port`.
pub(crate) async fn open_stream(address: &str, tls: Option<&tokio_rustls::TlsConnector>) -> Result<Halves, KafkaError> {
    let unreachable = |e: std::io::Error| KafkaError::Unreachable { address: address.into(), problem: e.to_string() };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let Some(connector) = tls else {
        let (reader, writer) = stream.into_split();
        return Ok((Box::new(reader), Box::new(writer)));
    };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let refused = |problem: String| KafkaError::Authentication { address: address.into(), problem };
    let name = ServerName::try_from(host.to_owned()).map_err(|e| refused(format!("'{host}': {e}")))?;
    match connector.connect(name, stream).await {
        Ok(stream) => {
            let (reader, writer) = tokio::io::split(stream);
            Ok((Box::new(reader), Box::new(writer)))
        }
        // A certificate that was refused will be refused again; a broken connection may not.
        Err(e) if e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Err(refused(format!(
            "TLS: {e}; check ssl.truststore.*, ssl.keystore.* and ssl.endpoint.identification.algorithm, and that this is a TLS listener"
        ))),
        Err(e) => Err(KafkaError::Unreachable { address: address.into(), problem: format!("TLS: {e}") }),
    }
}

async fn read_answers(mut stream: Box<dyn AsyncRead + Send + Unpin>, shared: Arc<Shared>, address: String) {
    let mut buffer = BytesMut::new();
    let problem = loop {
        match read_frame(&mut stream, &mut buffer).await {
            Ok(frame) => {
                let Some(id) = frame.first_chunk::<4>() else { break "a frame without a correlation id".to_owned() };
                let waiting = shared.pending().remove(&i32::from_be_bytes(*id));
                if let Some(waiting) = waiting {
                    let _ = waiting.send(Ok(frame));
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break "the broker closed it".to_owned(),
            Err(e) => break e.to_string(),
        }
    };
    shared.fail(&address, &problem);
}

async fn read_frame(stream: &mut Box<dyn AsyncRead + Send + Unpin>, buffer: &mut BytesMut) -> std::io::Result<Bytes> {
    fill(stream, buffer, 4).await?;
    let length = buffer.get_i32();
    match usize::try_from(length) {
        Ok(n) if n <= MAX_FRAME => {
            fill(stream, buffer, n).await?;
            Ok(buffer.split_to(n).freeze())
        }
        _ => Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!(
                "an answer of {length} bytes: this is not Kafka's plain protocol; if it is a TLS listener, set security.protocol to SSL or SASL_SSL"
            ),
        )),
    }
}

async fn fill(stream: &mut Box<dyn AsyncRead + Send + Unpin>, buffer: &mut BytesMut, wanted: usize) -> std::io::Result<()> {
    while buffer.len() < wanted {
        buffer.reserve((wanted - buffer.len()).clamp(4096, READ_AHEAD));
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
