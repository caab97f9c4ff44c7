//! The byte stream below a connection: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

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
pub(super) struct Socket(Watch);

enum Watch {
    On(TcpStream),
    Off(std::net::TcpStream),
    /// it could not be changed over
    Lost,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self(Watch::On(tcp))
    }

    fn unwatch(&mut self) -> io::Result<()> {
        self.0 = match std::mem::replace(&mut self.0, Watch::Lost) {
            Watch::On(tcp) => Watch::Off(tcp.into_std()?),
            unwatched => unwatched,
        };
        Ok(())
    }

    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Watch::Off(_) = &self.0
            && let Watch::Off(tcp) = std::mem::replace(&mut self.0, Watch::Lost)
        {
            self.0 = Watch::On(TcpStream::from_std(tcp)?);
        }
        match &mut self.0 {
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
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut socket = Socket::new(tcp);
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
