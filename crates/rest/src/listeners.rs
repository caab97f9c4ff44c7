//! Where the REST server listens and how others are told to reach it: `listeners`, `admin.listeners`,
//! `rest.advertised.*`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use rowtide_api::{Error, Props, Result};
use tokio::net::TcpListener;

/// Default of `listeners`, Connect's.
const DEFAULT: &str = "http://:8083";

/// Extensions of a worker that must not be left out silently: without them the API would be open.
const EXTENSIONS: &str = "rest.extension.classes";

/// Listeners that are open, not yet served.
pub struct Listeners {
    pub(crate) public: Vec<TcpListener>,
    pub(crate) admin: Admin,
    /// `host:port` that goes into every status as `worker_id`
    pub worker_id: String,
    /// `http://host:port/`
    pub advertised_url: String,
}

/// Where `/admin` is served.
pub(crate) enum Admin {
    /// on the normal listeners
    Public,
    /// nowhere
    Off,
    /// on listeners of its own
    Own(Vec<TcpListener>),
}

/// One `scheme://host:port`.
#[derive(Debug, PartialEq)]
struct Address {
    host: String,
    port: u16,
}

impl Listeners {
    /// Opens what the worker's configuration asks for.
    pub async fn bind(worker: &Props) -> Result<Self> {
        no_extensions(worker)?;
        let addresses = addresses(worker)?;
        let first_host = addresses.first().map(|first| first.host.clone()).unwrap_or_default();
        let public = open(&addresses).await?;
        let admin = match worker.get("admin.listeners") {
            None => Admin::Public,
            Some(list) if list.trim().is_empty() => Admin::Off,
            Some(list) => Admin::Own(open(&parse_list("admin.listeners", list)?).await?),
        };
        let bound = public.first().and_then(|listener| listener.local_addr().ok());
        let (worker_id, advertised_url) = advertise(worker, &first_host, bound)?;
        warn_if_open(&public);
        Ok(Self { public, admin, worker_id, advertised_url })
    }
}

/// What REST could not be served with, as far as it shows without opening anything: the property, and why.
pub fn refusals(worker: &Props) -> Vec<(&'static str, Error)> {
    let admin = || parse_list("admin.listeners", worker.get("admin.listeners").unwrap_or_default());
    let checks = [
        (EXTENSIONS, no_extensions(worker).err()),
        ("listeners", addresses(worker).err()),
        ("admin.listeners", admin().err()),
        ("rest.advertised.listener", only_http(worker).err()),
        ("rest.advertised.port", advertised_port(worker).err()),
    ];
    checks.into_iter().filter_map(|(property, error)| Some((property, error?))).collect()
}

fn no_extensions(worker: &Props) -> Result<()> {
    if worker.get(EXTENSIONS).is_none_or(|list| list.trim().is_empty()) {
        return Ok(());
    }
    Err(Error::configuration(format!("'{EXTENSIONS}' is set, but there are no REST extensions here"))
        .remedy("remove it, let 'listeners' be http://127.0.0.1:8083, and put a proxy that authenticates in front"))
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
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => {
            return Err(Error::configuration(format!("'{option}' has '{text}': REST over https is not there yet"))
                .remedy("listen on http://127.0.0.1:8083 and put a proxy that ends TLS in front"));
        }
        _ => return Err(wrong("the scheme is neither http nor https")),
    }
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
    let port = port.parse().map_err(|_| wrong("the port is not a number from 0 to 65535"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Address { host: host.to_owned(), port })
}

async fn open(addresses: &[Address]) -> Result<Vec<TcpListener>> {
    let mut open = Vec::with_capacity(addresses.len());
    for address in addresses {
        open.push(listen(address).await.map_err(|error| {
            let Address { host, port } = address;
            let remedy = match error.kind() {
                std::io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
                std::io::ErrorKind::PermissionDenied => "choose a port above 1023",
                _ => "check the host name and the port",
            };
            Error::configuration(format!("cannot listen on {host}:{port} for REST")).caused_by(error).remedy(remedy)
        })?);
    }
    Ok(open)
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

fn only_http(worker: &Props) -> Result<()> {
    match given(worker, "rest.advertised.listener") {
        Some(listener) if !listener.eq_ignore_ascii_case("http") => {
            Err(Error::configuration(format!("'rest.advertised.listener' is '{listener}', but only http is served"))
                .remedy("remove it"))
        }
        _ => Ok(()),
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

fn advertise(worker: &Props, first_host: &str, bound: Option<SocketAddr>) -> Result<(String, String)> {
    only_http(worker)?;
    let port = advertised_port(worker)?.unwrap_or_else(|| bound.map_or(0, |address| address.port()));
    let host = match given(worker, "rest.advertised.host.name") {
        Some(host) => host.to_owned(),
        None if first_host.is_empty() || matches!(first_host, "0.0.0.0" | "::") => own_address().to_string(),
        None => first_host.to_owned(),
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok((format!("{host}:{port}"), format!("http://{host}:{port}/")))
}

/// The address of the interface that leads outside. Connecting a datagram socket sends nothing.
fn own_address() -> IpAddr {
    let outside = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?; // TEST-NET-1 (RFC 5737)
        socket.local_addr()
    });
    outside.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

fn warn_if_open(listeners: &[TcpListener]) {
    for address in listeners.iter().filter_map(|listener| listener.local_addr().ok()) {
        if !address.ip().is_loopback() {
            tracing::warn!(
                "REST listens on {address}, which others can reach, and asks for no password: whoever reaches it can read \
                 connector configurations and delete connectors. Set listeners=http://127.0.0.1:{} if this is not meant",
                address.port()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_as_connect_writes_them() {
        let read = |text| parse("listeners", text).map(|address| (address.host, address.port));
        assert_eq!(read("http://:8083").unwrap(), (String::new(), 8083));
        assert_eq!(read("HTTP://127.0.0.1:0").unwrap(), ("127.0.0.1".to_owned(), 0));
        assert_eq!(read("http://[::1]:8083/").unwrap(), ("::1".to_owned(), 8083));
        for (wrong, why) in [
            ("https://:8443", "not there yet"),
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
        let bound = Some(SocketAddr::from(([127, 0, 0, 1], 8083)));
        let with = |entries: &[(&str, &str)]| advertise(&entries.iter().copied().collect(), "127.0.0.1", bound).unwrap();
        assert_eq!(with(&[]), ("127.0.0.1:8083".to_owned(), "http://127.0.0.1:8083/".to_owned()));
        let named = with(&[("rest.advertised.host.name", "worker-1"), ("rest.advertised.port", "80")]);
        assert_eq!(named.0, "worker-1:80");
    }

    #[tokio::test]
    async fn an_extension_is_refused_and_a_taken_port_named() {
        let refused = Listeners::bind(&[("rest.extension.classes", "x.BasicAuth")].into_iter().collect()).await;
        assert!(refused.err().is_some_and(|error| error.to_string().contains("rest.extension.classes")));
        let first = Listeners::bind(&[("listeners", "http://127.0.0.1:0")].into_iter().collect()).await.unwrap();
        let taken = format!("http://{}", first.worker_id);
        let second = Listeners::bind(&[("listeners", taken.as_str())].into_iter().collect()).await;
        assert!(second.err().is_some_and(|error| error.to_string().contains("stop what listens there")));
    }
}
