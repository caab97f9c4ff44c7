//! Key stores as teams make them: by `keytool` and `openssl`, when a test runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Opens stores.
pub const STORE_PASSWORD: &str = "storepass";
/// Opens keys in JKS stores and PEM files.
pub const KEY_PASSWORD: &str = "keypass";

/// Makes certificates and stores in a directory.
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// In this directory.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// A file of the directory.
    pub fn path(&self, file: &str) -> String {
        self.dir.join(file).display().to_string()
    }

    fn run(&self, program: &str, words: &str) {
        let done = Command::new(program).args(words.split_whitespace()).current_dir(&self.dir).output().expect(program);
        assert!(
            done.status.success(),
            "{program} {words}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// A key whose certificate names 127.0.0.1 and is signed by itself: `NAME.p12`, `NAME.jks`, `NAME-both.pem` (key and
    /// certificate, the key encrypted), `NAME-key.pem` (the key in plain), `NAME.pem` (the certificate).
    pub fn identity(&self, name: &str) {
        let (store, key) = (STORE_PASSWORD, KEY_PASSWORD);
        self.run(
            "keytool",
            &format!(
                "-genkeypair -alias {name} -keyalg EC -groupname secp256r1 -validity 30 -dname CN={name} -ext SAN=IP:127.0.0.1 \
                 -storetype PKCS12 -storepass {store} -keystore {name}.p12"
            ),
        );
        self.run(
            "keytool",
            &format!(
                "-importkeystore -noprompt -srckeystore {name}.p12 -srcstorepass {store} -srcalias {name} -deststoretype JKS \
                 -deststorepass {store} -destkeypass {key} -destkeystore {name}.jks"
            ),
        );
        self.run("openssl", &format!("pkcs12 -in {name}.p12 -passin pass:{store} -passout pass:{key} -out {name}-both.pem"));
        self.run("openssl", &format!("pkcs12 -in {name}.p12 -passin pass:{store} -nodes -nocerts -out {name}-key.pem"));
        self.run("keytool", &format!("-exportcert -rfc -alias {name} -storepass {store} -keystore {name}.p12 -file {name}.pem"));
    }

    /// A store that trusts these, `FILE` by its ending JKS or PKCS12.
    pub fn trust(&self, file: &str, names: &[&str]) {
        let kind = if file.ends_with(".jks") { "JKS" } else { "PKCS12" };
        for name in names {
            self.run(
                "keytool",
                &format!(
                    "-importcert -noprompt -alias {name} -storetype {kind} -storepass {STORE_PASSWORD} -file {name}.pem -keystore {file}"
                ),
            );
        }
    }
}
