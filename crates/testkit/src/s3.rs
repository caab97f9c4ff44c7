//! The object store of the tests: S3Proxy, which speaks S3's protocol, checks signatures and keeps objects as files.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::rowtide::Home;
use crate::{free_port, need, unique, wait_until};

/// How long a JVM may take to start on a busy machine.
const START: Duration = Duration::from_secs(240);

/// Access key and secret key of its user.
pub const USER: (&str, &str) = ("rowtide", "rowtide-secret");

/// A place of a test's own in its bucket.
pub struct Place {
    prefix: String,
    objects: PathBuf,
}

impl Place {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let prefix = format!("{}/offsets", unique(name));
        let objects = Path::new(&need("ROWTIDE_TEST_S3_BUCKETS")).join("backups").join(&prefix);
        Self { prefix, objects }
    }

    /// `s3://bucket/prefix`
    pub fn url(&self) -> String {
        format!("s3://backups/{}", self.prefix)
    }

    /// Where the store keeps the objects, as files.
    pub fn objects(&self) -> &Path {
        &self.objects
    }
}

/// A store of a test's own behind https, from the jars in `ROWTIDE_TEST_S3_LIBS`: buckets are directories of `path`. Killed when it goes out of scope.
pub struct Secured {
    child: Child,
    /// where it listens on 127.0.0.1
    pub port: u16,
}

impl Secured {
    /// With the certificate of this key store.
    pub fn new(path: &Path, key_store: &str, password: &str) -> Self {
        let port = free_port();
        let config = path.join("s3proxy.conf");
        let text = format!(
            "s3proxy.secure-endpoint=https://127.0.0.1:{port}\ns3proxy.keystore-path={key_store}\ns3proxy.keystore-password={password}\n\
             s3proxy.authorization=aws-v4\ns3proxy.identity={}\ns3proxy.credential={}\njclouds.provider=filesystem-nio2\n\
             jclouds.identity=unused\njclouds.credential=unused\njclouds.filesystem.basedir={}\n",
            USER.0,
            USER.1,
            path.display()
        );
        std::fs::write(&config, text).expect("a file");
        // by default it logs every step of every request
        let logging = path.join("logback.xml");
        std::fs::write(&logging, "<configuration><root level=\"warn\"/></configuration>").expect("a file");
        let log = std::fs::File::create(path.join("s3proxy.log")).expect("a log");
        let mut command = Command::new("java");
        command.arg(format!("-Dlogback.configurationFile={}", logging.display()));
        command.args([
            "-Xmx256m",
            "-cp",
            &format!("{}/*", need("ROWTIDE_TEST_S3_LIBS")),
            "org.gaul.s3proxy.Main",
            "--properties",
        ]);
        command.arg(config).stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        let store = Self { child: command.spawn().expect("java"), port };
        wait_until("the object store takes connections", START, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        store
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// URL of the store.
pub fn endpoint() -> String {
    need("ROWTIDE_TEST_S3")
}

/// Lets processes of a home in, as its user or as one with another secret; no other credentials are looked for.
pub fn log_in(home: &mut Home, secret: &str) {
    home.set("AWS_ACCESS_KEY_ID", USER.0);
    home.set("AWS_SECRET_ACCESS_KEY", secret);
    home.set("AWS_EC2_METADATA_DISABLED", "true");
}
