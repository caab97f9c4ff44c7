//! The commands as a user meets them: exit codes, messages, signals. Nothing here needs a database or a broker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

fn rowtide(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowtide")).args(args).output().unwrap()
}

fn file(dir: &TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Exit code 3, one message without a panic's words, and these words in it.
fn refused(output: &Output, words: &[&str]) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    let message = log.rsplit("rowtide: ").next().unwrap();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {log}");
    }
}

#[test]
fn version_and_help_are_no_errors_and_a_wrong_command_line_is_one() {
    let version = rowtide(&["version"]);
    assert!(version.status.success());
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("rowtide "));
    let help = rowtide(&["run", "--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--data-dir"));
    assert_eq!(rowtide(&["walk"]).status.code(), Some(2));
    assert_eq!(rowtide(&["run", "-D", "novalue"]).status.code(), Some(2));
}

#[test]
fn a_connector_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let run = |connector: &str| rowtide(&["run", "--no-rest", "--data-dir", &data, connector]);
    refused(&rowtide(&["run", "--no-rest", "--data-dir", &data]), &["no connector to run", "Remedy:"]);
    refused(&run("/no/such/connector.json"), &["/no/such/connector.json", "No such file"]);
    refused(&run(&file(&dir, "broken.json", "{\"name\": \"pg\",\n}")), &["broken.json", "line 2"]);
    refused(&run(&file(&dir, "nameless.json", "{\"connector.class\": \"Postgres\"}")), &["nameless.json", "no name", "Remedy:"]);
}

#[test]
fn a_worker_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    refused(&rowtide(&["standalone", "/no/such/worker.properties"]), &["/no/such/worker.properties", "No such file"]);
    refused(&rowtide(&["standalone", &file(&dir, "escape.properties", "a=\\u12")]), &["escape.properties", "line 1"]);
    let empty = file(&dir, "empty.properties", "listeners=http://127.0.0.1:0");
    refused(&rowtide(&["standalone", &empty]), &["bootstrap.servers"]);
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let base = format!("bootstrap.servers=b:1\nkey.converter={json}\nvalue.converter={json}\nlisteners=http://127.0.0.1:0\n");
    let group = |more: &str| rowtide(&["distributed", &file(&dir, "group.properties", &format!("{base}{more}"))]);
    refused(&group(""), &["group.properties", "group.id"]);
    let topics = "group.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\n";
    refused(&group(topics), &["status.storage.topic"]);
    let topics = format!("{topics}status.storage.topic=s\n");
    refused(&group(&format!("{topics}exactly.once.source.support=perhaps")), &["exactly.once.source.support", "preparing"]);
    refused(&group(&format!("{topics}offset.storage.partitions=0")), &["offset.storage.partitions", "-1"]);
    refused(&group(&format!("{topics}connect.protocol=slow")), &["connect.protocol"]);
}

#[test]
fn listeners_that_cannot_be_served_are_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = |args: &[&str]| rowtide(&[&["run", "--data-dir", &data], args].concat());
    refused(&run(&["--rest-port", &port]), &[&port, "another port"]);
    refused(&run(&["-D", "listeners=https://127.0.0.1:0"]), &["ssl.keystore.location", "Remedy:"]);
    refused(&run(&["-D", "rest.extension.classes=BasicAuthSecurityRestExtension"]), &["KAFKA_OPTS", "Remedy:"]);
    refused(&run(&["-D", "rest.extension.classes=org.x.BasicAuth"]), &["rest.extension.classes", "Remedy:"]);
}

#[test]
fn offsets_are_backed_up_compared_and_a_damaged_backup_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (data, backups) = (path("data"), path("kept"));
    let offsets = |words: &[&str]| rowtide(&[&["offsets"], words, &["--backup-dir", &backups]].concat());
    refused(&offsets(&["show", "--data-dir", &data]), &["no data directory", "Remedy:"]);
    refused(&offsets(&["restore", "--data-dir", &data]), &["there is no backup in", "--backup-dir"]);
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let text = format!(
        "bootstrap.servers=127.0.0.1:1\nkey.converter={json}\nvalue.converter={json}\noffset.storage.file.filename={}\n",
        path("offsets")
    );
    let worker = file(&dir, "worker.properties", &text);
    let connector = file(&dir, "shop.json", r#"{"name": "shop", "connector.class": "Postgres", "database.password": "hidden"}"#);
    let stored = ["--worker", &worker, "--config", &connector];
    let taken = offsets(&[&["backup"], &stored[..]].concat());
    assert!(
        taken.status.success() && String::from_utf8_lossy(&taken.stdout).ends_with(": 1 connectors, 0 offsets\n"),
        "{taken:?}"
    );
    let same = offsets(&[&["diff", "newest"], &stored[..]].concat());
    assert_eq!(String::from_utf8_lossy(&same.stdout), "no difference\n");
    let gone = offsets(&["diff", "newest", "--worker", &worker]);
    assert_eq!(String::from_utf8_lossy(&gone.stdout), "shop (only in the backup)\n");
    let kept = std::fs::read_dir(&backups).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&kept).unwrap().replace("Postgres", "Postgros");
    std::fs::write(&kept, text).unwrap();
    refused(&offsets(&["restore", "--worker", &worker]), &["not what its checksum says", "show --backups"]);
    let list = offsets(&["show", "--backups", "--worker", &worker]);
    assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("the backup is damaged"), "{list:?}");
}

#[test]
fn the_manual_on_disk_can_be_checked() {
    let dir = tempfile::tempdir().unwrap();
    let manual = dir.path().display().to_string();
    assert!(rowtide(&["docs", &manual]).status.success());
    assert!(rowtide(&["docs", &manual, "--check"]).status.success());
    file(&dir, "converters.md", "stale");
    refused(&rowtide(&["docs", &manual, "--check"]), &["converters.md", "rowtide docs"]);
}

/// A running `rowtide run` without connectors, and the address of its REST.
struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
    dir: TempDir,
}

impl Running {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rowtide"))
            .args(["run", "--rest-port", "0", "--data-dir"])
            .arg(dir.path().join("data"))
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = Self::line_with(&mut log, "http://127.0.0.1:");
        let from = address.find("http://").unwrap() + "http://".len();
        let address = address[from..].split(['/', ' ']).next().unwrap().to_owned();
        Self { child, log, address, dir }
    }

    fn line_with(log: &mut impl BufRead, wanted: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without '{wanted}':\n{all}");
            if line.contains(wanted) {
                return line;
            }
            all.push_str(&line);
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn a_first_signal_ends_cleanly() {
    for name in ["TERM", "INT"] {
        let mut running = Running::start();
        assert!(running.get("/connectors").ends_with("\r\n\r\n[]"));
        running.signal(name);
        let status = running.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut running = Running::start();
        // a request that never ends keeps the drain waiting
        let mut hanging = TcpStream::connect(&running.address).unwrap();
        let head = "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n";
        hanging.write_all(head.as_bytes()).unwrap();
        // the server asks for the body, so the request is being handled
        let mut go_on = [0; 12];
        hanging.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100");
        running.signal(name);
        Running::line_with(&mut running.log, "a second signal ends at once");
        // one that comes within a moment of the first counts as the same
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            running.signal(name);
        };
        assert_eq!(status.code(), Some(code));
    }
}

#[test]
fn log_levels_can_be_changed_while_it_runs() {
    let running = Running::start();
    let mut connection = TcpStream::connect(&running.address).unwrap();
    let body = "{\"level\":\"DEBUG\"}";
    write!(
        connection,
        "PUT /admin/loggers/org.apache.kafka.connect.runtime HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("org.apache.kafka.connect.runtime.rest"), "{answer}");
    assert!(running.get("/admin/loggers/org.apache.kafka.connect.runtime").contains("\"level\":\"DEBUG\""));
    drop(running);
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_data_directory_serves_one_process() {
    let running = Running::start();
    let data = running.dir.path().join("data").display().to_string();
    refused(&rowtide(&["run", "--no-rest", "--data-dir", &data]), &["another process uses", &data, "Remedy:"]);
    let in_the_way = file(&running.dir, "a-file", "no directory");
    refused(&rowtide(&["run", "--no-rest", "--data-dir", &in_the_way]), &["cannot make the data directory"]);
}
