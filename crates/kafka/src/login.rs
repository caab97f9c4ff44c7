//! How a client logs in: `sasl.*` as Java spells it.
//!
//! Here: which mechanism, by whose name and with what. Not here: the messages (`sasl`), the syntax of a JAAS entry (`jaas`), getting a
//! token (`oauth`).

use crate::config::{Reader, Secret, bad, tls_settings};
use crate::error::KafkaError;
use crate::jaas::{self, JaasEntry};
use crate::oauth::{Endpoint, TokenSettings, TokenSource};
use serde_json::{Map, Value};
use std::time::Duration;

/// `sasl.mechanism` of a login by password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// PLAIN.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// How a client logs in.
#[derive(Debug, Clone)]
pub enum Login {
    /// By a name and a password.
    Password(SaslSettings),
    /// OAUTHBEARER.
    Token(TokenSettings),
}

impl Login {
    /// The name of the mechanism on the wire.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Password(settings) => settings.mechanism.name(),
            Self::Token(_) => OAUTHBEARER,
        }
    }
}

/// The mechanism of tokens.
const OAUTHBEARER: &str = "OAUTHBEARER";

/// What a login by password needs.
#[derive(Debug, Clone)]
pub struct SaslSettings {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// `username` of the JAAS entry.
    pub username: String,
    /// `password` of the JAAS entry.
    pub password: Secret,
}

/// The property with the secrets.
const JAAS: &str = "sasl.jaas.config";

/// Reads `sasl.*` of a client that is to log in.
pub(crate) fn read(r: &mut Reader<'_>) -> Result<Login, KafkaError> {
    let name = r.text("sasl.mechanism").unwrap_or("GSSAPI");
    let jaas = r.text(JAAS);
    let tokens = TokenProperties::read(r);
    let mechanism = match name {
        "PLAIN" => Some(SaslMechanism::Plain),
        "SCRAM-SHA-256" => Some(SaslMechanism::ScramSha256),
        "SCRAM-SHA-512" => Some(SaslMechanism::ScramSha512),
        OAUTHBEARER => None,
        other => {
            let problem = format!("{other} is not supported yet; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER");
            return Err(bad("sasl.mechanism", problem));
        }
    };
    let holds = if mechanism.is_some() { "a username and a password" } else { "OAuthBearerLoginModule with its options" };
    let text = jaas.ok_or_else(|| bad(JAAS, format!("is not set; {name} needs {holds} in it")))?;
    let entry = jaas::parse(text).map_err(|problem| bad(JAAS, problem))?;
    let Some(mechanism) = mechanism else { return tokens?.settings(&entry).map(Login::Token) };
    let option = |name: &str| entry.options.get(name).cloned().ok_or_else(|| bad(JAAS, format!("has no option '{name}'")));
    Ok(Login::Password(SaslSettings { mechanism, username: option("username")?, password: Secret::new(option("password")?) }))
}

/// The properties of OAUTHBEARER beside the JAAS entry (KIP-768, KIP-1139).
struct TokenProperties<'a> {
    handler: Option<&'a str>,
    url: Option<&'a str>,
    id: Option<&'a str>,
    secret: Option<&'a str>,
    scope: Option<&'a str>,
    encode: bool,
    limit: Duration,
}

impl<'a> TokenProperties<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, KafkaError> {
        let retriever = "sasl.oauthbearer.jwt.retriever.class";
        if let Some(class) = r.text(retriever)
            && !["DefaultJwtRetriever", "ClientCredentialsJwtRetriever", "FileJwtRetriever"]
                .iter()
                .any(|known| class.ends_with(known))
        {
            return Err(bad(
                retriever,
                format!("'{class}' is not supported; leave it out, and set sasl.oauthbearer.token.endpoint.url"),
            ));
        }
        Ok(Self {
            handler: r.text("sasl.login.callback.handler.class"),
            url: r.text("sasl.oauthbearer.token.endpoint.url"),
            id: r.text("sasl.oauthbearer.client.credentials.client.id"),
            secret: r.text("sasl.oauthbearer.client.credentials.client.secret"),
            scope: r.text("sasl.oauthbearer.scope"),
            encode: r.flag("sasl.oauthbearer.header.urlencode", false)?,
            limit: r.millis("sasl.login.read.timeout.ms", 30_000)?,
        })
    }

    /// Where tokens come from: Java's two login callback handlers.
    fn settings(&self, entry: &JaasEntry) -> Result<TokenSettings, KafkaError> {
        match self.handler.map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("OAuthBearerUnsecuredLoginCallbackHandler") => unsecured(entry),
            Some("OAuthBearerLoginCallbackHandler") => self.fetched(entry),
            Some(_) => Err(bad(
                "sasl.login.callback.handler.class",
                format!(
                    "'{}' is not built in; use org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
                    self.handler.unwrap_or_default()
                ),
            )),
        }
    }

    fn fetched(&self, entry: &JaasEntry) -> Result<TokenSettings, KafkaError> {
        let key = "sasl.oauthbearer.token.endpoint.url";
        let url = self
            .url
            .ok_or_else(|| bad(key, "is not set; name the authorization server's token endpoint, or a file (file:///…)"))?;
        let extensions = prefixed(entry, "extension_").map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if let Some(path) = url.strip_prefix("file://") {
            return Ok(TokenSettings::new(TokenSource::File(path.to_owned()), extensions));
        }
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(bad(key, format!("'{url}' begins with none of https://, http:// and file://")));
        }
        let option =
            |property: Option<&str>, name: &str| property.map(str::to_owned).or_else(|| entry.options.get(name).cloned());
        let needed = |property, name| option(property, name).ok_or_else(|| bad(JAAS, format!("has no option '{name}'")));
        // the endpoint's TLS is not the broker's
        let mut ssl = Reader { map: &entry.options, seen: Vec::new() };
        let endpoint = Endpoint {
            url: url.to_owned(),
            id: needed(self.id, "clientId")?,
            secret: Secret::new(needed(self.secret, "clientSecret")?),
            scope: option(self.scope, "scope"),
            encode: self.encode,
            tls: tls_settings(&mut ssl)?,
            limit: self.limit,
        };
        Ok(TokenSettings::new(TokenSource::Endpoint(Box::new(endpoint)), extensions))
    }
}

/// Options of the entry that begin so, without the prefix.
fn prefixed<'a>(entry: &'a JaasEntry, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    entry.options.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
}

/// What a token of `OAuthBearerUnsecuredLoginCallbackHandler` claims.
fn unsecured(entry: &JaasEntry) -> Result<TokenSettings, KafkaError> {
    let mut claims = Map::new();
    for (name, value) in prefixed(entry, "unsecuredLoginStringClaim_") {
        claims.insert(name.to_owned(), value.into());
    }
    let number =
        |name: &str, value: &str| value.trim().parse::<f64>().map_err(|_| bad(JAAS, format!("the option '{name}' is no number")));
    for (name, value) in prefixed(entry, "unsecuredLoginNumberClaim_") {
        claims.insert(name.to_owned(), number(name, value)?.into());
    }
    for (name, value) in prefixed(entry, "unsecuredLoginListClaim_") {
        // its first character separates the others
        let separator = value.chars().next().unwrap_or(',');
        let list = value.trim_start_matches(separator).split(separator).map(Value::from);
        claims.insert(name.to_owned(), Value::Array(list.collect()));
    }
    let principal = entry.options.get("unsecuredLoginPrincipalClaimName").map_or("sub", String::as_str);
    if !claims.get(principal).is_some_and(Value::is_string) {
        let handler = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
        return Err(bad(
            JAAS,
            format!(
                "has no option 'unsecuredLoginStringClaim_{principal}'; tokens of an authorization server need sasl.login.callback.handler.class={handler}"
            ),
        ));
    }
    let name = "unsecuredLoginLifetimeSeconds";
    let seconds = entry.options.get(name).map_or(Ok(3600.0), |text| number(name, text))?;
    let lifetime = Duration::try_from_secs_f64(seconds).map_err(|_| bad(JAAS, format!("the option '{name}' is no time")))?;
    let extensions =
        prefixed(entry, "unsecuredLoginExtension_").map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(TokenSettings::new(TokenSource::Unsecured { claims, lifetime }, extensions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientConfig;

    fn token(jaas: &str, more: &[(&str, &str)]) -> Result<ClientConfig, KafkaError> {
        let jaas = format!("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required {jaas};");
        let base = [
            ("bootstrap.servers", "b:1"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.jaas.config", jaas.as_str()),
        ];
        let pairs = base.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ClientConfig::from_properties(&pairs.collect())
    }

    #[test]
    fn tokens_come_from_where_javas_handlers_take_them() {
        let handler =
            ("sasl.login.callback.handler.class", "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler");
        let url = ("sasl.oauthbearer.token.endpoint.url", "https://login.example.com/token");
        let c = token("clientId=\"rowtide\" clientSecret='hunter2' scope=kafka extension_tenant=a", &[handler, url]).unwrap();
        assert!(c.unknown.is_empty() && !format!("{c:?}").contains("hunter2"));
        assert!(
            matches!(&c.sasl, Some(login @ Login::Token(settings)) if login.mechanism() == "OAUTHBEARER" && settings.extensions["tenant"] == "a")
        );
        token("unsecuredLoginStringClaim_sub=alice unsecuredLoginListClaim_scope=',a,b'", &[]).unwrap();
        let file = ("sasl.oauthbearer.token.endpoint.url", "file:///var/run/token");
        token("", &[handler, file]).unwrap();
        let own = ("sasl.login.callback.handler.class", "com.example.Handler");
        for (jaas, more, part) in [
            ("", vec![], "unsecuredLoginStringClaim_sub"),
            ("unsecuredLoginStringClaim_sub=a unsecuredLoginLifetimeSeconds=-1", vec![], "unsecuredLoginLifetimeSeconds"),
            ("clientId=a clientSecret=hunter2", vec![handler], "sasl.oauthbearer.token.endpoint.url"),
            ("clientSecret=hunter2", vec![handler, url], "clientId"),
            ("clientSecret=hunter2", vec![own], "com.example.Handler"),
        ] {
            let error = token(jaas, &more).unwrap_err();
            assert!(matches!(error, KafkaError::Config { .. }), "{error}");
            let error = error.to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }
}
