//! Record batches, magic 2 (Kafka's message format v2): records are written once, straight into the batch's buffer, and read
//! back as slices of the buffer they came in.
//!
//! Pure: bytes in, records out; no clock, no IO. Not here: which records share a batch (`producer::accumulator`).

use crate::compression::Compression;
use bytes::{Buf, BufMut, Bytes};
use std::sync::Arc;

/// Bytes before the first record.
pub(crate) const BATCH_OVERHEAD: usize = 61;
/// Most that one record adds to its parts (`DefaultRecord.MAX_RECORD_OVERHEAD`).
const MAX_RECORD_OVERHEAD: usize = 21;
/// Where the checksummed part begins.
const CRC_START: usize = 21;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A header of a record: a name and a value or null.
pub type Header = (Arc<str>, Option<Bytes>);

/// The parts of a record that a batch stores.
#[derive(Debug, Clone, Copy)]
pub struct RecordParts<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, as [`encode_headers`] wrote them.
    pub headers: &'a [u8],
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

impl RecordParts<'_> {
    fn payload_size(&self) -> usize {
        bytes_size(self.key) + bytes_size(self.value) + self.headers.len()
    }

    /// The size of a batch of this record alone as Java's producer estimates it before it accepts a record
    /// (`AbstractRecords.estimateSizeInBytesUpperBound`).
    pub fn size_upper_bound(&self) -> usize {
        BATCH_OVERHEAD + MAX_RECORD_OVERHEAD + self.payload_size()
    }
}

/// Headers as a record holds them: their number, then names and values. Many records have the same ones.
pub fn encode_headers(headers: &[Header]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, headers.len() as i64);
    for (name, value) in headers {
        put_bytes(&mut out, Some(name.as_bytes()));
        put_bytes(&mut out, value.as_deref());
    }
    out
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn varint_size(n: i64) -> usize {
    let bits = 64 - (zigzag(n) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn bytes_size(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        Some(b) => varint_size(b.len() as i64) + b.len(),
    }
}

fn put_varint(out: &mut Vec<u8>, n: i64) {
    let mut rest = zigzag(n);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(b) => {
            put_varint(out, b.len() as i64);
            out.extend_from_slice(b);
        }
    }
}

/// Who produces, for the broker's check of duplicates and order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerState {
    /// Producer id, or -1 without idempotence.
    pub id: i64,
    /// Producer epoch, or -1.
    pub epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

impl ProducerState {
    /// No idempotence.
    pub const NONE: Self = Self { id: -1, epoch: -1, base_sequence: -1, transactional: false };
}

/// A batch under construction: room for the header, then encoded records.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch with room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Vec::with_capacity(capacity.max(BATCH_OVERHEAD));
        buffer.resize(BATCH_OVERHEAD, 0);
        Self { buffer, count: 0, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// Writes one record.
    pub fn append(&mut self, record: &RecordParts<'_>) {
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        let delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let offset = i64::from(self.count);
        let size = 1 + varint_size(delta) + varint_size(offset) + record.payload_size();
        let out = &mut self.buffer;
        out.reserve(size + varint_size(size as i64));
        put_varint(out, size as i64);
        out.push(0);
        put_varint(out, delta);
        put_varint(out, offset);
        put_bytes(out, record.key);
        put_bytes(out, record.value);
        out.extend_from_slice(record.headers);
        self.count += 1;
    }

    /// Bytes so far, header included.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of records.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Compresses the records and fills in the header and checksum.
    pub fn finish(self, compression: Compression, producer: ProducerState) -> std::io::Result<Vec<u8>> {
        let mut batch = self.buffer;
        if compression != Compression::None {
            let mut packed = Vec::with_capacity(batch.len() / 2 + BATCH_OVERHEAD);
            packed.resize(BATCH_OVERHEAD, 0);
            compression.compress(&batch[BATCH_OVERHEAD..], &mut packed)?;
            batch = packed;
        }
        let length = (batch.len() - 12) as i32;
        let mut header = &mut batch[..BATCH_OVERHEAD];
        header.put_i64(0);
        header.put_i32(length);
        header.put_i32(-1);
        header.put_i8(2);
        header.put_u32(0);
        header.put_i16(compression.id() | if producer.transactional { TRANSACTIONAL } else { 0 });
        header.put_i32(self.count - 1);
        header.put_i64(self.base_timestamp);
        header.put_i64(self.max_timestamp);
        header.put_i64(producer.id);
        header.put_i16(producer.epoch);
        header.put_i32(producer.base_sequence);
        header.put_i32(self.count);
        seal(&mut batch);
        Ok(batch)
    }
}

fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_START..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// Gives a finished batch another producer state, for a retry after the producer's epoch was raised.
pub fn rewrite_producer_state(batch: &Bytes, producer: ProducerState) -> Bytes {
    let mut copy = batch.to_vec();
    if let Some(mut at) = copy.get_mut(43..57) {
        at.put_i64(producer.id);
        at.put_i16(producer.epoch);
        at.put_i32(producer.base_sequence);
        seal(&mut copy);
    }
    copy.into()
}

/// A record as read from a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedRecord {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// A batch as read: its own facts and its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedBatch {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record, kept by compaction even when that record is gone.
    pub last_offset: i64,
    /// Producer id, or -1.
    pub producer_id: i64,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// For a transaction marker: `Some(true)` for a commit. Such a batch has no records for a reader.
    pub control_commit: Option<bool>,
    /// The records.
    pub records: Vec<DecodedRecord>,
}

/// Why bytes are no record batch.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("damaged record batch at offset {offset}: {problem}")]
pub struct BatchError {
    /// The base offset that the batch claims.
    pub offset: i64,
    /// What is wrong.
    pub problem: String,
}

/// Reads the next batch of a fetched record set. `None` at the end, and when the last batch was cut off by the size limit of
/// the fetch. Decompressed batches may have at most `limit` bytes.
pub fn decode_next(input: &mut Bytes, limit: usize) -> Result<Option<DecodedBatch>, BatchError> {
    if input.len() < CRC_START {
        return Ok(None);
    }
    let mut head = &input[..CRC_START];
    let base_offset = head.get_i64();
    let length = head.get_i32();
    let _leader_epoch = head.get_i32();
    let magic = head.get_i8();
    let crc = head.get_u32();
    let fail = |problem: String| BatchError { offset: base_offset, problem };
    if magic != 2 {
        return Err(fail(format!("message format {magic}; only format 2 (Kafka 0.11 and newer) is read")));
    }
    let total = usize::try_from(length).ok().and_then(|l| l.checked_add(12)).unwrap_or(0);
    if total < BATCH_OVERHEAD {
        return Err(fail(format!("length {length} is shorter than a batch header")));
    }
    if input.len() < total {
        return Ok(None);
    }
    let batch = input.split_to(total);
    if crc32c::crc32c(&batch[CRC_START..]) != crc {
        return Err(fail("checksum (CRC-32C) differs".into()));
    }
    decode_body(base_offset, batch.slice(CRC_START..), limit).map(Some).map_err(fail)
}

fn decode_body(base_offset: i64, mut body: Bytes, limit: usize) -> Result<DecodedBatch, String> {
    let attributes = body.get_i16();
    let last_delta = body.get_i32();
    let base_timestamp = body.get_i64();
    let max_timestamp = body.get_i64();
    let producer_id = body.get_i64();
    let _epoch = body.get_i16();
    let _sequence = body.get_i32();
    let count = body.get_i32();
    let codec = Compression::from_attributes(attributes).ok_or("unknown compression")?;
    if codec != Compression::None {
        body = codec.decompress(&body, limit).map_err(|e| format!("{codec:?}: {e}"))?.into();
    }
    let count = usize::try_from(count).map_err(|_| "negative record count")?;
    let append_time = (attributes & 8 != 0).then_some(max_timestamp);
    let mut records = Vec::with_capacity(count.min(body.len() / 7 + 1));
    for _ in 0..count {
        let mut record = decode_record(&mut body, base_offset, base_timestamp)?;
        if let Some(timestamp) = append_time {
            record.timestamp = timestamp;
        }
        records.push(record);
    }
    let mut control_commit = None;
    if attributes & CONTROL != 0 {
        let key = records.first().and_then(|r| r.key.as_ref());
        control_commit = Some(key.is_some_and(|k| k.get(2..4) == Some(&[0, 1])));
        records.clear();
    }
    Ok(DecodedBatch {
        base_offset,
        last_offset: base_offset.wrapping_add(i64::from(last_delta)),
        producer_id,
        transactional: attributes & TRANSACTIONAL != 0,
        control_commit,
        records,
    })
}

fn decode_record(body: &mut Bytes, base_offset: i64, base_timestamp: i64) -> Result<DecodedRecord, String> {
    let size = get_varint(body)?;
    let size = usize::try_from(size).map_err(|_| "negative record size")?;
    if size > body.len() {
        return Err(format!("a record of {size} bytes where {} are left", body.len()));
    }
    let mut record = body.split_to(size);
    if !record.has_remaining() {
        return Err("an empty record".into());
    }
    let _attributes = record.get_u8();
    let timestamp = base_timestamp.wrapping_add(get_varint(&mut record)?);
    let offset = base_offset.wrapping_add(get_varint(&mut record)?);
    let key = get_bytes(&mut record)?;
    let value = get_bytes(&mut record)?;
    let count = usize::try_from(get_varint(&mut record)?).map_err(|_| "negative header count")?;
    let mut headers = Vec::with_capacity(count.min(record.len() / 2));
    for _ in 0..count {
        let name = get_bytes(&mut record)?.ok_or("a header without a name")?;
        headers.push((name, get_bytes(&mut record)?));
    }
    Ok(DecodedRecord { offset, timestamp, key, value, headers })
}

fn get_varint(input: &mut Bytes) -> Result<i64, String> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        if !input.has_remaining() {
            return Err("cut off inside a number".into());
        }
        let byte = input.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err("a number of more than 10 bytes".into())
}

fn get_bytes(input: &mut Bytes) -> Result<Option<Bytes>, String> {
    let length = get_varint(input)?;
    if length < 0 {
        return Ok(None);
    }
    match usize::try_from(length) {
        Ok(n) if n <= input.len() => Ok(Some(input.split_to(n))),
        _ => Err(format!("a field of {length} bytes where {} are left", input.len())),
    }
}

#[cfg(test)]
#[path = "record_batch_tests.rs"]
mod tests;
