//! What changed from one schema to another, and what that means to a consumer that goes on with the old one: told before a change, where a
//! registry refuses it, and in the log where it takes it.
//!
//! What belongs here is the same for every format. What an old reader sees of a change is the format's to say (`avro/changes`,
//! `json_schema/changes`, `protobuf/changes`); what changed is found in Connect's schemas.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rowtide_api::{Difference, Schema, SchemaRef, Told, differences};
use tracing::{info, warn};

/// What who reads by the old schema sees of a change, and whether it breaks them.
pub(crate) type Seen = (String, bool);

/// The changes; empty where only documentation differs.
pub(crate) fn told(old: &Schema, new: &Schema, old_reader: &dyn Fn(&Difference<'_>) -> Seen) -> Vec<Told> {
    let tell = |difference: &Difference<'_>| {
        let (old_reader, breaks) = old_reader(difference);
        Told { change: difference.to_string(), old_reader, breaks }
    };
    differences(old, new).iter().map(tell).collect()
}

/// The schemas that were written by last, by subject, so that the log tells what changes while a task runs: registries take changes, too, that
/// consumers are not ready for.
#[derive(Default)]
pub(crate) struct Watch(Mutex<HashMap<String, SchemaRef>>);

impl Watch {
    /// The Connect schema that a subject's values were written by last.
    pub(crate) fn before(&self, subject: &str) -> Option<SchemaRef> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned()
    }

    /// Takes note of the Connect schema of a schema that a registry has taken.
    pub(crate) fn taken(&self, subject: &str, schema: &SchemaRef, old_reader: &dyn Fn(&Difference<'_>) -> Seen) {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(subject.to_owned(), schema.clone());
        // several tables may share a subject
        let Some(before) = before.filter(|before| before.name == schema.name) else { return };
        let told = told(&before, schema, old_reader);
        if told.is_empty() {
            return;
        }
        let changes: Vec<&str> = told.iter().map(|told| &*told.change).collect();
        info!("the schema of {subject} has changed: {}", changes.join("; "));
        for told in told.iter().filter(|told| told.breaks) {
            warn!(
                "the registry took it, but a consumer of {subject} with the schema from before {}: {}",
                told.old_reader, told.change
            );
        }
    }
}
