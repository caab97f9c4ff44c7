//! Blocking snapshots that signals asked for, as offsets hold them until they are over: a restart takes them up again.
//!
//! The original's offsets say only that there is one (`snapshot=BLOCKING`), so that a crash ends it there. How far one is
//! stands in its [`crate::ledger`]; when it is taken, and how, belongs to the source.

use std::sync::Arc;

use rowtide_api::{Error, OffsetMap, OffsetValue, Result, Signal};
use serde_json::{Value as Json, json};

use crate::signal::{Action, Execute, action};

/// The key of those that are not over; no key of the original's.
const WAITING: &str = "rowtide_blocking_snapshots";

/// A blocking snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// tells its ledger from that of another one
    pub token: Arc<str>,
    /// what asked for it
    pub signal: Signal,
}

impl Blocking {
    /// As this signal asks for it.
    pub fn new(signal: Signal) -> Self {
        Self { token: uuid::Uuid::now_v7().to_string().into(), signal }
    }

    /// What is to be read.
    pub fn execute(&self) -> Result<Execute> {
        match action(&self.signal)? {
            Action::Block(execute) => Ok(execute),
            _ => Err(Error::data(format!("Signal '{}' asks for no blocking snapshot", self.signal.id))),
        }
    }

    /// Reads from a stored offset what is not over.
    pub fn read(offset: &OffsetMap) -> Arc<[Self]> {
        let stored = offset.string(WAITING).and_then(|text| serde_json::from_str::<Json>(text).ok());
        let text = |item: &Json, name: &str| item.get(name).and_then(Json::as_str).map(str::to_owned);
        let blocking = |item: &Json| {
            let signal = Signal { id: text(item, "id")?, kind: text(item, "type")?, data: text(item, "data")? };
            Some(Self { token: text(item, "token")?.into(), signal })
        };
        stored.iter().filter_map(Json::as_array).flatten().filter_map(blocking).collect()
    }

    /// Writes into an offset what is not over.
    pub fn write(waiting: &[Self], map: &mut OffsetMap) {
        if waiting.is_empty() {
            return;
        }
        let items = waiting.iter().map(|Self { token, signal: Signal { id, kind, data } }| {
            json!({ "token": &**token, "id": id, "type": kind, "data": data })
        });
        map.set(WAITING, OffsetValue::String(items.collect::<Json>().to_string().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_over_is_read_back() {
        let data = r#"{"data-collections": ["public.a"], "type": "blocking"}"#;
        let signal = |data: &str| Signal { id: "s".into(), kind: "execute-snapshot".into(), data: data.into() };
        let waiting = [Blocking::new(signal(data)), Blocking::new(signal(data))];
        assert_ne!(waiting[0].token, waiting[1].token);
        let mut offset = OffsetMap::default();
        Blocking::write(&waiting, &mut offset);
        assert_eq!(*Blocking::read(&offset), waiting);
        assert_eq!(waiting[0].execute().unwrap().names(), ["public.a"]);
        assert!(Blocking::new(signal("{}")).execute().is_err());
        assert!(Blocking::read(&OffsetMap::default()).is_empty());
    }
}
