//! TLS: from `sslmode` and its files to a rustls configuration, and what libpq and pgjdbc check that rustls does not.
//!
//! Three things differ from a browser's rules and are made up for here: `verify-ca` does not look at the host name; a
//! server's self-signed certificate may itself be the root certificate; and a certificate without subject alternative
//! names is held against its common name (RFC 6125 6.4.4), as certificates made by the PostgreSQL manual's recipe are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::pem::PemLabel;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::rustls;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;

use super::error::ClientError;
use super::options::{SslMode, SslOptions};

/// The configuration for one connection attempt.
pub(super) fn client_config(ssl: &SslOptions) -> Result<ClientConfig, ClientError> {
    let crypto = Arc::new(provider::default_provider());
    let verifier = Arc::new(Verifier { crypto: crypto.clone(), trust: trust(ssl, &crypto)? });
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match client_certificate(ssl)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            ClientError::Tls(format!("the client certificate (sslcert) and key (sslkey) cannot be used: {error}"))
        }),
    }
}

/// The name to send and to hold certificates against.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, ClientError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| ClientError::Tls(format!("'{host}' is no host name that a certificate can be for")))
}

/// RFC 5929 section 4.1: the hash of the server's certificate by its signature's hash function, SHA-256 for MD5 and
/// SHA-1. None where that is not defined (Ed25519) or not known here: channel binding is then not offered.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    use ring::digest::{SHA256, SHA384, SHA512, digest};
    let parsed = Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm().oid.to_string().as_str() {
        // md5WithRSA, sha1WithRSA, sha256WithRSA, ecdsa-with-SHA1, ecdsa-with-SHA256
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

/// What a server's certificate is held against.
#[derive(Debug)]
enum Trust {
    /// any certificate, as long as the server has its key
    Anything,
    /// one that leads to a root, and names the host if asked
    Roots { chain: Arc<WebPkiServerVerifier>, roots: Vec<CertificateDer<'static>>, name: bool },
}

fn trust(ssl: &SslOptions, crypto: &Arc<CryptoProvider>) -> Result<Trust, ClientError> {
    let verifies = matches!(ssl.mode, SslMode::VerifyCa | SslMode::VerifyFull);
    let root = ssl.root_cert.clone().or_else(|| default_file("root.crt").filter(|_| verifies));
    let named = match root {
        _ if ssl.non_validating => return Ok(Trust::Anything),
        Some(path) if verifies || (ssl.mode == SslMode::Require && path.exists()) => path,
        None if verifies => {
            return Err(ClientError::Tls(
                "sslmode verify-ca and verify-full need the certificates that may sign the server's: name their file with \
                 sslrootcert, or choose sslmode=require, which verifies nothing"
                    .to_owned(),
            ));
        }
        _ => return Ok(Trust::Anything),
    };
    let roots = certificates(&named, "sslrootcert")?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(roots.iter().cloned());
    if added == 0 {
        return Err(ClientError::Tls(format!("no usable certificate in {} (sslrootcert)", named.display())));
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(store), crypto.clone())
        .build()
        .map_err(|error| ClientError::Tls(format!("{} (sslrootcert): {error}", named.display())))?;
    Ok(Trust::Roots { chain, roots, name: ssl.mode == SslMode::VerifyFull })
}

#[derive(Debug)]
struct Verifier {
    crypto: Arc<CryptoProvider>,
    trust: Trust,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Roots { chain, roots, name } = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        let is_root = roots.iter().any(|root| root.as_ref() == end_entity.as_ref());
        if !is_root {
            match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
                Ok(_) => return Ok(ServerCertVerified::assertion()),
                // the chain is verified before the name is looked at
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        if !name || names_host(end_entity, server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        self.tolerate(cert, rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        self.tolerate(cert, rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// X.509 version 1 certificates, as old OpenSSL made them, cannot be read by webpki. Where nothing is verified
    /// anyway they must still do.
    fn tolerate(
        &self,
        cert: &CertificateDer<'_>,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let version_1 =
            || Certificate::from_der(cert).is_ok_and(|cert| cert.tbs_certificate().version() == x509_cert::Version::V1);
        match (&self.trust, verified) {
            (Trust::Anything, Err(rustls::Error::InvalidCertificate(_))) if version_1() => {
                Ok(HandshakeSignatureValid::assertion())
            }
            (_, verified) => verified,
        }
    }
}

/// Whether a certificate is for the host: by its subject alternative names, or without any by its common name.
fn names_host(certificate: &CertificateDer<'_>, host: &ServerName<'_>) -> bool {
    if let Ok(parsed) = rustls::server::ParsedCertificate::try_from(certificate)
        && rustls::client::verify_server_name(&parsed, host).is_ok()
    {
        return true;
    }
    let Ok(parsed) = Certificate::from_der(certificate) else { return false };
    let tbs = parsed.tbs_certificate();
    if !matches!(tbs.get_extension::<SubjectAltName>(), Ok(None)) {
        return false;
    }
    common_name(&parsed).is_some_and(|name| matches_host(&name, &host.to_str()))
}

/// The last common name (OID 2.5.4.3) of the subject: the most specific one.
fn common_name(certificate: &Certificate) -> Option<String> {
    const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
    let subject = certificate.tbs_certificate().subject();
    let attribute = subject.iter().filter(|attribute| attribute.oid == COMMON_NAME).last()?;
    String::from_utf8(attribute.value.value().to_vec()).ok()
}

/// A name of a certificate against a host: equal but for case, or `*.` in place of one label.
fn matches_host(name: &str, host: &str) -> bool {
    if let Some(rest) = name.strip_prefix("*.") {
        return host.split_once('.').is_some_and(|(label, domain)| !label.is_empty() && domain.eq_ignore_ascii_case(rest));
    }
    name.eq_ignore_ascii_case(host)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_certificate(ssl: &SslOptions) -> Result<Option<Identity>, ClientError> {
    let default_cert = || default_file("postgresql.crt");
    let default_key = || default_file("postgresql.pk8").or_else(|| default_file("postgresql.key"));
    let cert = ssl.client_cert.clone().or_else(|| if ssl.client_key.is_none() { default_cert() } else { None });
    let Some(cert) = cert else {
        return match &ssl.client_key {
            Some(key) => {
                Err(ClientError::Tls(format!("sslkey names {}, but no certificate (sslcert) goes with it", key.display())))
            }
            None => Ok(None),
        };
    };
    let key =
        ssl.client_key.clone().or_else(default_key).ok_or_else(|| {
            ClientError::Tls(format!("sslcert names {}, but no private key (sslkey) goes with it", cert.display()))
        })?;
    Ok(Some((certificates(&cert, "sslcert")?, private_key(&key, ssl.key_password.as_deref())?)))
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let content = read(path, option)?;
    if Certificate::from_der(&content).is_ok() {
        return Ok(vec![CertificateDer::from(content)]);
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(ClientError::Tls(format!("no certificate in {} ({option}): it must be PEM or DER", path.display()))),
        Err(error) => Err(ClientError::Tls(format!("{} ({option}) is no PEM file: {error}", path.display()))),
    }
}

fn private_key(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>, ClientError> {
    let content = read(path, "sslkey")?;
    let wrong = |what: &str| ClientError::Tls(format!("{} (sslkey): {what}", path.display()));
    if !content.starts_with(b"-----") && !content.windows(11).any(|text| text == b"-----BEGIN ") {
        if let Ok(encrypted) = EncryptedPrivateKeyInfoRef::from_der(&content) {
            return decrypt(&encrypted, password, path);
        }
        return PrivateKeyDer::try_from(content)
            .map_err(|_| wrong("neither PEM nor a private key in DER; turn a PKCS#12 file into PEM (openssl pkcs12 -nodes)"));
    }
    if content.windows(9).any(|text| text == b"ENCRYPTED") {
        let text = std::str::from_utf8(&content).map_err(|_| wrong("not a PEM file"))?;
        let (label, document) = pkcs8::SecretDocument::from_pem(text).map_err(|_| {
            wrong("encrypted in OpenSSL's old form; write it anew: openssl pkcs8 -topk8 -v2 aes256 -in KEY -out NEW")
        })?;
        if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
            return Err(wrong(&format!("holds a '{label}', not a private key")));
        }
        let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        return decrypt(&encrypted, password, path);
    }
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| wrong(&error.to_string()))
}

fn decrypt(
    encrypted: &EncryptedPrivateKeyInfoRef<'_>,
    password: Option<&str>,
    path: &Path,
) -> Result<PrivateKeyDer<'static>, ClientError> {
    let wrong = |what: String| ClientError::Tls(format!("{} (sslkey): {what}", path.display()));
    let password =
        password.ok_or_else(|| wrong("the key is encrypted, and no password (sslpassword) is configured".to_owned()))?;
    let plain = encrypted.decrypt(password).map_err(|error| {
        wrong(format!(
            "the key cannot be decrypted ({error}): the password (sslpassword) is wrong, or the cipher is an old one; then \
             write the key anew: openssl pkcs8 -topk8 -v2 aes256 -in KEY -out NEW"
        ))
    })?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec())))
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>, ClientError> {
    fs::read(path).map_err(|error| ClientError::Tls(format!("cannot read {} ({option}): {error}", path.display())))
}

/// pgjdbc's default files.
fn default_file(name: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("HOME")?).join(".postgresql").join(name);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(matches_host("DB.example.com", "db.example.com"));
        assert!(matches_host("*.example.com", "db.example.com"));
        assert!(!matches_host("*.example.com", "a.db.example.com"));
        assert!(!matches_host("*.example.com", "example.com"));
        assert!(!matches_host("db", "db2"));
    }
}
