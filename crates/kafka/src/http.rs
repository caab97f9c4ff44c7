//! One HTTP request on a connection of its own: those of workers to each other, to authorization servers and to schema registries are few.
//!
//! Here: what is said once the connection stands, and the plain way to one. Not here: how TLS is set up, time limits, and what an answer means.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connects to the host of a URL, by TLS where a configuration is given, sends a request there and waits for the whole answer.
pub async fn call(
    uri: &Uri,
    tls: Option<Arc<ClientConfig>>,
    request: Request<Full<Bytes>>,
    most: usize,
) -> io::Result<Response<Bytes>> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    match tls {
        None => exchange(stream, request, most).await,
        Some(config) => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            exchange(TlsConnector::from(config).connect(name, stream).await?, request, most).await
        }
    }
}

/// Whether TLS failed because the other side's certificate is not trusted: no later try will do better.
pub fn is_distrust(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// What TLS has against the other side, or it against us; none: the network broke.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|below| below.downcast_ref())
}

/// Sends a request and waits for the whole answer. One whose body is longer than `most` bytes is an error, so that a wrong URL fills no memory.
pub async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> io::Result<Response<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // ends with the sender
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(io::Error::other)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
