//! Where encoded records go.

use async_trait::async_trait;

use crate::{EncodedRecord, Error, Result};

/// What became of a record that a sink accepted.
#[derive(Debug)]
pub struct Ack {
    /// the record's sequence number
    pub sequence: u64,
    /// durable, or the reason why it will never be
    pub result: Result<(), Error>,
}

/// A target of encoded records: Kafka, a file, Pulsar…
///
/// `write` returns once the batch is *accepted*; that is where a full buffer makes the caller wait. A record is
/// *durable* only when its ack says so; acks may come in any order and are collected with `acks`.
#[async_trait]
pub trait Sink: Send {
    /// Takes a batch, waiting while the sink's own buffer is full.
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()>;

    /// Waits for acknowledgements and appends them. Dropping the future loses none. Pends for ever while nothing is
    /// outstanding.
    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()>;

    /// Sends out what is buffered without waiting for more. The acks still come through `acks`.
    async fn flush(&mut self) -> Result<()>;

    /// Ends a transaction: what was written since the last one ended, and these records, become visible together, or not at all.
    /// Returns once that is durable. Only what was opened with transactions has them.
    async fn commit(&mut self, _more: Vec<EncodedRecord>) -> Result<()> {
        Err(Error::fatal("this sink has no transactions"))
    }

    /// Ends a transaction so that nothing that was written since the last one ended is ever visible, and appends what became of its records.
    /// None of them is outstanding afterwards, and the sink goes on, also after a transaction that had failed.
    async fn abort(&mut self, _out: &mut Vec<Ack>) -> Result<()> {
        Err(Error::fatal("this sink has no transactions"))
    }

    /// Flushes and releases everything. What no transaction's end made visible never will be.
    async fn close(&mut self) -> Result<()>;
}
