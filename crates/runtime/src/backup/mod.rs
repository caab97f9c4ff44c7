//! Backups of what a worker keeps: connectors' configurations and offsets, and how one is put back.
//!
//! `format` is a backup as bytes, `backups` those of a place, which is a `directory` or a `bucket` of an object store, asked with `credentials`. `schedule`
//! takes them while a worker runs, `restore` says what putting one back would do. Whether a position is still there is for the
//! source to say ([`rowtide_api::SourceConnector::outlook`]).

mod backups;
mod bucket;
mod credentials;
mod directory;
mod format;
mod restore;
mod schedule;

use jiff::Timestamp;
use rowtide_api::{OffsetMap, Props, Result};

pub use backups::Backups;
pub use bucket::Settings as StoreSettings;
pub use format::{from_bytes, to_bytes};
pub use restore::{Checked, Step, changes, config_of, plan, unknown};
pub use schedule::{Settings, configs, run, take, write};

use crate::herder::TargetState;
use crate::offsets::OffsetStore;

/// What is known of a connector.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorState {
    /// its name
    pub name: String,
    /// as the user wrote it, with the state wanted of it; none: only its offsets are known
    pub config: Option<(Props, TargetState)>,
    /// what is stored under its name
    pub offsets: Vec<(OffsetMap, OffsetMap)>,
}

/// A backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// when it was taken
    pub taken: Timestamp,
    /// by name
    pub connectors: Vec<ConnectorState>,
}

impl Backup {
    /// Of what has just been read. The time is one of whole milliseconds, as names of backups and users write them, and none
    /// before that: a change that commits later is not behind its offsets.
    pub fn of_now(connectors: Vec<ConnectorState>) -> Self {
        let now = Timestamp::now();
        let taken = Timestamp::from_millisecond(now.as_millisecond() + 1);
        Self { taken: taken.unwrap_or(now), connectors }
    }

    /// What it holds of a connector.
    pub fn connector(&self, name: &str) -> Option<&ConnectorState> {
        self.connectors.iter().find(|connector| connector.name == name)
    }
}

/// Everything that is known now: the connectors given, and the offsets of all that have any.
pub async fn collect(configs: Vec<(String, Props, TargetState)>, offsets: &dyn OffsetStore) -> Result<Vec<ConnectorState>> {
    let mut connectors: Vec<ConnectorState> = configs
        .into_iter()
        .map(|(name, config, target)| ConnectorState { name, config: Some((config, target)), offsets: Vec::new() })
        .collect();
    for name in offsets.names().await? {
        if !connectors.iter().any(|connector| connector.name == name) {
            connectors.push(ConnectorState { name, config: None, offsets: Vec::new() });
        }
    }
    for connector in &mut connectors {
        connector.offsets = offsets.load(&connector.name).await?;
    }
    connectors.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(connectors)
}
