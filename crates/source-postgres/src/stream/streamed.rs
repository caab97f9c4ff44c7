//! Transactions that the server sends before they end (`streaming`, protocol version 2): kept until their commit, then
//! read back as if they had been sent whole.
//!
//! So the framework sees commit order, whatever was under way at the same time, and a place in a transaction is the same
//! whether it was streamed or not. Where the messages are kept is `spill`'s; what they do to the state is `events`'.
//!
//! Specification: PostgreSQL manual, "Logical Streaming Replication Protocol".

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::{Error, Result};
use rowtide_cdc::Dispatcher;
use tracing::debug;

use super::spill::{Limits, PIECE, ReadBack, Spill};
use super::{StreamState, undecodable};
use crate::decode::{self, Begin, Message, StreamAbort, StreamCommit, StreamStart, Streamed};
use crate::relation::Captured;
use crate::source_block::ReplicationOrigin;

/// From here on a transaction begins with its first published change; before, with its first record in the log.
const BEGINS_WITH_A_CHANGE: u32 = 150_000;

/// All transactions under way.
pub(super) struct Transactions {
    spill: Spill,
    open: HashMap<u32, Open>,
    /// the transaction whose block is being sent
    block: Option<u32>,
    /// relation messages so far; their number tells which of two is newer
    descriptions: u64,
    /// the newest relation message that holds for all transactions, by relation
    newest: HashMap<u32, u64>,
}

/// A transaction that has neither committed nor been rolled back.
struct Open {
    /// LSN of its first block; 0 where an origin follows
    began: u64,
    origin: Option<ByteString>,
    /// subtransactions that were rolled back
    dropped: HashSet<u32>,
    /// its relation messages: relation, subtransaction, number
    described: Vec<(u32, u32, u64)>,
}

/// A committed transaction that is read back.
pub(super) struct Replay {
    messages: ReadBack,
    /// those that were read to know where it begins
    ahead: VecDeque<(u64, Bytes)>,
    dropped: HashSet<u32>,
    /// LSN of its commit message
    committed: u64,
    /// relations that others described since it did
    outdated: HashSet<u32>,
    /// their newer descriptions, until it ends
    kept: HashMap<u32, Option<Captured>>,
}

impl Transactions {
    pub fn new(limits: Limits) -> Self {
        let (open, newest) = (HashMap::new(), HashMap::new());
        Self { spill: Spill::new(limits), open, block: None, descriptions: 0, newest }
    }

    /// Whether what comes next belongs to a block.
    pub fn in_block(&self) -> bool {
        self.block.is_some()
    }

    /// A block begins.
    pub fn start(&mut self, lsn: u64, start: StreamStart) -> Result<()> {
        if start.first_segment {
            let open = Open { began: lsn, origin: None, dropped: HashSet::new(), described: Vec::new() };
            self.open.insert(start.xid, open);
        } else if !self.open.contains_key(&start.xid) {
            return Err(unknown(start.xid));
        }
        self.block = Some(start.xid);
        Ok(())
    }

    /// Takes a message of a block.
    pub async fn take(&mut self, lsn: u64, message: Bytes) -> Result<()> {
        let kind = decode::streamed_kind(&message).map_err(|error| undecodable(lsn, error))?;
        let Some((xid, open)) = self.block.and_then(|xid| Some((xid, self.open.get_mut(&xid)?))) else { return Ok(()) };
        match kind {
            Streamed::Stop => self.block = None,
            Streamed::Origin(origin) => open.origin = Some(origin.name),
            Streamed::Relation { xid: part, relation } => {
                self.descriptions += 1;
                open.described.push((relation, part, self.descriptions));
                self.spill.append(xid, lsn, &message).await?;
            }
            Streamed::Change { .. } => self.spill.append(xid, lsn, &message).await?,
        }
        Ok(())
    }

    /// A relation message outside of blocks.
    pub fn described(&mut self, relation: u32) {
        self.descriptions += 1;
        self.newest.insert(relation, self.descriptions);
    }

    /// Drops what was rolled back.
    pub fn abort(&mut self, abort: StreamAbort) {
        if abort.subtransaction == abort.xid {
            self.open.remove(&abort.xid);
            self.spill.discard(abort.xid);
        } else if let Some(open) = self.open.get_mut(&abort.xid) {
            open.dropped.insert(abort.subtransaction);
        }
    }

    /// Takes a transaction out that committed.
    async fn commit(&mut self, lsn: u64, xid: u32) -> Result<(Open, Replay)> {
        let mut open = self.open.remove(&xid).ok_or_else(|| unknown(xid))?;
        let mut outdated = HashSet::new();
        for (relation, part, number) in std::mem::take(&mut open.described) {
            if open.dropped.contains(&part) {
                continue;
            }
            let newest = self.newest.entry(relation).or_default();
            if *newest > number {
                outdated.insert(relation)
            } else {
                outdated.remove(&relation)
            };
            *newest = (*newest).max(number);
        }
        let messages = self.spill.read_back(xid).await?;
        let dropped = std::mem::take(&mut open.dropped);
        let (ahead, kept) = (VecDeque::new(), HashMap::new());
        Ok((open, Replay { messages, ahead, dropped, committed: lsn, outdated, kept }))
    }
}

fn unknown(xid: u32) -> Error {
    Error::fatal(format!("pgoutput went on with transaction {xid}, which it never began to stream"))
}

impl Replay {
    /// The LSN of its first change; none: nothing is left of it. Descriptions, which come before, have none.
    async fn first_change(&mut self) -> Result<Option<u64>> {
        while let Some((lsn, message)) = self.read().await? {
            self.ahead.push_back((lsn, message));
            if lsn != 0 {
                return Ok(Some(lsn));
            }
        }
        Ok(None)
    }

    async fn next(&mut self) -> Result<Option<(u64, Bytes)>> {
        match self.ahead.pop_front() {
            Some(message) => Ok(Some(message)),
            None => self.read().await,
        }
    }

    /// The next message that was not rolled back.
    async fn read(&mut self) -> Result<Option<(u64, Bytes)>> {
        while let Some((lsn, message)) = self.messages.next().await? {
            let kind = decode::streamed_kind(&message).map_err(|error| undecodable(lsn, error))?;
            if kind.xid().is_none_or(|part| !self.dropped.contains(&part)) {
                return Ok(Some((lsn, message)));
            }
        }
        Ok(None)
    }
}

impl StreamState<'_> {
    /// Whether a committed transaction is being read back: nothing else may come before its end.
    pub(super) fn is_reading_back(&self) -> bool {
        self.replay.is_some()
    }

    /// A streamed transaction committed: it begins now.
    pub(super) async fn stream_commit(&mut self, lsn: u64, commit: &StreamCommit, out: &mut Dispatcher) -> Result<()> {
        let Some(streamed) = &mut self.streamed else { return Err(unknown(commit.xid)) };
        let (open, mut replay) = streamed.commit(lsn, commit.xid).await?;
        let began = match replay.first_change().await? {
            _ if self.database.sql.server_version() < BEGINS_WITH_A_CHANGE => open.began,
            // whatever an origin follows has no LSN: the block, and the BEGIN if it were sent whole
            Some(_) if open.began == 0 => 0,
            Some(first) => first,
            // without a published change the server sends no transaction, if it sends it whole
            None => return Ok(()),
        };
        debug!("reading back transaction {}, which was received before its commit", commit.xid);
        let begin = Begin { final_lsn: commit.commit_lsn, timestamp_micros: commit.timestamp_micros, xid: commit.xid };
        self.begin(began, &begin, out)?;
        if let Some(transaction) = &mut self.transaction {
            transaction.origin = open.origin.map(|name| ReplicationOrigin { name, lsn: 0 });
        }
        self.replay = Some(replay);
        Ok(())
    }

    /// Reads back a piece: a batch at most, no further than to where an incremental snapshot has something to do, and so
    /// much that the server never waits long to hear from us.
    pub(super) async fn read_back(&mut self, out: &mut Dispatcher) -> Result<()> {
        let Some(mut replay) = self.replay.take() else { return Ok(()) };
        let mut read = 0;
        loop {
            let Some((lsn, data)) = replay.next().await? else {
                self.relations.put_back(replay.kept);
                return self.commit(replay.committed, out);
            };
            read += data.len();
            let message = decode::streamed(&data).map_err(|error| undecodable(lsn, error))?;
            if let Message::Relation(relation) = &message
                && replay.outdated.remove(&relation.id)
                && let Some(newer) = self.relations.set_aside(relation.id)
            {
                replay.kept.insert(relation.id, newer);
            }
            self.message(lsn, message, data.len(), out).await?;
            if read >= PIECE || out.is_full() || out.incremental().has_steps() {
                break;
            }
        }
        self.replay = Some(replay);
        Ok(())
    }
}

#[cfg(test)]
#[path = "streamed_tests.rs"]
mod tests;
