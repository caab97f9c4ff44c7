//! PostgreSQL as `rowtide_cdc` sees it: opening, holding the stored offset against the server, making ready.
//!
//! The snapshot is `snapshot`'s, the stream `stream`'s.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rowtide_api::{Error, OffsetMap, Props, Result, SourcePartition, TaskContext};
use rowtide_cdc::database::{Control, Database, Opened, Resume};
use rowtide_cdc::envelope::{Emitter, SourceKind};
use rowtide_cdc::filters::TableFilters;
use rowtide_cdc::ledger::Ledger;
use rowtide_cdc::naming::TopicNaming;
use rowtide_cdc::settings::Settings;
use rowtide_cdc::shape::TableShaper;
use rowtide_cdc::snapshot_mode::SnapshotPlan;
use rowtide_cdc::{Dispatcher, TableId};
use tracing::{info, warn};

use crate::client::{Connection, CreateSlot, CreatedSlot, SnapshotAction};
use crate::config::PostgresConfig;
use crate::errors::explain;
use crate::options::postgres_config_def;
use crate::position::{Position, lsn_text, parse_lsn};
use crate::slot::SlotState;
use crate::source_block::SourceBlock;
use crate::stream::SpillLimits;
use crate::types::{PgTypes, TypeOptions, TypeRegistry};
use crate::{catalog, publication, session, slot};

pub(crate) const KIND: SourceKind = SourceKind { name: "postgresql", position_in_transaction_id: true };

/// Tables that PostgreSQL and its extensions bring along.
pub(crate) fn is_builtin(table: &TableId) -> bool {
    let schema = table.schema.as_deref().unwrap_or_default();
    let system = ["pg_catalog", "information_schema"].iter().any(|name| schema.eq_ignore_ascii_case(name));
    system || schema.starts_with("pg_temp") || table.table.eq_ignore_ascii_case("spatial_ref_sys")
}

/// Whether a task could read its configuration: what [`Database::open`] reads of it before and after it connects.
pub(crate) fn readable(props: &Props) -> Result<()> {
    let options = postgres_config_def().read(props);
    let config = PostgresConfig::read(&options)?;
    Settings::read(&options)?;
    TypeOptions::read(&options)?;
    TopicNaming::read(&options)?;
    TableShaper::read(&options, SourceBlock::new(&config.prefix, &config.connect.dbname).schema().clone())?;
    TableFilters::read(&options)?;
    Ok(())
}

/// An open PostgreSQL database.
pub struct Postgres {
    pub(crate) config: PostgresConfig,
    /// for catalogs and everything else but the stream
    pub(crate) sql: Connection,
    /// the walsender's connection, once it is needed
    pub(crate) replication: Option<Connection>,
    pub(crate) types: PgTypes,
    pub(crate) filters: TableFilters,
    pub(crate) shaper: TableShaper,
    pub(crate) block: SourceBlock,
    /// where the stream goes on
    pub(crate) position: Position,
    /// whether `position` is that of a stored offset, so that events before it are skipped
    pub(crate) resuming: bool,
    /// the slot that was created for this start, with the snapshot that it exports
    pub(crate) created: Option<CreatedSlot>,
    /// what is to be read of the tables' rows
    pub(crate) snapshot: SnapshotState,
    slot: Option<SlotState>,
    /// the ledger that was stored, of whichever snapshot
    unfinished: Ledger,
    system: u64,
    /// where files go that nobody needs after us
    scratch: PathBuf,
}

/// What is to be read of the tables' rows.
#[derive(Debug)]
pub(crate) enum SnapshotState {
    /// nothing
    None,
    /// all of them; `resumable`: a stream follows, so that a crash in between costs only the chunks that are not done
    Whole { resumable: bool },
    /// what this ledger has not, in rounds amid the stream
    Rest(Ledger),
}

#[async_trait]
impl Database for Postgres {
    async fn open(context: &TaskContext) -> Result<Opened<Self>> {
        let def = postgres_config_def();
        let options = def.read(&context.config);
        let config = PostgresConfig::read(&options)?;
        let settings = Settings::read(&options)?;
        let mut sql = session::open(&config, session::GENERAL).await?;
        let mut replication = session::open_replication(&config).await?;
        let system = replication.identify_system().await.map_err(|error| explain("IDENTIFY_SYSTEM", error))?.system_id;
        let types = PgTypes::new(TypeRegistry::default(), TypeOptions::read(&options)?);
        check_wal_level(&mut sql, settings.mode.streams()).await?;

        let block = SourceBlock::new(&config.prefix, &config.connect.dbname);
        let naming = TopicNaming::read(&options)?;
        let shaper = TableShaper::read(&options, block.schema().clone())?;
        let mut partition = OffsetMap::default();
        partition.set("server", config.prefix.as_str());
        let partition = Arc::new(SourcePartition { index: 0, map: partition });
        let emitter = Emitter::read(&options, context, KIND, partition.clone(), block.schema().clone())?;
        Ok(Opened {
            partition,
            emitter,
            heartbeat_topic: naming.heartbeat(),
            server_name: config.prefix.as_str().into(),
            settings,
            database: Self {
                filters: TableFilters::read(&options)?.ignoring(is_builtin, &options),
                config,
                sql,
                replication: Some(replication),
                types,
                shaper,
                block,
                position: Position::default(),
                resuming: false,
                created: None,
                snapshot: SnapshotState::None,
                slot: None,
                unfinished: Ledger::default(),
                system,
                scratch: context.scratch.clone(),
            },
        })
    }

    async fn resume(&mut self, stored: Option<&OffsetMap>, ledger: Option<Ledger>) -> Result<Resume> {
        self.slot = slot::state(&mut self.sql, &self.config).await?;
        let Some(position) = stored.and_then(Position::read) else { return Ok(Resume::Fresh) };
        check_system(&position, self.system, &self.config)?;
        let interrupted = position.snapshot.is_some();
        // a Java worker between us and our ledger has skipped log that its chunks need
        self.unfinished = position.system.and(ledger).unwrap_or_default();
        self.resuming = true;
        self.position = position;
        Ok(match (slot::check(&self.position, self.slot.as_ref(), &self.config), interrupted) {
            (Ok(()), false) => Resume::Stored,
            (Err(evidence), false) => Resume::Lost(evidence),
            (Ok(()), true) => Resume::SnapshotContinues,
            (Err(_), true) => Resume::SnapshotInterrupted,
        })
    }

    async fn prepare(&mut self, plan: &SnapshotPlan) -> Result<()> {
        let captured = self.captured_tables().await?;
        self.check_guardrail(&captured)?;
        if plan.forget_offset {
            self.resuming = false;
            self.position = Position::default();
        }
        self.snapshot = match plan {
            SnapshotPlan { data: true, forget_offset: false, .. } => SnapshotState::Rest(self.take_unfinished(None)),
            SnapshotPlan { data: true, stream, .. } => SnapshotState::Whole { resumable: *stream },
            SnapshotPlan { data: false, .. } => SnapshotState::None,
        };
        if !plan.stream {
            return Ok(());
        }
        let sorted: BTreeSet<TableId> = captured.into_iter().collect();
        publication::prepare(&mut self.sql, &self.config, &sorted).await?;
        if let Some(wanted) = &self.config.replica_identities {
            publication::set_replica_identities(&mut self.sql, wanted, &sorted).await?;
        }
        self.prepare_slot(plan).await?;
        self.position.system = Some(self.system);
        Ok(())
    }

    async fn snapshot(&mut self, out: &mut Dispatcher, control: &mut Control) -> Result<()> {
        crate::snapshot::run(self, out, control).await
    }

    async fn stream(&mut self, out: &mut Dispatcher, control: Control) -> Result<()> {
        crate::stream::run(self, out, control).await
    }

    async fn close(&mut self) -> Result<()> {
        // the server frees a slot only once its reader is gone
        self.replication = None;
        if self.config.drop_slot_on_stop {
            warn!(
                "slot.drop.on.stop: dropping replication slot '{}'; changes until the next start are not captured",
                self.config.slot
            );
            slot::drop(&mut self.sql, &self.config).await?;
        }
        Ok(())
    }
}

impl Postgres {
    /// How transactions that have not ended are kept, if the server is to send them.
    pub(crate) fn spill_limits(&self) -> Option<SpillLimits> {
        let streaming = self.config.streaming.as_ref()?;
        let directory = streaming.directory.clone().unwrap_or_else(|| self.scratch.clone());
        Some(SpillLimits { memory: streaming.memory, disk: streaming.disk, directory })
    }

    /// The ledger that was stored, if it is of this blocking snapshot, or (none) of the initial one.
    pub(crate) fn take_unfinished(&mut self, blocking: Option<&str>) -> Ledger {
        let stored = Some(std::mem::take(&mut self.unfinished)).filter(|ledger| ledger.blocking.as_deref() == blocking);
        stored.unwrap_or_else(|| Ledger { blocking: blocking.map(str::to_owned), ..Ledger::default() })
    }

    /// Captured tables in the order in which a snapshot reads them.
    pub(crate) async fn captured_tables(&mut self) -> Result<Vec<TableId>> {
        let all = catalog::table_ids(&mut self.sql).await?;
        let captured = self.filters.captured_in_order(&all);
        if captured.is_empty() {
            warn!(
                "No table of database '{}' is captured: of {} tables none passes schema.include.list, table.include.list and their exclude lists. \
                 They match whole names as regular expressions: 'public.orders', 'public\\.order.*'",
                self.config.connect.dbname,
                all.len()
            );
        }
        Ok(captured)
    }

    fn check_guardrail(&self, captured: &[TableId]) -> Result<()> {
        let (most, fails) = self.config.guardrail;
        if most == 0 || captured.len() <= most {
            return Ok(());
        }
        let message = format!("{} tables are captured, more than guardrail.collections.max={most} allows", captured.len());
        if fails {
            return Err(Error::configuration(message).remedy("narrow table.include.list, or raise guardrail.collections.max"));
        }
        warn!("{message}");
        Ok(())
    }

    /// Makes sure of a slot, and of an exported snapshot where rows will be read: the new slot's own, or that of a
    /// temporary slot beside one that exists. So snapshot and stream meet exactly.
    async fn prepare_slot(&mut self, plan: &SnapshotPlan) -> Result<()> {
        if plan.data && self.slot.as_ref().is_some_and(SlotState::is_lost) {
            warn!("The replication slot '{}' has lost its log and is of no use to anyone: it is made anew", self.config.slot);
            slot::drop(&mut self.sql, &self.config).await?;
            self.slot = None;
        }
        let missing = self.slot.is_none();
        if missing {
            let wanted = CreateSlot {
                name: self.config.slot.clone(),
                temporary: false,
                snapshot: if plan.data { SnapshotAction::Export } else { SnapshotAction::None },
                failover: self.failover_possible().await?,
            };
            self.create_slot(&wanted, plan).await?;
            rowtide_api::failpoint::pass(rowtide_api::failpoint::Failpoint::SlotCreated);
        } else if plan.data && plan.forget_offset {
            self.create_slot(&slot::lending(), plan).await?;
        } else if let Some(slot) = self.slot.clone() {
            self.start_at_slot(&slot).await?;
        }
        Ok(())
    }

    async fn create_slot(&mut self, wanted: &CreateSlot, plan: &SnapshotPlan) -> Result<()> {
        let replication = self.replication.as_mut().ok_or_else(|| Error::transient("the replication connection is closed"))?;
        let created = slot::create(replication, &mut self.sql, &self.config, wanted).await?;
        let start = parse_lsn(&created.consistent_point).unwrap_or(0);
        info!("Slot {} is consistent from {}", wanted.name, lsn_text(start));
        self.position.lsn = start;
        if plan.data {
            self.created = Some(created);
        }
        Ok(())
    }

    /// Without an offset the stream starts where the slot stands; with one, where the strategy says.
    async fn start_at_slot(&mut self, slot: &SlotState) -> Result<()> {
        let start = if self.resuming {
            slot::seek(&mut self.sql, &self.config, &self.position, slot).await?
        } else {
            slot.confirmed_flush.or(slot.restart_lsn).unwrap_or(0)
        };
        if !self.resuming {
            self.position.lsn = start;
        } else if start > self.position.start() {
            self.position.idle = Some(start);
        }
        Ok(())
    }

    /// `slot.failover`: on a primary of PostgreSQL 17 and later; elsewhere it is ignored, as in Debezium.
    async fn failover_possible(&mut self) -> Result<bool> {
        Ok(self.config.failover && self.sql.server_version() >= 170_000 && !publication::in_recovery(&mut self.sql).await?)
    }
}

/// A server with another system identifier is another database, however much it looks alike: its LSNs mean something else.
pub(crate) fn check_system(stored: &Position, system: u64, config: &PostgresConfig) -> Result<()> {
    match stored.system {
        Some(known) if known != system && config.accepted_system != Some(system) => Err(Error::fatal(format!(
            "The server at {}:{} is not the one that the stored offset is of: its system identifier is {system}, the offset's {known}",
            config.connect.host, config.connect.port
        ))
        .remedy(format!(
            "if the address is wrong, correct it. If the server was upgraded with pg_upgrade or restored and its replication slot was carried \
             over, accept it with rowtide.accept.system.identifier={system}. Otherwise reset the connector's offsets and take a new snapshot"
        ))),
        _ => Ok(()),
    }
}

async fn check_wal_level(sql: &mut Connection, streams: bool) -> Result<()> {
    let rows = sql.query("SHOW wal_level").await.map_err(|error| explain("reading wal_level", error))?;
    let level = rows.first().map_or("unknown", |row| row.text(0));
    if streams && level != "logical" {
        return Err(Error::configuration(format!("Postgres server wal_level property must be 'logical' but is: '{level}'"))
            .remedy("ALTER SYSTEM SET wal_level = 'logical' and restart the server (managed services: set rds.logical_replication or its like)"));
    }
    Ok(())
}
