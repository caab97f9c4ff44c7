//! TLS to a broker, from the `ssl.*` properties as Java spells them.
//!
//! Here: PEM, PKCS12 and JKS stores into a rustls configuration. Not here: how Java's stores are laid out (`java_store`), the
//! connection that uses it.

use crate::config::Secret;
use crate::error::KafkaError;
use crate::java_store;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
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

impl TlsSettings {
    /// The rustls configuration. Without a trust store the system's certificates are trusted, as Java trusts its own.
    pub fn client_config(&self) -> Result<ClientConfig, KafkaError> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(self.roots()?);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| bad("ssl.protocol", e.to_string()))?;
        let builder = if self.verify_hostname {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|e| bad("ssl.truststore.location", e.to_string()))?;
            builder.with_webpki_verifier(verifier)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHostname { roots, provider }))
        };
        match self.identity()? {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| bad("ssl.keystore.key", format!("does not fit its certificate: {e}"))),
        }
    }

    fn roots(&self) -> Result<RootCertStore, KafkaError> {
        let mut roots = RootCertStore::empty();
        let (key, pem) = if let Some(text) = &self.truststore_certificates {
            require_pem("truststore", self.truststore_type.as_deref())?;
            ("ssl.truststore.certificates", text.as_bytes().to_vec())
        } else if let Some(path) = &self.truststore_location {
            let (key, data) = ("ssl.truststore.location", read_file("ssl.truststore.location", path)?);
            if !is_pem("truststore", self.truststore_type.as_deref())? {
                return self.java_roots(&data);
            }
            (key, data)
        } else {
            for cert in rustls_native_certs::load_native_certs().certs {
                // A single unusable certificate of the system is no reason to stop.
                let _ = roots.add(cert);
            }
            if roots.is_empty() {
                return Err(bad(
                    "ssl.truststore.location",
                    "is not set, and this system has no certificates of its own (package ca-certificates)",
                ));
            }
            return Ok(roots);
        };
        for cert in certificates(key, &pem)? {
            roots.add(cert).map_err(|e| bad(key, format!("has an unusable certificate: {e}")))?;
        }
        Ok(roots)
    }

    fn java_roots(&self, data: &[u8]) -> Result<RootCertStore, KafkaError> {
        let key = "ssl.truststore.location";
        let password = self.truststore_password.as_ref().map(Secret::expose);
        let content = java_store::read(data, password, None)
            .map_err(|e| bad(key, format!("{e}; check ssl.truststore.password and ssl.truststore.type")))?;
        let mut roots = RootCertStore::empty();
        for cert in content.trusted {
            roots.add(cert.into()).map_err(|e| bad(key, format!("has an unusable certificate: {e}")))?;
        }
        if roots.is_empty() {
            return Err(bad(key, "holds no trusted certificate (keytool -importcert -trustcacerts adds one)"));
        }
        Ok(roots)
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
        if key_pem.windows(27).any(|w| w == b"BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(bad(
                key_name,
                "holds an encrypted private key, which is not supported yet; decrypt it (openssl pkcs8) and restrict the file's permissions",
            ));
        }
        let key =
            PrivateKeyDer::from_pem_slice(&key_pem).map_err(|e| bad(key_name, format!("holds no private key in PEM: {e}")))?;
        Ok(Some((certificates(chain_name, &chain_pem)?, key)))
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Checks the chain but not the name, for an empty `ssl.endpoint.identification.algorithm`.
#[derive(Debug)]
struct AnyHostname {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHostname {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let cert = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&cert, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

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
