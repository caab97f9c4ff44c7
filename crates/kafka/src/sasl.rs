//! The client's side of SASL PLAIN (RFC 4616), SCRAM (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628).
//!
//! Pure: messages in, messages out. Not here: the requests that carry them (`connection`), and where tokens come from (`oauth`).

use crate::config::Secret;
use crate::login::{SaslMechanism, SaslSettings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Fewest rounds that Kafka's own client accepts.
const MIN_ITERATIONS: u32 = 4096;
/// A server that asks for more would only burn this machine's CPU.
const MAX_ITERATIONS: u32 = 10_000_000;

/// The one message of PLAIN.
pub(crate) fn plain(settings: &SaslSettings) -> Vec<u8> {
    format!("\0{}\0{}", settings.username, settings.password.expose()).into_bytes()
}

/// The one message of OAUTHBEARER, unless the server refuses.
pub(crate) fn bearer(token: &Secret, extensions: &BTreeMap<String, String>) -> Vec<u8> {
    let more: String = extensions.iter().map(|(name, value)| format!("{name}={value}\u{1}")).collect();
    format!("n,,\u{1}auth=Bearer {}\u{1}{more}\u{1}", token.expose()).into_bytes()
}

/// What a client says to a refusal, so that the server ends the conversation (RFC 7628 section 3.2.3).
pub(crate) const REFUSAL_SEEN: &[u8] = b"\x01";

/// A SCRAM conversation.
pub(crate) struct Scram<'a> {
    settings: &'a SaslSettings,
    nonce: String,
    expected_signature: Vec<u8>,
}

impl<'a> Scram<'a> {
    /// `nonce`: printable characters without a comma, fresh for every conversation.
    pub(crate) fn new(settings: &'a SaslSettings, nonce: String) -> Self {
        Self { settings, nonce, expected_signature: Vec::new() }
    }

    fn first_bare(&self) -> String {
        let user = self.settings.username.replace('=', "=3D").replace(',', "=2C");
        format!("n={user},r={}", self.nonce)
    }

    /// client-first-message.
    pub(crate) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare()).into_bytes()
    }

    /// client-final-message, from server-first-message.
    pub(crate) fn last(&mut self, server_first: &[u8]) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(server_first).map_err(|_| "the server's first SCRAM message is not UTF-8")?;
        let field = |name: char| text.split(',').find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
        if let Some(error) = field('e') {
            return Err(error.to_owned());
        }
        let nonce = field('r')
            .filter(|n| n.starts_with(&self.nonce) && n.len() > self.nonce.len())
            .ok_or("the server's nonce does not continue ours")?;
        let salt = field('s').and_then(|s| BASE64.decode(s).ok()).ok_or("no salt from the server")?;
        let rounds: u32 = field('i').and_then(|i| i.parse().ok()).ok_or("no iteration count from the server")?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&rounds) {
            return Err(format!("the server asks for {rounds} iterations; {MIN_ITERATIONS} to {MAX_ITERATIONS} are accepted"));
        }
        let rounds = NonZeroU32::new(rounds).ok_or("no iteration count from the server")?;
        let (kdf, mac, hash) = match self.settings.mechanism {
            SaslMechanism::ScramSha512 => (pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512, &digest::SHA512),
            _ => (pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256, &digest::SHA256),
        };
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(kdf, rounds, &salt, self.settings.password.expose().as_bytes(), &mut salted);
        let salted = hmac::Key::new(mac, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = digest::digest(hash, client_key.as_ref());
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{text},{without_proof}", self.first_bare());
        let signature = hmac::sign(&hmac::Key::new(mac, stored_key.as_ref()), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = hmac::sign(&salted, b"Server Key");
        self.expected_signature =
            hmac::sign(&hmac::Key::new(mac, server_key.as_ref()), auth_message.as_bytes()).as_ref().to_vec();
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }

    /// Checks server-final-message.
    pub(crate) fn verify(&self, server_final: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(server_final).map_err(|_| "the server's last SCRAM message is not UTF-8")?;
        if let Some(error) = text.strip_prefix("e=") {
            return Err(error.to_owned());
        }
        let signature = text.strip_prefix("v=").and_then(|v| BASE64.decode(v.split(',').next()?).ok());
        if signature.as_deref() == Some(&self.expected_signature[..]) && !self.expected_signature.is_empty() {
            Ok(())
        } else {
            Err("the server does not know the password either (its signature differs)".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7628 section 4.1, without the parts that Kafka does not send.
    #[test]
    fn a_token_and_its_extensions() {
        let extensions =
            BTreeMap::from([("host".to_owned(), "server.example.com".to_owned()), ("port".to_owned(), "143".to_owned())]);
        let message = bearer(&Secret::new("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), &extensions);
        let expected =
            "n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01host=server.example.com\x01port=143\x01\x01";
        assert_eq!(String::from_utf8(message).unwrap(), expected);
        assert_eq!(bearer(&Secret::new("t"), &BTreeMap::new()), b"n,,\x01auth=Bearer t\x01\x01");
    }

    /// The example of RFC 7677 section 3.
    #[test]
    fn the_rfcs_conversation() {
        let settings =
            SaslSettings { mechanism: SaslMechanism::ScramSha256, username: "user".into(), password: Secret::new("pencil") };
        let mut scram = Scram::new(&settings, "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let last = scram.last(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").unwrap();
        assert_eq!(
            String::from_utf8(last).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(scram.verify(b"v=AAAA").is_err());
        assert!(scram.verify(b"e=invalid-proof").unwrap_err().contains("invalid-proof"));
    }

    #[test]
    fn a_hostile_server_is_refused() {
        let settings = SaslSettings { mechanism: SaslMechanism::ScramSha512, username: "u".into(), password: Secret::new("p") };
        let mut scram = Scram::new(&settings, "abc".into());
        for message in ["", "r=xyz,s=AAAA,i=4096", "r=abcd,s=AAAA,i=1", "r=abcd,s=AAAA,i=4000000000", "r=abcd,i=4096", "e=no"] {
            assert!(scram.last(message.as_bytes()).is_err(), "{message}");
        }
    }
}
