//! The byte stream below a connection: TCP, or TLS over it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// A server that takes a connection within this is on the same machine, or next to it.
const NEAR: Duration = Duration::from_micros(300);
/// Bytes that a bounded socket takes unread: as much as Linux grants without being told to (`net.core.rmem_max`).
const UNREAD: usize = 212_992;
/// How long a connection is silent before the kernel asks for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A connected socket.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The server's own certificate in DER.
    pub(super) fn server_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(AsRef::as_ref),
        }
    }

    /// Keeps what may wait unread small, where the server is near: gives whether it is. Left to itself it grows to megabytes,
    /// without which a server far away would wait for us.
    pub(super) fn bound(&self) -> io::Result<bool> {
        match self {
            Self::Plain(socket) => socket.bound(),
            Self::Tls(tls) => tls.get_ref().0.bound(),
        }
    }

    /// Lets packets come without a wake-up for each, until the next read or write.
    pub(super) fn unwatch(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.unwatch(),
            Self::Tls(tls) => tls.get_mut().0.unwatch(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// A TCP socket. Whoever means not to read for a while can leave it unwatched: epoll then has no wake-up for each packet
/// that comes meanwhile. The next use watches it again.
pub(super) struct Socket {
    watch: Watch,
    near: bool,
}

enum Watch {
    On(TcpStream),
    Off(std::net::TcpStream),
    /// it could not be changed over
    Lost,
}

impl Socket {
    pub(super) async fn connect(address: SocketAddr, keepalive: bool) -> io::Result<Self> {
        let begun = Instant::now();
        let tcp = TcpStream::connect(address).await?;
        let near = begun.elapsed() < NEAR || tcp.local_addr()?.ip() == address.ip();
        tcp.set_nodelay(true)?;
        if keepalive {
            let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6);
            SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
        }
        Ok(Self { watch: Watch::On(tcp), near })
    }

    fn bound(&self) -> io::Result<bool> {
        if let (Watch::On(tcp), true) = (&self.watch, self.near) {
            SockRef::from(tcp).set_recv_buffer_size(UNREAD)?;
        }
        Ok(self.near)
    }

    fn unwatch(&mut self) -> io::Result<()> {
        self.watch = match std::mem::replace(&mut self.watch, Watch::Lost) {
            Watch::On(tcp) => Watch::Off(tcp.into_std()?),
            unwatched => unwatched,
        };
        Ok(())
    }

    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Watch::Off(_) = &self.watch
            && let Watch::Off(tcp) = std::mem::replace(&mut self.watch, Watch::Lost)
        {
            self.watch = Watch::On(TcpStream::from_std(tcp)?);
        }
        match &mut self.watch {
            Watch::On(tcp) => Ok(Pin::new(tcp)),
            Watch::Off(_) | Watch::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().watched()?.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_socket_that_was_not_watched_has_what_came_meanwhile() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = Socket::connect(listener.local_addr().unwrap(), true).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert!(socket.bound().unwrap(), "it is on this machine");
        let Watch::On(tcp) = &socket.watch else { panic!("it is watched") };
        assert!(
            (UNREAD..=2 * UNREAD).contains(&SockRef::from(tcp).recv_buffer_size().unwrap()),
            "the kernel counts its own part"
        );
        let mut read = [0; 6];
        for _ in 0..2 {
            socket.unwatch().unwrap();
            socket.unwatch().unwrap();
            server.write_all(b"before").await.unwrap();
            socket.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"before");
            socket.unwatch().unwrap();
            let (waited, written) = tokio::join!(socket.read_exact(&mut read), async {
                tokio::task::yield_now().await;
                server.write_all(b"after.").await
            });
            written.unwrap();
            waited.unwrap();
            assert_eq!(&read, b"after.");
        }
        socket.unwatch().unwrap();
        socket.write_all(b"answer").await.unwrap();
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"answer");
        socket.unwatch().unwrap();
        drop(server);
        assert_eq!(socket.read(&mut read).await.unwrap(), 0, "the end shows, too");
    }
}
