//! Signed tokens, as an authorization server gives them: RS256, by a key that `openssl` makes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Who signs tokens. Its key set lies in a file, for whoever checks them.
pub struct Issuer {
    name: String,
    key: PathBuf,
    /// the file of its public key (JWKS, RFC 7517)
    pub key_set: PathBuf,
}

impl Issuer {
    /// With a key of its own, in this directory.
    pub fn new(dir: &Path, name: &str) -> Self {
        let (key, key_set) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.jwks")));
        let mut make = Command::new("openssl");
        run(make.args(["genrsa", "-out"]).arg(&key), &[]);
        let modulus = run(Command::new("openssl").args(["rsa", "-noout", "-modulus", "-in"]).arg(&key), &[]);
        let modulus = String::from_utf8(modulus).expect("text");
        let digits = modulus.trim().strip_prefix("Modulus=").expect("a modulus");
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal digits"))
            .collect();
        // 65537 is what openssl takes for an exponent
        let public = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": encode(&bytes), "e": "AQAB" });
        std::fs::write(&key_set, json!({ "keys": [public] }).to_string()).expect("a file");
        Self { name: name.to_owned(), key, key_set }
    }

    /// A token (RFC 7519) for this user that is good for so many seconds; `key` is the name that it gives its key.
    pub fn token(&self, user: &str, audience: &str, seconds: i64, key: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs() as i64;
        let claims = json!({
            "iss": self.name, "sub": user, "aud": audience, "scope": "kafka", "iat": now - 60, "exp": now + seconds,
        });
        let part = |value: Value| encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT", "kid": key })), part(claims));
        let signature = run(Command::new("openssl").args(["dgst", "-sha256", "-sign"]).arg(&self.key), signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl is installed");
    child.stdin.take().expect("a pipe").write_all(input).expect("a reader");
    let done = child.wait_with_output().expect("its end");
    assert!(done.status.success(), "{command:?}");
    done.stdout
}
