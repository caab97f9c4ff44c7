//! Requests to other workers over their REST, signed where they have to be (KIP-507); over https where a worker says so of itself.
//!
//! Few and small: each has a connection of its own. Not here: which request goes where, how TLS is set up (`https`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use ring::hmac;
use rowtide_api::{Error, Props, Result};
use rowtide_kafka::http;
use rustls::ClientConfig;

use crate::https::{Https, LISTENERS};
use crate::stores::config_record::SessionKey;

/// `RestServer.DEFAULT_REST_REQUEST_TIMEOUT_MS`
const TIMEOUT: Duration = Duration::from_secs(90);
/// The largest answer that is read.
const MAX_ANSWER: usize = 10 * 1024 * 1024;
/// The one algorithm of signatures that is there.
pub const ALGORITHM: &str = "HmacSHA256";
/// Header of the signature: base64.
pub const SIGNATURE: &str = "X-Connect-Authorization";
/// Header of its algorithm.
pub const SIGNATURE_ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";

/// A request to another worker.
#[derive(Debug, Default)]
pub struct Call {
    /// the verb
    pub method: String,
    /// the whole URL
    pub url: String,
    /// names and values
    pub headers: Vec<(String, String)>,
    /// JSON, or nothing
    pub body: Vec<u8>,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status
    pub status: u16,
    /// names and values
    pub headers: Vec<(String, String)>,
    /// the body
    pub body: Vec<u8>,
}

impl Call {
    /// Signs the body.
    #[must_use]
    pub fn signed(mut self, key: &SessionKey) -> Self {
        let signature = hmac::sign(&hmac_key(key), &self.body);
        self.headers.push((SIGNATURE.to_owned(), STANDARD.encode(signature)));
        self.headers.push((SIGNATURE_ALGORITHM.to_owned(), ALGORITHM.to_owned()));
        self
    }
}

/// Sends requests to other workers.
#[derive(Clone, Debug)]
pub struct Peers {
    worker: Arc<Props>,
}

impl Peers {
    /// Of a worker with these properties.
    pub fn new(worker: &Props) -> Self {
        Self { worker: Arc::new(worker.clone()) }
    }

    /// Fails where calls over https could not be set up.
    pub fn check(&self) -> Result<()> {
        Https::read(&self.worker, LISTENERS)?.client().map(drop)
    }

    /// Sends a request and waits for the answer.
    pub async fn send(&self, call: Call) -> Result<Answer> {
        let url = call.url.clone();
        let failed = |error: io::Error| {
            if http::is_distrust(&error) {
                return distrusted(&url).caused_by(error);
            }
            let https = if url.starts_with("https://") {
                ". Over https this worker's listeners.https.ssl.truststore.location must hold who signed the other's certificate, which \
                 must name the host (an empty listeners.https.ssl.endpoint.identification.algorithm leaves that out)"
            } else {
                ""
            };
            Error::transient(format!("no answer from the worker at {url}"))
                .remedy(format!(
                    "rest.advertised.host.name, rest.advertised.port and rest.advertised.listener of each worker must be such that the \
                     others reach it{https}"
                ))
                .caused_by(error)
        };
        let (uri, request) = call.into_request().map_err(failed)?;
        let tls = if uri.scheme_str() == Some("https") { Some(self.tls().await?) } else { None };
        let answer = tokio::time::timeout(TIMEOUT, exchange(&uri, tls, request)).await;
        answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))).map_err(failed)
    }

    /// Read anew for each call, as Java does: certificates are renewed while a worker runs.
    async fn tls(&self) -> Result<Arc<ClientConfig>> {
        let worker = self.worker.clone();
        // files, and keys that are derived from passwords
        let read = tokio::task::spawn_blocking(move || Https::read(&worker, LISTENERS)?.client()).await;
        read.unwrap_or_else(|panic| Err(Error::fatal("reading certificates ended abnormally").caused_by(panic)))
    }
}

fn distrusted(url: &str) -> Error {
    Error::transient(format!("the certificate of the worker at {url} is not trusted by this one")).remedy(format!(
        "put who signed it into the trust store of this worker, {LISTENERS}ssl.truststore.location (ssl.truststore.location where no property \
         begins with {LISTENERS}), or into the system's where none is named; the certificate must name that host, or an empty \
         {LISTENERS}ssl.endpoint.identification.algorithm leaves that out. No worker need be restarted: stores are read for each call"
    ))
}

impl Call {
    fn into_request(self) -> io::Result<(Uri, Request<Full<Bytes>>)> {
        let uri: Uri = self.url.parse().map_err(io::Error::other)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder().method(self.method.as_str()).uri(path).header(HOST, authority);
        request = request.header(ACCEPT, "application/json").header(USER_AGENT, "rowtide");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Ok((uri, request.body(Full::from(self.body)).map_err(io::Error::other)?))
    }
}

async fn exchange(uri: &Uri, tls: Option<Arc<ClientConfig>>, request: Request<Full<Bytes>>) -> io::Result<Answer> {
    let (head, body) = http::call(uri, tls, request, MAX_ANSWER).await?.into_parts();
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok(Answer { status: head.status.as_u16(), headers, body: body.to_vec() })
}

/// Whether the signature, in base64, is of this body and key.
pub fn is_signed(key: &SessionKey, body: &[u8], signature: &str) -> bool {
    STANDARD.decode(signature).is_ok_and(|signature| hmac::verify(&hmac_key(key), body, &signature).is_ok())
}

fn hmac_key(key: &SessionKey) -> hmac::Key {
    // what was written by a worker is base64; a damaged one signs nothing that another could verify
    hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&key.key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_hmac_and_holds_for_its_body_and_key_only() {
        let key = |text: &str| SessionKey { key: STANDARD.encode(text), algorithm: ALGORITHM.to_owned(), created: 0 };
        let body = b"what do ya want for nothing?";
        let call = Call { body: body.to_vec(), ..Call::default() }.signed(&key("Jefe"));
        // RFC 4231, test case 2
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f,
            0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        let signature = &call.headers[0].1;
        assert_eq!(*signature, STANDARD.encode(expected));
        assert!(is_signed(&key("Jefe"), body, signature));
        assert!(!is_signed(&key("other"), body, signature) && !is_signed(&key("Jefe"), b"x", signature));
        assert!(!is_signed(&key("Jefe"), body, "no base64"));
    }
}
