//! From rows that were read to changes: markers, positions, events, and the ledger's entries.
//!
//! Reading belongs to `round`; when a row may be handed on, to whoever drives this: the snapshot before the stream, or
//! the stream at a round's barrier.

use std::collections::HashSet;
use std::sync::Arc;

use rowtide_api::{Result, Struct, ToOffset};
use rowtide_cdc::ledger::{Ledger, LedgerBook};
use rowtide_cdc::markers::{Markers, Place, PlacedRow};
use rowtide_cdc::progress::{Chunk, ScanStatus};
use rowtide_cdc::{Change, Dispatcher, Operation, Origin, RowChange, SnapshotEvent};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use super::plan::TablePlan;
use super::round::{Piece, Round};
use super::view::View;
use crate::position::{Position, Snapshot};
use crate::slab::Slab;
use crate::source_block::{SnapshotMarker, SourceBlock};

/// A round whose rows are handed on.
pub struct Emission {
    round: Round,
    /// tells what the sessions wait for
    _watch: JoinSet<()>,
    tables: Arc<[TablePlan]>,
    /// by table: rows, and chunks that are not read yet
    counts: Vec<(u64, usize)>,
    markers: Markers,
    book: Arc<LedgerBook>,
    /// position, transaction and time of the snapshot, for the `source` block
    at: Position,
    /// what the rows carry, and what the last one does
    here: Arc<dyn ToOffset>,
    last: Arc<dyn ToOffset>,
    /// chunks of which rows came
    begun: HashSet<(usize, usize)>,
    /// the `source` block of a table's rows that have no place of their own
    block: Option<(usize, Struct)>,
}

impl Emission {
    /// Starts to read what the plan has; nothing is handed on yet.
    pub fn start(view: &mut View, tables: Vec<TablePlan>, ledger: &Ledger) -> Self {
        let (sessions, at) = (std::mem::take(&mut view.sessions), view.at.clone());
        let begun = |plan: &TablePlan| !plan.done.is_empty();
        let earlier = !ledger.finished.is_empty() || tables.iter().any(begun);
        let mut markers = Markers::new(tables.len(), sessions.len() == 1, earlier);
        tables.iter().enumerate().filter(|(_, plan)| begun(plan)).for_each(|(number, _)| markers.continues(number));
        let open = tables.iter().map(TablePlan::open).collect();
        let tables: Arc<[TablePlan]> = tables.into();
        let here: Arc<dyn ToOffset> = Arc::new(at.clone());
        Self {
            _watch: std::mem::take(&mut view.watch),
            round: Round::start(sessions, tables.clone()),
            counts: tables.iter().map(|plan| (0, plan.split.chunks() - plan.done.len())).collect(),
            tables,
            markers,
            book: LedgerBook::new(Ledger { round: crate::position::lsn_text(at.lsn), ..ledger.clone() }, open),
            at,
            last: here.clone(),
            here,
            begun: HashSet::new(),
            block: None,
        }
    }

    /// Estimated rows of the ledger's tables.
    pub fn estimates(&self) -> impl Iterator<Item = Option<u64>> {
        self.tables.iter().map(|plan| plan.rows)
    }

    /// The position that its rows carry.
    pub fn position(&self) -> Arc<dyn ToOffset> {
        self.here.clone()
    }

    /// The ledger of this round.
    pub fn book(&self) -> &Arc<LedgerBook> {
        &self.book
    }

    /// Rows are handed on from now on, at this place of the log, within this time.
    pub fn begin(&mut self, snapshot: Snapshot, position: &Position, within: Option<Duration>) {
        let at = |snapshot| Arc::new(Position { snapshot: Some(snapshot), ..position.clone() });
        (self.here, self.last) = (at(snapshot), at(snapshot.ended()));
        if let Some(within) = within {
            self.round.end_at(Instant::now() + within);
        }
    }

    /// The next rows. None: that was all, or the time is over. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        self.round.next().await
    }

    /// Whether rows would have to be waited for.
    pub fn is_idle(&self) -> bool {
        self.round.is_idle()
    }

    /// Takes rows; [`Emission::emit`] hands them on.
    pub fn take(&mut self, piece: Piece, out: &mut Dispatcher) -> Result<()> {
        out.read_clock();
        let Piece { table, chunk, rows, end } = piece;
        self.tell_begin(table, chunk, out)?;
        self.counts[table].0 += rows.len() as u64;
        out.snapshot_rows(&self.tables[table].schema.id, rows.len());
        rows.into_iter().for_each(|(row, bytes)| self.markers.push(table, row, bytes));
        if end { self.chunk_end(table, chunk, out) } else { Ok(()) }
    }

    fn tell_begin(&mut self, table: usize, chunk: usize, out: &mut Dispatcher) -> Result<()> {
        if !self.begun.insert((table, chunk)) {
            return Ok(());
        }
        let plan = &self.tables[table];
        // an earlier round of this start may have begun it
        if !out.is_snapshotting(&plan.schema.id) {
            out.snapshot_event(&SnapshotEvent::TableStarted { table: plan.schema.id.clone() })?;
        }
        match plan.split.chunks() {
            1 => Ok(()),
            _ => out.snapshot_event(&SnapshotEvent::ChunkStarted(self.chunk(table, chunk))),
        }
    }

    fn chunk_end(&mut self, table: usize, chunk: usize, out: &mut Dispatcher) -> Result<()> {
        self.begun.remove(&(table, chunk));
        self.counts[table].1 -= 1;
        if self.markers.chunk_end(table, chunk) {
            out.chunk_done(table, chunk);
        }
        if self.tables[table].split.chunks() > 1 {
            out.snapshot_event(&SnapshotEvent::ChunkCompleted(self.chunk(table, chunk)))?;
        }
        let (rows, left) = self.counts[table];
        if left == 0 {
            self.markers.table_end(table);
            let (table, status) = (self.tables[table].schema.id.clone(), ScanStatus::Succeeded);
            out.snapshot_event(&SnapshotEvent::TableCompleted { table, rows, status })?;
        }
        Ok(())
    }

    fn chunk(&self, table: usize, chunk: usize) -> Chunk {
        let plan = &self.tables[table];
        Chunk { table: plan.schema.id.clone(), index: chunk + 1, total: plan.split.chunks(), rows: self.counts[table].0 }
    }

    /// Hands rows on until there are none, or (true) the batch is full.
    pub fn emit(&mut self, source: &SourceBlock, out: &mut Dispatcher) -> Result<bool> {
        while !out.is_full() {
            let Some(placed) = self.markers.next_ready() else { return Ok(false) };
            self.dispatch(placed, source, out)?;
        }
        Ok(true)
    }

    fn dispatch(&mut self, placed: PlacedRow, source: &SourceBlock, out: &mut Dispatcher) -> Result<()> {
        let PlacedRow { table, row, bytes, place, done } = placed;
        let plan = &self.tables[table];
        let made = || source.block(&self.at, marker(place), &plan.names, &mut Slab::default());
        let block = match &self.block {
            Some((known, block)) if *known == table && place == Place::Between => block.clone(),
            _ if place == Place::Between => self.block.insert((table, made().shared())).1.clone(),
            _ => made(),
        };
        let position = if place == Place::Last { self.last.clone() } else { self.here.clone() };
        let origin = Origin { position, source: block, transaction: None };
        let table_schema = plan.schema.clone();
        let change = RowChange { operation: Operation::Read, table: table_schema, before: None, after: Some(row), origin };
        out.dispatch(Change::Row(change), bytes)?;
        done.into_iter().for_each(|chunk| out.chunk_done(table, chunk));
        Ok(())
    }

    /// Nothing more comes in this round: the rows held back become ready. True: no other round is needed.
    pub fn end(&mut self) -> bool {
        let complete = self.counts.iter().all(|(_, left)| *left == 0);
        self.markers.end(complete);
        complete
    }

    /// Ends the transactions; answers what is done.
    pub async fn finish(self) -> Result<Ledger> {
        self.round.finish().await?;
        Ok(self.book.ledger())
    }
}

fn marker(place: Place) -> SnapshotMarker {
    match place {
        Place::First => SnapshotMarker::First,
        Place::FirstOfTable => SnapshotMarker::FirstInDataCollection,
        Place::Between => SnapshotMarker::True,
        Place::LastOfTable => SnapshotMarker::LastInDataCollection,
        Place::Last => SnapshotMarker::Last,
    }
}
