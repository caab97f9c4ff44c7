//! What the produce stage takes: encoded batches, some of them ahead of their turn.
//!
//! While a transaction ends nothing more can be written, and the source need not stand still: what it has next waits here, as much as the next transaction may
//! hold, and goes out at once when that begins. What is written, and when a transaction ends, belongs to `produce`.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;

use super::encode::{Encoded, EncodedBatch};

/// Above so many bytes of keys and values nothing more is taken ahead.
const MOST_BYTES: usize = 16 << 20;

/// Batches in the order in which they were polled.
pub(super) struct Input {
    encoded: Encoded,
    ahead: VecDeque<EncodedBatch>,
    /// what `ahead` holds
    records: usize,
    bytes: usize,
    /// so many records may wait in it
    most: usize,
    /// nothing comes after what is in it
    over: bool,
}

impl Input {
    /// Takes up to so many records ahead of their turn; 0: none.
    pub fn new(encoded: Encoded, most: usize) -> Self {
        Self { encoded, ahead: VecDeque::new(), records: 0, bytes: 0, most, over: false }
    }

    /// The next batch; none once there are no more. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<EncodedBatch> {
        if let Some(batch) = self.ahead.pop_front() {
            self.records -= batch.records.len();
            self.bytes -= size(&batch);
            return Some(batch);
        }
        if self.over { None } else { self.encoded.next().await }
    }

    /// Waits for something else, and takes ahead what comes meanwhile.
    pub async fn meanwhile<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            let room = !self.over && self.records < self.most && self.bytes < MOST_BYTES;
            tokio::select! {
                biased;
                done = &mut wait => return done,
                batch = self.encoded.next(), if room => match batch {
                    Some(batch) => {
                        self.records += batch.records.len();
                        self.bytes += size(&batch);
                        self.ahead.push_back(batch);
                    }
                    None => self.over = true,
                },
            }
        }
    }
}

fn size(batch: &EncodedBatch) -> usize {
    let of = |part: &Option<bytes::Bytes>| part.as_ref().map_or(0, bytes::Bytes::len);
    batch.records.iter().map(|record| of(&record.key) + of(&record.value)).sum()
}
