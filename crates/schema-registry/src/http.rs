//! Requests to a registry: one of several URLs, over TLS or not, with credentials, tried again while nobody answers.
//!
//! What an answer means belongs to `confluent` and `apicurio`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use rowtide_api::{Error, Result};
use rowtide_kafka::http;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// An answer is at most this long, so that a wrong URL fills no memory.
const MOST_BYTES: usize = 32 << 20;

/// A registry's HTTP side.
pub(crate) struct Http {
    pub urls: Vec<Base>,
    /// the URL that answered last: the next request begins there
    pub current: AtomicUsize,
    /// sent with each request
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// none until a URL asks for it
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub retries: Retries,
}

/// How often a request that nobody answers goes round all URLs again.
pub(crate) struct Retries {
    pub most: u64,
    /// before the first; twice as long each time
    pub wait: Duration,
    pub longest_wait: Duration,
}

/// A URL of the registry.
pub(crate) struct Base {
    tls: bool,
    host: String,
    port: u16,
    /// without the last slash
    path: String,
    authorization: Option<HeaderValue>,
}

/// What a request says beside its path.
#[derive(Default)]
pub(crate) struct Content<'a> {
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a str>,
}

/// An answer that means something: the registry understood the request, or refuses it.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
    /// scheme, host, port and path, without credentials
    pub url: String,
}

/// Why an exchange gave no answer.
enum Failure {
    /// another URL or a later try may do better
    Away(String),
    /// the other side's certificate is not trusted, and never will be with these settings
    Distrusted(String),
}

impl Base {
    /// Reads a URL, of http or https, with or without `user:password@`.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            Error::configuration(format!("the URL '{shown}' of the schema registry is invalid: {why}"))
                .remedy("give it as http://host:port or https://host:port")
        };
        let uri: Uri = text.trim().parse().map_err(|_| bad("it cannot be read"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        let user =
            authority.as_str().rsplit_once('@').map(|(user, _)| percent_encoding::percent_decode_str(user).decode_utf8_lossy());
        Ok(Self {
            tls,
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
            authorization: user.map(|user| basic(&user)).transpose()?,
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub(crate) fn with_path(self, path: String) -> Self {
        Self { path, ..self }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host without the brackets that a URL puts around an IPv6 address.
    fn address(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The value of an `Authorization` header for `user:password`.
pub(crate) fn basic(user_info: &str) -> Result<HeaderValue> {
    use base64::Engine;
    secret(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user_info)))
}

/// The value of a header that is never shown.
pub(crate) fn secret(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::configuration("the credentials of the schema registry hold a character that no HTTP header may have")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A part of a path.
pub(crate) fn segment(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::configuration(format!("what answers at {} is no schema registry: its answer is no JSON", self.url))
                .caused_by(error)
                .remedy("check the URL and its path")
        })
    }

    /// The message of an error's body, if it has one: of one line, not without end.
    pub(crate) fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = ["message", "detail", "title"].iter().find_map(|name| json[*name].as_str());
        let line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(2_000) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

impl Http {
    /// Sends a request; the answer of any status below 500, but for those that ask to come again.
    pub(crate) async fn send(&self, method: Method, path: &str, content: Content<'_>) -> Result<Answer> {
        let mut wait = self.retries.wait;
        let mut tried = 0;
        loop {
            let away = match self.round(&method, path, &content).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Distrusted(why)) => {
                    return Err(Error::configuration(why).remedy(
                        "name a trust store that holds the registry's certificate authority: schema.registry.ssl.truststore.location \
                         (Apicurio: apicurio.registry.request.ssl.truststore.location), with its type and password",
                    ));
                }
                Err(Failure::Away(why)) => why,
            };
            if tried >= self.retries.most {
                return Err(Error::transient(format!("the schema registry cannot be asked: {away}"))
                    .remedy("start the registry or correct its URL; nothing is lost meanwhile, the task tries again"));
            }
            tried += 1;
            tracing::warn!("the schema registry cannot be asked, next try in {} ms: {away}", wait.as_millis());
            sleep(wait).await;
            wait = (wait * 2).min(self.retries.longest_wait);
        }
    }

    /// Asks one URL after the other.
    async fn round(&self, method: &Method, path: &str, content: &Content<'_>) -> Result<Answer, Failure> {
        let first = self.current.load(Ordering::Relaxed);
        let mut problems = Vec::new();
        for step in 0..self.urls.len() {
            let index = (first + step) % self.urls.len();
            match self.exchange(&self.urls[index], method, path, content).await {
                Ok(answer) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Failure::Away(problem)) => problems.push(problem),
                Err(distrusted) => return Err(distrusted),
            }
        }
        Err(Failure::Away(problems.join("; ")))
    }

    async fn exchange(&self, base: &Base, method: &Method, path: &str, content: &Content<'_>) -> Result<Answer, Failure> {
        let url = format!("{}://{}{}", if base.tls { "https" } else { "http" }, base.host_and_port(), base.path);
        let away = |why: &str| Failure::Away(format!("{url}: {why}"));
        let connected = timeout(self.connect_timeout, TcpStream::connect((base.address(), base.port)));
        let stream = match connected.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(away(&error.to_string())),
            Err(_) => return Err(away("no connection in time")),
        };
        let request = self.request(base, method, path, content).map_err(|error| away(&error.to_string()))?;
        let exchanged = async {
            match &self.tls {
                Some(tls) if base.tls => {
                    let name = ServerName::try_from(base.address().to_owned()).map_err(|error| away(&error.to_string()))?;
                    let connecting = TlsConnector::from(tls.clone()).connect(name, stream).await;
                    let stream = connecting.map_err(|error| match http::is_distrust(&error) {
                        true => Failure::Distrusted(format!("{url}: {error}")),
                        false => away(&error.to_string()),
                    })?;
                    http::exchange(stream, request, MOST_BYTES).await
                }
                _ => http::exchange(stream, request, MOST_BYTES).await,
            }
            .map_err(|error| away(&error.to_string()))
        };
        let answer = timeout(self.read_timeout, exchanged).await.unwrap_or_else(|_| Err(away("no answer in time")))?;
        let (head, body) = answer.into_parts();
        let status = head.status;
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            return Err(away(&format!("it answers {status}")));
        }
        Ok(Answer { status, body, url })
    }

    fn request(
        &self,
        base: &Base,
        method: &Method,
        path: &str,
        content: &Content<'_>,
    ) -> hyper::http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", base.path))
            .header(header::HOST, base.host_and_port())
            .header(header::CONNECTION, "close")
            .header(header::USER_AGENT, "rowtide");
        if let Some(authorization) = &base.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in content.headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(Bytes::from(content.body.unwrap_or_default().to_owned())))
    }
}
