//! A small proxy that breaks the network before a server: TCP on 127.0.0.1, faults by direction, all of them restorable.
//!
//! What is broken when belongs to the test. A connection that has lost bytes stays dead after [`Proxy::restore`], as one
//! does whose packets went nowhere: neither end is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::random::Random;

/// How often a thread that waits for a socket looks at what was asked of it.
const LOOK: Duration = Duration::from_millis(20);

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// from client to server
    ToServer,
    /// from server to client
    ToClient,
}

/// What happens to the bytes of a direction; the default lets them pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fault {
    /// they go nowhere, and nobody is told: the connection is half-open
    pub swallow: bool,
    /// each piece comes later by this much
    pub delay: Duration,
    /// each piece comes later by up to this much, as after lost packets
    pub stall: Duration,
    /// 0: as fast as they come
    pub bytes_per_second: u64,
    /// the connection is reset after so many bytes of this direction; 0: never
    pub reset_after: u64,
}

/// How connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// with a FIN, as when the other side closes
    Closed,
    /// with a RST, as when the other side does not know the connection
    Reset,
}

/// A proxy; gone with its connections when it goes out of scope.
pub struct Proxy {
    /// where it listens, on 127.0.0.1
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    plan: Mutex<Plan>,
    ended: AtomicBool,
    /// bytes that were passed on, by direction
    passed: [AtomicU64; 2],
}

struct Plan {
    target: SocketAddr,
    faults: [Fault; 2],
    /// new connections are reset
    refusing: bool,
    /// connections made before this many were cut have ended
    generation: u64,
    cut: Cut,
    random: Random,
}

/// The two sockets of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    generation: u64,
    /// bytes went nowhere
    lost: AtomicBool,
    /// both directions end
    over: AtomicBool,
}

impl Proxy {
    /// Before a port of 127.0.0.1; `name` and the run's seed decide how long stalls are.
    pub fn new(name: &str, target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let plan = Plan {
            target: local(target),
            faults: [Fault::default(); 2],
            refusing: false,
            generation: 0,
            cut: Cut::Closed,
            random: Random::of(name),
        };
        let shared = Arc::new(Shared { plan: Mutex::new(plan), ended: AtomicBool::new(false), passed: Default::default() });
        let own = shared.clone();
        std::thread::spawn(move || own.accept(&listener));
        Self { port, shared }
    }

    /// Breaks a direction, for connections that are there as well.
    pub fn set(&self, way: Way, fault: Fault) {
        self.shared.plan().faults[way as usize] = fault;
    }

    /// Breaks both directions.
    pub fn set_both(&self, fault: Fault) {
        self.shared.plan().faults = [fault; 2];
    }

    /// Ends all connections; new ones are welcome.
    pub fn cut(&self, how: Cut) {
        let mut plan = self.shared.plan();
        plan.generation += 1;
        plan.cut = how;
    }

    /// Ends all connections and takes no new ones.
    pub fn refuse(&self) {
        self.cut(Cut::Reset);
        self.shared.plan().refusing = true;
    }

    /// The same address leads to another server from now on; what is connected is cut.
    pub fn point_to(&self, target: u16) {
        self.shared.plan().target = local(target);
        self.cut(Cut::Closed);
    }

    /// All is well again for what still works.
    pub fn restore(&self) {
        let mut plan = self.shared.plan();
        plan.faults = [Fault::default(); 2];
        plan.refusing = false;
    }

    /// Bytes that were passed on so far.
    pub fn passed(&self, way: Way) -> u64 {
        self.shared.passed[way as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn reset_on_close(socket: &TcpStream) {
    let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while !self.ended.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((client, _)) => self.connect(client),
                Err(_) => std::thread::sleep(LOOK / 4),
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let (target, refusing, generation) = {
            let plan = self.plan();
            (plan.target, plan.refusing, plan.generation)
        };
        let server = if refusing { None } else { TcpStream::connect(target).ok() };
        let Some(server) = server else { return reset_on_close(&client) };
        for socket in [&client, &server] {
            // an accepted socket does not take this over from its listener everywhere
            socket.set_nonblocking(false).expect("a socket");
            socket.set_nodelay(true).expect("a socket");
            socket.set_read_timeout(Some(LOOK)).expect("a socket");
            socket.set_write_timeout(Some(LOOK)).expect("a socket");
        }
        let pair = Arc::new(Pair { client, server, generation, lost: AtomicBool::default(), over: AtomicBool::default() });
        for way in [Way::ToServer, Way::ToClient] {
            let (shared, pair) = (self.clone(), pair.clone());
            std::thread::spawn(move || shared.pump(&pair, way));
        }
    }

    /// Passes on what comes on one way until the connection ends.
    fn pump(&self, pair: &Pair, way: Way) {
        let (mut from, to) = match way {
            Way::ToServer => (&pair.client, &pair.server),
            Way::ToClient => (&pair.server, &pair.client),
        };
        let mut piece = [0; 16 * 1024];
        let mut passed = 0;
        while !self.is_over(pair) {
            let count = match from.read(&mut piece) {
                Ok(count) => count,
                Err(error) if waits(&error) => continue,
                Err(_) => break,
            };
            let fault = self.plan().faults[way as usize];
            if fault.swallow || pair.lost.load(Ordering::Relaxed) {
                pair.lost.store(true, Ordering::Relaxed);
                if count == 0 {
                    self.until_over(pair);
                }
                continue;
            }
            if count == 0 {
                // this direction is done, the other one may go on
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            self.hold_up(pair, &fault, count);
            if !self.write(pair, to, &piece[..count]) {
                break;
            }
            passed += count as u64;
            self.passed[way as usize].fetch_add(count as u64, Ordering::Relaxed);
            if fault.reset_after > 0 && passed >= fault.reset_after {
                reset_on_close(&pair.client);
                reset_on_close(&pair.server);
                break;
            }
        }
        pair.over.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is to end; how it ends is settled then.
    fn is_over(&self, pair: &Pair) -> bool {
        if pair.over.load(Ordering::Relaxed) || self.ended.load(Ordering::Relaxed) {
            return true;
        }
        let plan = self.plan();
        let cut = pair.generation < plan.generation;
        if cut && plan.cut == Cut::Reset {
            reset_on_close(&pair.client);
            reset_on_close(&pair.server);
        }
        cut
    }

    fn until_over(&self, pair: &Pair) {
        while !self.is_over(pair) {
            std::thread::sleep(LOOK);
        }
    }

    fn hold_up(&self, pair: &Pair, fault: &Fault, count: usize) {
        let mut wait = fault.delay;
        if !fault.stall.is_zero() {
            wait += Duration::from_millis(self.plan().random.below(fault.stall.as_millis() as u64 + 1));
        }
        if let Some(micros) = (count as u64 * 1_000_000).checked_div(fault.bytes_per_second) {
            wait += Duration::from_micros(micros);
        }
        let until = Instant::now() + wait;
        while Instant::now() < until && !self.is_over(pair) {
            std::thread::sleep(LOOK.min(until - Instant::now()));
        }
    }

    fn write(&self, pair: &Pair, mut to: &TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if waits(&error) && !self.is_over(pair) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
