//! Requests to other workers over their REST, signed where they have to be (KIP-507).
//!
//! Few and small: a blocking client on a thread of its own will do. Not here: which request goes where.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use rowtide_api::{Error, Result};

use crate::stores::config_record::SessionKey;

/// `RestServer.DEFAULT_REST_REQUEST_TIMEOUT_MS`
const TIMEOUT: Duration = Duration::from_secs(90);
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

    /// Sends it and waits for the answer.
    pub async fn send(self) -> Result<Answer> {
        let sent = tokio::task::spawn_blocking(move || self.send_blocking()).await;
        sent.unwrap_or_else(|panic| Err(Error::fatal("a request to another worker ended abnormally").caused_by(panic)))
    }

    fn send_blocking(self) -> Result<Answer> {
        let Self { method, url, headers, body } = self;
        let failed = |error: ureq::Error| {
            Error::transient(format!("no answer from the worker at {url}"))
                .remedy("rest.advertised.host.name and rest.advertised.port of each worker must be such that the others reach it, over http")
                .caused_by(error)
        };
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build();
        let mut request = ureq::http::Request::builder().method(method.as_str()).uri(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| failed(error.into()))?;
        let mut answer = config.new_agent().run(request).map_err(failed)?;
        let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = answer.body_mut().read_to_vec().map_err(failed)?;
        Ok(Answer { status: answer.status().as_u16(), headers, body })
    }
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
