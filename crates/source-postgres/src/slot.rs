//! The replication slot: its state, its creation, and what a stored offset says against it.

use std::time::Duration;

use rowtide_api::{Error, Result};
use tracing::{info, warn};

use crate::client::{ClientError, Connection, CreateSlot, CreatedSlot, SnapshotAction, quote_ident, quote_literal};
use crate::config::{MismatchStrategy, PostgresConfig};
use crate::errors::explain;
use crate::position::{Position, lsn_text, parse_lsn};

/// How often a slot creation that does not come back looks for the transaction that holds it up.
const LOOK_FOR_BLOCKER: Duration = Duration::from_secs(5);

/// A slot as `pg_replication_slots` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotState {
    /// whether a process reads it, and which
    pub active_pid: Option<i64>,
    /// the oldest log that it holds back
    pub restart_lsn: Option<u64>,
    /// up to where its reader has confirmed
    pub confirmed_flush: Option<u64>,
    /// `reserved`, `extended`, `unreserved` or `lost` (PostgreSQL 13 and later)
    pub wal_status: Option<String>,
}

impl SlotState {
    /// Whether the server has removed log that the slot's reader needs. No stream ever starts from such a slot again.
    pub fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost")
    }
}

/// The state of the configured slot. None: there is no such slot. A slot of another plug-in or database is refused.
pub async fn state(connection: &mut Connection, config: &PostgresConfig) -> Result<Option<SlotState>> {
    // to_jsonb: columns differ between versions
    let sql = format!(
        "SELECT slot_type, plugin, database, active_pid, restart_lsn, confirmed_flush_lsn, to_jsonb(s) ->> 'wal_status', \
         current_database() FROM pg_catalog.pg_replication_slots s WHERE slot_name = {}",
        quote_literal(&config.slot)
    );
    let rows = connection.query(&sql).await.map_err(|error| explain("reading the replication slot", error))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (plugin, database) = (row.get(1).unwrap_or("none"), row.get(2).unwrap_or("none"));
    if plugin != "pgoutput" || database != row.text(7) {
        return Err(Error::configuration(format!(
            "The replication slot '{}' exists, but it is a {} slot of plugin '{plugin}' in database '{database}'",
            config.slot,
            row.text(0)
        ))
        .remedy("choose another 'slot.name'; slot names are unique in a whole server"));
    }
    Ok(Some(SlotState {
        active_pid: row.get(3).and_then(|pid| pid.parse().ok()),
        restart_lsn: row.get(4).and_then(parse_lsn),
        confirmed_flush: row.get(5).and_then(parse_lsn),
        wal_status: row.get(6).map(str::to_owned),
    }))
}

/// Why changes since a stored position cannot all be read from the slot.
#[derive(Debug, PartialEq)]
pub enum Gap {
    /// there is no slot
    NoSlot,
    /// the server has removed log that the slot needs
    Invalidated,
    /// the slot's reader has confirmed more than the position: a slot never goes back
    MovedOn {
        /// what was confirmed
        to: u64,
        /// what the stored position vouches for
        from: u64,
    },
}

impl Gap {
    /// The gap in words, with the slot's name.
    pub fn evidence(&self, name: &str) -> String {
        match self {
            Gap::NoSlot => {
                format!("the replication slot '{name}' does not exist any more; it was dropped, or the server was replaced")
            }
            Gap::Invalidated => format!(
                "the replication slot '{name}' was invalidated by the server (wal_status=lost): it held back more log than max_slot_wal_keep_size allows"
            ),
            Gap::MovedOn { to, from } => format!(
                "the replication slot '{name}' has moved on to {}, past the stored offset {}: it was recreated, or somebody else reads it; \
                 changes between the two cannot be read from it any more",
                lsn_text(*to),
                lsn_text(*from)
            ),
        }
    }
}

/// Holds a stored position against the slot, whatever the configuration makes of the outcome. None: all is there.
pub fn gap(stored: &Position, slot: Option<&SlotState>) -> Option<Gap> {
    let Some(slot) = slot else { return Some(Gap::NoSlot) };
    if slot.is_lost() {
        return Some(Gap::Invalidated);
    }
    let (to, from) = (slot.confirmed_flush?, stored.confirmable()?.max(stored.lsn));
    (to > from).then_some(Gap::MovedOn { to, from })
}

/// The same for a start; the text says why the position is lost. `trust_*` strategies move the slot on, or let the slot's
/// own position win: see [`seek`].
pub fn check(stored: &Position, slot: Option<&SlotState>, config: &PostgresConfig) -> std::result::Result<(), String> {
    let Some(gap) = gap(stored, slot) else { return Ok(()) };
    let mut evidence = gap.evidence(&config.slot);
    if matches!(gap, Gap::MovedOn { .. }) {
        if !matches!(config.mismatch, None | Some(MismatchStrategy::TrustOffset)) {
            return Ok(());
        }
        evidence += ". (To go on at the slot's position and accept the gap: offset.mismatch.strategy=trust_slot)";
    }
    Err(evidence)
}

/// Where to start under `offset.mismatch.strategy`; moves the slot on to the offset where the strategy trusts that.
pub async fn seek(connection: &mut Connection, config: &PostgresConfig, stored: &Position, slot: &SlotState) -> Result<u64> {
    let confirmed = slot.confirmed_flush.unwrap_or(0);
    let offset = stored.start();
    match config.mismatch {
        Some(MismatchStrategy::TrustSlot | MismatchStrategy::TrustGreaterLsn) if confirmed > offset => {
            warn!(
                "offset.mismatch.strategy: streaming starts at the slot's position {}, past the stored offset {}; changes between them are not captured",
                lsn_text(confirmed),
                lsn_text(offset)
            );
            Ok(confirmed)
        }
        Some(MismatchStrategy::TrustOffset | MismatchStrategy::TrustGreaterLsn) => {
            if let Some(known) = stored.confirmable().filter(|known| *known > confirmed) {
                advance(connection, config, known).await?;
            }
            Ok(offset)
        }
        _ => Ok(offset),
    }
}

async fn advance(connection: &mut Connection, config: &PostgresConfig, to: u64) -> Result<()> {
    let sql = format!("SELECT pg_replication_slot_advance({}, '{}')", quote_literal(&config.slot), lsn_text(to));
    info!("Seeking to {} on the replication slot with command {sql}", lsn_text(to));
    match connection.query(&sql).await {
        Ok(_) => Ok(()),
        // the stream starts at the offset anyway: the slot only holds more log for a while
        Err(error) if error.sqlstate() == Some("42501") => {
            warn!("Unable to use pg_replication_slot_advance(): {error}");
            Ok(())
        }
        Err(error) => Err(explain(
            &format!("Cannot seek to the last known offset '{}' on replication slot '{}'", lsn_text(to), config.slot),
            error,
        )),
    }
}

/// A temporary slot that only lends its snapshot. Its name is used once: the server may keep the one of a process that
/// died for a while.
pub fn lending() -> CreateSlot {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let name = format!("rowtide_snapshot_{}_{:x}", std::process::id(), now.as_micros());
    CreateSlot { name, temporary: true, snapshot: SnapshotAction::Export, failover: false }
}

/// Creates the slot, or a temporary one that only lends its snapshot. The server answers once every transaction that
/// was running has ended; while that takes long, the transaction in the way is named.
///
/// `replication` stays as it is after a failure; `watcher` is an ordinary connection.
pub async fn create(
    replication: &mut Connection,
    watcher: &mut Connection,
    config: &PostgresConfig,
    wanted: &CreateSlot,
) -> Result<CreatedSlot> {
    info!("Creating replication slot {}", wanted.name);
    let mut tries = 0;
    loop {
        match create_once(replication, watcher, config, wanted).await {
            Err(failed) if tries < config.slot_retries && is_worth_another_try(&failed) => {
                tries += 1;
                warn!("{failed}; retry {tries} of {} in {:?}", config.slot_retries, config.slot_retry_delay);
                tokio::time::sleep(config.slot_retry_delay).await;
            }
            Err(Creation::Client(error)) => {
                return Err(explain(&format!("Creation of replication slot '{}' failed", wanted.name), error));
            }
            Err(Creation::HeldUp(error)) => return Err(error),
            Ok(created) => return Ok(created),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Creation {
    #[error("Creation of replication slot failed: {0}")]
    Client(ClientError),
    #[error("{0}")]
    HeldUp(Error),
}

/// SQLSTATEs of a cancelled statement and of a lock that could not be had.
fn is_worth_another_try(failed: &Creation) -> bool {
    match failed {
        Creation::Client(error) => matches!(error.sqlstate(), Some("57014" | "55P03")),
        Creation::HeldUp(_) => true,
    }
}

async fn create_once(
    replication: &mut Connection,
    watcher: &mut Connection,
    config: &PostgresConfig,
    wanted: &CreateSlot,
) -> std::result::Result<CreatedSlot, Creation> {
    let cancel = replication.cancel_token();
    let creating = replication.create_slot(wanted);
    tokio::pin!(creating);
    let deadline = tokio::time::Instant::now() + config.create_slot_timeout;
    let mut blocker = String::new();
    loop {
        tokio::select! {
            created = &mut creating => return match created {
                Err(error) if error.sqlstate() == Some("57014") && !blocker.is_empty() => Err(Creation::HeldUp(held_up(config, &blocker))),
                created => created.map_err(Creation::Client),
            },
            () = tokio::time::sleep(LOOK_FOR_BLOCKER) => {
                if let Some(found) = oldest_transaction(watcher).await {
                    warn!("The creation of replication slot '{}' waits for {found}", wanted.name);
                    blocker = found;
                }
                if tokio::time::Instant::now() >= deadline {
                    // the answer is then SQLSTATE 57014
                    cancel.cancel().await.map_err(Creation::Client)?;
                }
            }
        }
    }
}

fn held_up(config: &PostgresConfig, blocker: &str) -> Error {
    Error::transient(format!(
        "Creation of replication slot '{}' did not finish within {} s: it waits for {blocker}",
        config.slot,
        config.create_slot_timeout.as_secs()
    ))
    .remedy("end that transaction (its application, or SELECT pg_terminate_backend(pid)); a slot is made only when all transactions that were running have ended")
}

/// The oldest transaction that has written, in words. None when there is none, or it cannot be seen.
async fn oldest_transaction(watcher: &mut Connection) -> Option<String> {
    let sql = "SELECT pid, usename, application_name, state, date_trunc('second', now() - xact_start) FROM pg_catalog.pg_stat_activity \
         WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1";
    if let Some(row) = watcher.query(sql).await.ok()?.first() {
        let text = |index: usize| row.get(index).unwrap_or("?");
        return Some(format!(
            "the transaction of process {} (user {}, application '{}', {}), open for {}",
            text(0),
            text(1),
            text(2),
            text(3),
            text(4)
        ));
    }
    let sql =
        "SELECT gid, owner, date_trunc('second', now() - prepared) FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 1";
    let rows = watcher.query(sql).await.ok()?;
    let row = rows.first()?;
    Some(format!("the prepared transaction '{}' of {}, prepared {} ago", row.text(0), row.text(1), row.text(2)))
}

/// The slot's oldest transaction that the catalogs are kept for (`xmin.fetch.interval.ms`).
pub async fn xmin(connection: &mut Connection, config: &PostgresConfig) -> Result<Option<i64>> {
    let sql =
        format!("SELECT catalog_xmin FROM pg_catalog.pg_replication_slots WHERE slot_name = {}", quote_literal(&config.slot));
    let rows = connection.query(&sql).await.map_err(|error| explain("reading the slot's xmin", error))?;
    Ok(rows.first().and_then(|row| row.get(0)?.parse().ok()))
}

/// Drops the slot (`slot.drop.on.stop`). The server needs a moment to see that its reader is gone.
pub async fn drop(connection: &mut Connection, config: &PostgresConfig) -> Result<()> {
    let sql = format!("SELECT pg_drop_replication_slot({})", quote_literal(&config.slot));
    let mut tries = 3;
    loop {
        tries -= 1;
        match connection.query(&sql).await {
            Ok(_) => return Ok(()),
            // no such slot: as good
            Err(error) if error.sqlstate() == Some("42704") => return Ok(()),
            Err(error) if error.sqlstate() == Some("55006") && tries > 0 => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) => return Err(explain(&format!("dropping the replication slot {}", quote_ident(&config.slot)), error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mismatch: Option<MismatchStrategy>) -> PostgresConfig {
        let props = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d")];
        let props = props.into_iter().collect();
        PostgresConfig { mismatch, ..PostgresConfig::read(&crate::options::postgres_config_def().read(&props)).unwrap() }
    }

    fn slot(confirmed: u64, status: &str) -> SlotState {
        SlotState { active_pid: None, restart_lsn: Some(1), confirmed_flush: Some(confirmed), wal_status: Some(status.into()) }
    }

    #[test]
    fn a_slot_that_moved_on_is_not_followed_unless_the_user_says_so() {
        let stored = Position { lsn: 120, commit: Some(100), processed: Some(120), ..Position::default() };
        assert!(check(&stored, Some(&slot(100, "reserved")), &config(None)).is_ok());
        assert!(check(&stored, Some(&slot(121, "reserved")), &config(None)).unwrap_err().contains("moved on"));
        assert!(check(&stored, Some(&slot(121, "reserved")), &config(Some(MismatchStrategy::TrustSlot))).is_ok());
        assert!(check(&stored, Some(&slot(100, "lost")), &config(None)).unwrap_err().contains("wal_status=lost"));
        assert!(check(&stored, None, &config(None)).unwrap_err().contains("does not exist"));
    }
}
