//! What pgoutput's messages hold. How they are read is `pgoutput`'s.
//!
//! Names and contents are slices of the message they came in, so a message may be kept, but keeps its piece of the
//! connection's read buffer alive. Times are in microseconds since 1970-01-01 UTC.

use bytes::Bytes;
use bytestring::ByteString;

use super::part::Part;
use super::pgoutput::TupleValues;

/// A message. `xid` in it is set only inside a streamed block (protocol version 2 and later): the (sub)transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// B
    Begin(Begin),
    /// C
    Commit(Commit),
    /// O: comes after Begin; the transaction was made elsewhere
    Origin(Origin),
    /// R: before the first change of a table, and after its definition changed
    Relation(Relation),
    /// Y: before a Relation that uses the type
    Type(Type),
    /// I
    Insert(Insert),
    /// U
    Update(Update),
    /// D
    Delete(Delete),
    /// T
    Truncate(Truncate),
    /// M
    Logical(LogicalMessage),
    /// S: changes of an unfinished transaction follow
    StreamStart(StreamStart),
    /// E: end of such a block
    StreamStop,
    /// c
    StreamCommit(StreamCommit),
    /// A
    StreamAbort(StreamAbort),
    /// b
    BeginPrepare(Prepared),
    /// P
    Prepare(Prepared),
    /// K: the LSNs and the time are the commit's
    CommitPrepared(Prepared),
    /// r
    RollbackPrepared(RollbackPrepared),
    /// p
    StreamPrepare(Prepared),
}

impl Message {
    /// Its name in the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Begin(_) => "Begin",
            Self::Commit(_) => "Commit",
            Self::Origin(_) => "Origin",
            Self::Relation(_) => "Relation",
            Self::Type(_) => "Type",
            Self::Insert(_) => "Insert",
            Self::Update(_) => "Update",
            Self::Delete(_) => "Delete",
            Self::Truncate(_) => "Truncate",
            Self::Logical(_) => "Message",
            Self::StreamStart(_) => "Stream Start",
            Self::StreamStop => "Stream Stop",
            Self::StreamCommit(_) => "Stream Commit",
            Self::StreamAbort(_) => "Stream Abort",
            Self::BeginPrepare(_) => "Begin Prepare",
            Self::Prepare(_) => "Prepare",
            Self::CommitPrepared(_) => "Commit Prepared",
            Self::RollbackPrepared(_) => "Rollback Prepared",
            Self::StreamPrepare(_) => "Stream Prepare",
        }
    }
}

/// A transaction's changes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// LSN of its commit record
    pub final_lsn: u64,
    /// when it committed
    pub timestamp_micros: i64,
    /// the transaction
    pub xid: u32,
}

/// A transaction's changes are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// LSN of the commit record
    pub commit_lsn: u64,
    /// LSN after it: what to confirm
    pub end_lsn: u64,
    /// when it committed
    pub timestamp_micros: i64,
}

/// Where a transaction was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// LSN of its commit there
    pub lsn: u64,
    /// name of the replication origin
    pub name: ByteString,
}

/// A table as the changes that follow have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// in a streamed block
    pub xid: Option<u32>,
    /// `pg_class.oid`
    pub id: u32,
    /// its schema; the empty text that pgoutput sends for `pg_catalog` is filled in
    pub namespace: ByteString,
    /// its name
    pub name: ByteString,
    /// `pg_class.relreplident`: `d`efault, `n`othing, `f`ull or `i`ndex
    pub identity: u8,
    /// published columns in the order of the tuples
    pub columns: Vec<RelationColumn>,
}

/// A column of a [`Relation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    /// whether it belongs to the replica identity (with `f`: all do)
    pub is_key: bool,
    /// its name
    pub name: ByteString,
    /// `pg_type.oid`
    pub type_oid: u32,
    /// `pg_attribute.atttypmod`; -1: none
    pub type_modifier: i32,
}

/// A type that is not built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// in a streamed block
    pub xid: Option<u32>,
    /// `pg_type.oid`
    pub oid: u32,
    /// its schema, as in [`Relation::namespace`]
    pub namespace: ByteString,
    /// its name
    pub name: ByteString,
}

/// A new row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// in a streamed block
    pub xid: Option<u32>,
    /// [`Relation::id`]
    pub relation: u32,
    /// the row
    pub new: Tuple,
}

/// A changed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// in a streamed block
    pub xid: Option<u32>,
    /// [`Relation::id`]
    pub relation: u32,
    /// the row before, as far as known: with replica identity full always, else only when a column of it changed
    pub old: Option<OldTuple>,
    /// the row after
    pub new: Tuple,
}

/// A removed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// in a streamed block
    pub xid: Option<u32>,
    /// [`Relation::id`]
    pub relation: u32,
    /// the row, as far as known
    pub old: OldTuple,
}

/// A row before its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldTuple {
    /// `O`: all columns (replica identity full); else `K`: those of the replica identity, others NULL
    pub full: bool,
    /// its columns
    pub tuple: Tuple,
}

/// Tables that were emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncate {
    /// in a streamed block
    pub xid: Option<u32>,
    /// [`Relation::id`] of each
    pub relations: Vec<u32>,
    /// CASCADE
    pub cascade: bool,
    /// RESTART IDENTITY
    pub restart_identity: bool,
}

/// What `pg_logical_emit_message` wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalMessage {
    /// in a streamed block
    pub xid: Option<u32>,
    /// whether it belongs to a transaction
    pub transactional: bool,
    /// where it is in the log
    pub lsn: u64,
    /// whom it is for
    pub prefix: ByteString,
    /// what it says
    pub content: Bytes,
}

/// A block of changes of an unfinished transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStart {
    /// the transaction
    pub xid: u32,
    /// whether it is its first block
    pub first_segment: bool,
}

/// A streamed transaction committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamCommit {
    /// the transaction
    pub xid: u32,
    /// LSN of the commit record
    pub commit_lsn: u64,
    /// LSN after it
    pub end_lsn: u64,
    /// when it committed
    pub timestamp_micros: i64,
}

/// A streamed transaction, or a subtransaction of it, was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamAbort {
    /// the transaction
    pub xid: u32,
    /// what was rolled back; the transaction's own id: all of it
    pub subtransaction: u32,
    /// LSN of the abort record; only with `streaming=parallel` (protocol version 4)
    pub lsn: Option<u64>,
    /// when; only with `streaming=parallel`
    pub timestamp_micros: Option<i64>,
}

/// What the messages of two-phase commit have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// LSN of the prepare (or commit) record
    pub lsn: u64,
    /// LSN after it
    pub end_lsn: u64,
    /// when
    pub timestamp_micros: i64,
    /// the transaction
    pub xid: u32,
    /// the name that PREPARE TRANSACTION gave it
    pub gid: ByteString,
}

/// A prepared transaction was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackPrepared {
    /// LSN after its prepare record
    pub prepare_end_lsn: u64,
    /// LSN after the rollback's
    pub end_lsn: u64,
    /// when it was prepared
    pub prepare_micros: i64,
    /// when it was rolled back
    pub timestamp_micros: i64,
    /// the transaction
    pub xid: u32,
    /// the name that PREPARE TRANSACTION gave it
    pub gid: ByteString,
}

/// A row's columns: checked when decoded, read by iterating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple {
    pub(super) columns: u16,
    pub(super) data: Bytes,
}

impl Tuple {
    /// How many columns.
    pub fn len(&self) -> usize {
        self.columns.into()
    }

    /// Whether there is no column: a table may have none.
    pub fn is_empty(&self) -> bool {
        self.columns == 0
    }

    /// The values in the order of the relation's columns.
    pub fn values(&self) -> TupleValues<'_> {
        TupleValues::new(self)
    }
}

/// A value of a tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TupleValue<'a> {
    /// n
    Null,
    /// u: stored out of line (TOAST) and not changed by the update, so that the log does not have it
    Unchanged,
    /// t: as the type's output function writes it
    Text(Part<'a>),
    /// b: as the type's send function writes it (option `binary`)
    Binary(Part<'a>),
}
