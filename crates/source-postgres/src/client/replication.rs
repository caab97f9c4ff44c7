//! The walsender's commands, and the stream of logical replication.
//!
//! Specification: PostgreSQL manual, "Streaming Replication Protocol".

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use postgres_protocol::message::backend::{COMMAND_COMPLETE_TAG, COPY_DATA_TAG, COPY_DONE_TAG, Message};
use postgres_protocol::message::frontend;
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::error::{ClientError, ServerError};
use super::query::{Row, quote_ident};
use super::wire::{COPY_BOTH_RESPONSE_TAG, HEADER, header};
use crate::decode::{StreamMessage, stream_message};

/// A read of fewer bytes than this is little: most of what it cost is that of any read.
const LITTLE: usize = 8 * 1024;
/// In this time a server that sends without a break fills what the socket takes unread.
const FILLING: Duration = Duration::from_millis(6);

/// Seconds from the Unix epoch to PostgreSQL's (2000-01-01).
const POSTGRES_EPOCH: u64 = 946_684_800;

/// What IDENTIFY_SYSTEM answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemIdentification {
    /// tells clusters apart
    pub system_id: u64,
    /// counts promotions and restores
    pub timeline: u32,
    /// up to where the log is flushed
    pub xlog_pos: u64,
    /// the database of this connection
    pub dbname: Option<String>,
}

/// What becomes of the snapshot that a new slot begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotAction {
    /// other sessions may use it, until this connection sends its next command
    Export,
    /// the transaction that is open on this connection uses it: it must be READ ONLY, REPEATABLE READ and just begun
    Use,
    /// nobody does
    #[default]
    None,
}

/// A slot to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateSlot {
    /// `[a-z0-9_]{1,63}`
    pub name: String,
    /// whether it goes with this connection
    pub temporary: bool,
    /// what becomes of its snapshot
    pub snapshot: SnapshotAction,
    /// whether standbys keep a copy (PostgreSQL 17 and later)
    pub failover: bool,
}

/// A slot that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedSlot {
    /// its name
    pub name: String,
    /// what commits from here on is streamed: `X/X`
    pub consistent_point: String,
    /// the exported snapshot, for `SET TRANSACTION SNAPSHOT`
    pub snapshot_name: Option<String>,
    /// `pgoutput`
    pub output_plugin: String,
}

/// What to stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartReplication {
    /// the slot
    pub slot: String,
    /// changes that commit after this, or after the slot's confirmed position if that is later
    pub lsn: u64,
    /// of the plug-in: `proto_version`, `publication_names`, …
    pub options: Vec<(String, String)>,
}

/// A message of a replication stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationMessage {
    /// a message of the output plug-in
    Data {
        /// where it is in the log; 0 for some
        wal_start: u64,
        /// where the log ended when it was sent
        wal_end: u64,
        /// when it was sent, in microseconds since 2000-01-01
        sent: i64,
        /// for `decode::pgoutput`; a slice of the read buffer
        data: Bytes,
    },
    /// a sign of life
    Keepalive {
        /// where the log ends
        wal_end: u64,
        /// when it was sent, in microseconds since 2000-01-01
        sent: i64,
        /// whether the server hangs up unless a status comes soon
        reply_requested: bool,
    },
}

/// Logical replication under way.
#[derive(Debug)]
pub struct ReplicationStream {
    connection: Connection,
    /// the server is near, and the socket takes little unread
    bounded: bool,
    /// after a read that left nothing, how long the next one waits for more
    gather: Duration,
    /// before this nothing is read
    rest_until: Option<Instant>,
    /// since when nothing but the server is waited for
    waiting_since: Instant,
}

impl Connection {
    /// `IDENTIFY_SYSTEM`
    pub async fn identify_system(&mut self) -> Result<SystemIdentification, ClientError> {
        let rows = self.query("IDENTIFY_SYSTEM").await?;
        let row = one(&rows, "IDENTIFY_SYSTEM")?;
        let number = |index: usize| row.text(index).parse::<u64>().ok();
        let (Some(system_id), Some(timeline), Some(xlog_pos)) = (number(0), number(1), parse_lsn(row.text(2))) else {
            return Err(ClientError::protocol("IDENTIFY_SYSTEM answers in no known form"));
        };
        Ok(SystemIdentification {
            system_id,
            timeline: u32::try_from(timeline).unwrap_or(u32::MAX),
            xlog_pos,
            dbname: row.get(3).map(str::to_owned),
        })
    }

    /// `CREATE_REPLICATION_SLOT … LOGICAL pgoutput`. Waits until all transactions that run now have ended; a
    /// [`super::CancelToken`] ends that wait (SQLSTATE 57014).
    pub async fn create_slot(&mut self, slot: &CreateSlot) -> Result<CreatedSlot, ClientError> {
        let patience = self.wire.patience.take();
        let created = self.query(&create_slot_command(slot, self.server_version())).await;
        self.wire.patience = patience;
        let rows = created?;
        let row = one(&rows, "CREATE_REPLICATION_SLOT")?;
        Ok(CreatedSlot {
            name: row.text(0).to_owned(),
            consistent_point: row.text(1).to_owned(),
            snapshot_name: row.get(2).map(str::to_owned),
            output_plugin: row.text(3).to_owned(),
        })
    }

    /// `DROP_REPLICATION_SLOT`; `wait`: until its reader is gone, instead of SQLSTATE 55006.
    pub async fn drop_slot(&mut self, name: &str, wait: bool) -> Result<(), ClientError> {
        self.execute(&format!("DROP_REPLICATION_SLOT {}{}", quote_ident(name), if wait { " WAIT" } else { "" })).await
    }

    /// `START_REPLICATION SLOT … LOGICAL …`. After an error (55006: the slot is in use) the connection is closed.
    pub async fn start_replication(mut self, wanted: &StartReplication) -> Result<ReplicationStream, ClientError> {
        let bounded = self.wire.stream.bound().map_err(|error| ClientError::io("preparing the replication stream", error))?;
        self.send_query(&start_command(wanted)).await?;
        loop {
            let front = self.wire.wait().await?;
            if front.tag == COPY_BOTH_RESPONSE_TAG {
                self.wire.skip(front);
                self.wire.patience = None;
                return Ok(ReplicationStream {
                    connection: self,
                    bounded,
                    gather: Duration::ZERO,
                    rest_until: None,
                    waiting_since: Instant::now(),
                });
            }
            match self.next_or_absorbed().await? {
                None => {}
                Some(Message::ErrorResponse(body)) => {
                    return Err(ClientError::Server(Box::new(ServerError::read(body.fields())?)));
                }
                Some(_) => return Err(ClientError::protocol("an unexpected answer to START_REPLICATION")),
            }
        }
    }
}

impl ReplicationStream {
    /// The stream, in which a read waits so long after one that left nothing, twice as long and 6 ms at most while the server
    /// sends without a break; what was read does not wait.
    pub fn gathering(self, gather: Duration) -> Self {
        Self { gather, ..self }
    }

    /// Waits for messages and appends all that are in the read buffer to `out`: at least one, at most
    /// [`super::ConnectOptions::read_buffer`] bytes but for a single larger one. May be dropped while it waits.
    pub async fn next_batch(&mut self, out: &mut VecDeque<ReplicationMessage>) -> Result<(), ClientError> {
        self.rest().await?;
        loop {
            let data = self.connection.wire.take_copy_data()?;
            if !data.is_empty() {
                self.has_read(data.len());
                return read_batch(&data, out);
            }
            match self.connection.wire.wait().await?.tag {
                COPY_DATA_TAG => continue,
                // a server that shuts down says CommandComplete ("COPY 0") without CopyDone
                COPY_DONE_TAG | COMMAND_COMPLETE_TAG => {
                    return Err(ClientError::closed(
                        "reading the replication stream (the server ended it, as it does when it shuts down)",
                    ));
                }
                _ => {}
            }
            match self.connection.next_or_absorbed().await? {
                None => {}
                Some(Message::ErrorResponse(body)) => {
                    return Err(ClientError::Server(Box::new(ServerError::read(body.fields())?)));
                }
                Some(_) => return Err(ClientError::protocol("an unexpected message in the replication stream")),
            }
        }
    }

    /// What came soon, all that there was, is probably followed by more: the next read waits for it. Where it was more than a
    /// little the server sends without a break. It sends each row by itself, and two thirds of what a row costs it are that, but
    /// what finds the socket full it sends together: so it gets the time to fill it.
    fn has_read(&mut self, bytes: usize) {
        let now = Instant::now();
        let soon = now.duration_since(self.waiting_since) < self.gather && self.connection.wire.emptied;
        let rest = match bytes < LITTLE {
            true => Some(self.gather),
            false => self.bounded.then(|| FILLING.min(2 * self.gather)),
        };
        self.waiting_since = now;
        self.rest_until = rest.filter(|_| soon).map(|rest| now + rest);
    }

    /// Lets more come.
    async fn rest(&mut self) -> Result<(), ClientError> {
        if let Some(until) = self.rest_until {
            let unwatched = self.connection.wire.stream.unwatch();
            unwatched.map_err(|error| ClientError::io("waiting for the replication stream", error))?;
            sleep_until(until).await;
            (self.rest_until, self.waiting_since) = (None, Instant::now());
        }
        Ok(())
    }

    /// Standby status update: what was received, what is durable, what is applied. The server forgets what is before
    /// `flushed`. If dropped while it waits, the rest goes out with the next call.
    pub async fn send_status(
        &mut self,
        written: u64,
        flushed: u64,
        applied: u64,
        reply_requested: bool,
    ) -> Result<(), ClientError> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let micros = now.as_micros().saturating_sub(u128::from(POSTGRES_EPOCH) * 1_000_000);
        let out = self.connection.wire.output();
        out.put_u8(COPY_DATA_TAG);
        out.put_u32(4 + 34);
        out.put_u8(b'r');
        out.put_u64(written);
        out.put_u64(flushed);
        out.put_u64(applied);
        out.put_i64(i64::try_from(micros).unwrap_or(i64::MAX));
        out.put_u8(u8::from(reply_requested));
        self.connection.wire.flush().await
    }

    /// Ends the stream and closes the connection in good order: the slot is free when this returns. What the server
    /// still sends is thrown away; in the middle of a large transaction that may be all the rest of it: then put a
    /// timeout around, or just drop the stream.
    pub async fn finish(mut self) -> Result<(), ClientError> {
        frontend::copy_done(self.connection.wire.output());
        self.connection.wire.flush().await?;
        self.connection.settle().await?;
        self.connection.close().await
    }

    /// The session that is streaming: its parameters, its process.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn read_batch(data: &Bytes, out: &mut VecDeque<ReplicationMessage>) -> Result<(), ClientError> {
    let mut at = 0;
    while let Some(front) = header(&data[at..])? {
        let body = &data[at + HEADER..at + front.len];
        at += front.len;
        out.push_back(match stream_message(body).map_err(ClientError::protocol)? {
            StreamMessage::XLogData { start, end, sent, data: payload } => {
                ReplicationMessage::Data { wal_start: start, wal_end: end, sent, data: data.slice_ref(payload) }
            }
            StreamMessage::Keepalive { end, sent, reply_requested } => {
                ReplicationMessage::Keepalive { wal_end: end, sent, reply_requested }
            }
        });
    }
    Ok(())
}

fn start_command(wanted: &StartReplication) -> String {
    let StartReplication { slot, lsn, options } = wanted;
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{} {}", quote_ident(name), repl_literal(value))).collect();
    let options = if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) };
    format!("START_REPLICATION SLOT {} LOGICAL {:X}/{:X}{options}", quote_ident(slot), lsn >> 32, lsn & 0xffff_ffff)
}

fn create_slot_command(slot: &CreateSlot, server_version: u32) -> String {
    let head = format!(
        "CREATE_REPLICATION_SLOT {}{} LOGICAL pgoutput",
        quote_ident(&slot.name),
        if slot.temporary { " TEMPORARY" } else { "" }
    );
    if server_version >= 150_000 {
        let snapshot = match slot.snapshot {
            SnapshotAction::Export => "'export'",
            SnapshotAction::Use => "'use'",
            SnapshotAction::None => "'nothing'",
        };
        let failover = if slot.failover && server_version >= 170_000 { ", FAILOVER true" } else { "" };
        return format!("{head} (SNAPSHOT {snapshot}{failover})");
    }
    let snapshot = match slot.snapshot {
        SnapshotAction::Export => "EXPORT_SNAPSHOT",
        SnapshotAction::Use => "USE_SNAPSHOT",
        SnapshotAction::None => "NOEXPORT_SNAPSHOT",
    };
    format!("{head} {snapshot}")
}

/// The replication grammar (`repl_scanner.l`) knows only `'…'` with doubled quotes: a backslash stands for itself.
fn repl_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn one<'a>(rows: &'a [Row], command: &str) -> Result<&'a Row, ClientError> {
    rows.first().ok_or_else(|| ClientError::protocol(format!("{command} answers with no row")))
}

fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(u64::from(u32::from_str_radix(high, 16).ok()?) << 32 | u64::from(u32::from_str_radix(low, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_created_in_the_servers_dialect() {
        let slot = CreateSlot { name: "s".into(), temporary: true, snapshot: SnapshotAction::Export, failover: true };
        assert_eq!(
            create_slot_command(&slot, 140_000),
            "CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT"
        );
        assert_eq!(
            create_slot_command(&slot, 150_000),
            "CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')"
        );
        let last = create_slot_command(&slot, 170_000);
        assert_eq!(last, "CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER true)");
    }
}
