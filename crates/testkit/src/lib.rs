//! Real servers for tests: the ones that `ROWTIDE_TEST_*` name, private PostgreSQL servers and brokers, a network that can be
//! broken, Rowtide as a process.
//!
//! Here stands how a test gets at them; what a test asserts belongs to the test. Everything panics with the reason: a
//! missing server fails the test that needs it.

pub mod disk;
pub mod group;
pub mod kafka;
pub mod postgres;
pub mod proxy;
pub mod random;
pub mod rest;
pub mod rowtide;
pub mod s3;
pub mod secured;
pub mod tokens;

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything may take that should come soon.
pub const SOON: Duration = Duration::from_secs(60);

/// A variable that names a server.
///
/// # Panics
/// When it is not set: a test without its server has failed.
pub fn need(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: this test needs a real server, see ci/test.sh"))
}

/// `host:port` of the broker.
pub fn kafka() -> String {
    need("ROWTIDE_TEST_KAFKA")
}

/// REST of the Kafka Connect worker that has Debezium.
pub fn connect() -> rest::Rest {
    rest::Rest::new(&need("ROWTIDE_TEST_CONNECT"))
}

/// The library that, preloaded, gives a process a wall clock of its own.
///
/// # Panics
/// When it is not installed.
pub fn faketime() -> PathBuf {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let found =
        places.iter().map(|place| PathBuf::from(format!("{place}/faketime/libfaketimeMT.so.1"))).find(|path| path.is_file());
    found.expect("Debian's package faketime is not installed: lab/install.sh test does it")
}

/// The binary: `ROWTIDE_BIN`, else the one beside the tests.
pub fn binary() -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().expect("the path of the test");
        test.ancestors().nth(2).expect("the target directory").join("rowtide")
    };
    let path = std::env::var_os("ROWTIDE_BIN").map_or_else(beside, PathBuf::from);
    assert!(path.is_file(), "{} is missing: cargo build -p rowtide-app, or set ROWTIDE_BIN", path.display());
    path
}

/// A name that no other test and no other run uses; fit for databases, slots and topics.
pub fn unique(name: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970").as_nanos();
    format!("st_{name}_{}_{:x}", std::process::id(), nanos & 0xFFF_FFFF)
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time; `what` says what was waited for.
pub fn wait_until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "within {limit:?} this did not come: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
