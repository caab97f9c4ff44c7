//! Messages of transactions that have not ended: in memory up to one budget, then in files up to another.
//!
//! Storage alone: what the messages mean, and which of them count, is `streamed`'s. A file has no name once it is open,
//! so that the system takes it back however the process ends, and no other process ever mistakes it for its own.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rowtide_api::{Error, Result};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Bytes read from a file at once, but for a single larger message.
pub const PIECE: usize = 256 * 1024;
/// Before each message: its length and where it is in the log.
const HEADER: usize = 4 + 8;

/// How much may be kept, and where.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `rowtide.streaming.memory.bytes`
    pub memory: usize,
    /// `rowtide.streaming.spill.bytes.max`
    pub disk: u64,
    /// `rowtide.streaming.spill.directory`
    pub directory: PathBuf,
}

/// The messages of all open transactions.
pub struct Spill {
    limits: Limits,
    transactions: HashMap<u32, Spooled>,
    memory: usize,
    disk: u64,
    /// files made so far
    files: u64,
}

/// Messages of one transaction, in the order in which they came: first those in the file, then those in memory.
#[derive(Default)]
struct Spooled {
    file: Option<File>,
    written: u64,
    buffer: Vec<u8>,
}

impl Spill {
    /// Holds nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, transactions: HashMap::new(), memory: 0, disk: 0, files: 0 }
    }

    /// Adds a message to a transaction.
    pub async fn append(&mut self, xid: u32, lsn: u64, message: &[u8]) -> Result<()> {
        let spooled = self.transactions.entry(xid).or_default();
        // the protocol's own lengths have 32 bits
        spooled.buffer.put_u32(message.len() as u32);
        spooled.buffer.put_u64(lsn);
        spooled.buffer.put_slice(message);
        self.memory += HEADER + message.len();
        while self.memory > self.limits.memory {
            self.write_largest().await?;
        }
        Ok(())
    }

    /// Forgets a transaction.
    pub fn discard(&mut self, xid: u32) {
        self.take(xid);
    }

    /// Takes a transaction out, to be read from its first message on.
    pub async fn read_back(&mut self, xid: u32) -> Result<ReadBack> {
        let Spooled { mut file, written, buffer } = self.take(xid);
        if let Some(file) = &mut file {
            file.rewind().await.map_err(|error| failed("reading", &self.limits.directory, error))?;
        }
        let directory = self.limits.directory.clone();
        Ok(ReadBack { directory, file, unread: written, piece: Bytes::new(), memory: buffer.into() })
    }

    fn take(&mut self, xid: u32) -> Spooled {
        let spooled = self.transactions.remove(&xid).unwrap_or_default();
        self.memory -= spooled.buffer.len();
        self.disk -= spooled.written;
        spooled
    }

    /// Writes out what the transaction with the most of it has in memory.
    async fn write_largest(&mut self) -> Result<()> {
        let Some(largest) = self.transactions.values_mut().max_by_key(|spooled| spooled.buffer.len()) else { return Ok(()) };
        let buffer = std::mem::take(&mut largest.buffer);
        let (size, limits) = (buffer.len() as u64, &self.limits);
        self.memory -= buffer.len();
        if self.disk + size > limits.disk {
            return Err(Error::configuration(format!(
                "transactions that have not ended hold {} bytes, more than rowtide.streaming.spill.bytes.max={} allows; nothing is lost, the \
                 server sends them again",
                self.disk + size,
                limits.disk
            ))
            .remedy(
                "raise rowtide.streaming.spill.bytes.max, or let the server keep such transactions (rowtide.streaming.transactions=false), \
                 then restart the task",
            ));
        }
        let write = async {
            let file = match &mut largest.file {
                Some(file) => file,
                none => none.insert(nameless(&limits.directory, self.files).await?),
            };
            file.write_all(&buffer).await?;
            // only now is it known whether that worked
            file.flush().await
        };
        write.await.map_err(|error| failed("writing to", &limits.directory, error))?;
        largest.written += size;
        self.disk += size;
        self.files += 1;
        Ok(())
    }
}

/// A new file whose name is gone already.
async fn nameless(directory: &Path, number: u64) -> io::Result<File> {
    tokio::fs::create_dir_all(directory).await?;
    let path = directory.join(format!("rowtide-spill-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).await?;
    tokio::fs::remove_file(&path).await?;
    Ok(file)
}

fn failed(doing: &str, directory: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{AlreadyExists, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let what = format!("{doing} the files of transactions that have not ended, in {}", directory.display());
    let remedy = "make room there, or set rowtide.streaming.spill.directory to a directory that can be written; nothing is lost, the \
                  server sends these transactions again";
    match error.kind() {
        AlreadyExists | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem => Error::configuration(what),
        _ => Error::transient(what),
    }
    .caused_by(error)
    .remedy(remedy)
}

/// A transaction that is read back.
pub struct ReadBack {
    directory: PathBuf,
    file: Option<File>,
    /// bytes of the file that are not read yet
    unread: u64,
    /// read from the file and not handed out
    piece: Bytes,
    /// what follows the file
    memory: Bytes,
}

impl ReadBack {
    /// The next message with its LSN; none at the end.
    pub async fn next(&mut self) -> Result<Option<(u64, Bytes)>> {
        loop {
            if let Some(message) = split_message(&mut self.piece) {
                return Ok(Some(message));
            }
            if self.unread > 0 {
                self.fill().await.map_err(|error| failed("reading", &self.directory, error))?;
            } else if self.memory.is_empty() {
                return Ok(None);
            } else {
                self.piece = std::mem::take(&mut self.memory);
            }
        }
    }

    /// Reads at least the rest of the message at the front.
    async fn fill(&mut self) -> io::Result<()> {
        let front = self.piece.first_chunk::<4>().map_or(0, |length| HEADER + u32::from_be_bytes(*length) as usize);
        let wanted = front.saturating_sub(self.piece.len()).max(PIECE).min(usize::try_from(self.unread).unwrap_or(usize::MAX));
        let mut piece = BytesMut::with_capacity(self.piece.len() + wanted);
        piece.extend_from_slice(&self.piece);
        if let Some(file) = &mut self.file {
            while piece.len() < self.piece.len() + wanted {
                if file.read_buf(&mut piece).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        self.unread = self.unread.saturating_sub((piece.len() - self.piece.len()) as u64);
        self.piece = piece.freeze();
        Ok(())
    }
}

/// Splits the message at the front off, if all of it is there.
fn split_message(piece: &mut Bytes) -> Option<(u64, Bytes)> {
    let length = u32::from_be_bytes(*piece.first_chunk::<4>()?) as usize;
    if piece.len() < HEADER + length {
        return None;
    }
    piece.advance(4);
    let lsn = piece.get_u64();
    Some((lsn, piece.split_to(length)))
}

#[cfg(test)]
#[path = "spill_tests.rs"]
mod tests;
