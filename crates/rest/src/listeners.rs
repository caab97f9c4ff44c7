//! Where the REST server listens and how others are told to reach it: `listeners`, `admin.listeners`,
//! `rest.advertised.*`.
//!
//! What a request passes before it is answered is `front`'s.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use rowtide_api::{Error, Props, Result};
use rowtide_runtime::herder::distributed::peer::Peers;
use rowtide_runtime::https::{ADMIN_LISTENERS, Https, LISTENERS};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;

use crate::basic_auth::{self, EXTENSION};
use crate::front::Front;

/// Default of `listeners`, Connect's.
const DEFAULT: &str = "http://:8083";

/// Listeners that are open, not yet served.
pub struct Listeners {
    pub(crate) public: Vec<Listener>,
    pub(crate) admin: Admin,
    pub(crate) front: Front,
    pub(crate) peers: Peers,
    /// `host:port` that goes into every status as `worker_id`
    pub worker_id: String,
    /// `http://host:port/`
    pub advertised_url: String,
}

/// One that is open.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    /// none: plain http
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// Where `/admin` is served.
pub(crate) enum Admin {
    /// on the normal listeners
    Public,
    /// nowhere
    Off,
    /// on listeners of its own
    Own(Vec<Listener>),
}

/// One `scheme://host:port`.
#[derive(Debug, PartialEq)]
struct Address {
    https: bool,
    host: String,
    port: u16,
}

impl Listeners {
    /// Opens what the worker's configuration asks for.
    pub async fn bind(worker: &Props) -> Result<Self> {
        let front = Front::read(worker)?;
        let addresses = addresses(worker)?;
        let (public, https) = open(worker, &addresses, LISTENERS).await?;
        warn_if_open(&public, front.asks_for_passwords(), https.as_ref());
        let admin = match worker.get("admin.listeners") {
            None => Admin::Public,
            Some(list) if list.trim().is_empty() => Admin::Off,
            Some(list) => {
                let (own, https) = open(worker, &parse_list("admin.listeners", list)?, ADMIN_LISTENERS).await?;
                warn_if_open(&own, false, https.as_ref());
                Admin::Own(own)
            }
        };
        let bound: Vec<_> = public.iter().map(|listener| listener.tcp.local_addr().ok()).collect();
        let (worker_id, advertised_url) = advertise(worker, &addresses, &bound)?;
        Ok(Self { public, admin, front, peers: Peers::new(worker), worker_id, advertised_url })
    }
}

/// What REST could not be served with, as far as it shows without opening anything: the property, and why.
pub fn refusals(worker: &Props) -> Vec<(&'static str, Error)> {
    let admin = || parse_list("admin.listeners", worker.get("admin.listeners").unwrap_or_default());
    let own = [
        ("listeners", addresses(worker).err()),
        ("admin.listeners", admin().err()),
        ("rest.advertised.listener", advertised_listener(worker).err()),
        ("rest.advertised.port", advertised_port(worker).err()),
        (EXTENSION, basic_auth::is_asked_for(worker).err()),
    ];
    own.into_iter().filter_map(|(property, error)| Some((property, error?))).chain(Front::refusals(worker)).collect()
}

/// `listeners`, at least one.
fn addresses(worker: &Props) -> Result<Vec<Address>> {
    let addresses = parse_list("listeners", worker.get("listeners").unwrap_or(DEFAULT))?;
    if addresses.is_empty() {
        return Err(Error::configuration("'listeners' is empty").remedy("name at least one, such as http://127.0.0.1:8083"));
    }
    Ok(addresses)
}

fn parse_list(option: &str, list: &str) -> Result<Vec<Address>> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| parse(option, item)).collect()
}

fn parse(option: &str, text: &str) -> Result<Address> {
    let wrong =
        |why: &str| Error::configuration(format!("'{option}' has '{text}': {why}")).remedy("write it like http://127.0.0.1:8083");
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("a listener is scheme://host:port"))?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(wrong("the scheme is neither http nor https")),
    };
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
    let port = port.parse().map_err(|_| wrong("the port is not a number from 0 to 65535"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Address { https, host: host.to_owned(), port })
}

/// Opens them, and reads what their https is set up by if there is any.
async fn open(worker: &Props, addresses: &[Address], prefix: &'static str) -> Result<(Vec<Listener>, Option<Https>)> {
    let secure = addresses.iter().any(|address| address.https);
    let https = if secure { Some(Https::read(worker, prefix)?) } else { None };
    let config = https.as_ref().map(Https::server).transpose()?;
    let mut open = Vec::with_capacity(addresses.len());
    for address in addresses {
        let tcp = listen(address).await.map_err(|error| {
            let Address { host, port, .. } = address;
            let remedy = match error.kind() {
                std::io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
                std::io::ErrorKind::PermissionDenied => "choose a port above 1023",
                _ => "check the host name and the port",
            };
            Error::configuration(format!("cannot listen on {host}:{port} for REST")).caused_by(error).remedy(remedy)
        })?;
        open.push(Listener { tcp, tls: config.clone().filter(|_| address.https) });
    }
    Ok((open, https))
}

/// Without a host: every interface, IPv6 and IPv4 as Java does it, IPv4 alone where there is no IPv6.
async fn listen(address: &Address) -> std::io::Result<TcpListener> {
    if !matches!(address.host.as_str(), "" | "0.0.0.0") {
        return TcpListener::bind((address.host.as_str(), address.port)).await;
    }
    match TcpListener::bind(("::", address.port)).await {
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port)).await
        }
        result => result,
    }
}

fn given<'a>(worker: &'a Props, name: &str) -> Option<&'a str> {
    worker.get(name).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether it is https; none: it is not set.
fn advertised_listener(worker: &Props) -> Result<Option<bool>> {
    match given(worker, "rest.advertised.listener").map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("http") => Ok(Some(false)),
        Some("https") => Ok(Some(true)),
        Some(other) => {
            Err(Error::configuration(format!("'rest.advertised.listener' is '{other}', which is neither http nor https"))
                .remedy("write http or https, or remove it"))
        }
    }
}

fn advertised_port(worker: &Props) -> Result<Option<u16>> {
    let parse = |text: &str| {
        text.parse().map_err(|_| {
            Error::configuration(format!("Invalid value {text} for configuration rest.advertised.port: Not a number of type INT"))
        })
    };
    given(worker, "rest.advertised.port").map(parse).transpose()
}

/// `RestServer.advertisedUrl`: of the first listener of the scheme; where there is none, a proxy has it, and of the first.
fn advertise(worker: &Props, addresses: &[Address], bound: &[Option<SocketAddr>]) -> Result<(String, String)> {
    let https = advertised_listener(worker)?.unwrap_or_else(|| addresses.iter().all(|address| address.https));
    let chosen = addresses.iter().position(|address| address.https == https).unwrap_or_default();
    let first_host = addresses.get(chosen).map_or("", |address| address.host.as_str());
    let bound = bound.get(chosen).copied().flatten();
    let port = advertised_port(worker)?.unwrap_or_else(|| bound.map_or(0, |address| address.port()));
    let host = match given(worker, "rest.advertised.host.name") {
        Some(host) => host.to_owned(),
        None if first_host.is_empty() || matches!(first_host, "0.0.0.0" | "::") => own_address().to_string(),
        None => first_host.to_owned(),
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let scheme = if https { "https" } else { "http" };
    Ok((format!("{host}:{port}"), format!("{scheme}://{host}:{port}/")))
}

/// The address of the interface that leads outside. Connecting a datagram socket sends nothing.
fn own_address() -> IpAddr {
    let outside = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?; // TEST-NET-1 (RFC 5737)
        socket.local_addr()
    });
    outside.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

fn warn_if_open(listeners: &[Listener], passwords: bool, https: Option<&Https>) {
    for listener in listeners {
        let Ok(address) = listener.tcp.local_addr() else { continue };
        let encrypted = listener.tls.is_some();
        let certificates = encrypted && https.is_some_and(Https::asks_for_certificates);
        if let Some(warning) = warning(address, encrypted, certificates, passwords) {
            tracing::warn!("{warning}");
        }
    }
}

/// What is to be said of a listener that asks for certificates or passwords, or for neither.
fn warning(address: SocketAddr, encrypted: bool, certificates: bool, passwords: bool) -> Option<String> {
    if address.ip().is_loopback() || certificates || encrypted && passwords {
        return None;
    }
    let open = format!("REST listens on {address}, which others can reach, and");
    Some(match passwords {
        false => format!(
            "{open} asks for no password: whoever reaches it can read connector configurations and delete connectors. Set \
             listeners=http://127.0.0.1:{} if this is not meant; else ask for passwords ({EXTENSION}={}), or for certificates (an https \
             listener with listeners.https.ssl.client.auth=required)",
            address.port(),
            basic_auth::CLASS
        ),
        true => format!(
            "{open} passwords come to it unencrypted. Make it an https listener (listeners=https://…, \
             listeners.https.ssl.keystore.location), or put a proxy that ends TLS in front"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(entries: &[(&str, &str)]) -> Props {
        entries.iter().copied().collect()
    }

    #[test]
    fn listeners_are_read_as_connect_writes_them() {
        let read = |text| parse("listeners", text).map(|address| (address.https, address.host, address.port));
        assert_eq!(read("http://:8083").unwrap(), (false, String::new(), 8083));
        assert_eq!(read("HTTPS://127.0.0.1:0").unwrap(), (true, "127.0.0.1".to_owned(), 0));
        assert_eq!(read("http://[::1]:8083/").unwrap(), (false, "::1".to_owned(), 8083));
        for (wrong, why) in [
            ("ftp://:1", "neither http nor https"),
            ("http://x", "port is missing"),
            ("http://x:99999", "not a number"),
            ("8083", "scheme://host:port"),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("Remedy:"), "{error}");
        }
    }

    #[test]
    fn the_advertised_address_goes_before_the_bound_one() {
        let bound = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let advertised = |listeners: &str, more: &[(&str, &str)]| {
            let addresses = parse_list("listeners", listeners).unwrap();
            advertise(&props(more), &addresses, &[bound(1), bound(2)]).unwrap()
        };
        let (http, both) = ("http://a:0", "https://s:0,http://p:0");
        assert_eq!(advertised(http, &[]), ("a:1".to_owned(), "http://a:1/".to_owned()));
        let named = advertised(http, &[("rest.advertised.host.name", "worker-1"), ("rest.advertised.port", "80")]);
        assert_eq!(named.0, "worker-1:80");
        assert_eq!(advertised(both, &[]).1, "http://p:2/", "http if there is one");
        assert_eq!(advertised(both, &[("rest.advertised.listener", "HTTPS")]).1, "https://s:1/");
        assert_eq!(advertised("https://s:0", &[]).1, "https://s:1/");
        let proxied = [("rest.advertised.listener", "https"), ("rest.advertised.port", "443")];
        assert_eq!(advertised(http, &proxied).1, "https://a:443/", "a proxy ends TLS");
        assert!(advertised_listener(&props(&[("rest.advertised.listener", "ftp")])).is_err());
    }

    #[test]
    fn a_listener_that_others_reach_is_warned_of_unless_it_keeps_them_out() {
        let [outside, inside] = [[0, 0, 0, 0], [127, 0, 0, 1]].map(|ip| SocketAddr::from((ip, 8083)));
        assert!(warning(outside, false, false, false).unwrap().contains("listeners=http://127.0.0.1:8083"));
        assert!(warning(outside, true, false, false).unwrap().contains("asks for no password"));
        assert!(warning(outside, false, false, true).unwrap().contains("unencrypted"));
        for (address, encrypted, certificates, passwords) in
            [(inside, false, false, false), (outside, true, true, false), (outside, true, false, true)]
        {
            assert_eq!(warning(address, encrypted, certificates, passwords), None);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_refused_and_a_taken_port_named() {
        for (name, value, words) in [
            (EXTENSION, "x.BasicAuth", EXTENSION),
            ("listeners", "https://127.0.0.1:0", "ssl.keystore.location"),
            ("response.http.headers.config", "put X: y", "put"),
            ("access.control.allow.methods", "G T", "access.control.allow.methods"),
        ] {
            let origin = ("access.control.allow.origin", "*");
            let error =
                Listeners::bind(&props(&[("listeners", "http://127.0.0.1:0"), origin, (name, value)])).await.err().unwrap();
            assert!(error.to_string().contains(words) && error.to_string().contains("Remedy:"), "{error}");
        }
        let first = Listeners::bind(&props(&[("listeners", "http://127.0.0.1:0")])).await.unwrap();
        let taken = format!("http://{}", first.worker_id);
        let second = Listeners::bind(&props(&[("listeners", taken.as_str())])).await;
        assert!(second.err().is_some_and(|error| error.to_string().contains("stop what listens there")));
    }
}
