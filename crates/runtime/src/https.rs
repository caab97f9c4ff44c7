//! TLS of REST, for those who call a worker and for its own calls to the others of its group: `listeners.https.ssl.*`.
//!
//! As in Kafka Connect (`SSLUtils`, `AbstractConfig.valuesWithPrefixAllOrNothing`): where anything begins with the prefix, only that
//! counts; else the properties without a prefix, which are the Kafka clients' as well. What they mean is `rowtide-kafka`'s; which
//! listeners there are is the REST server's.

use std::collections::BTreeMap;
use std::sync::Arc;

use rowtide_api::{Error, Props, Result};
use rowtide_kafka::{ClientAuth, KafkaError, TlsSettings};
use rustls::{ClientConfig, ServerConfig};

/// Begins the properties of `listeners`, and of calls to other workers.
pub const LISTENERS: &str = "listeners.https.";
/// Begins those of `admin.listeners`.
pub const ADMIN_LISTENERS: &str = "admin.listeners.https.";
/// Whether clients are asked for a certificate.
pub(crate) const CLIENT_AUTH: &str = "ssl.client.auth";

/// What the properties of a prefix ask for.
#[derive(Debug)]
pub struct Https {
    prefix: &'static str,
    settings: TlsSettings,
    client_auth: ClientAuth,
}

/// The properties that count for a prefix, the prefix taken off, and what it was: nothing where none begins with it.
pub(crate) fn properties(worker: &Props, prefix: &'static str) -> (&'static str, BTreeMap<String, String>) {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let own: BTreeMap<String, String> = worker.with_prefix(prefix).iter().map(owned).collect();
    if own.is_empty() {
        ("", worker.iter().filter(|(name, _)| name.starts_with("ssl.")).map(owned).collect())
    } else {
        (prefix, own)
    }
}

/// Whether one of a prefix's listeners is https.
pub(crate) fn listens(worker: &Props, prefix: &str) -> bool {
    let listeners = prefix.strip_suffix(".https.").unwrap_or(prefix);
    worker.get(listeners).is_some_and(|list| list.to_ascii_lowercase().contains("https://"))
}

/// What is asked of clients.
pub(crate) fn client_auth(prefix: &str, properties: &BTreeMap<String, String>) -> Result<ClientAuth> {
    let asked = properties.get(CLIENT_AUTH).map_or("none", |asked| asked.trim());
    ClientAuth::from_name(asked).ok_or_else(|| {
        let message = format!("'{prefix}{CLIENT_AUTH}' is '{asked}', which is none of {}", ClientAuth::NAMES.join(", "));
        Error::configuration(message).remedy("write none, requested or required")
    })
}

impl Https {
    /// Reads the properties, no file yet.
    pub fn read(worker: &Props, prefix: &'static str) -> Result<Self> {
        let (prefix, properties) = properties(worker, prefix);
        let settings = TlsSettings::from_properties(&properties).map_err(|error| failed(prefix, error))?;
        let client_auth = client_auth(prefix, &properties)?;
        // Jetty does it for both directions
        Ok(Self { prefix, settings: settings.trusting_its_key_store(), client_auth })
    }

    /// What a listener shows to those who call it. Reads the stores.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let mut config = self.settings.server_config(self.client_auth).map_err(|error| failed(self.prefix, error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// What calls to other workers show, and whom they trust. Reads the stores.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        Ok(Arc::new(self.settings.client_config().map_err(|error| failed(self.prefix, error))?))
    }

    /// Why no listener could be set up, as far as that shows without reading a file: the property, and why.
    pub fn fault(&self) -> Option<(String, Error)> {
        let (key, problem) = self.settings.server_fault()?;
        Some((format!("{}{key}", self.prefix), failed(self.prefix, KafkaError::Config { key: key.to_owned(), problem })))
    }

    /// Whether nobody gets in without a certificate.
    pub fn asks_for_certificates(&self) -> bool {
        self.client_auth == ClientAuth::Required
    }
}

fn failed(prefix: &str, error: KafkaError) -> Error {
    match error {
        KafkaError::Config { key, problem } => Error::configuration(format!("'{prefix}{key}' {problem}")).remedy(format!(
            "https listeners and calls to other workers are set up by {LISTENERS}ssl.* (keystore.location, keystore.password, \
             truststore.location …), or without any of these by ssl.*"
        )),
        other => Error::configuration(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(entries: &[(&str, &str)]) -> Props {
        entries.iter().copied().collect()
    }

    #[test]
    fn prefixed_properties_count_alone_and_others_only_without_them() {
        let general = [("ssl.keystore.location", "/general"), ("ssl.client.auth", "required"), ("group.id", "g")];
        let https = Https::read(&props(&general), LISTENERS).unwrap();
        assert!(https.asks_for_certificates() && https.fault().is_none());
        assert_eq!(properties(&props(&general), LISTENERS).1.len(), 2);
        let own = [("listeners.https.ssl.keystore.type", "PKCS12")];
        let https = Https::read(&props(&[&general[..], &own[..]].concat()), LISTENERS).unwrap();
        assert!(!https.asks_for_certificates());
        let (property, error) = https.fault().unwrap();
        assert_eq!(property, "listeners.https.ssl.keystore.location");
        assert!(error.to_string().contains("Remedy:"), "{error}");
        let admin = Https::read(&props(&[&general[..], &own[..]].concat()), ADMIN_LISTENERS).unwrap();
        assert!(admin.asks_for_certificates(), "the prefix of admin listeners is another");
    }

    #[test]
    fn what_cannot_be_used_is_named_by_its_whole_name() {
        for (name, value, words) in [
            ("listeners.https.ssl.client.auth", "maybe", "none, requested or required"),
            ("listeners.https.ssl.enabled.protocols", "TLSv1", "TLSv1.3"),
            ("listeners.https.ssl.cipher.suites", "TLS_RSA_WITH_NULL_MD5", "TLS_AES_256_GCM_SHA384"),
        ] {
            let error = Https::read(&props(&[(name, value)]), LISTENERS).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(words), "{error}");
        }
        let missing = Https::read(&props(&[("listeners.https.ssl.keystore.location", "/no/such")]), LISTENERS).unwrap();
        let error = missing.server().unwrap_err().to_string();
        assert!(error.contains("listeners.https.ssl") && error.contains("/no/such"), "{error}");
    }
}
