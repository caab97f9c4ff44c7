//! The offsets topic of a group of workers: Connect's `KafkaOffsetBackingStore`.
//!
//! The latest record of a key wins, also after the topic was compacted. Under exactly once a task's producer writes its records, in the transaction of what they
//! belong to; only committed ones are read then. Otherwise a store of several partitions is not atomic here: values are written before any is
//! removed, so that what a removal depends on is there first (a snapshot's ledger goes after its end is stored).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rowtide_api::{EncodedRecord, OffsetMap, Result};
use rowtide_kafka::ConsumedRecord;

use super::{OffsetEntry, OffsetStore, json};
use crate::kafka_sink::NOT_A_RECORD;
use crate::stores::{Clients, Entry, StorageTopic, TopicLog};

type Offsets = HashMap<Vec<u8>, Vec<u8>>;

/// The offsets topic.
pub struct KafkaOffsetStore {
    log: TopicLog,
    /// by the bytes of their keys, which Connect compares
    offsets: Arc<Mutex<Offsets>>,
}

impl KafkaOffsetStore {
    /// Opens the topic and reads it to its end. A store that takes longer than `limit` (`offset.flush.timeout.ms`) has failed: a task that is to
    /// stop must not wait for a broker that is away.
    pub async fn open(clients: &Clients, topic: &StorageTopic, limit: Duration) -> Result<Self> {
        let offsets = Arc::new(Mutex::new(Offsets::new()));
        let reader = offsets.clone();
        let take = move |consumed: ConsumedRecord| {
            let (Some(key), value) = (consumed.record.key, consumed.record.value) else { return };
            let mut offsets = reader.lock().unwrap_or_else(PoisonError::into_inner);
            match value {
                Some(value) => offsets.insert(key.to_vec(), value.to_vec()),
                None => offsets.remove(&key[..]),
            };
        };
        Ok(Self { log: TopicLog::open(clients, topic, limit, take).await?, offsets })
    }

    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        self.log.topic()
    }

    /// The records that store offsets, for whoever writes them in a transaction of its own.
    pub fn records(&self, connector: &str, entries: &[OffsetEntry]) -> Vec<EncodedRecord> {
        let [values, removals] = self.entries(connector, entries);
        let record = |(key, value): Entry| EncodedRecord {
            sequence: NOT_A_RECORD,
            topic: self.topic().clone(),
            partition: None,
            key: Some(key.into()),
            value: value.map(Into::into),
            headers: Arc::default(),
            timestamp: None,
        };
        values.into_iter().chain(removals).map(record).collect()
    }

    /// Hands offsets to the topic's writer without waiting for them; the log says which could not be written.
    pub async fn post(&self, connector: &str, entries: &[OffsetEntry]) {
        for entry in self.entries(connector, entries).into_iter().flatten() {
            self.log.post(entry).await;
        }
    }

    /// Values, and removals, which have to come after them.
    fn entries(&self, connector: &str, entries: &[OffsetEntry]) -> [Vec<Entry>; 2] {
        let (values, removals) = entries
            .iter()
            .map(|(partition, offset)| (self.key(connector, partition), offset.as_ref().map(json::value)))
            .partition(|(_, offset)| offset.is_some());
        [values, removals]
    }

    /// The key that the partition has in the topic, or a new one: a map may have been written in another order.
    fn key(&self, connector: &str, partition: &OffsetMap) -> Vec<u8> {
        let new = json::key(connector, partition);
        let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        if offsets.contains_key(&new) || partition.0.len() < 2 {
            return new;
        }
        let same =
            |key: &&Vec<u8>| json::parse_key(key).is_some_and(|(owner, map)| owner == connector && same_map(&map, partition));
        offsets.keys().find(same).cloned().unwrap_or(new)
    }
}

/// As Java's maps are equal: whatever their order.
fn same_map(one: &OffsetMap, other: &OffsetMap) -> bool {
    one.0.len() == other.0.len() && one.0.iter().all(|(key, value)| other.get(key) == Some(value))
}

#[async_trait]
impl OffsetStore for KafkaOffsetStore {
    async fn names(&self) -> Result<Vec<String>> {
        self.log.read_to_end().await?;
        let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let names: BTreeSet<String> = offsets.keys().filter_map(|key| Some(json::parse_key(key)?.0)).collect();
        Ok(names.into_iter().collect())
    }

    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        self.log.read_to_end().await?;
        let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (key, value) in offsets.iter() {
            if let Some((owner, partition)) = json::parse_key(key)
                && owner == connector
                && let Some(offset) = json::parse_value(value).map_err(|error| error.context("the offsets topic"))?
            {
                found.push((key, (partition, offset)));
            }
        }
        // an order that does not change from one look to the next
        found.sort_by_key(|(key, _)| *key);
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }

    async fn store(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        for group in self.entries(connector, entries) {
            if !group.is_empty() {
                self.log.write(group).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_wrote_is_read_and_written_again_byte_for_byte() {
        for (key, value) in crate::stores::golden(include_str!("../../tests/golden/connect-offsets.tsv")) {
            let (connector, partition) = json::parse_key(key).unwrap();
            assert_eq!(json::key(&connector, &partition), key);
            let Some(value) = value else { continue };
            assert_eq!(json::value(&json::parse_value(value).unwrap().unwrap()), value);
        }
    }

    #[test]
    fn maps_are_the_same_whatever_their_order() {
        let map = |pairs: &[(&str, i64)]| {
            let mut map = OffsetMap::default();
            pairs.iter().for_each(|(key, value)| map.set(*key, *value));
            map
        };
        assert!(same_map(&map(&[("a", 1), ("b", 2)]), &map(&[("b", 2), ("a", 1)])));
        assert!(!same_map(&map(&[("a", 1)]), &map(&[("a", 2)])));
        assert!(!same_map(&map(&[("a", 1)]), &map(&[("a", 1), ("b", 2)])));
    }
}
