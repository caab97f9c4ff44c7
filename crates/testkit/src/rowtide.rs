//! Rowtide as a process: `standalone`, `distributed` or `run`, with directories and a port of its own; killed when it goes out of scope.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::group::Group;
use crate::rest::Rest;
use crate::{SOON, binary, free_port, kafka, wait_until};

/// What is kept from one process to the next: offsets, files, logs.
pub struct Home {
    dir: TempDir,
    port: u16,
    environment: Vec<(String, String)>,
}

/// A process.
pub struct Rowtide {
    child: Child,
    log: PathBuf,
    /// its REST
    pub rest: Rest,
}

/// What a command says when all is well.
pub fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What it says, on both ways, when it refuses.
pub fn refused(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    assert_eq!(output.status.code(), Some(3), "{text}");
    text
}

impl Default for Home {
    fn default() -> Self {
        let dir = tempfile::Builder::new().prefix("rowtide-test").tempdir().expect("a directory");
        Self { dir, port: free_port(), environment: Vec::new() }
    }
}

/// What a failed test had is left for who looks into it.
impl Drop for Home {
    fn drop(&mut self) {
        self.dir.disable_cleanup(std::thread::panicking());
    }
}

impl Home {
    /// Sets a variable for the processes to come.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(have, _)| have != name);
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Everything logged by all its processes.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Writes a file into the directory.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A connector file.
    pub fn connector_file(&self, name: &str, config: &Map<String, Value>) -> PathBuf {
        self.file(&format!("{name}.json"), &json!({ "name": name, "config": config }).to_string())
    }

    /// A worker file: JSON without schemas, records to the broker of the tests, `extra` lines last.
    pub fn worker_file(&self, extra: &str) -> PathBuf {
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let offsets = self.path().join("offsets");
        let text = format!(
            "bootstrap.servers={}\nkey.converter={json}\nvalue.converter={json}\nkey.converter.schemas.enable=false\n\
             value.converter.schemas.enable=false\nlisteners=http://127.0.0.1:{}\noffset.storage.file.filename={}\n\
             offset.flush.interval.ms=200\n{extra}\n",
            kafka(),
            self.port,
            offsets.display()
        );
        self.file("worker.properties", &text)
    }

    /// `rowtide standalone`, ready to answer.
    pub fn standalone(&self, extra: &str, connectors: &[PathBuf]) -> Rowtide {
        let rowtide = self.begin_standalone(extra, connectors);
        rowtide.wait_ready();
        rowtide
    }

    /// `rowtide standalone`, perhaps dead before it answers.
    pub fn begin_standalone(&self, extra: &str, connectors: &[PathBuf]) -> Rowtide {
        let mut command = self.command("standalone");
        command.arg(self.worker_file(extra)).args(connectors);
        self.spawn(command, Stdio::null())
    }

    /// `rowtide distributed` as a worker of the group, ready to answer.
    pub fn distributed(&self, group: &Group, extra: &str) -> Rowtide {
        let rowtide = self.begin_distributed(group, extra);
        rowtide.wait_ready();
        rowtide
    }

    /// The same, perhaps dead before it answers.
    pub fn begin_distributed(&self, group: &Group, extra: &str) -> Rowtide {
        let mut command = self.command("distributed");
        command.arg(self.file("worker.properties", &group.properties(self.port, extra)));
        self.spawn(command, Stdio::null())
    }

    /// `rowtide distributed` without a file: variables say all of it but where it listens. Ready to answer.
    pub fn by_environment(&self) -> Rowtide {
        let mut command = self.command("distributed");
        command.env("CONNECT_LISTENERS", format!("http://127.0.0.1:{}", self.port));
        let rowtide = self.spawn(command, Stdio::null());
        rowtide.wait_ready();
        rowtide
    }

    /// `rowtide run` into files under `changes`.
    pub fn run(&self, connectors: &[PathBuf]) -> Rowtide {
        let mut command = self.run_command(connectors);
        command.arg("--sink").arg(format!("file:{}", self.path().join("changes").display()));
        let rowtide = self.spawn(command, Stdio::null());
        rowtide.wait_ready();
        rowtide
    }

    /// `rowtide run`, its data directory, port and connector files; the sink is for the caller to choose.
    pub fn run_command(&self, connectors: &[PathBuf]) -> Command {
        let mut command = self.command("run");
        command.arg("--data-dir").arg(self.path().join("data")).args(["--rest-port", &self.port.to_string()]);
        command.args(["-D", "offset.flush.interval.ms=200"]).args(connectors);
        command
    }

    /// `rowtide offsets` with these words, to its end.
    pub fn offsets(&self, words: &[&str]) -> Output {
        self.command("offsets").args(words).stdin(Stdio::null()).output().expect("rowtide starts")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .arg(name)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env_remove("ROWTIDE_FAILPOINT")
            .env_remove("ROWTIDE_SHUFFLE_ACKS")
            .env_remove("POSTGRES_PASSWORD");
        // whoever runs the tests may have an account of AWS
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it; its log is appended to the home's.
    pub fn spawn(&self, mut command: Command, stdout: Stdio) -> Rowtide {
        let log = self.path().join("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(file).spawn().expect("rowtide starts");
        Rowtide { child, log, rest: Rest::new(&format!("http://127.0.0.1:{}", self.port)) }
    }

    /// The lines of the file that `rowtide run` wrote for a connector.
    pub fn lines(&self, connector: &str) -> Vec<Value> {
        self.text(connector).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }

    /// The same as they stand there: where parsing them takes too long.
    pub fn text(&self, connector: &str) -> String {
        let mut text = std::fs::read_to_string(self.path().join(format!("changes/{connector}.ndjson"))).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }
}

impl Rowtide {
    /// Everything logged so far, by earlier processes of the same home, too.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until these words are logged.
    pub fn wait_log(&self, words: &str) {
        wait_until(&format!("the log says '{words}'"), SOON, || self.log().contains(words).then_some(()));
    }

    /// Waits until REST answers.
    pub fn wait_ready(&self) {
        wait_until(&format!("rowtide answers; its log: {}", self.log.display()), SOON, || {
            self.rest.try_send("GET", "/connectors", None).filter(|answer| answer.status == 200)
        });
    }

    /// Resident memory in bytes: now, and the most it has been.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running process on Linux");
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of /proc/PID/status");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        (kilobytes("VmRSS:") << 10, kilobytes("VmHWM:") << 10)
    }

    /// `SIGTERM`
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends the process a signal, named as for `kill`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status().expect("kill");
        assert!(sent.success(), "the process is gone already");
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("its end");
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits for the end of the process.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let log = self.log.clone();
        wait_until(&format!("the process ends; its log: {}", log.display()), limit, || self.child.try_wait().expect("a child"))
    }

    /// `SIGTERM`, and exit code 0 as the answer.
    pub fn stop(mut self) {
        self.terminate();
        let status = self.wait_exit(SOON);
        assert_eq!(status.code(), Some(0), "after SIGTERM:\n{}", self.log());
    }

    /// The process's standard output, if it is a pipe.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }
}

impl Drop for Rowtide {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
            eprintln!("---- the end of rowtide's log\n{}", &log[from..]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
