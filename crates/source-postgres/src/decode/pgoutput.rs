//! Reads messages of the pgoutput plug-in, protocol versions 1 to 4.
//!
//! Specification: PostgreSQL manual, "Logical Replication Message Formats" and "Logical Streaming Replication Protocol".

use bytes::Bytes;
use bytestring::ByteString;

use super::DecodeError;
use super::message::{
    Begin, Commit, Delete, Insert, LogicalMessage, Message, OldTuple, Origin, Prepared, Relation, RelationColumn,
    RollbackPrepared, StreamAbort, StreamCommit, StreamStart, Truncate, Tuple, TupleValue, Type, Update,
};
use super::part::Part;
use super::reader::Reader;

/// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Reads one message of protocol version 1, or any message outside of a streamed block.
pub fn pgoutput(message: &Bytes) -> Result<Message, DecodeError> {
    Decoder::new().decode(message)
}

/// Reads one message of a streamed block.
pub fn streamed(message: &Bytes) -> Result<Message, DecodeError> {
    Decoder { in_stream: true }.decode(message)
}

/// What a message of a streamed block is, as far as it must be known before the transaction ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streamed {
    /// the block ends
    Stop,
    /// the transaction was made elsewhere; the LSN of its commit there is not known yet
    Origin(Origin),
    /// a table is described
    Relation {
        /// the (sub)transaction
        xid: u32,
        /// [`super::Relation::id`]
        relation: u32,
    },
    /// anything else that belongs to a (sub)transaction
    Change {
        /// the (sub)transaction
        xid: u32,
    },
}

impl Streamed {
    /// The (sub)transaction.
    pub fn xid(&self) -> Option<u32> {
        match self {
            Self::Relation { xid, .. } | Self::Change { xid } => Some(*xid),
            Self::Stop | Self::Origin(_) => None,
        }
    }
}

/// Reads the beginning of a message of a streamed block; [`streamed`] reads all of it.
pub fn streamed_kind(message: &Bytes) -> Result<Streamed, DecodeError> {
    let mut r = Reader::new("streamed pgoutput message", message);
    match r.u8("the type of message")? {
        b'E' => r.end().map(|()| Streamed::Stop),
        b'R' => {
            let xid = r.u32("the transaction id of a streamed change")?;
            Ok(Streamed::Relation { xid, relation: r.u32("the relation's oid")? })
        }
        b'I' | b'U' | b'D' | b'T' | b'Y' | b'M' => {
            Ok(Streamed::Change { xid: r.u32("the transaction id of a streamed change")? })
        }
        b'O' => match streamed(message)? {
            Message::Origin(origin) => Ok(Streamed::Origin(origin)),
            _ => Err(r.error("an origin")),
        },
        _ => Err(Reader::new("streamed pgoutput message", message).error("a change, a description or the end of the block")),
    }
}

/// Decodes the messages of one stream, in order. Its only state is whether a streamed block is open, since messages look
/// different inside one.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    in_stream: bool,
}

impl Decoder {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the next message belongs to a streamed block.
    pub fn in_stream(&self) -> bool {
        self.in_stream
    }

    /// Decodes the next message. After an error the stream is of no use.
    pub fn decode(&mut self, message: &Bytes) -> Result<Message, DecodeError> {
        let mut input = Input { message, r: Reader::new("pgoutput message", message) };
        let tag = input.r.u8("the type of message")?;
        let decoded = match tag {
            b'I' | b'U' | b'D' | b'T' | b'R' | b'Y' | b'M' => {
                let xid = if self.in_stream { Some(input.r.u32("the transaction id of a streamed change")?) } else { None };
                change(tag, xid, &mut input)?
            }
            b'S' | b'E' | b'c' | b'A' | b'p' => streaming(tag, &mut input)?,
            _ => transaction(tag, &mut input)?,
        };
        input.r.end()?;
        match decoded {
            Message::StreamStart(_) => self.in_stream = true,
            Message::StreamStop => self.in_stream = false,
            _ => {}
        }
        Ok(decoded)
    }
}

/// The message and what is left of it.
struct Input<'a> {
    message: &'a Bytes,
    r: Reader<'a>,
}

impl Input<'_> {
    fn text(&mut self, expected: &'static str) -> Result<ByteString, DecodeError> {
        let text = self.r.string(expected)?;
        // checked once more; names are short and rare
        ByteString::try_from(self.message.slice_ref(text.as_bytes())).map_err(|_| self.r.error("text in UTF-8"))
    }

    /// pgoutput sends an empty text for `pg_catalog`.
    fn namespace(&mut self) -> Result<ByteString, DecodeError> {
        let name = self.text("the name of a schema")?;
        Ok(if name.is_empty() { ByteString::from_static("pg_catalog") } else { name })
    }

    fn time(&mut self, expected: &'static str) -> Result<i64, DecodeError> {
        self.r.i64(expected).map(|micros| micros.saturating_add(POSTGRES_EPOCH_MICROS))
    }

    /// A byte of flags of which none is defined.
    fn no_flags(&mut self) -> Result<(), DecodeError> {
        self.r.u8("flags").map(|_| ())
    }

    fn tuple(&mut self) -> Result<Tuple, DecodeError> {
        let columns = self.r.u16("the number of columns")?;
        let before = self.r.rest();
        for _ in 0..columns {
            raw_value(&mut self.r)?;
        }
        let data = before.get(..before.len() - self.r.rest().len()).unwrap_or_default();
        Ok(Tuple { columns, data: self.message.slice_ref(data) })
    }
}

/// What changes data, or describes it.
fn change(tag: u8, xid: Option<u32>, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    match tag {
        b'I' => {
            input.r.reading("pgoutput Insert");
            let relation = input.r.u32("the relation's oid")?;
            if input.r.u8("a new tuple 'N'")? != b'N' {
                return Err(input.r.error("a new tuple 'N' before this"));
            }
            Ok(Message::Insert(Insert { xid, relation, new: input.tuple()? }))
        }
        b'U' => update(xid, input),
        b'D' => {
            input.r.reading("pgoutput Delete");
            let relation = input.r.u32("the relation's oid")?;
            let full = match input.r.u8("an old tuple 'K' or 'O'")? {
                b'K' => false,
                b'O' => true,
                _ => return Err(input.r.error("an old tuple 'K' or 'O' before this")),
            };
            Ok(Message::Delete(Delete { xid, relation, old: OldTuple { full, tuple: input.tuple()? } }))
        }
        b'T' => truncate(xid, input),
        b'R' => relation(xid, input),
        b'Y' => {
            input.r.reading("pgoutput Type");
            let oid = input.r.u32("the type's oid")?;
            let namespace = input.namespace()?;
            Ok(Message::Type(Type { xid, oid, namespace, name: input.text("the type's name")? }))
        }
        _ => {
            input.r.reading("pgoutput Message");
            let transactional = input.r.u8("flags")? & 1 != 0;
            let lsn = input.r.u64("the message's LSN")?;
            let prefix = input.text("the prefix")?;
            let content = sized(&mut input.r)?;
            Ok(Message::Logical(LogicalMessage { xid, transactional, lsn, prefix, content: input.message.slice_ref(content) }))
        }
    }
}

fn update(xid: Option<u32>, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    input.r.reading("pgoutput Update");
    let relation = input.r.u32("the relation's oid")?;
    let mut kind = input.r.u8("a tuple 'K', 'O' or 'N'")?;
    let mut old = None;
    if matches!(kind, b'K' | b'O') {
        old = Some(OldTuple { full: kind == b'O', tuple: input.tuple()? });
        kind = input.r.u8("a new tuple 'N'")?;
    }
    if kind != b'N' {
        return Err(input.r.error("a new tuple 'N' before this"));
    }
    Ok(Message::Update(Update { xid, relation, old, new: input.tuple()? }))
}

fn truncate(xid: Option<u32>, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    input.r.reading("pgoutput Truncate");
    let count = input.r.u32("the number of relations")?;
    let flags = input.r.u8("flags")?;
    // the count is not believed: memory is taken for oids that are there
    let mut relations = Vec::with_capacity((count as usize).min(input.r.rest().len() / 4));
    for _ in 0..count {
        relations.push(input.r.u32("a relation's oid")?);
    }
    Ok(Message::Truncate(Truncate { xid, relations, cascade: flags & 1 != 0, restart_identity: flags & 2 != 0 }))
}

fn relation(xid: Option<u32>, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    input.r.reading("pgoutput Relation");
    let id = input.r.u32("the relation's oid")?;
    let namespace = input.namespace()?;
    let name = input.text("the table's name")?;
    let identity = input.r.u8("the replica identity")?;
    if !matches!(identity, b'd' | b'n' | b'f' | b'i') {
        return Err(input.r.error("a replica identity d, n, f or i before this"));
    }
    let count = input.r.u16("the number of columns")?;
    // a column takes 10 bytes at least
    let mut columns = Vec::with_capacity(usize::from(count).min(input.r.rest().len() / 10));
    for _ in 0..count {
        let is_key = input.r.u8("the flags of a column")? & 1 != 0;
        let name = input.text("the name of a column")?;
        let type_oid = input.r.u32("the type of a column")?;
        columns.push(RelationColumn { is_key, name, type_oid, type_modifier: input.r.i32("the type modifier of a column")? });
    }
    Ok(Message::Relation(Relation { xid, id, namespace, name, identity, columns }))
}

/// What begins and ends transactions.
fn transaction(tag: u8, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    match tag {
        b'B' => {
            input.r.reading("pgoutput Begin");
            let final_lsn = input.r.u64("the final LSN")?;
            let timestamp_micros = input.time("the commit time")?;
            Ok(Message::Begin(Begin { final_lsn, timestamp_micros, xid: input.r.u32("the transaction id")? }))
        }
        b'C' => {
            input.r.reading("pgoutput Commit");
            input.no_flags()?;
            let (commit_lsn, end_lsn) = (input.r.u64("the commit's LSN")?, input.r.u64("the end LSN")?);
            Ok(Message::Commit(Commit { commit_lsn, end_lsn, timestamp_micros: input.time("the commit time")? }))
        }
        b'O' => {
            input.r.reading("pgoutput Origin");
            let lsn = input.r.u64("the commit's LSN at the origin")?;
            Ok(Message::Origin(Origin { lsn, name: input.text("the origin's name")? }))
        }
        b'b' => prepared("pgoutput Begin Prepare", input).map(Message::BeginPrepare),
        b'P' => {
            input.no_flags()?;
            prepared("pgoutput Prepare", input).map(Message::Prepare)
        }
        b'K' => {
            input.no_flags()?;
            prepared("pgoutput Commit Prepared", input).map(Message::CommitPrepared)
        }
        b'r' => {
            input.r.reading("pgoutput Rollback Prepared");
            input.no_flags()?;
            let (prepare_end_lsn, end_lsn) = (input.r.u64("the prepare's end LSN")?, input.r.u64("the rollback's end LSN")?);
            let (prepare_micros, timestamp_micros) = (input.time("the prepare's time")?, input.time("the rollback's time")?);
            let xid = input.r.u32("the transaction id")?;
            let gid = input.text("the gid")?;
            Ok(Message::RollbackPrepared(RollbackPrepared {
                prepare_end_lsn,
                end_lsn,
                prepare_micros,
                timestamp_micros,
                xid,
                gid,
            }))
        }
        _ => Err(DecodeError { what: "pgoutput message", offset: 0, expected: "a type of message of protocol versions 1 to 4" }),
    }
}

/// What belongs to transactions that are streamed before they end (protocol version 2 and later).
fn streaming(tag: u8, input: &mut Input<'_>) -> Result<Message, DecodeError> {
    match tag {
        b'S' => {
            input.r.reading("pgoutput Stream Start");
            let xid = input.r.u32("the transaction id")?;
            Ok(Message::StreamStart(StreamStart { xid, first_segment: input.r.u8("whether it is the first segment")? != 0 }))
        }
        b'E' => Ok(Message::StreamStop),
        b'c' => {
            input.r.reading("pgoutput Stream Commit");
            let xid = input.r.u32("the transaction id")?;
            input.no_flags()?;
            let (commit_lsn, end_lsn) = (input.r.u64("the commit's LSN")?, input.r.u64("the end LSN")?);
            Ok(Message::StreamCommit(StreamCommit { xid, commit_lsn, end_lsn, timestamp_micros: input.time("the commit time")? }))
        }
        b'A' => {
            input.r.reading("pgoutput Stream Abort");
            let (xid, subtransaction) = (input.r.u32("the transaction id")?, input.r.u32("the subtransaction's id")?);
            let (mut lsn, mut timestamp_micros) = (None, None);
            if !input.r.rest().is_empty() {
                (lsn, timestamp_micros) = (Some(input.r.u64("the abort's LSN")?), Some(input.time("the abort's time")?));
            }
            Ok(Message::StreamAbort(StreamAbort { xid, subtransaction, lsn, timestamp_micros }))
        }
        _ => {
            input.no_flags()?;
            prepared("pgoutput Stream Prepare", input).map(Message::StreamPrepare)
        }
    }
}

fn prepared(what: &'static str, input: &mut Input<'_>) -> Result<Prepared, DecodeError> {
    input.r.reading(what);
    let (lsn, end_lsn) = (input.r.u64("the LSN")?, input.r.u64("the end LSN")?);
    let timestamp_micros = input.time("the time")?;
    let xid = input.r.u32("the transaction id")?;
    Ok(Prepared { lsn, end_lsn, timestamp_micros, xid, gid: input.text("the gid")? })
}

/// A value's kind and bytes.
#[inline]
fn raw_value<'a>(r: &mut Reader<'a>) -> Result<(u8, &'a [u8]), DecodeError> {
    match r.u8("the kind of a column's value")? {
        kind @ (b't' | b'b') => Ok((kind, sized(r)?)),
        kind @ (b'n' | b'u') => Ok((kind, &[])),
        _ => Err(r.error("a kind of value n, u, t or b before this")),
    }
}

#[inline]
fn sized<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = r.u32("a length")?;
    r.bytes(length as usize, "bytes of that length")
}

/// The values of a [`Tuple`].
#[derive(Clone, Debug)]
pub struct TupleValues<'a> {
    tuple: &'a Tuple,
    left: u16,
    r: Reader<'a>,
}

impl<'a> TupleValues<'a> {
    pub(super) fn new(tuple: &'a Tuple) -> Self {
        Self { tuple, left: tuple.columns, r: Reader::new("tuple", &tuple.data) }
    }
}

impl<'a> Iterator for TupleValues<'a> {
    type Item = TupleValue<'a>;

    #[inline]
    fn next(&mut self) -> Option<TupleValue<'a>> {
        self.left = self.left.checked_sub(1)?;
        // checked when the message was decoded
        let (kind, bytes) = raw_value(&mut self.r).ok()?;
        Some(match kind {
            b't' => TupleValue::Text(Part::within(&self.tuple.data, bytes)),
            b'b' => TupleValue::Binary(Part::within(&self.tuple.data, bytes)),
            b'u' => TupleValue::Unchanged,
            _ => TupleValue::Null,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.into(), Some(self.left.into()))
    }
}

impl ExactSizeIterator for TupleValues<'_> {}
