//! What putting offsets back would do to a connector: which entries change, and what the source says of each.
//!
//! Nothing is written here; whether it is, and in spite of what, is for whoever asks.

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, OffsetMap, Outlook, Props, Result};

use super::ConnectorState;
use crate::connector_config;
use crate::offsets::OffsetEntry;
use crate::variables::Variables;

/// What the source says of an offset.
#[derive(Debug)]
pub struct Checked {
    /// its partition
    pub partition: OffsetMap,
    /// what would follow, or why that cannot be told
    pub outlook: Result<Outlook>,
}

/// What would be done to one connector.
#[derive(Debug)]
pub struct Step {
    /// what to store; empty: all is as it should be
    pub entries: Vec<OffsetEntry>,
    /// the source's word for each place in a log among them
    pub checked: Vec<Checked>,
}

impl Step {
    /// Whether the source found nothing against it.
    pub fn is_safe(&self) -> bool {
        self.checked.iter().all(|checked| checked.outlook.as_ref().is_ok_and(|outlook| outlook.losses.is_empty()))
    }
}

/// Holds the offsets wanted against the present ones and against the source. `config`: the connector's, variables not filled in.
pub async fn plan(
    plugins: &Plugins,
    variables: &Variables,
    config: &Props,
    wanted: &[(OffsetMap, OffsetMap)],
    present: &[(OffsetMap, OffsetMap)],
) -> Result<Step> {
    let entries = changes(wanted, present);
    let config = variables.fill_in(config)?;
    let source = connector_config::source(plugins, &config)?;
    source.alter_offsets(&config, &entries)?;
    let mut checked = Vec::new();
    for (partition, offset) in &entries {
        // what is no place in a log (how far a snapshot is) stands or falls with the one that is
        let Some(offset) = offset.as_ref().filter(|offset| source.place(offset).is_some()) else { continue };
        let now = present.iter().find(|(have, _)| have == partition).map(|(_, offset)| offset);
        let outlook = source.outlook(&config, partition, offset, now).await;
        checked.push(Checked { partition: partition.clone(), outlook });
    }
    Ok(Step { entries, checked })
}

/// What makes the present offsets the wanted ones.
pub fn changes(wanted: &[(OffsetMap, OffsetMap)], present: &[(OffsetMap, OffsetMap)]) -> Vec<OffsetEntry> {
    let new = wanted.iter().filter(|entry| !present.contains(entry));
    let gone = present.iter().filter(|(partition, _)| !wanted.iter().any(|(have, _)| have == partition));
    new.map(|(partition, offset)| (partition.clone(), Some(offset.clone())))
        .chain(gone.map(|(partition, _)| (partition.clone(), None)))
        .collect()
}

/// The configuration that counts: of several that may be known the first.
pub fn config_of<'a>(known: impl IntoIterator<Item = Option<&'a ConnectorState>>) -> Option<&'a Props> {
    known.into_iter().flatten().find_map(|state| state.config.as_ref().map(|(config, _)| config))
}

/// Why nothing can be said of a connector that has only offsets.
pub fn unknown(name: &str) -> Error {
    Error::configuration(format!(
        "no configuration of '{name}' is known, so that its offsets cannot be held against its database"
    ))
    .remedy("name the connector's file with --config")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(key: &str, value: i64) -> OffsetMap {
        let mut map = OffsetMap::default();
        map.set(key, value);
        map
    }

    #[test]
    fn what_is_the_same_stays_and_what_was_not_there_goes() {
        let wanted = [(map("p", 1), map("lsn", 1)), (map("p", 2), map("lsn", 2))];
        let present = [(map("p", 2), map("lsn", 2)), (map("p", 3), map("lsn", 3))];
        assert_eq!(changes(&wanted, &present), [(map("p", 1), Some(map("lsn", 1))), (map("p", 3), None)]);
        assert_eq!(changes(&wanted, &wanted), []);
    }
}
