//! COPY … TO STDOUT as a stream of chunks. What a row holds is read by `crate::decode::copy`.
//!
//! Specification: PostgreSQL manual, "COPY Operations".

use bytes::Bytes;
use postgres_protocol::message::backend::{COPY_DATA_TAG, Message};
use postgres_protocol::message::frontend;

use super::connection::Connection;
use super::error::{ClientError, ServerError};
use super::wire::{HEADER, header};
use crate::decode::Part;

/// What COPY was asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// text or CSV
    Text,
    /// binary
    Binary,
}

/// A running COPY … TO STDOUT. Dropped early, the rest is read away by the connection's next call: cancel first if that
/// may be much.
#[derive(Debug)]
pub struct CopyOut<'a> {
    connection: &'a mut Connection,
    format: CopyFormat,
    columns: u16,
    done: bool,
}

/// Many rows in one piece of the read buffer.
#[derive(Clone, Debug)]
pub struct CopyChunk {
    /// whole CopyData messages, headers included
    data: Bytes,
}

impl Connection {
    /// Starts a `COPY … TO STDOUT`.
    pub async fn copy_out(&mut self, sql: &str) -> Result<CopyOut<'_>, ClientError> {
        self.send_query(sql).await?;
        match self.next().await? {
            Message::CopyOutResponse(body) => {
                let format = if body.format() == 0 { CopyFormat::Text } else { CopyFormat::Binary };
                let columns = u16::try_from(
                    fallible_iterator::FallibleIterator::count(body.column_formats()).map_err(ClientError::protocol)?,
                );
                Ok(CopyOut { connection: self, format, columns: columns.unwrap_or(u16::MAX), done: false })
            }
            Message::ErrorResponse(body) => {
                let error = self.failure(ServerError::read(body.fields())?)?;
                self.settle().await?;
                Err(error)
            }
            other => {
                if matches!(other, Message::CopyInResponse(_)) {
                    self.refuse_copy_in().await?;
                }
                self.settle().await?;
                Err(ClientError::protocol("the statement is no COPY … TO STDOUT"))
            }
        }
    }

    /// Without an answer to `COPY … FROM STDIN` the server would wait for ever.
    pub(super) async fn refuse_copy_in(&mut self) -> Result<(), ClientError> {
        frontend::copy_fail("this client sends no COPY data", self.wire.output()).map_err(ClientError::protocol)?;
        self.wire.flush().await
    }
}

impl CopyOut<'_> {
    /// Text or binary.
    pub fn format(&self) -> CopyFormat {
        self.format
    }

    /// How many columns a row has.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// The next rows: all that are in the read buffer, at least one. None: that was all, and the server has confirmed it.
    /// May be dropped while it waits.
    pub async fn next_rows(&mut self) -> Result<Option<CopyChunk>, ClientError> {
        if self.done {
            return Ok(None);
        }
        loop {
            let data = self.connection.wire.take_copy_data()?;
            if !data.is_empty() {
                return Ok(Some(CopyChunk { data }));
            }
            if self.connection.wire.wait().await?.tag == COPY_DATA_TAG {
                continue;
            }
            let Some(message) = self.connection.next_or_absorbed().await? else { continue };
            match message {
                Message::CopyDone | Message::CommandComplete(_) => {}
                Message::ReadyForQuery(_) => {
                    self.done = true;
                    return Ok(None);
                }
                Message::ErrorResponse(body) => {
                    self.done = true;
                    let error = self.connection.failure(ServerError::read(body.fields())?)?;
                    self.connection.settle().await?;
                    return Err(error);
                }
                _ => return Err(ClientError::protocol("an unexpected message during COPY")),
            }
        }
    }
}

impl CopyChunk {
    /// The rows: one CopyData message each ("the backend sends one message per row"), in text format with the newline,
    /// in binary format with what `decode::BinaryCopy` takes off the first and the last.
    pub fn rows(&self) -> CopyRows<'_> {
        CopyRows { whole: &self.data, at: 0 }
    }

    /// The bytes of read buffer in use by the chunk.
    pub fn byte_len(&self) -> usize {
        self.data.len()
    }
}

/// The rows of a [`CopyChunk`], each a part of the read buffer.
#[derive(Clone, Debug)]
pub struct CopyRows<'a> {
    whole: &'a Bytes,
    at: usize,
}

impl<'a> Iterator for CopyRows<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.whole.get(self.at..)?;
        // framing was checked when the chunk was taken
        let length = header(rest).ok()??.len.clamp(HEADER, rest.len());
        let message = self.at + HEADER..self.at + length;
        self.at += length;
        Some(Part::new(self.whole, message))
    }
}
