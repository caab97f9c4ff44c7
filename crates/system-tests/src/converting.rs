//! Converters outside of a worker: ours by their plug-ins, and others' by the scripts of `registry/`.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::plugin::ConverterPlugin;
use rowtide_api::{Datum, Header, Plan, Props};
use rowtide_testkit::need;
use serde_json::{Value, json};

use crate::topics::block_on;

/// Headers of a record that a converter adds.
pub type Headers = Vec<(Arc<str>, Bytes)>;

/// What the converter of values of this class writes of a record: headers and bytes.
pub fn encoded(
    plugins: &[ConverterPlugin],
    class: &str,
    options: &Props,
    topic: &str,
    (datum, headers): (&Datum, &[Header]),
) -> (Headers, Vec<u8>) {
    let plugin = plugins.iter().find(|plugin| plugin.info.class == class).expect("a converter");
    let converter = (plugin.new)(options, false).expect("good options");
    let plan = match converter.plan_for(topic, datum, headers).expect("a plan") {
        Plan::Ready(plan) => plan,
        Plan::NeedsLookup(asked) => block_on(asked).expect("the registry answers"),
    };
    let mut out = Vec::new();
    assert!(plan.encode_with(headers, &datum.value, &mut out).expect("it fits"));
    (plan.headers().to_vec(), out)
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Such text as bytes.
pub fn unhex(text: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len() / 2).map(|at| byte(at * 2)).collect()
}

/// A script of `registry/`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(need("ROWTIDE_TEST_PYTHON"));
    command.arg(format!("{}/registry/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// What a script says to a line; what went wrong, where it fails.
pub fn ask(command: &mut Command, line: &[u8]) -> Result<String, String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("Python");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&[line, b"\n"].concat()).expect("it listens");
    drop(stdin);
    let output = child.wait_with_output().expect("Python");
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).expect("text")),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A Java converter of values.
pub struct Java<'a> {
    /// folders of jars
    pub jars: &'a [PathBuf],
    /// its class
    pub class: &'a str,
    /// its options
    pub options: &'a Props,
    /// the topic of the records
    pub topic: &'a str,
}

impl Java<'_> {
    /// What it writes of a record, given as `JsonConverter` writes it with its schema, and its headers likewise.
    pub fn writes(&self, record: &[u8], headers: &[(&str, Vec<u8>)]) -> (Headers, Vec<u8>) {
        let text = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
        let mut line = text(record);
        line["headers"] = headers.iter().map(|(name, datum)| json!([name, String::from_utf8_lossy(datum)])).collect();
        let written = self.says("write", &line);
        let bytes = |value: &Value| unhex(value.as_str().expect("text"));
        let headers = written["headers"].as_object().expect("headers").iter();
        (headers.map(|(name, value)| (name.as_str().into(), bytes(value))).collect(), bytes(&written["value"]).to_vec())
    }

    /// What it reads, as `JsonConverter` writes it with its schema.
    pub fn reads(&self, (headers, bytes): &(Headers, Vec<u8>)) -> Value {
        let shown: serde_json::Map<_, _> = headers.iter().map(|(name, value)| (name.to_string(), hex(value).into())).collect();
        self.says("read", &json!({ "headers": shown, "value": hex(bytes) }))
    }

    fn says(&self, way: &str, line: &Value) -> Value {
        let options: serde_json::Map<String, Value> =
            self.options.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let jars: Vec<String> = self.jars.iter().map(|folder| folder.display().to_string()).collect();
        let mut script = script("java.py");
        script.args([&jars.join(":"), self.class, &Value::Object(options).to_string(), self.topic, way]);
        let said = ask(&mut script, line.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let last = said.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}
