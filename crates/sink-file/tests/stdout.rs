//! The stdout sink as a user sees it: a process whose standard output is read, or no longer read.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use rowtide_api::{EncodedRecord, Error, Props};

const CHILD: &str = "ROWTIDE_TEST_STDOUT_FORMAT";
const MANY: &str = "ROWTIDE_TEST_STDOUT_RECORDS";

fn main() {
    if let Ok(format) = std::env::var(CHILD) {
        let records = std::env::var(MANY).ok().and_then(|text| text.parse().ok()).unwrap_or(2);
        if let Err(error) = child(&format, records) {
            eprintln!("{:?}: {error}", error.kind());
            std::process::exit(3);
        }
        return;
    }
    json_lines_are_complete_once_the_sink_is_closed();
    pretty_lines_are_for_eyes();
    a_reader_that_goes_away_stops_the_sink_with_a_reason();
    println!("test result: ok. 3 passed");
}

fn record(sequence: u64) -> EncodedRecord {
    let value = r#"{"before":null,"after":{"id":1,"name":"näme"},"source":{"ts_ms":1700000000000},"op":"c"}"#;
    EncodedRecord {
        sequence,
        topic: "prod.public.t".into(),
        partition: Some(2),
        key: Some("{\"id\":1}".into()),
        value: sequence.is_multiple_of(2).then(|| value.into()),
        headers: std::sync::Arc::default(),
        timestamp: None,
    }
}

fn child(format: &str, records: u64) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let stdout = rowtide_sink_file::ALL.iter().find(|sink| sink.name == "stdout").expect("the sink is built in");
        let mut sink = (stdout.new)(&Props::from_iter([("rowtide.sink.stdout.format", format)]))?;
        let mut acks = Vec::new();
        for sequence in 0..records {
            sink.write(vec![record(sequence)]).await?;
            sink.acks(&mut acks).await?;
        }
        assert_eq!(acks.len() as u64, records);
        sink.close().await
    })
}

fn start(format: &str, records: &str) -> std::process::Child {
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new(this);
    command.env(CHILD, format).env(MANY, records).env("TZ", "UTC").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

fn lines(format: &str) -> Vec<String> {
    let output = start(format, "2").wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

fn json_lines_are_complete_once_the_sink_is_closed() {
    let head = r#"{"topic":"prod.public.t","partition":2,"key":{"id":1},"value":"#;
    let tail = r#","headers":[],"timestamp":null}"#;
    let value = r#"{"before":null,"after":{"id":1,"name":"näme"},"source":{"ts_ms":1700000000000},"op":"c"}"#;
    assert_eq!(lines("json"), [format!("{head}{value}{tail}"), format!("{head}null{tail}")]);
}

fn pretty_lines_are_for_eyes() {
    let lines = lines("pretty");
    let without_time: Vec<&str> = lines.iter().map(|line| &line["00:00:00.000".len()..]).collect();
    assert_eq!(without_time, [" c prod.public.t {\"id\":1} {\"id\":1,\"name\":\"näme\"}", " tombstone prod.public.t {\"id\":1}"]);
}

fn a_reader_that_goes_away_stops_the_sink_with_a_reason() {
    let mut child = start("json", "1000000000");
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    drop(reader);
    let mut error = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut error).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    assert!(error.starts_with("Configuration: cannot write to standard output: Broken pipe"), "{error}");
    assert!(error.contains("Remedy: keep the program that reads it running"), "{error}");
}
