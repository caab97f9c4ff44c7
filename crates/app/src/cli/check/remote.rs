//! Configurations out of a running Kafka Connect worker, by its REST API. Only GET is ever sent.
//!
//! What the answers mean is `input`'s.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rowtide_api::{Error, Result};
use serde_json::{Map, Value, json};

use super::input::{self, Input};

/// How long an answer may take: a worker that rebalances answers late.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is not itself in a path: everything but what names of connectors are mostly made of.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Where a worker's REST is, and who asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// `http://host:port`, without the user
    base: String,
    /// the header that says who asks
    authorization: Option<String>,
}

impl Address {
    /// An address of the command line; none: it is no URL.
    pub fn parse(text: &str) -> Option<Result<Self>> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.trim_end_matches('/');
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => {
                return Some(Err(Error::configuration(format!("https://{place}: asking over https is not there yet")).remedy(
                    format!(
                        "save what it answers, and check that file: curl -o connectors.json 'https://{place}/connectors?expand=info&expand=status'"
                    ),
                )));
            }
            _ => {
                return Some(Err(Error::configuration(format!("{scheme}://{place} is no address of a worker"))
                    .remedy("write it like http://host:8083, or http://user:password@host:8083")));
            }
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            format!("Basic {}", STANDARD.encode(format!("{}:{}", decoded(name), decoded(password))))
        });
        Some(Ok(Self { base: format!("http://{place}"), authorization }))
    }

    /// An answer; none: there is nothing of that name.
    fn get(&self, path: &str) -> Result<Option<Value>> {
        let url = format!("{}{path}", self.base);
        let failed = |error: ureq::Error| {
            Error::configuration(format!("no answer from {}", self.base))
                .remedy("name the address of a running Kafka Connect worker's REST API, such as http://127.0.0.1:8083")
                .caused_by(error)
        };
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build().new_agent();
        let mut request = agent.get(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut answer = request.call().map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().map_err(failed)?;
        match (status, serde_json::from_str(&body)) {
            (200, Ok(body)) => Ok(Some(body)),
            (404, Ok(_)) => Ok(None),
            (200, Err(_)) => Err(not_connect(&url)),
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
pub fn read(address: &Address, input: &mut Input) -> Result<()> {
    let Some(Value::Array(names)) = address.get("/connectors")? else { return Err(not_connect(&address.base)) };
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(Error::configuration(format!("{} has no connectors", address.base)).remedy("name another worker, or files"));
    }
    // before 2.3 a worker only names them; later ones leave out of this what has no state yet
    let mut known = match address.get("/connectors?expand=info&expand=status")? {
        Some(Value::Object(known)) if known.is_empty() || input::is_listing(&known) => known,
        Some(Value::Array(_)) => Map::new(),
        _ => return Err(not_connect(&address.base)),
    };
    let mut listing = Map::new();
    for name in names {
        if let Some(entry) = known.remove(name) {
            listing.insert(name.to_owned(), entry);
        } else if let Some(config) = address.get(&format!("/connectors/{}/config", utf8_percent_encode(name, PATH)))? {
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
        let error = Address::parse("https://ada:pass@h").unwrap().unwrap_err().to_string();
        assert!(error.contains("curl") && !error.contains("pass"), "{error}");
        let error = Address::parse("ftp://ada:pass@h").unwrap().unwrap_err().to_string();
        assert!(error.contains("http://host:8083") && !error.contains("ada:pass"), "{error}");
    }
}
