//! Configurations out of a running Kafka Connect worker, by its REST API. Only GET is ever sent.
//!
//! What the answers mean is `input`'s.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rowtide_api::{Error, Result};
use rowtide_kafka::{TlsSettings, http};
use serde_json::{Map, Value, json};

use super::input::{self, Input};

/// How long an answer may take: a worker that rebalances answers late.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A longer answer is no worker's.
const MOST: usize = 256 << 20;

/// What is not itself in a path: everything but what names of connectors are mostly made of.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Where a worker's REST is, and who asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// `http://host:port` or `https://host:port`, without the user
    base: String,
    /// the header that says who asks
    authorization: Option<String>,
}

/// Whom a worker's certificate is signed by, and what is shown to it: `ssl.*` of the command line.
pub fn tls(options: &[(String, String)]) -> Result<TlsSettings> {
    let map: BTreeMap<String, String> = options.iter().cloned().collect();
    let remedy = "name a trust store: -D ssl.truststore.type=PEM -D ssl.truststore.location=ca.pem; and, where the worker asks for one, a key \
                  store of your own: ssl.keystore.type, ssl.keystore.location, ssl.keystore.password, ssl.key.password";
    let strange = map.keys().find(|name| !name.starts_with("ssl.")).cloned();
    if let Some(name) = strange.or_else(|| TlsSettings::look(&map).unknown.into_iter().next()) {
        return Err(Error::configuration(format!("-D {name} says nothing of how a worker is asked over https")).remedy(remedy));
    }
    TlsSettings::from_properties(&map).map_err(|error| Error::configuration(error.to_string()).remedy(remedy))
}

impl Address {
    /// An address of the command line; none: it is no URL.
    pub fn parse(text: &str) -> Option<Result<Self>> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.trim_end_matches('/');
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return Some(Err(Error::configuration(format!("{scheme}://{place} is no address of a worker"))
                .remedy("write it like http://host:8083, or https://user:password@host:8443")));
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            format!("Basic {}", STANDARD.encode(format!("{}:{}", decoded(name), decoded(password))))
        });
        Some(Ok(Self { base: format!("{scheme}://{place}"), authorization }))
    }

    /// The answer to a GET.
    async fn ask(&self, tls: &TlsSettings, path: &str) -> Result<Response<Bytes>> {
        let url = format!("{}{path}", self.base);
        let unusable = |error: hyper::http::Error| Error::configuration(format!("{url} is no URL")).caused_by(error);
        let uri: Uri = url.parse().map_err(|error: hyper::http::uri::InvalidUri| unusable(error.into()))?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str())).header(HOST, host);
        request = request.header(ACCEPT, "application/json").header(USER_AGENT, "rowtide");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::new())).map_err(unusable)?;
        let tls = match uri.scheme_str() {
            Some("https") => Some(Arc::new(tls.client_config().map_err(|error| Error::configuration(error.to_string()))?)),
            _ => None,
        };
        let answer = tokio::time::timeout(TIMEOUT, http::call(&uri, tls, request, MOST)).await;
        answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| self.away(error))
    }

    fn away(&self, error: io::Error) -> Error {
        if http::is_distrust(&error) {
            return Error::configuration(format!("the certificate of the worker at {} is not trusted", self.base))
                .remedy(
                    "name who signed it: -D ssl.truststore.type=PEM -D ssl.truststore.location=ca.pem; it must name the host, too: \
                     -D ssl.endpoint.identification.algorithm= leaves that out",
                )
                .caused_by(error);
        }
        Error::configuration(format!("no answer from {}", self.base))
            .remedy("name the address of a running Kafka Connect worker's REST API, such as http://127.0.0.1:8083 or https://host:8443")
            .caused_by(error)
    }

    /// An answer; none: there is nothing of that name.
    async fn get(&self, tls: &TlsSettings, path: &str) -> Result<Option<Value>> {
        let url = format!("{}{path}", self.base);
        let (head, body) = self.ask(tls, path).await?.into_parts();
        let status = head.status.as_u16();
        match (status, serde_json::from_slice(&body)) {
            (200, Ok(body)) => Ok(Some(body)),
            (404, Ok(_)) => Ok(None),
            (200, Err(_)) => Err(not_connect(&url)),
            (300..=399, _) => {
                let to = head.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
                Err(Error::configuration(format!("{url} answers {status}: it leads to {to}"))
                    .remedy("name that address, as far as it is the worker's"))
            }
            (401 | 403, _) => Err(Error::configuration(format!("{url} answers {status}: it lets nobody in without a name"))
                .remedy("write the address as http://user:password@host:8083; a sign like @ or / in either as %40 or %2F")),
            _ => Err(Error::configuration(format!("{url} answers {status}"))
                .remedy("name the address of a running Kafka Connect worker's REST API; while a group rebalances, try again")),
        }
    }
}

fn not_connect(url: &str) -> Error {
    Error::configuration(format!("{url} does not answer as Kafka Connect does"))
        .remedy("name the address of a Kafka Connect worker's REST API, such as http://127.0.0.1:8083")
}

/// Reads every connector of a worker.
pub async fn read(address: &Address, tls: &TlsSettings, input: &mut Input) -> Result<()> {
    let Some(Value::Array(names)) = address.get(tls, "/connectors").await? else { return Err(not_connect(&address.base)) };
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(Error::configuration(format!("{} has no connectors", address.base)).remedy("name another worker, or files"));
    }
    // before 2.3 a worker only names them; later ones leave out of this what has no state yet
    let mut known = match address.get(tls, "/connectors?expand=info&expand=status").await? {
        Some(Value::Object(known)) if known.is_empty() || input::is_listing(&known) => known,
        Some(Value::Array(_)) => Map::new(),
        _ => return Err(not_connect(&address.base)),
    };
    let mut listing = Map::new();
    for name in names {
        if let Some(entry) = known.remove(name) {
            listing.insert(name.to_owned(), entry);
        } else if let Some(config) = address.get(tls, &format!("/connectors/{}/config", utf8_percent_encode(name, PATH))).await? {
            listing.insert(name.to_owned(), json!({ "info": { "config": config } }));
        }
    }
    input.subjects.extend(input::listing(&listing, &address.base)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_file_and_its_user_is_kept_out_of_sight() {
        assert!(Address::parse("connectors/http.json").is_none());
        let plain = Address::parse("http://h:8083/").unwrap().unwrap();
        assert_eq!(plain, Address { base: "http://h:8083".to_owned(), authorization: None });
        let secret = Address::parse("http://ada:p%40ss@h:8083").unwrap().unwrap();
        assert_eq!(secret.base, "http://h:8083");
        assert_eq!(secret.authorization.as_deref(), Some("Basic YWRhOnBAc3M="));
        assert_eq!(Address::parse("HTTPS://ada:pass@h").unwrap().unwrap().base, "https://h");
        let error = Address::parse("ftp://ada:pass@h").unwrap().unwrap_err().to_string();
        assert!(error.contains("http://host:8083") && !error.contains("ada:pass"), "{error}");
    }

    #[test]
    fn what_is_given_for_https_is_told_from_what_is_not() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let settings = tls(&[pair("ssl.truststore.type", "PEM"), pair("ssl.truststore.location", "ca.pem")]).unwrap();
        assert!(settings.verify_hostname && settings.truststore_location.as_deref() == Some("ca.pem"));
        assert!(tls(&[]).unwrap().verify_hostname);
        for name in ["group.id", "ssl.truststore.locaton"] {
            let error = tls(&[pair(name, "x")]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("ssl.truststore.location=ca.pem"), "{error}");
        }
    }
}
