//! Workers of one Connect group, Java's and Rowtide's: topics and a name that no other test has.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::rest::Rest;
use crate::{free_port, kafka, need, unique, wait_until};

/// How long a JVM may take to start on a busy machine.
const START: Duration = Duration::from_secs(240);

/// How long a JVM may take to stop: longer than what Connect grants its tasks and its web server together.
const GRACE: Duration = Duration::from_secs(90);

/// The lab's: Java's own lets only errors through, and a test that fails says nothing of it.
const LOGGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lab/log4j2.properties");

/// A group of workers; its topics are for the test to delete.
pub struct Group {
    /// `group.id`, with which the names of its topics begin
    pub name: String,
    broker: String,
    dir: TempDir,
}

/// A Java worker, killed when it goes out of scope.
pub struct JavaWorker {
    child: Child,
    log: PathBuf,
    /// its REST
    pub rest: Rest,
}

impl Group {
    /// A group of no workers yet, on the broker of the tests.
    pub fn new(what: &str) -> Self {
        Self::at(what, &kafka())
    }

    /// The same on another broker.
    pub fn at(what: &str, broker: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("connect-group").tempdir().expect("a directory");
        Self { name: unique(what), broker: broker.to_owned(), dir }
    }

    /// The properties of one of its workers, `extra` lines last; `{port}` in these is the port.
    pub fn properties(&self, port: u16, extra: &str) -> String {
        let (json, name) = ("org.apache.kafka.connect.json.JsonConverter", &self.name);
        let extra = extra.replace("{port}", &port.to_string());
        let topic = |what: &str| format!("{what}.storage.topic={name}-{what}\n{what}.storage.replication.factor=1\n");
        format!(
            "bootstrap.servers={}\ngroup.id={name}\nkey.converter={json}\nvalue.converter={json}\nkey.converter.schemas.enable=false\n\
             value.converter.schemas.enable=false\nlisteners=http://127.0.0.1:{port}\nrest.advertised.host.name=127.0.0.1\n\
             offset.flush.interval.ms=200\n{}{}{}{extra}\n",
            self.broker,
            topic("config"),
            topic("offset"),
            topic("status"),
        )
    }

    /// Starts a Java worker with Debezium's PostgreSQL connector, and waits until it answers.
    pub fn java(&self, extra: &str) -> JavaWorker {
        self.java_with(extra, "")
    }

    /// The same, with more options of its JVM.
    pub fn java_with(&self, extra: &str, options: &str) -> JavaWorker {
        let port = free_port();
        let plugins = self.dir.path().join("plugins");
        let debezium = PathBuf::from(need("ROWTIDE_TEST_DEBEZIUM"));
        if !plugins.exists() {
            std::fs::create_dir(&plugins).expect("a directory");
            std::os::unix::fs::symlink(&debezium, plugins.join("debezium")).expect("a link");
        }
        // scanning jars would be most of the start
        let own = format!("plugin.path={}\nplugin.discovery=service_load\n{extra}", plugins.display());
        let file = self.dir.path().join(format!("java-{port}.properties"));
        std::fs::write(&file, self.properties(port, &own)).expect("a file");
        let log = self.dir.path().join(format!("java-{port}.log"));
        let out = std::fs::File::create(&log).expect("a log");
        let mut command = crate::kafka::java("org.apache.kafka.connect.cli.ConnectDistributed", &[]);
        command.env("JAVA_TOOL_OPTIONS", format!("-Dlog4j2.configurationFile={LOGGING} {options}"));
        command.arg(&file).stdin(Stdio::null()).stdout(out.try_clone().expect("a log")).stderr(out);
        let child = command.spawn().expect("java");
        let worker = JavaWorker { child, log, rest: Rest::new(&format!("http://127.0.0.1:{port}")) };
        wait_until(&format!("the Java worker answers; its log: {}", worker.log.display()), START, || {
            worker.rest.try_send("GET", "/connectors", None).filter(|answer| matches!(answer.status, 200 | 401))
        });
        worker
    }

    /// The names of its three topics.
    pub fn topics(&self) -> [String; 3] {
        ["config", "offset", "status"].map(|what| format!("{}-{what}", self.name))
    }

    /// Where its workers' files are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl JavaWorker {
    /// `SIGTERM`, and waits until it has ended. As a supervisor would, it kills one that hangs: its own shutdown and that of its
    /// web server are two hooks of the JVM, and when the latter comes while the former stops the server, the server's threads
    /// are waited for without end (its log then says `Unable to destroy`).
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        let deadline = Instant::now() + GRACE;
        wait_until("the Java worker ends", START, || {
            let ended = self.child.try_wait().expect("a child");
            if ended.is_none() && Instant::now() > deadline {
                eprintln!("the Java worker did not end within {GRACE:?} and is killed; its log: {}", self.log());
                self.child.kill().expect("kill -9");
            }
            ended
        });
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("its end");
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for JavaWorker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
            eprintln!("---- the end of the Java worker's log\n{}", &log[from..]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
