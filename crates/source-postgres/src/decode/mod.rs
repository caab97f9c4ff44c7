//! Pure decoders of what PostgreSQL sends: bytes in, values out. No clock, no IO, no panic on any input.
//!
//! What belongs here: the replication stream's messages ([`stream_message`]), pgoutput's messages in them
//! ([`pgoutput`]), rows of COPY ([`copy_text_row`], [`BinaryCopy`]).
//! What does not: what a value's text means (that depends on the column's type).

mod copy;
mod error;
mod message;
mod part;
mod pgoutput;
mod reader;
mod xlog;

pub use copy::{BinaryCopy, BinaryFields, copy_text_row};
pub use error::DecodeError;
pub use message::{
    Begin, Commit, Delete, Insert, LogicalMessage, Message, OldTuple, Origin, Prepared, Relation, RelationColumn,
    RollbackPrepared, StreamAbort, StreamCommit, StreamStart, Truncate, Tuple, TupleValue, Type, Update,
};
pub use part::Part;
pub use pgoutput::{Decoder, Streamed, TupleValues, pgoutput, streamed, streamed_kind};
pub use xlog::{StreamMessage, stream_message};
