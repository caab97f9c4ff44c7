//! Listening over TLS: handshakes, beside each other, before anything is served.
//!
//! Which certificate is shown, and to whom, belongs to `rowtide_runtime::https`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a client may take over its handshake (Jetty's idle timeout).
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Handshakes under way at most; whoever comes later waits in the kernel's queue.
const AT_ONCE: usize = 256;

type Client = (TlsStream<TcpStream>, SocketAddr);

/// A listener whose connections are encrypted.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<io::Result<Client>>,
}

impl TlsListener {
    /// Speaks TLS on this listener.
    pub fn new(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { tcp, acceptor: TlsAcceptor::from(config), handshakes: JoinSet::new() }
    }

    fn greet(&mut self, stream: TcpStream, from: SocketAddr) {
        let acceptor = self.acceptor.clone();
        self.handshakes.spawn(async move {
            // small records follow each other
            stream.set_nodelay(true)?;
            Ok((tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await??, from))
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Client {
        loop {
            tokio::select! {
                (stream, from) = Listener::accept(&mut self.tcp), if self.handshakes.len() < AT_ONCE => self.greet(stream, from),
                Some(ended) = self.handshakes.join_next() => match ended {
                    Ok(Ok(client)) => return client,
                    // plain http, a certificate that is not trusted by one side, a port scan: the client's matter
                    Ok(Err(error)) => tracing::debug!("a client's TLS handshake failed: {error}"),
                    Err(error) => tracing::warn!("a client's TLS handshake ended abnormally: {error}"),
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
