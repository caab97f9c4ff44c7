//! Messages over a byte stream: read buffer, write buffer, framing. Knows no state of the session.
//!
//! Every method that waits may be dropped while it does (`select!`) and called again: nothing read or queued is lost.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use postgres_protocol::message::backend::{COPY_DATA_TAG, Header, Message};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::ClientError;
use super::stream::Stream;

/// Bytes of a message before its body: type and length.
pub(super) const HEADER: usize = 5;
/// CopyBothResponse, which `postgres_protocol` does not know.
pub(super) const COPY_BOTH_RESPONSE_TAG: u8 = b'W';
/// PostgreSQL makes no message larger than this (`MaxAllocSize`, 1 GiB): a larger length is garbage.
const MAX_MESSAGE: usize = 0x3fff_ffff + HEADER;
/// With less room than this left, a new piece of read buffer is begun.
const LEAST_ROOM: usize = 16 * 1024;

/// A stream with its buffers.
pub(super) struct Wire {
    pub(super) stream: Stream,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    oversized: bool,
    piece: usize,
    /// the last read took all that had come
    pub(super) emptied: bool,
    /// the longest wait for a byte of the server
    pub(super) patience: Option<Duration>,
}

/// The message at the front of the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) tag: u8,
    /// header included
    pub(super) len: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream, piece: usize) -> Self {
        let piece = piece.max(2 * LEAST_ROOM);
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            oversized: false,
            piece,
            emptied: false,
            patience: None,
        }
    }

    /// Where to put what is to be sent; [`Wire::flush`] sends it.
    pub(super) fn output(&mut self) -> &mut BytesMut {
        self.unflushed = true;
        &mut self.output
    }

    /// Sends what is queued.
    pub(super) async fn flush(&mut self) -> Result<(), ClientError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Waits for a complete message and says what it is; it stays where it is.
    pub(super) async fn wait(&mut self) -> Result<Front, ClientError> {
        loop {
            match header(&self.input)? {
                Some(front) if front.len <= self.input.len() => return Ok(front),
                Some(front) => self.fill(front.len - self.input.len()).await?,
                None => self.fill(HEADER).await?,
            }
        }
    }

    /// The next message as `postgres_protocol` reads it.
    pub(super) async fn message(&mut self) -> Result<Message, ClientError> {
        let front = self.wait().await?;
        let missing = || ClientError::protocol(format!("message '{}' vanished", front.tag as char));
        Message::parse(&mut self.input).map_err(ClientError::protocol)?.ok_or_else(missing)
    }

    /// Takes the message at the front without looking into it.
    pub(super) fn skip(&mut self, front: Front) {
        self.input.advance(front.len.min(self.input.len()));
    }

    /// Takes all complete CopyData messages at the front in one piece, headers included; empty if there is none.
    pub(super) fn take_copy_data(&mut self) -> Result<Bytes, ClientError> {
        let mut end = 0;
        while let Some(front) = header(&self.input[end..])? {
            if front.tag != COPY_DATA_TAG || front.len > self.input.len() - end {
                break;
            }
            end += front.len;
        }
        let taken = self.input.split_to(end).freeze();
        // only so much, since what is taken keeps its whole piece alive: many small reads would hold one each
        if self.input.capacity() < self.piece / 2 {
            self.let_go();
        }
        Ok(taken)
    }

    /// Reads at least one byte more, and meanwhile sends what is queued.
    async fn fill(&mut self, wanted: usize) -> Result<(), ClientError> {
        self.make_room(wanted);
        let patience = self.patience;
        let room = self.input.capacity() - self.input.len();
        let reading = poll_fn(|cx| {
            if self.unflushed
                && let Poll::Ready(Err(error)) = self.poll_flush(cx)
            {
                return Poll::Ready(Err(error));
            }
            // the future has no state of its own, so it may be made anew for each poll
            let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx);
            read.map_err(|error| ClientError::io("reading from the server", error))
        });
        let read = match patience {
            None => reading.await?,
            Some(patience) => timeout(patience, reading).await.map_err(|_| silent(patience))??,
        };
        self.emptied = read < room;
        if read == 0 { Err(ClientError::closed("reading from the server")) } else { Ok(()) }
    }

    /// Holds no read buffer until the next read, if all is taken. Sessions wait most of the time, and the buffer that one lets go
    /// is the next one's, while the processor's caches still hold it.
    pub(super) fn let_go(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    fn make_room(&mut self, wanted: usize) {
        let (held, room) = (self.input.len(), self.input.capacity() - self.input.len());
        if self.oversized && held + wanted <= self.piece {
            // a large message made the buffer grow: give that memory back
            let mut fresh = BytesMut::with_capacity(self.piece);
            fresh.extend_from_slice(&self.input);
            self.input = fresh;
            self.oversized = false;
        } else if room < wanted || (room < LEAST_ROOM && held < LEAST_ROOM) {
            self.oversized |= wanted > self.piece;
            // takes the old piece again if nobody holds a slice of it; else a new one, to which the partial message is copied
            self.input.reserve(self.piece.max(wanted));
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        let failed = |error| ClientError::io("sending to the server", error);
        while !self.output.is_empty() {
            match pin!(self.stream.write_buf(&mut self.output)).poll(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(ClientError::closed("sending to the server"))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(failed(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(failed(error))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn silent(patience: Duration) -> ClientError {
    ClientError::Timeout(format!("the server has sent nothing for {} ms", patience.as_millis()))
}

/// Type and whole length of the message that begins at `input`, if its header is there.
pub(super) fn header(input: &[u8]) -> Result<Option<Front>, ClientError> {
    let Some(header) = Header::parse(input).map_err(ClientError::protocol)? else { return Ok(None) };
    let len = header.len() as usize + 1;
    if len > MAX_MESSAGE {
        return Err(ClientError::protocol(format!(
            "a message of type {:#04x} claims {len} bytes, more than PostgreSQL ever sends: is this a PostgreSQL server?",
            header.tag()
        )));
    }
    Ok(Some(Front { tag: header.tag(), len }))
}
