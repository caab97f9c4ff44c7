//! TLS, from the `ssl.*` properties as Java spells them: to a broker, and of a server that is set up by the same properties.
//!
//! Here: PEM, PKCS12 and JKS stores into a rustls configuration. Not here: how Java's stores are laid out (`java_store`), whom
//! a trust store trusts (`trust`), the connection that uses it.

use crate::config::Secret;
use crate::ec_key;
use crate::error::KafkaError;
use crate::java_store;
use crate::trust;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Decode;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{CipherSuite, ClientConfig, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// The `ssl.*` properties.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// `ssl.truststore.type`.
    pub truststore_type: Option<String>,
    /// `ssl.truststore.location`.
    pub truststore_location: Option<String>,
    /// `ssl.truststore.password`.
    pub truststore_password: Option<Secret>,
    /// `ssl.truststore.certificates`: PEM text.
    pub truststore_certificates: Option<String>,
    /// `ssl.keystore.type`.
    pub keystore_type: Option<String>,
    /// `ssl.keystore.location`.
    pub keystore_location: Option<String>,
    /// `ssl.keystore.password`.
    pub keystore_password: Option<Secret>,
    /// `ssl.keystore.key`: PEM text.
    pub keystore_key: Option<Secret>,
    /// `ssl.keystore.certificate.chain`: PEM text.
    pub keystore_certificate_chain: Option<String>,
    /// `ssl.key.password`.
    pub key_password: Option<Secret>,
    /// Whether `ssl.endpoint.identification.algorithm` is `https`.
    pub verify_hostname: bool,
    /// `ssl.enabled.protocols`; empty: TLS 1.2 and 1.3.
    pub protocols: Vec<&'static SupportedProtocolVersion>,
    /// `ssl.cipher.suites`; empty: all that are there.
    pub cipher_suites: Vec<CipherSuite>,
}

/// `ssl.client.auth`: whether a server asks its clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// It does not.
    None,
    /// It does, and lets in who shows none.
    Requested,
    /// Nobody gets in without one that is trusted.
    Required,
}

impl ClientAuth {
    /// Its words, Java's.
    pub const NAMES: [&str; 3] = ["required", "requested", "none"];

    /// Reads one of them.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "none" => Some(Self::None),
            "requested" => Some(Self::Requested),
            "required" => Some(Self::Required),
            _ => None,
        }
    }
}

/// The protocols of a list that are spoken here. Older ones that Java knows are left out, as its own security settings do.
pub(crate) fn protocols(list: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let mut spoken = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "TLSv1.2" => spoken.push(&rustls::version::TLS12),
            "TLSv1.3" => spoken.push(&rustls::version::TLS13),
            "SSLv2Hello" | "SSLv3" | "TLSv1" | "TLSv1.1" => {}
            _ => return Err(format!("'{name}' is no protocol; TLSv1.2 and TLSv1.3 are spoken")),
        }
    }
    if spoken.is_empty() { Err("names neither TLSv1.2 nor TLSv1.3, which are spoken".into()) } else { Ok(spoken) }
}

/// The cipher suites of a list that are there, by the names that Java gives them.
pub(crate) fn cipher_suites(list: &str) -> Result<Vec<CipherSuite>, String> {
    let there: Vec<(String, CipherSuite)> =
        ring::ALL_CIPHER_SUITES.iter().map(|suite| (java_name(suite.suite()), suite.suite())).collect();
    let wanted: Vec<&str> = list.split(',').map(str::trim).collect();
    let found: Vec<CipherSuite> =
        there.iter().filter(|(name, _)| wanted.contains(&name.as_str())).map(|(_, suite)| *suite).collect();
    if found.is_empty() {
        let names: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
        return Err(format!("names none of those that are there: {}", names.join(", ")));
    }
    Ok(found)
}

fn java_name(suite: CipherSuite) -> String {
    suite.as_str().unwrap_or_default().replace("TLS13_", "TLS_")
}

fn bad(key: &str, problem: impl Into<String>) -> KafkaError {
    KafkaError::Config { key: key.into(), problem: problem.into() }
}

/// Whether a store is PEM text. Kafka's default type is JKS; a JKS or PKCS12 store is told by its content, as in Java.
fn is_pem(which: &str, store_type: Option<&str>) -> Result<bool, KafkaError> {
    match store_type {
        Some(t) if t.eq_ignore_ascii_case("PEM") => Ok(true),
        Some(t) if !t.eq_ignore_ascii_case("JKS") && !t.eq_ignore_ascii_case("PKCS12") => {
            Err(bad(&format!("ssl.{which}.type"), format!("'{t}' is not supported; use PEM, PKCS12 or JKS")))
        }
        _ => Ok(false),
    }
}

/// Text given in a property can only be PEM, and Kafka asks for the type to say so.
fn require_pem(which: &str, store_type: Option<&str>) -> Result<(), KafkaError> {
    match is_pem(which, store_type)? {
        true => Ok(()),
        false => Err(bad(&format!("ssl.{which}.type"), "must be PEM when certificates or keys are given as text")),
    }
}

fn read_file(key: &str, path: &str) -> Result<Vec<u8>, KafkaError> {
    std::fs::read(path).map_err(|e| bad(key, format!("cannot read '{path}': {e}")))
}

fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, KafkaError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(bad(key, "holds no '-----BEGIN CERTIFICATE-----' block")),
        Err(e) => Err(bad(key, format!("is not PEM: {e}"))),
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// The private key of a PEM text, which may hold certificates as well.
fn private_key(key: &str, pem: &[u8], password: Option<&Secret>) -> Result<PrivateKeyDer<'static>, KafkaError> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let anew = "write it anew: openssl pkcs8 -topk8 -v2 aes256 -in KEY -out NEW";
    if contains(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(bad(key, format!("holds a private key that is encrypted in OpenSSL's old form; {anew}")));
    }
    let text = String::from_utf8_lossy(pem);
    let Some((begin, end)) = text.find(BEGIN).zip(text.find(END)) else {
        return PrivateKeyDer::from_pem_slice(pem).map_err(|e| bad(key, format!("holds no private key in PEM: {e}")));
    };
    let password = password.ok_or_else(|| bad("ssl.key.password", "is not set, but the private key is encrypted"))?;
    let block = text.get(begin..end + END.len()).unwrap_or_default();
    let (_, document) =
        pkcs8::SecretDocument::from_pem(block).map_err(|e| bad(key, format!("holds a private key that is no PEM: {e}")))?;
    let plain = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes())
        .map_err(|e| e.to_string())
        .and_then(|encrypted| encrypted.decrypt(password.expose()).map_err(|e| e.to_string()))
        .map_err(|e| {
            let hint = format!("ssl.key.password is wrong, or the cipher is an old one; then {anew}");
            bad(key, format!("holds a private key that cannot be decrypted ({e}): {hint}"))
        })?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}

impl TlsSettings {
    /// The rustls configuration. Without a trust store the system's certificates are trusted, as Java trusts its own.
    pub fn client_config(&self) -> Result<ClientConfig, KafkaError> {
        let provider = self.provider();
        let servers = trust::servers(self.trusted()?, provider.clone(), self.verify_hostname)
            .map_err(|problem| bad("ssl.truststore.location", problem))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions())
            .map_err(|e| bad("ssl.cipher.suites", e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(servers);
        match self.identity()? {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| bad("ssl.keystore.key", format!("does not fit its certificate: {e}"))),
        }
    }

    /// The rustls configuration of a server that shows the key store's certificate.
    pub fn server_config(&self, client_auth: ClientAuth) -> Result<ServerConfig, KafkaError> {
        let provider = self.provider();
        let clients = match client_auth {
            ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
            asked => trust::clients(self.trusted()?, provider.clone(), asked == ClientAuth::Required)
                .map_err(|problem| bad("ssl.truststore.location", problem))?,
        };
        let (chain, key) = self.identity()?.ok_or_else(|| bad("ssl.keystore.location", NO_IDENTITY))?;
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions())
            .map_err(|e| bad("ssl.cipher.suites", e.to_string()))?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|e| bad("ssl.keystore.location", format!("has a private key that does not fit its certificate: {e}")))
    }

    /// Why a server could not be set up by these properties, as far as that shows without reading a file: the property, and why.
    pub fn server_fault(&self) -> Option<(&'static str, String)> {
        let stores = [("keystore", &self.keystore_type), ("truststore", &self.truststore_type)];
        let bad_type = stores.into_iter().find_map(|(which, kind)| match is_pem(which, kind.as_deref()) {
            Err(KafkaError::Config { problem, .. }) => {
                Some((if which == "keystore" { "ssl.keystore.type" } else { "ssl.truststore.type" }, problem))
            }
            _ => None,
        });
        let nothing = self.keystore_location.is_none() && self.keystore_key.is_none();
        bad_type.or_else(|| nothing.then(|| ("ssl.keystore.location", NO_IDENTITY.to_owned())))
    }

    /// Trusts the key store itself where no trust store is named, as Jetty does: what it has of others' certificates, and its own.
    #[must_use]
    pub fn trusting_its_key_store(mut self) -> Self {
        let pem = is_pem("keystore", self.keystore_type.as_deref()).unwrap_or_default();
        if self.truststore_location.is_none() && self.truststore_certificates.is_none() && !pem {
            self.truststore_location = self.keystore_location.clone();
            self.truststore_password = self.truststore_password.or_else(|| self.keystore_password.clone());
            self.truststore_type = self.keystore_type.clone();
        }
        self
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = ring::default_provider();
        if !self.cipher_suites.is_empty() {
            provider.cipher_suites.retain(|suite| self.cipher_suites.contains(&suite.suite()));
        }
        Arc::new(provider)
    }

    fn versions(&self) -> &[&'static SupportedProtocolVersion] {
        if self.protocols.is_empty() { rustls::ALL_VERSIONS } else { &self.protocols }
    }

    /// The certificates of the trust store; without one the system's.
    fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, KafkaError> {
        let key = "ssl.truststore.location";
        if let Some(text) = &self.truststore_certificates {
            require_pem("truststore", self.truststore_type.as_deref())?;
            return certificates("ssl.truststore.certificates", text.as_bytes());
        }
        if let Some(path) = &self.truststore_location {
            let data = read_file(key, path)?;
            return match is_pem("truststore", self.truststore_type.as_deref())? {
                true => certificates(key, &data),
                false => self.java_trusted(&data),
            };
        }
        let system = rustls_native_certs::load_native_certs().certs;
        if system.is_empty() {
            let problem = "is not set, and this system has no certificates of its own (package ca-certificates)";
            return Err(bad(key, problem));
        }
        Ok(system)
    }

    fn java_trusted(&self, data: &[u8]) -> Result<Vec<CertificateDer<'static>>, KafkaError> {
        let key = "ssl.truststore.location";
        let password = self.truststore_password.as_ref().map(Secret::expose);
        let is_key_store = self.truststore_location == self.keystore_location;
        let key_password = self.key_password.as_ref().filter(|_| is_key_store).map(Secret::expose);
        let content = java_store::read(data, password, key_password)
            .map_err(|e| bad(key, format!("{e}; check ssl.truststore.password and ssl.truststore.type")))?;
        // Java trusts the certificate of a key of the store as well
        let own = content.identity.and_then(|(_, chain)| chain.into_iter().next());
        let trusted: Vec<_> = content.trusted.into_iter().chain(own).map(CertificateDer::from).collect();
        if trusted.is_empty() {
            return Err(bad(key, "holds no trusted certificate (keytool -importcert -trustcacerts adds one)"));
        }
        Ok(trusted)
    }

    fn java_identity(&self, data: &[u8]) -> Result<Identity, KafkaError> {
        let key = "ssl.keystore.location";
        let password = self.keystore_password.as_ref().map(Secret::expose);
        let content = java_store::read(data, password, self.key_password.as_ref().map(Secret::expose))
            .map_err(|e| bad(key, format!("{e}; check ssl.keystore.password, ssl.key.password and ssl.keystore.type")))?;
        let (private, chain) = content.identity.ok_or_else(|| bad(key, "holds no private key with a certificate"))?;
        let private = PrivateKeyDer::try_from(private).map_err(|e| bad(key, format!("holds an unusable private key: {e}")))?;
        Ok((chain.into_iter().map(CertificateDer::from).collect(), private))
    }

    fn identity(&self) -> Result<Option<Identity>, KafkaError> {
        let Some((chain, key)) = self.stored_identity()? else { return Ok(None) };
        let completed = match (&key, chain.first()) {
            (PrivateKeyDer::Pkcs8(pkcs8), Some(leaf)) => ec_key::completed(pkcs8.secret_pkcs8_der(), leaf),
            _ => None,
        };
        Ok(Some((chain, completed.map_or(key, |key| PrivatePkcs8KeyDer::from(key).into()))))
    }

    fn stored_identity(&self) -> Result<Option<Identity>, KafkaError> {
        let (key_name, key_pem, chain_name, chain_pem) = if let Some(key) = &self.keystore_key {
            require_pem("keystore", self.keystore_type.as_deref())?;
            let chain_name = "ssl.keystore.certificate.chain";
            let chain = self.keystore_certificate_chain.as_deref();
            let chain = chain.ok_or_else(|| bad(chain_name, "is not set, but ssl.keystore.key is"))?;
            ("ssl.keystore.key", key.expose().as_bytes().to_vec(), chain_name, chain.as_bytes().to_vec())
        } else if let Some(path) = &self.keystore_location {
            let name = "ssl.keystore.location";
            let pem = read_file(name, path)?;
            if !is_pem("keystore", self.keystore_type.as_deref())? {
                return self.java_identity(&pem).map(Some);
            }
            (name, pem.clone(), name, pem)
        } else {
            return Ok(None);
        };
        let key = private_key(key_name, &key_pem, self.key_password.as_ref())?;
        Ok(Some((certificates(chain_name, &chain_pem)?, key)))
    }
}

/// What a server without a key store is told.
const NO_IDENTITY: &str = "is not set: a server shows a certificate, whose private key stands in the same store";

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_store_type_is_refused_with_the_known_ones() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let mut settings = TlsSettings { truststore_location: Some(file.into()), ..TlsSettings::default() };
        let error = settings.client_config().unwrap_err().to_string();
        assert!(error.contains("ssl.truststore.password"), "{error}");
        settings.truststore_type = Some("BCFKS".into());
        let error = settings.client_config().unwrap_err().to_string();
        assert!(error.contains("ssl.truststore.type") && error.contains("PKCS12"), "{error}");
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let settings = TlsSettings {
            truststore_location: Some("/no/such.pem".into()),
            truststore_type: Some("pem".into()),
            ..TlsSettings::default()
        };
        let error = settings.client_config().unwrap_err().to_string();
        assert!(error.contains("/no/such.pem"), "{error}");
    }
}
