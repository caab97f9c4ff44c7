//! Tokens for OAUTHBEARER (KIP-255, KIP-768): made here without a signature, read from a file, or fetched from an authorization
//! server by the grant `client_credentials` (RFC 6749 section 4.4).
//!
//! Here: which of the three the properties ask for, as Java's login callback handlers read them, and getting a token. Not here:
//! the message that carries it (`sasl`), and whether a broker takes it.

use crate::config::Secret;
use crate::error::KafkaError;
use crate::http;
use crate::tls::TlsSettings;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A longer answer is no token.
const MAX_ANSWER: usize = 1 << 20;
/// A token is used for this part of its life, as Java refreshes it (`sasl.login.refresh.window.factor`).
const USED: f64 = 0.8;

/// Where tokens come from, and the one that is used now. Clones share it.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    source: TokenSource,
    /// SASL extensions (KIP-342).
    pub(crate) extensions: BTreeMap<String, String>,
    current: Arc<Mutex<Option<Token>>>,
}

/// Where tokens come from.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    /// made here, not signed: `OAuthBearerUnsecuredLoginCallbackHandler`, for tests
    Unsecured {
        /// what it claims, but for `iat` and `exp`
        claims: Map<String, Value>,
        /// `unsecuredLoginLifetimeSeconds`
        lifetime: Duration,
    },
    /// a file that somebody else keeps up to date
    File(String),
    /// an authorization server
    Endpoint(Box<Endpoint>),
}

/// An authorization server, and who asks it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// `sasl.oauthbearer.token.endpoint.url`
    pub url: String,
    /// the client's id
    pub id: String,
    /// its secret
    pub secret: Secret,
    /// what the token is for
    pub scope: Option<String>,
    /// `sasl.oauthbearer.header.urlencode`
    pub encode: bool,
    /// `ssl.*` of the JAAS entry
    pub tls: TlsSettings,
    /// `sasl.login.read.timeout.ms`
    pub limit: Duration,
}

#[derive(Debug, Clone)]
struct Token {
    text: Secret,
    /// until when it is used; none: for one login
    until: Option<Instant>,
}

impl TokenSettings {
    pub(crate) fn new(source: TokenSource, extensions: BTreeMap<String, String>) -> Self {
        Self { source, extensions, current: Arc::default() }
    }

    /// A token that is still good for a login.
    pub(crate) async fn token(&self) -> Result<Secret, KafkaError> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| token.until.is_some_and(|until| Instant::now() < until)) {
            return Ok(token.text.clone());
        }
        let token = match &self.source {
            TokenSource::Unsecured { claims, lifetime } => unsecured(claims.clone(), *lifetime),
            TokenSource::File(path) => of_file(path)?,
            TokenSource::Endpoint(endpoint) => endpoint.fetch().await?,
        };
        let text = token.text.clone();
        *current = Some(token);
        Ok(text)
    }

    /// The broker does not take it: the next login brings another.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
    }
}

/// A JWS of algorithm `none` (RFC 7515, appendix A.5).
fn unsecured(mut claims: Map<String, Value>, lifetime: Duration) -> Token {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    claims.insert("iat".into(), json!(now.as_secs_f64()));
    claims.insert("exp".into(), json!((now + lifetime).as_secs_f64()));
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}.", part(json!({ "alg": "none" })), part(Value::Object(claims)));
    Token { text: Secret::new(text), until: Instant::now().checked_add(lifetime.mul_f64(USED)) }
}

fn of_file(path: &str) -> Result<Token, KafkaError> {
    let problem = |problem: String| KafkaError::Config { key: "sasl.oauthbearer.token.endpoint.url".into(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| problem(format!("cannot read '{path}': {error}")))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(problem(format!("'{path}' holds no token")));
    }
    Ok(Token { text: Secret::new(text), until: None })
}

impl Endpoint {
    async fn fetch(&self) -> Result<Token, KafkaError> {
        let late = || KafkaError::Timeout {
            what: format!("a token from {}", self.url),
            setting: "sasl.login.read.timeout.ms",
            millis: self.limit.as_millis() as u64,
        };
        let asked = Instant::now();
        let (status, body) = tokio::time::timeout(self.limit, self.ask()).await.map_err(|_| late())??;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if !(200..300).contains(&status) {
            // nothing else of the answer: it may repeat what was sent
            let said = |name: &str| answer[name].as_str().map(|text| format!(" {text}")).unwrap_or_default();
            let problem = format!("the token endpoint answered {status}{}{}", said("error"), said("error_description"));
            return Err(match status {
                429 | 500.. => self.unreachable(problem),
                _ => self.refused(&problem),
            });
        }
        let text = answer["access_token"].as_str().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| self.refused("the token endpoint's answer has no access_token"))?;
        let life = answer["expires_in"].as_u64().map(|seconds| Duration::from_secs(seconds).mul_f64(USED));
        Ok(Token { text: Secret::new(text), until: life.and_then(|life| asked.checked_add(life)) })
    }

    fn unreachable(&self, problem: impl std::fmt::Display) -> KafkaError {
        KafkaError::Token { url: self.url.clone(), problem: problem.to_string(), passes: true }
    }

    fn refused(&self, problem: &str) -> KafkaError {
        let problem = format!("{problem}; check the URL, and clientId, clientSecret and scope in sasl.jaas.config");
        KafkaError::Token { url: self.url.clone(), problem, passes: false }
    }

    /// The properties of the broker's TLS say nothing of it, as in Java.
    fn distrusted(&self, error: &rustls::Error) -> KafkaError {
        let problem = format!(
            "TLS: {error}; who signed its certificate is named among the options of sasl.jaas.config: ssl.truststore.type=\"PEM\" \
             ssl.truststore.location=\"ca.pem\", and a certificate of your own by ssl.keystore.*"
        );
        KafkaError::Token { url: self.url.clone(), problem, passes: false }
    }

    /// Status and body of the answer.
    async fn ask(&self) -> Result<(u16, Bytes), KafkaError> {
        let bad = |problem: String| KafkaError::Config { key: "sasl.oauthbearer.token.endpoint.url".into(), problem };
        let uri: Uri = self.url.parse().map_err(|error| bad(format!("'{}' is no URL: {error}", self.url)))?;
        let authority = uri.authority().ok_or_else(|| bad(format!("'{}' names no host", self.url)))?;
        let form = match &self.scope {
            Some(scope) => format!("grant_type=client_credentials&scope={}", encode(scope)),
            None => "grant_type=client_credentials".to_owned(),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(header::HOST, authority.as_str())
            .header(header::AUTHORIZATION, self.basic())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| bad(error.to_string()))?;
        let secure = uri.scheme_str() == Some("https");
        let tls = if secure { Some(Arc::new(self.tls.client_config()?)) } else { None };
        let answer = http::call(&uri, tls, request, MAX_ANSWER).await.map_err(|error| match http::tls_error(&error) {
            Some(tls) => self.distrusted(tls),
            None => self.unreachable(error),
        });
        let (head, body) = answer?.into_parts();
        Ok((head.status.as_u16(), body))
    }

    fn basic(&self) -> String {
        let (id, secret) = (self.id.as_str(), self.secret.expose());
        let pair = if self.encode { format!("{}:{}", encode(id), encode(secret)) } else { format!("{id}:{secret}") };
        format!("Basic {}", STANDARD.encode(pair))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(token: &Secret) -> Value {
        let part = token.expose().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_unsecured_token_says_who_and_until_when_and_is_made_once() {
        let claims_given = Map::from_iter([("sub".to_owned(), json!("alice"))]);
        let source = TokenSource::Unsecured { claims: claims_given, lifetime: Duration::from_secs(60) };
        let settings = TokenSettings::new(source, BTreeMap::new());
        let token = settings.token().await.unwrap();
        assert!(token.expose().starts_with("eyJhbGciOiJub25lIn0.") && token.expose().ends_with('.'));
        let said = claims(&token);
        assert_eq!(said["sub"], "alice");
        let life = said["exp"].as_f64().unwrap() - said["iat"].as_f64().unwrap();
        assert!((life - 60.0).abs() < 0.01, "{life}");
        assert_eq!(settings.token().await.unwrap(), token);
        settings.forget().await;
        assert_ne!(settings.token().await.unwrap(), token);
        assert!(!format!("{settings:?}").contains(token.expose()));
    }

    #[tokio::test]
    async fn a_file_is_read_for_each_login() {
        let path = std::env::temp_dir().join(format!("rowtide-token-{}", std::process::id()));
        let settings = TokenSettings::new(TokenSource::File(path.display().to_string()), BTreeMap::new());
        let missing = settings.token().await.unwrap_err().to_string();
        assert!(missing.contains("sasl.oauthbearer.token.endpoint.url") && missing.contains("rowtide-token"), "{missing}");
        for text in ["one", "two"] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            assert_eq!(settings.token().await.unwrap().expose(), text);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
