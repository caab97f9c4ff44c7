//! The connector's configuration, read once into what the modules need.
//!
//! How options are declared and validated belongs to `options`; settings shared by all databases are `rowtide_cdc`'s.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use rowtide_api::config::Config;
use rowtide_api::{Error, Result};
use rowtide_cdc::TableId;

use crate::client::{ConnectOptions, SslMode, SslOptions};

/// `publication.autocreate.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AutoCreate {
    AllTables,
    Disabled,
    Filtered,
    NoTables,
}

/// `offset.mismatch.strategy`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MismatchStrategy {
    NoValidation,
    TrustOffset,
    TrustSlot,
    TrustGreaterLsn,
}

/// `lsn.flush.mode`: who moves the slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// we do, when offsets are stored (`connector`, and `connector_and_driver`: idle log counts in both)
    Connector,
    /// somebody else does
    Manual,
}

/// `snapshot.isolation.mode` of a snapshot that no slot exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Isolation {
    Serializable,
    RepeatableRead,
    ReadCommitted,
    ReadUncommitted,
}

/// `rowtide.streaming.*`: how transactions that have not ended are kept.
#[derive(Clone, Debug)]
pub struct Streaming {
    /// `rowtide.streaming.memory.bytes`
    pub memory: usize,
    /// `rowtide.streaming.spill.bytes.max`
    pub disk: u64,
    /// `rowtide.streaming.spill.directory`; none: the worker's place for such files
    pub directory: Option<PathBuf>,
}

/// How the rows of a snapshot are read.
#[derive(Clone, Debug)]
pub struct SnapshotConfig {
    /// `snapshot.max.threads`
    pub threads: usize,
    /// `snapshot.max.threads.multiplier`
    multiplier: u64,
    /// `snapshot.max.threads.multiplier.<table>`
    multipliers: HashMap<String, u64>,
    /// `legacy.snapshot.max.threads`: several connections read a table each
    pub whole_tables: bool,
    /// `rowtide.snapshot.chunk.bytes`
    pub chunk_bytes: u64,
    /// `rowtide.snapshot.round.ms`, with `rowtide.snapshot.concurrent.stream`
    pub round_time: Option<Duration>,
    /// whether every update is in the stream: then a row that moves between two rounds is not missed
    pub moves_are_seen: bool,
}

impl SnapshotConfig {
    fn read(config: &Config<'_>, skips: &impl Fn(&str) -> bool) -> Result<Self> {
        let multiplier = "snapshot.max.threads.multiplier";
        let mut multipliers = HashMap::new();
        for (name, value) in config.props().iter() {
            if let Some(table) = name.strip_prefix(multiplier).and_then(|rest| rest.strip_prefix('.')) {
                let number = value.trim().parse().ok().filter(|number| *number > 0);
                let wrong = || Error::configuration(format!("The '{name}' value is invalid: '{value}' is no positive number"));
                multipliers.insert(table.to_owned(), number.ok_or_else(wrong)?);
            }
        }
        let threads = config.size("snapshot.max.threads")?.max(1);
        let legacy = config.flag("legacy.snapshot.max.threads") || config.flag("internal.legacy.snapshot.max.threads");
        let round_time = config.millis("rowtide.snapshot.round.ms")?;
        Ok(Self {
            threads,
            multiplier: config.size(multiplier)?.max(1) as u64,
            multipliers,
            whole_tables: legacy && threads > 1,
            chunk_bytes: config.size("rowtide.snapshot.chunk.bytes")?.max(1) as u64,
            round_time: config.flag("rowtide.snapshot.concurrent.stream").then_some(round_time),
            moves_are_seen: !skips("u") && !config.flag("skip.messages.without.change"),
        })
    }

    /// Into how many chunks a table is split for the connections.
    pub fn chunks_of(&self, table: &str) -> u64 {
        self.threads as u64 * self.multipliers.get(table).unwrap_or(&self.multiplier)
    }
}

/// Everything that is PostgreSQL's own.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `topic.prefix`
    pub prefix: String,
    /// where and how to connect; `application_name` is set for each connection
    pub connect: ConnectOptions,
    /// `database.initial.statements`, split
    pub initial_statements: Vec<String>,
    /// `database.query.timeout.ms`; zero: none
    pub query_timeout: Duration,
    /// `slot.name`
    pub slot: String,
    /// `slot.drop.on.stop`
    pub drop_slot_on_stop: bool,
    /// `slot.failover`
    pub failover: bool,
    /// `slot.stream.params`, as pairs
    pub stream_params: Vec<(String, String)>,
    /// `slot.max.retries`
    pub slot_retries: usize,
    /// `slot.retry.delay.ms`
    pub slot_retry_delay: Duration,
    /// `internal.create.slot.command.timeout`
    pub create_slot_timeout: Duration,
    /// `publication.name`
    pub publication: String,
    /// `publication.autocreate.mode`
    pub autocreate: AutoCreate,
    /// `publish.via.partition.root`
    pub via_partition_root: bool,
    /// the `publish` option of the publication, when `skipped.operations` is set by the user
    pub publish: Option<String>,
    /// `provide.transaction.metadata`
    pub metadata: bool,
    /// whether truncations are captured
    pub truncates: bool,
    /// `replica.identity.autoset.values`
    pub replica_identities: Option<String>,
    /// `status.update.interval.ms`
    pub status_interval: Duration,
    /// `rowtide.stream.gather.ms`
    pub gather: Duration,
    /// `rowtide.stream.silence.timeout.ms`; none: for ever
    pub silence: Option<Duration>,
    /// `xmin.fetch.interval.ms`; zero: never
    pub xmin_interval: Duration,
    /// `lsn.flush.mode` and its deprecated `flush.lsn.source`
    pub flush: FlushMode,
    /// `offset.mismatch.strategy`; none: not set, and a slot that moved on stops the connector
    pub mismatch: Option<MismatchStrategy>,
    /// `snapshot.isolation.mode`
    pub isolation: Isolation,
    /// `snapshot.locking.mode` = shared, with `snapshot.lock.timeout.ms`
    pub lock_timeout: Option<Duration>,
    /// time after which the log says whose locks a snapshot waits for
    pub lock_watch: Duration,
    /// `heartbeat.action.query`
    pub heartbeat_query: Option<String>,
    /// `rowtide.accept.system.identifier`: a server that may take the place of the one in the offset
    pub accepted_system: Option<u64>,
    /// `signal.data.collection`, where incremental snapshots may mark their windows in it; none: they do without marks, as
    /// `read.only` demands
    pub signal_table: Option<TableId>,
    /// `incremental.snapshot.watermarking.strategy=insert_delete`
    pub mark_deletes: bool,
    /// `incremental.snapshot.chunk.size`
    pub chunk_size: usize,
    /// `rowtide.streaming.transactions`: the server sends transactions before they end
    pub streaming: Option<Streaming>,
    /// `snapshot.*` that say how rows are read
    pub snapshot: SnapshotConfig,
    /// `guardrail.collections.max` and whether exceeding it stops the connector; 0: off
    pub guardrail: (usize, bool),
}

impl PostgresConfig {
    /// Whether it is us who move the slot on.
    pub fn confirms(&self) -> bool {
        self.flush == FlushMode::Connector
    }

    /// Reads a configuration that went through validation.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        refuse_other_plugins(config)?;
        let skipped = config.list("skipped.operations");
        let skips = |operation: &str| skipped.iter().any(|word| word.eq_ignore_ascii_case(operation));
        let timeout = config.int("internal.create.slot.command.timeout")?;
        Ok(Self {
            prefix: config.text("topic.prefix")?.to_owned(),
            connect: connect_options(config)?,
            initial_statements: split_statements(config.opt("database.initial.statements").unwrap_or("")),
            query_timeout: config.millis("database.query.timeout.ms")?,
            slot: config.text("slot.name")?.to_owned(),
            drop_slot_on_stop: config.flag("slot.drop.on.stop"),
            failover: config.flag("slot.failover"),
            stream_params: stream_params(config.opt("slot.stream.params").unwrap_or("")),
            slot_retries: config.size("slot.max.retries")?,
            slot_retry_delay: config.millis("slot.retry.delay.ms")?,
            create_slot_timeout: Duration::from_secs(timeout.max(0) as u64),
            publication: config.text("publication.name")?.to_owned(),
            autocreate: autocreate(config.text("publication.autocreate.mode")?),
            via_partition_root: config.flag("publish.via.partition.root"),
            publish: config.props().get("skipped.operations").and_then(|_| publish_option(&skips)),
            metadata: config.flag("provide.transaction.metadata"),
            truncates: !skips("t"),
            replica_identities: config.opt("replica.identity.autoset.values").map(str::to_owned),
            status_interval: config.millis("status.update.interval.ms")?,
            gather: config.millis("rowtide.stream.gather.ms")?,
            silence: Some(config.millis("rowtide.stream.silence.timeout.ms")?).filter(|limit| !limit.is_zero()),
            xmin_interval: config.millis("xmin.fetch.interval.ms")?,
            flush: flush_mode(config),
            mismatch: mismatch(config),
            isolation: isolation(config.text("snapshot.isolation.mode")?),
            lock_watch: config.millis("snapshot.lock.timeout.ms")?.max(Duration::from_secs(1)),
            lock_timeout: if config.text("snapshot.locking.mode")?.eq_ignore_ascii_case("shared") {
                Some(config.millis("snapshot.lock.timeout.ms")?)
            } else {
                None
            },
            heartbeat_query: config.opt("heartbeat.action.query").filter(|sql| !sql.is_empty()).map(str::to_owned),
            accepted_system: accepted_system(config)?,
            signal_table: signal_table(config),
            mark_deletes: config.text("incremental.snapshot.watermarking.strategy")?.eq_ignore_ascii_case("insert_delete"),
            chunk_size: config.size("incremental.snapshot.chunk.size")?.max(1),
            streaming: if config.flag("rowtide.streaming.transactions") { Some(streaming(config)?) } else { None },
            snapshot: SnapshotConfig::read(config, &skips)?,
            guardrail: (
                config.size("guardrail.collections.max")?,
                config.text("guardrail.collections.limit.action")?.eq_ignore_ascii_case("fail"),
            ),
        })
    }
}

fn signal_table(config: &Config<'_>) -> Option<TableId> {
    let name = config.opt("signal.data.collection").map(str::trim).filter(|_| !config.flag("read.only"))?;
    let (schema, table) = name.split_once('.')?;
    Some(TableId::in_schema(schema, table))
}

/// Debezium's default is a plug-in that stock servers do not have; where nothing is said, pgoutput is meant.
fn refuse_other_plugins(config: &Config<'_>) -> Result<()> {
    match config.props().get("plugin.name").map(str::trim) {
        Some(name) if !name.eq_ignore_ascii_case("pgoutput") => Err(Error::configuration(format!(
            "The 'plugin.name' value is invalid: the logical decoding plug-in '{name}' is not supported"
        ))
        .remedy(
            "set plugin.name=pgoutput, which every PostgreSQL server has; use a new 'slot.name', since a slot keeps its plug-in",
        )),
        _ => Ok(()),
    }
}

/// `database.*`
pub fn connect_options(config: &Config<'_>) -> Result<ConnectOptions> {
    let path = |name: &str| config.opt(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let ssl = SslOptions {
        mode: ssl_mode(config.text("database.sslmode")?),
        root_cert: path("database.sslrootcert"),
        client_cert: path("database.sslcert"),
        client_key: path("database.sslkey"),
        key_password: config.opt("database.sslpassword").map(str::to_owned),
        non_validating: config.opt("database.sslfactory").is_some_and(|class| class.ends_with("NonValidatingFactory")),
    };
    let port = config.int("database.port")?;
    Ok(ConnectOptions {
        host: config.text("database.hostname")?.to_owned(),
        port: u16::try_from(port).map_err(|_| Error::configuration(format!("'database.port' is {port}, which is no port")))?,
        user: config.text("database.user")?.to_owned(),
        password: config.opt("database.password").map(str::to_owned),
        dbname: config.text("database.dbname")?.to_owned(),
        ssl,
        tcp_keepalive: config.flag("database.tcpKeepAlive"),
        connect_timeout: config.millis("connection.validation.timeout.ms")?,
        ..ConnectOptions::default()
    })
}

fn ssl_mode(word: &str) -> SslMode {
    match word.to_ascii_lowercase().as_str() {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => SslMode::Prefer,
    }
}

fn autocreate(word: &str) -> AutoCreate {
    match word.to_ascii_lowercase().as_str() {
        "disabled" => AutoCreate::Disabled,
        "filtered" => AutoCreate::Filtered,
        "no_tables" => AutoCreate::NoTables,
        _ => AutoCreate::AllTables,
    }
}

fn isolation(word: &str) -> Isolation {
    match word.to_ascii_lowercase().as_str() {
        "repeatable_read" => Isolation::RepeatableRead,
        "read_committed" => Isolation::ReadCommitted,
        "read_uncommitted" => Isolation::ReadUncommitted,
        _ => Isolation::Serializable,
    }
}

/// The deprecated flag counts only where the mode is not set.
fn flush_mode(config: &Config<'_>) -> FlushMode {
    let manual = match config.opt("lsn.flush.mode") {
        Some(mode) => mode.eq_ignore_ascii_case("manual"),
        None => !config.flag("flush.lsn.source"),
    };
    if manual { FlushMode::Manual } else { FlushMode::Connector }
}

/// Only a strategy that the user set counts: the peer's default lets the server skip what an offset still needs.
fn mismatch(config: &Config<'_>) -> Option<MismatchStrategy> {
    if config.flag("internal.slot.seek.to.known.offset.on.start") {
        return Some(MismatchStrategy::TrustOffset);
    }
    Some(match config.props().get("offset.mismatch.strategy")?.trim().to_ascii_lowercase().as_str() {
        "trust_offset" => MismatchStrategy::TrustOffset,
        "trust_slot" => MismatchStrategy::TrustSlot,
        "trust_greater_lsn" => MismatchStrategy::TrustGreaterLsn,
        _ => MismatchStrategy::NoValidation,
    })
}

fn accepted_system(config: &Config<'_>) -> Result<Option<u64>> {
    let name = "rowtide.accept.system.identifier";
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| Error::configuration(format!("'{name}' is '{text}', which is no system identifier (a whole number)")))
    };
    config.opt(name).map(parse).transpose()
}

fn streaming(config: &Config<'_>) -> Result<Streaming> {
    let directory = config.opt("rowtide.streaming.spill.directory").filter(|path| !path.is_empty());
    Ok(Streaming {
        memory: config.size("rowtide.streaming.memory.bytes")?,
        disk: config.size("rowtide.streaming.spill.bytes.max")? as u64,
        directory: directory.map(PathBuf::from),
    })
}

/// The operations that are published: those not skipped.
fn publish_option(skips: &impl Fn(&str) -> bool) -> Option<String> {
    if skips("none") {
        return None;
    }
    let all = [("c", "insert"), ("u", "update"), ("d", "delete"), ("t", "truncate")];
    let kept: Vec<_> = all.iter().filter(|(letter, _)| !skips(letter)).map(|(_, word)| *word).collect();
    Some(kept.join(","))
}

/// `k=v;k=v`
fn stream_params(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Statements separated by `;`, a doubled `;;` being a semicolon within one.
fn split_statements(text: &str) -> Vec<String> {
    let statements = text.replace(";;", "\u{0}");
    statements.split(';').map(|one| one.replace('\u{0}', ";").trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_semicolon_stays_in_its_statement() {
        assert_eq!(split_statements("set a=1;select ';;'; "), ["set a=1", "select ';'"]);
    }

    #[test]
    fn only_operations_not_skipped_are_published() {
        let skips = |skipped: &'static str| move |word: &str| skipped.split(',').any(|one| one == word);
        assert_eq!(publish_option(&skips("t")).as_deref(), Some("insert,update,delete"));
        assert_eq!(publish_option(&skips("c,d")).as_deref(), Some("update,truncate"));
        assert_eq!(publish_option(&skips("none")), None);
    }

    #[test]
    fn stream_parameters_are_pairs() {
        assert_eq!(stream_params("a=1;b = x"), [("a".into(), "1".into()), ("b".into(), "x".into())]);
    }
}
