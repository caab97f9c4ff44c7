//! What offsets hold of an incremental snapshot that is under way, in the original's form: a Java worker goes on from
//! it, and this reads what a Java worker left.

use std::sync::Arc;

use rowtide_api::{OffsetMap, OffsetValue, ToOffset};
use serde_json::{Value as Json, json};
use tracing::warn;

use super::java_object::{self, KeyValue};
use crate::blocking::Blocking;

const COLLECTIONS: &str = "incremental_snapshot_collections";
const ID: &str = "incremental_snapshot_collections_id";
const CONDITION: &str = "incremental_snapshot_collections_additional_condition";
const SURROGATE_KEY: &str = "incremental_snapshot_collections_surrogate_key";
const LAST: &str = "incremental_snapshot_primary_key";
const MAXIMUM: &str = "incremental_snapshot_maximum_key";
const SIGNAL_PLACE: &str = "rowtide_signal_offset";
const FILE_SIGNALS: &str = "rowtide_file_signals";
const CORRELATION: &str = "incremental_snapshot_correlation_id";
/// `null`, serialized
const NO_KEY: &str = "aced000570";

/// The values of a key.
pub type Key = Arc<[KeyValue]>;

/// A table that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// its name, or an expression that is not resolved yet
    pub table: Arc<str>,
    /// predicate of its rows
    pub condition: Option<Arc<str>>,
    /// the column that orders its rows in place of the key
    pub surrogate_key: Option<Arc<str>>,
}

/// How far an incremental snapshot is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// what is still to be read; the first is being read
    pub collections: Arc<[Collection]>,
    /// id of the signal that asked last
    pub correlation: Arc<str>,
    /// key of the last row that was emitted
    pub last: Option<Key>,
    /// key at which the first table ends
    pub maximum: Option<Key>,
}

impl Progress {
    /// Reads it from a stored offset; none: no incremental snapshot is under way.
    pub fn read(offset: &OffsetMap) -> Option<Self> {
        let stored: Json = serde_json::from_str(offset.string(COLLECTIONS)?).ok()?;
        let text = |item: &Json, name: &str| item.get(name).and_then(Json::as_str).map(Arc::from);
        let collections: Vec<Collection> = stored
            .as_array()?
            .iter()
            .filter_map(|item| {
                Some(Collection {
                    table: text(item, ID)?,
                    condition: text(item, CONDITION),
                    surrogate_key: text(item, SURROGATE_KEY),
                })
            })
            .collect();
        if collections.is_empty() {
            return None;
        }
        Some(Self {
            collections: collections.into(),
            correlation: offset.string(CORRELATION).unwrap_or_default().into(),
            last: key(offset, LAST),
            maximum: key(offset, MAXIMUM),
        })
    }

    fn write(&self, map: &mut OffsetMap) {
        let collections = self.collections.iter().map(|collection| {
            json!({ ID: &*collection.table, CONDITION: collection.condition.as_deref(), SURROGATE_KEY: collection.surrogate_key.as_deref() })
        });
        let hex = |key: &Option<Key>| key.as_ref().map_or_else(|| NO_KEY.to_owned(), |key| java_object::to_hex(key));
        map.set(COLLECTIONS, OffsetValue::String(collections.collect::<Json>().to_string().into()));
        map.set(LAST, OffsetValue::String(hex(&self.last).into()));
        map.set(MAXIMUM, OffsetValue::String(hex(&self.maximum).into()));
        map.set(CORRELATION, OffsetValue::String((&*self.correlation).into()));
    }
}

/// A key that cannot be understood begins the table anew: rows come twice then, none is lost.
fn key(offset: &OffsetMap, name: &str) -> Option<Key> {
    let text = offset.string(name).filter(|text| *text != NO_KEY)?;
    match java_object::from_hex(text) {
        Ok(key) => Some(key.into()),
        Err(error) => {
            warn!(
                "'{name}' in the stored offset cannot be read ({error}): the incremental snapshot of its first table begins anew"
            );
            None
        }
    }
}

/// What offsets hold of what goes on beside the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// an incremental snapshot
    pub progress: Option<Progress>,
    /// blocking snapshots that are not over
    pub blocking: Arc<[Blocking]>,
    /// the last record of the signal topic that was read; no key of the original's, which has a consumer group for it
    pub signal_place: Option<i64>,
    /// how many signals of the file were taken
    pub file_signals: Option<i64>,
}

impl Beside {
    /// Reads it from a stored offset.
    pub fn read(offset: &OffsetMap) -> Self {
        Self {
            progress: Progress::read(offset),
            blocking: Blocking::read(offset),
            signal_place: offset.int(SIGNAL_PLACE),
            file_signals: offset.int(FILE_SIGNALS),
        }
    }
}

/// A position with what went on beside the stream then.
#[derive(Debug)]
pub struct WithBeside {
    /// the position itself
    pub offset: Arc<dyn ToOffset>,
    /// what went on
    pub beside: Arc<Beside>,
}

impl ToOffset for WithBeside {
    fn to_offset(&self) -> OffsetMap {
        let mut map = self.offset.to_offset();
        if let Some(progress) = &self.beside.progress {
            progress.write(&mut map);
        }
        Blocking::write(&self.beside.blocking, &mut map);
        if let Some(place) = self.beside.signal_place {
            map.set(SIGNAL_PLACE, place);
        }
        if let Some(count) = self.beside.file_signals {
            map.set(FILE_SIGNALS, count);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back_and_has_the_originals_form() {
        let collection = |table: &str, condition: Option<&str>| Collection {
            table: table.into(),
            condition: condition.map(Arc::from),
            surrogate_key: None,
        };
        let progress = Progress {
            collections: [collection("public.a", None), collection("public.b", Some("id > 5"))].into(),
            correlation: "pe".into(),
            last: Some([KeyValue::Integer(4)].into()),
            maximum: Some([KeyValue::Integer(5)].into()),
        };
        let stored = |progress: &Progress| {
            let beside = Beside { progress: Some(progress.clone()), signal_place: Some(7), ..Beside::default() };
            WithBeside { offset: Arc::new(OffsetMap::default()), beside: Arc::new(beside) }.to_offset()
        };
        let offset = stored(&progress);
        assert_eq!(Beside::read(&offset).signal_place, Some(7));
        assert_eq!(Progress::read(&offset), Some(progress.clone()));
        assert!(offset.string(COLLECTIONS).unwrap().starts_with(
            "[{\"incremental_snapshot_collections_id\":\"public.a\",\"incremental_snapshot_collections_additional_condition\":null,\
             \"incremental_snapshot_collections_surrogate_key\":null},"
        ));
        let fresh = Progress { last: None, maximum: None, ..progress };
        let offset = stored(&fresh);
        assert_eq!(offset.string(LAST), Some(NO_KEY));
        assert_eq!(Progress::read(&offset), Some(fresh));
        assert_eq!(Progress::read(&OffsetMap::default()), None);
    }
}
