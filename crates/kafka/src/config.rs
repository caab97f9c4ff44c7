//! Client properties as Java spells them, with Kafka's defaults.
//!
//! Here: reading a merged map of properties into one typed [`ClientConfig`]. Not here: which prefixes (`producer.`,
//! `producer.override.`) are merged into the map, which is the runtime's matter, how a client logs in (`login`), and how TLS is set up (`tls`).

use crate::compression::Compression;
use crate::error::KafkaError;
use crate::login::{self, Login};
use crate::tls::{self, TlsSettings};
use std::collections::BTreeMap;
use std::time::Duration;

/// A secret. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// What the producer alone uses.
#[derive(Debug, Clone)]
pub struct ProducerSettings {
    /// `acks`: -1 for `all`.
    pub acks: i16,
    /// `batch.size`.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger: Duration,
    /// `linger.ms` was not set: what finds no request under way to its broker is sent at once. Requests under way gather what
    /// comes meanwhile, as Nagle's algorithm does, so that a busy producer's batches are as large as with the linger.
    pub eager: bool,
    /// `compression.type`.
    pub compression: Compression,
    /// `max.request.size`.
    pub max_request_size: usize,
    /// `buffer.memory`.
    pub buffer_memory: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `retries`.
    pub retries: u32,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `transactional.id`: every record belongs to a transaction (KIP-98).
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`: Kafka aborts a transaction that is open for longer.
    pub transaction_timeout: Duration,
}

/// Everything a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `bootstrap.servers`.
    pub bootstrap_servers: Vec<String>,
    /// `client.id`.
    pub client_id: String,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`.
    pub connect_timeout: Duration,
    /// `connections.max.idle.ms`; kept for completeness, connections are kept while the client lives.
    pub max_idle: Duration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// TLS, when `security.protocol` is SSL or SASL_SSL.
    pub tls: Option<TlsSettings>,
    /// SASL, when `security.protocol` is SASL_PLAINTEXT or SASL_SSL.
    pub sasl: Option<Login>,
    /// The producer's own settings.
    pub producer: ProducerSettings,
    /// `isolation.level` of a consumer is `read_committed`.
    pub read_committed: bool,
    /// `fetch.max.bytes` of a consumer.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes` of a consumer.
    pub max_partition_fetch_bytes: i32,
    /// Properties that nothing here understands, for a warning.
    pub unknown: Vec<String>,
}

/// Properties of Java's clients that mean nothing here (serializers, metrics, Java plug-ins) or that other parts read: no warning.
const ACCEPTED: &[&str] = &[
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "interceptor.classes",
    "auto.include.jmx.reporter",
    "enable.metrics.push",
    "client.dns.lookup",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "security.providers",
    "metadata.max.idle.ms",
    "socket.connection.setup.timeout.max.ms",
    "ssl.protocol",
    "ssl.provider",
    "ssl.keymanager.algorithm",
    "ssl.trustmanager.algorithm",
    "ssl.secure.random.implementation",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "group.id",
    "auto.offset.reset",
    "enable.auto.commit",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "default.api.timeout.ms",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "client.rack",
    "max.poll.records",
    "group.protocol",
    "sasl.login.class",
    "sasl.login.connect.timeout.ms",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
    "sasl.login.retry.backoff.max.ms",
    "sasl.login.retry.backoff.ms",
    "sasl.oauthbearer.scope.claim.name",
    "sasl.oauthbearer.sub.claim.name",
];

/// What a client makes of properties, one by one: for a report, before any client is made of them.
#[derive(Debug, Default)]
pub struct Look {
    /// cannot be used as they stand, and why; never a secret's value
    pub bad: Vec<(String, String)>,
    /// known to Java's clients and without a meaning here
    pub ignored: Vec<String>,
    /// nothing here understands them
    pub unknown: Vec<String>,
    /// every property that has a meaning here
    pub known: Vec<&'static str>,
}

/// The map while it is read: remembers what was asked for.
pub(crate) struct Reader<'a> {
    pub(crate) map: &'a BTreeMap<String, String>,
    pub(crate) seen: Vec<&'static str>,
}

pub(crate) fn bad(key: &str, problem: impl Into<String>) -> KafkaError {
    KafkaError::Config { key: key.into(), problem: problem.into() }
}

impl<'a> Reader<'a> {
    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.seen.push(key);
        self.map.get(key).map(|v| v.trim()).filter(|v| !v.is_empty())
    }

    fn number(&mut self, key: &'static str, default: i64, least: i64, most: i64) -> Result<i64, KafkaError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        match text.parse::<i64>() {
            Ok(n) if n >= least && n <= most => Ok(n),
            _ => Err(bad(key, format!("'{text}' is not a whole number from {least} to {most}"))),
        }
    }

    pub(crate) fn millis(&mut self, key: &'static str, default: u64) -> Result<Duration, KafkaError> {
        let n = self.number(key, default.min(i64::MAX as u64) as i64, 0, i64::MAX)?;
        Ok(Duration::from_millis(n as u64))
    }

    pub(crate) fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, KafkaError> {
        match self.text(key) {
            None => Ok(default),
            Some(t) if t.eq_ignore_ascii_case("true") => Ok(true),
            Some(t) if t.eq_ignore_ascii_case("false") => Ok(false),
            Some(t) => Err(bad(key, format!("'{t}' is neither true nor false"))),
        }
    }
}

/// What nobody asked for and Java's clients do not know either.
fn unknown(map: &BTreeMap<String, String>, seen: &[&str]) -> Vec<String> {
    map.keys().filter(|key| !seen.contains(&key.as_str()) && !ACCEPTED.contains(&key.as_str())).cloned().collect()
}

fn look(map: &BTreeMap<String, String>, read: fn(&mut Reader<'_>) -> Result<(), KafkaError>) -> Look {
    let (mut map, mut bad) = (map.clone(), Vec::new());
    let mut seen = Vec::new();
    loop {
        let mut reader = Reader { map: &map, seen: Vec::new() };
        let failed = read(&mut reader).err();
        seen.append(&mut reader.seen);
        let Some(KafkaError::Config { key, problem }) = failed else { break };
        let was_there = map.remove(&key).is_some();
        let is_security = key.starts_with("sasl.");
        if !bad.iter().any(|(known, _)| *known == key) {
            bad.push((key, problem));
        }
        if was_there {
            continue;
        }
        // its absence is what is wrong: the rest is read without what asks for it
        let protocol = map.insert("security.protocol".to_owned(), "PLAINTEXT".to_owned());
        if !is_security || protocol.is_none_or(|protocol| protocol == "PLAINTEXT") {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    let ignored = map.keys().filter(|key| ACCEPTED.contains(&key.as_str())).cloned().collect();
    Look { bad, ignored, unknown: unknown(&map, &seen), known: seen }
}

impl ClientConfig {
    /// Looks at every property of a merged map; what is bad is left out until the rest can be read.
    pub fn look(map: &BTreeMap<String, String>) -> Look {
        look(map, |reader| Self::read(reader).map(drop))
    }

    /// Reads a merged map of Java-spelled properties. Keys that are not known end up in [`ClientConfig::unknown`].
    pub fn from_properties(map: &BTreeMap<String, String>) -> Result<Self, KafkaError> {
        let mut reader = Reader { map, seen: Vec::new() };
        let mut config = Self::read(&mut reader)?;
        config.unknown = unknown(map, &reader.seen);
        Ok(config)
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, KafkaError> {
        let bootstrap_servers = bootstrap(r.text("bootstrap.servers").unwrap_or(""))?;
        let (tls, sasl) = security(r)?;
        Ok(Self {
            bootstrap_servers,
            client_id: r.text("client.id").unwrap_or("rowtide").to_owned(),
            request_timeout: r.millis("request.timeout.ms", 30_000)?,
            retry_backoff: r.millis("retry.backoff.ms", 100)?,
            retry_backoff_max: r.millis("retry.backoff.max.ms", 1_000)?,
            reconnect_backoff: r.millis("reconnect.backoff.ms", 50)?,
            reconnect_backoff_max: r.millis("reconnect.backoff.max.ms", 1_000)?,
            connect_timeout: r.millis("socket.connection.setup.timeout.ms", 10_000)?,
            max_idle: r.millis("connections.max.idle.ms", 540_000)?,
            metadata_max_age: r.millis("metadata.max.age.ms", 300_000)?,
            tls,
            sasl,
            producer: producer(r)?,
            read_committed: r.text("isolation.level") == Some("read_committed"),
            fetch_max_bytes: r.number("fetch.max.bytes", 52_428_800, 0, i64::from(i32::MAX))? as i32,
            max_partition_fetch_bytes: r.number("max.partition.fetch.bytes", 1_048_576, 0, i64::from(i32::MAX))? as i32,
            unknown: Vec::new(),
        })
    }
}

fn bootstrap(text: &str) -> Result<Vec<String>, KafkaError> {
    let servers: Vec<String> = text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if servers.is_empty() {
        return Err(bad("bootstrap.servers", "is not set; give host:port of at least one broker"));
    }
    for server in &servers {
        let port = server.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
        if port.is_none() {
            return Err(bad("bootstrap.servers", format!("'{server}' is not host:port")));
        }
    }
    Ok(servers)
}

fn producer(r: &mut Reader<'_>) -> Result<ProducerSettings, KafkaError> {
    let int = i64::from(i32::MAX);
    let asked_acks = r.text("acks");
    let acks = match asked_acks.unwrap_or("all") {
        "all" | "-1" => -1,
        "1" => 1,
        "0" => 0,
        other => return Err(bad("acks", format!("'{other}' is none of all, -1, 0, 1"))),
    };
    let max_in_flight = r.number("max.in.flight.requests.per.connection", 5, 1, int)? as usize;
    let retries = r.number("retries", int, 0, int)? as u32;
    let asked = r.map.contains_key("enable.idempotence");
    let mut idempotence = r.flag("enable.idempotence", true)?;
    // As Java: settings that exclude idempotence turn its default off, and contradict it when it was asked for.
    for (conflict, key, need) in [
        (acks != -1, "acks", "all"),
        (retries == 0, "retries", "above 0"),
        (max_in_flight > 5, "max.in.flight.requests.per.connection", "at most 5"),
    ] {
        if idempotence && conflict {
            if asked {
                return Err(bad(key, format!("must be {need} when enable.idempotence is true")));
            }
            idempotence = false;
        }
    }
    let transactional_id = r.text("transactional.id").map(str::to_owned);
    // Java's `ProducerConfig.postProcessAndValidateIdempotenceConfigs` looks at it last and has one message for all of it.
    if transactional_id.is_some() && !idempotence {
        return Err(bad("transactional.id", "Cannot set a transactional.id without also enabling idempotence."));
    }
    let compression = r.text("compression.type").unwrap_or("none");
    Ok(ProducerSettings {
        acks,
        batch_size: r.number("batch.size", 16_384, 0, int)? as usize,
        linger: r.millis("linger.ms", 5)?,
        eager: !r.map.contains_key("linger.ms"),
        compression: Compression::from_name(compression)
            .ok_or_else(|| bad("compression.type", format!("'{compression}' is none of none, gzip, snappy, lz4, zstd")))?,
        max_request_size: r.number("max.request.size", 1_048_576, 0, int)? as usize,
        buffer_memory: r.number("buffer.memory", 33_554_432, 0, i64::MAX)? as usize,
        max_in_flight,
        delivery_timeout: r.millis("delivery.timeout.ms", 120_000)?,
        retries,
        idempotence,
        max_block: r.millis("max.block.ms", 60_000)?,
        ignore_keys: r.flag("partitioner.ignore.keys", false)?,
        transactional_id,
        transaction_timeout: Duration::from_millis(r.number("transaction.timeout.ms", 60_000, 0, int)? as u64),
    })
}

fn security(r: &mut Reader<'_>) -> Result<(Option<TlsSettings>, Option<Login>), KafkaError> {
    let protocol = r.text("security.protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
    let (use_tls, use_sasl) = match protocol.as_str() {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => return Err(bad("security.protocol", "is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")),
    };
    let tls = tls_settings(r);
    let sasl = login::read(r);
    Ok((if use_tls { Some(tls?) } else { None }, if use_sasl { Some(sasl?) } else { None }))
}

pub(crate) fn tls_settings(r: &mut Reader<'_>) -> Result<TlsSettings, KafkaError> {
    let owned = |t: Option<&str>| t.map(str::to_owned);
    let secret = |t: Option<&str>| t.map(Secret::new);
    Ok(TlsSettings {
        truststore_type: owned(r.text("ssl.truststore.type")),
        truststore_location: owned(r.text("ssl.truststore.location")),
        truststore_password: secret(r.text("ssl.truststore.password")),
        truststore_certificates: owned(r.text("ssl.truststore.certificates")),
        keystore_type: owned(r.text("ssl.keystore.type")),
        keystore_location: owned(r.text("ssl.keystore.location")),
        keystore_password: secret(r.text("ssl.keystore.password")),
        keystore_key: secret(r.text("ssl.keystore.key")),
        keystore_certificate_chain: owned(r.text("ssl.keystore.certificate.chain")),
        key_password: secret(r.text("ssl.key.password")),
        protocols: listed(r, "ssl.enabled.protocols", tls::protocols)?,
        cipher_suites: listed(r, "ssl.cipher.suites", tls::cipher_suites)?,
        verify_hostname: {
            r.seen.push("ssl.endpoint.identification.algorithm");
            match r.map.get("ssl.endpoint.identification.algorithm").map(|v| v.trim()) {
                None => true,
                Some(t) if t.eq_ignore_ascii_case("https") => true,
                Some("") => false,
                Some(t) => {
                    return Err(bad("ssl.endpoint.identification.algorithm", format!("'{t}' is neither https nor empty")));
                }
            }
        },
    })
}

/// A list that is not set asks for nothing.
fn listed<T>(r: &mut Reader<'_>, key: &'static str, read: fn(&str) -> Result<Vec<T>, String>) -> Result<Vec<T>, KafkaError> {
    r.text(key).map_or(Ok(Vec::new()), |list| read(list).map_err(|problem| bad(key, problem)))
}

impl TlsSettings {
    /// Reads the `ssl.*` properties of a map; others are not looked at.
    pub fn from_properties(map: &BTreeMap<String, String>) -> Result<Self, KafkaError> {
        tls_settings(&mut Reader { map, seen: Vec::new() })
    }

    /// Looks at each of a map of `ssl.*` properties.
    pub fn look(map: &BTreeMap<String, String>) -> Look {
        look(map, |reader| tls_settings(reader).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ClientConfig, KafkaError> {
        let mut map: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        map.entry("bootstrap.servers".into()).or_insert("127.0.0.1:9092".into());
        ClientConfig::from_properties(&map)
    }

    #[test]
    fn every_bad_property_is_found_and_the_others_are_told_apart() {
        let map = [("bootstrap.servers", "b:1"), ("linger.ms", "soon"), ("acks", "2"), ("lingr.ms", "1"), ("client.rack", "r")];
        let look = ClientConfig::look(&map.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
        let bad: Vec<&str> = look.bad.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            (bad, look.ignored, look.unknown),
            (vec!["acks", "linger.ms"], vec!["client.rack".into()], vec!["lingr.ms".into()])
        );
        assert!(look.known.contains(&"batch.size") && !look.known.contains(&"client.rack"));
        let map = [("bootstrap.servers", "b:1"), ("security.protocol", "SASL_SSL")];
        let look = ClientConfig::look(&map.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
        assert_eq!(look.bad[0].0, "sasl.mechanism", "Java's default is not offered");
    }

    #[test]
    fn defaults_are_kafkas() {
        let c = read(&[]).unwrap();
        let p = &c.producer;
        assert_eq!((p.acks, p.batch_size, p.max_request_size, p.buffer_memory), (-1, 16_384, 1_048_576, 33_554_432));
        assert_eq!((p.linger.as_millis(), p.delivery_timeout.as_millis(), p.max_in_flight), (5, 120_000, 5));
        assert!(p.idempotence && c.unknown.is_empty());
    }

    #[test]
    fn connects_producer_defaults_are_read() {
        let c = read(&[
            ("acks", "all"),
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
            ("delivery.timeout.ms", "2147483647"),
            ("max.block.ms", "9223372036854775807"),
            ("key.serializer", "x"),
            ("lingr.ms", "5"),
        ])
        .unwrap();
        assert!(!c.producer.idempotence);
        assert_eq!(c.producer.max_block, Duration::from_millis(i64::MAX as u64));
        assert_eq!(c.unknown, ["lingr.ms"]);
    }

    #[test]
    fn contradictions_and_nonsense_are_named() {
        assert!(!read(&[("acks", "1")]).unwrap().producer.idempotence);
        for (pairs, key) in [
            (vec![("acks", "1"), ("enable.idempotence", "true")], "acks"),
            (vec![("batch.size", "many")], "batch.size"),
            (vec![("bootstrap.servers", "host")], "bootstrap.servers"),
            (vec![("security.protocol", "SASL_SSL"), ("sasl.mechanism", "GSSAPI")], "sasl.mechanism"),
            (vec![("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN")], "sasl.jaas.config"),
        ] {
            let error = read(&pairs).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_transactional_id_needs_idempotence() {
        let c = read(&[("transactional.id", "t-0"), ("transaction.timeout.ms", "9000")]).unwrap();
        assert_eq!((c.producer.transactional_id.as_deref(), c.producer.transaction_timeout.as_secs()), (Some("t-0"), 9));
        assert_eq!(read(&[]).unwrap().producer.transaction_timeout.as_secs(), 60);
        for other in
            [("enable.idempotence", "false"), ("acks", "1"), ("max.in.flight.requests.per.connection", "6"), ("retries", "0")]
        {
            let error = read(&[("transactional.id", "t-0"), other]).unwrap_err().to_string();
            assert!(error.contains("Cannot set a transactional.id without also enabling idempotence."), "{error}");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let c = read(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("ssl.truststore.password", "hunter2"),
            (
                "sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hunter2\";",
            ),
        ])
        .unwrap();
        assert!(matches!(&c.sasl, Some(Login::Password(settings)) if settings.password.expose() == "hunter2"));
        assert!(!format!("{c:?}").contains("hunter2"));
    }
}
