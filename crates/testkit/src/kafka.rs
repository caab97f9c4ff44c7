//! Kafka brokers of a test's own, from the jars in `ROWTIDE_TEST_KAFKA_LIBS`, that it may kill and configure.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{SOON, free_port, need, unique, wait_until};

/// A Java program of Kafka's.
pub fn java(class: &str, args: &[&str]) -> Command {
    let libs = need("ROWTIDE_TEST_KAFKA_LIBS");
    assert!(Path::new(&libs).is_dir(), "ROWTIDE_TEST_KAFKA_LIBS={libs} is no folder");
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-cp", &format!("{libs}/*"), class]).args(args);
    command
}

/// A broker of a test's own, gone with the test.
pub struct Broker {
    dir: PathBuf,
    child: Option<Child>,
    /// of its plain listener
    pub port: u16,
    node: usize,
    /// `id@host:port` of every controller of its cluster.
    voters: String,
    controller: u16,
    /// Options of its JVM.
    pub options: String,
}

/// More than the plain listener.
#[derive(Default)]
pub struct Extras {
    /// `NAME://` listeners with their ports, for instance `("SASL_SSL", 12345)`.
    pub listeners: Vec<(&'static str, u16)>,
    /// A listener's own port, and the port of the proxy before it, which it advertises.
    pub proxied: Option<(u16, u16)>,
    /// Lines of its properties file.
    pub properties: String,
    /// Arguments of the storage formatter.
    pub format: Vec<String>,
}

impl Default for Broker {
    fn default() -> Self {
        let dir = std::env::temp_dir().join(unique("broker"));
        std::fs::create_dir_all(&dir).expect("a broker");
        let controller = free_port();
        Self {
            dir,
            child: None,
            port: free_port(),
            node: 1,
            voters: format!("1@127.0.0.1:{controller}"),
            controller,
            options: String::new(),
        }
    }
}

impl Broker {
    /// A cluster of one, not yet formatted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brokers of one cluster, not yet formatted.
    pub fn cluster(size: usize) -> Vec<Self> {
        let mut brokers: Vec<Self> = (0..size).map(|_| Self::new()).collect();
        let voters: Vec<String> =
            brokers.iter().enumerate().map(|(i, b)| format!("{}@127.0.0.1:{}", i + 1, b.controller)).collect();
        for (i, broker) in brokers.iter_mut().enumerate() {
            broker.node = i + 1;
            broker.voters = voters.join(",");
        }
        brokers
    }

    /// Its directory: data, log, properties.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `host:port` of its plain listener.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Formats the storage.
    pub fn format(&self, extras: &Extras) {
        let controller = self.controller;
        let mut listeners = format!("PLAINTEXT://{},CONTROLLER://127.0.0.1:{controller}", self.address());
        let mut advertised = format!("PLAINTEXT://{}", self.address());
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        for (name, port) in &extras.listeners {
            listeners += &format!(",{name}://127.0.0.1:{port}");
            advertised += &format!(",{name}://127.0.0.1:{port}");
            protocols += &format!(",{name}:{name}");
        }
        if let Some((port, advertised_port)) = extras.proxied {
            listeners += &format!(",PROXIED://127.0.0.1:{port}");
            advertised += &format!(",PROXIED://127.0.0.1:{advertised_port}");
            protocols += ",PROXIED:PLAINTEXT";
        }
        let text = format!(
            "process.roles=broker,controller\nnode.id={}\ncontroller.quorum.voters={}\nlisteners={listeners}\n\
             advertised.listeners={advertised}\nlistener.security.protocol.map={protocols}\ninter.broker.listener.name=PLAINTEXT\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nnum.partitions=1\n{}\n",
            self.node,
            self.voters,
            self.dir.join("data").display(),
            extras.properties
        );
        let file = self.dir.join("server.properties");
        std::fs::write(&file, text).expect("a broker");
        let mut command = java("kafka.tools.StorageTool", &["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"]);
        let done = command.arg(&file).args(&extras.format).output().expect("a broker");
        assert!(
            done.status.success(),
            "storage format: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Starts it and waits until it takes connections.
    pub fn start(&mut self) {
        self.launch();
        wait_until("the private broker takes connections", SOON, || std::net::TcpStream::connect(self.address()).ok());
    }

    /// Starts it; a cluster's broker answers once most of the others run.
    pub fn launch(&mut self) {
        let log = std::fs::File::create(self.dir.join("kafka.log")).expect("a broker");
        let mut command = java("kafka.Kafka", &[]);
        command
            .arg(self.dir.join("server.properties"))
            .env("JAVA_TOOL_OPTIONS", &self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a broker"))
            .stderr(log);
        self.child = Some(command.spawn().expect("a broker"));
    }

    /// Stops its process from running: it keeps its connections and answers nothing until it is killed.
    pub fn freeze(&self) {
        let pid = self.child.as_ref().expect("a broker that runs").id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().expect("a broker").success());
    }

    /// Stops it: in order, or as a crash does.
    pub fn stop(&mut self, crash: bool) {
        let Some(mut child) = self.child.take() else { return };
        if crash {
            child.kill().expect("a broker");
        } else {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("a broker").success());
        }
        child.wait().expect("a broker");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop(true);
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
