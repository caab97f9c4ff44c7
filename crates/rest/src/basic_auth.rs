//! Who may call: `BasicAuthSecurityRestExtension` with a file of users, as Kafka Connect ships it.
//!
//! The file of users is named by an entry `KafkaConnect` of a JAAS file, which is named as to a JVM. Both are read once, at the
//! start, as Java does at the first request.

use std::collections::BTreeMap;
use std::path::Path;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use ring::rand::SystemRandom;
use rowtide_api::{Error, Props, Result};
use rowtide_kafka::jaas;
use rowtide_runtime::properties;

/// Extensions of REST; this one is here.
pub const EXTENSION: &str = "rest.extension.classes";
/// Its class.
pub const CLASS: &str = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";
/// Whose options name the file of users.
const MODULE: &str = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
/// The entry of the JAAS file.
const ENTRY: &str = "KafkaConnect";
/// The JVM's property of the JAAS file.
const JAAS_FILE: &str = "-Djava.security.auth.login.config=";
/// Where a JVM gets its options from, in images too: later ones go before earlier ones.
const JVM_OPTIONS: [&str; 2] = ["JAVA_TOOL_OPTIONS", "KAFKA_OPTS"];

/// Java's decoder, which asks for no padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// Users. Their passwords are not kept, only what tells whether one is right, and in the same time whatever it is.
pub struct Users {
    key: hmac::Key,
    tags: BTreeMap<String, hmac::Tag>,
}

/// Whether the extension is wanted. Any other is refused: without it the API may be open.
pub fn is_asked_for(worker: &Props) -> Result<bool> {
    let list = worker.get(EXTENSION).unwrap_or_default();
    let mut wanted = false;
    for class in list.split(',').map(str::trim).filter(|class| !class.is_empty()) {
        if class != CLASS && Some(class) != CLASS.rsplit('.').next() {
            let message = format!("'{EXTENSION}' has '{class}', and of REST extensions only {CLASS} is here");
            return Err(Error::configuration(message).remedy(
                "remove it; if it keeps others out, let 'listeners' be http://127.0.0.1:8083, and put a proxy that authenticates in front",
            ));
        }
        wanted = true;
    }
    Ok(wanted)
}

impl Users {
    /// Reads the users that the environment leads to.
    pub fn read() -> Result<Self> {
        let options: Vec<String> = JVM_OPTIONS.iter().filter_map(|name| std::env::var(name).ok()).collect();
        let path = jaas_file(&options.join(" ")).ok_or_else(|| {
            Error::configuration(format!("'{EXTENSION}' asks for passwords, but nothing says where they are")).remedy(format!(
                "set KAFKA_OPTS={JAAS_FILE}FILE in the environment, as for a Java worker; FILE has: {ENTRY} {{ {MODULE} required \
                 file=\"/path/of/users.properties\"; }};"
            ))
        })?;
        let wrong = |why: String| Error::configuration(format!("{path} (named by {JAAS_FILE}…): {why}"));
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let file = users_file(&text).map_err(|why| {
            wrong(why).remedy(format!("write into it: {ENTRY} {{ {MODULE} required file=\"/path/of/users.properties\"; }};"))
        })?;
        let users = properties_of(Path::new(&file))?;
        if users.iter().next().is_none() {
            tracing::warn!(
                "there are no users in {file}: as in Kafka Connect, everybody is let in. Write lines of user=password into it and \
                 start again"
            );
        }
        Self::new(&users)
    }

    fn new(users: &Props) -> Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::fatal("this system gives no random numbers"))?;
        let tags = users.iter().map(|(user, password)| (user.to_owned(), hmac::sign(&key, password.as_bytes()))).collect();
        Ok(Self { key, tags })
    }

    /// Whether everybody is let in.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether a request is let in.
    pub fn admit(&self, request: &Request) -> bool {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.is_empty() || is_signed_instead(request) || header.is_some_and(|header| self.know(header))
    }

    fn know(&self, header: &str) -> bool {
        let Some((user, password)) = credentials(header) else { return false };
        let tag = self.tags.get(&user);
        // an unknown user takes as long as a wrong password
        let stranger = hmac::sign(&self.key, b"");
        let right = hmac::verify(&self.key, password.as_bytes(), tag.unwrap_or(&stranger).as_ref()).is_ok();
        right && tag.is_some()
    }
}

/// Requests between workers, which are signed (`JaasBasicAuthFilter.INTERNAL_REQUEST_MATCHERS`).
fn is_signed_instead(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match *request.method() {
        Method::POST => path == "/connectors/{connector}/tasks",
        Method::PUT => path == "/connectors/{connector}/fence",
        _ => false,
    }
}

/// User and password of a header, as `JaasBasicAuthFilter.BasicAuthCredentials` reads it.
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = BASE64.decode(encoded).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8_lossy(&decoded);
    let (user, password) = text.split_once(':').filter(|(user, _)| !user.is_empty())?;
    Some((user.to_owned(), password.to_owned()))
}

/// The JAAS file that a JVM's options name. A shell has split them at white space.
fn jaas_file(options: &str) -> Option<String> {
    let named = options.split_whitespace().rev().find_map(|option| option.strip_prefix(JAAS_FILE))?;
    // two equals signs: this file alone; it may be a URL
    let named = named.trim_start_matches('=');
    Some(named.strip_prefix("file://").or_else(|| named.strip_prefix("file:")).unwrap_or(named).to_owned())
}

/// The file of users that a JAAS file names.
fn users_file(text: &str) -> std::result::Result<String, String> {
    let mut file = jaas::parse_file(text)?;
    let entries = file.remove(ENTRY).ok_or_else(|| format!("it has no entry '{ENTRY}'"))?;
    let [entry] = entries.as_slice() else {
        return Err(format!("its entry '{ENTRY}' has {} login modules, and one is taken here", entries.len()));
    };
    if entry.module != MODULE {
        return Err(format!("the login module {} is not here, only {MODULE}", entry.module));
    }
    let file = entry.options.get("file").filter(|file| !file.trim().is_empty());
    file.cloned().ok_or_else(|| "Property Credentials file must be specified: its entry has no option 'file'".to_owned())
}

/// Java reads such a file as Latin-1.
fn properties_of(path: &Path) -> Result<Props> {
    let wrong = |why: String| {
        Error::configuration(format!("the users in {}: {why}", path.display()))
            .remedy("name, as option 'file' of the JAAS file, a file that this process can read, of lines user=password")
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("they cannot be read: {error}")))?;
    let text: String = bytes.into_iter().map(char::from).collect();
    properties::parse(&text).map_err(wrong)
}

/// `JaasBasicAuthFilter`'s answer: a text under the type that the resource would have answered in.
pub fn refusal(method: &Method) -> Response {
    let media = if method == Method::OPTIONS { "text/plain" } else { "application/json" };
    (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, media)], "User cannot access the resource.").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::new(&[("ada", "p:w"), ("bob", "")].into_iter().collect()).unwrap()
    }

    #[test]
    fn a_user_is_known_by_the_right_password_only() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        for right in [basic("ada:p:w"), basic("bob:"), basic("ada:p:w").replace("Basic", "bASIC"), "Basic YWRhOnA6dw".to_owned()]
        {
            assert!(users().know(&right), "{right}");
        }
        for wrong in [
            basic("ada:p"),
            basic("ada:"),
            basic("eve:p:w"),
            basic("eve:"),
            basic(":p:w"),
            basic("ada"),
            basic("ada:p:w").replace("Basic", "Bearer"),
            "Basic".to_owned(),
            "Basic ???".to_owned(),
            String::new(),
        ] {
            assert!(!users().know(&wrong), "{wrong}");
        }
    }

    #[test]
    fn the_files_are_found_as_a_jvm_finds_them() {
        let named = |options: &str| jaas_file(options);
        assert_eq!(named("-Xmx1g"), None);
        assert_eq!(named("-Djava.security.auth.login.config=/a -Dx=y").as_deref(), Some("/a"));
        assert_eq!(
            named("-Djava.security.auth.login.config=/a -Djava.security.auth.login.config==file:/b").as_deref(),
            Some("/b")
        );
        let text = format!("KafkaClient {{ a.B required; }};\nKafkaConnect {{\n {MODULE} required\n file=\"/u\";\n}};");
        assert_eq!(users_file(&text).unwrap(), "/u");
        for (text, words) in [
            ("KafkaClient { a.B required; };", "no entry 'KafkaConnect'"),
            ("KafkaConnect { com.example.Ldap required; };", "com.example.Ldap is not here"),
            ("KafkaConnect { };", "0 login modules"),
            (&format!("KafkaConnect {{ {MODULE} required; }};"), "must be specified"),
        ] {
            let why = users_file(text).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn other_extensions_are_refused() {
        let asked = |list: &str| is_asked_for(&[(EXTENSION, list)].into_iter().collect());
        assert!(!asked(" ").unwrap() && asked(CLASS).unwrap() && asked("BasicAuthSecurityRestExtension").unwrap());
        let error = asked(&format!("{CLASS}, com.example.Audit")).unwrap_err().to_string();
        assert!(error.contains("com.example.Audit") && error.contains("Remedy:"), "{error}");
    }
}
