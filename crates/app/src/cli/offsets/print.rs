//! What `rowtide offsets` prints. Configurations are compared by name only: their values may be secret.

use std::fmt::Write;

use rowtide_api::plugin::Plugins;
use rowtide_api::{Loss, OffsetMap, Outlook, Props, Result};
use rowtide_runtime::backup::{ConnectorState, Step, changes};
use rowtide_runtime::connector_config;
use rowtide_runtime::offsets::json as offset_json;
use rowtide_runtime::worker_config::WorkerConfig;
use serde_json::{Value, json};

use super::home;

/// Connect's `{"offsets": [{"partition", "offset"}]}`.
pub fn offsets_json(offsets: &[(OffsetMap, OffsetMap)]) -> Value {
    let entry = |(partition, offset): &(OffsetMap, OffsetMap)| json!({ "partition": offset_json::to_json(partition), "offset": offset_json::to_json(offset) });
    json!({ "offsets": offsets.iter().map(entry).collect::<Vec<_>>() })
}

/// The same of several connectors, each with its name.
pub fn connectors_json(connectors: &[ConnectorState]) -> Value {
    let one = |connector: &ConnectorState| {
        let mut object = json!({ "name": connector.name });
        object["offsets"] = offsets_json(&connector.offsets)["offsets"].take();
        object
    };
    json!({ "connectors": connectors.iter().map(one).collect::<Vec<_>>() })
}

/// Connectors with their places.
pub fn connectors(plugins: &Plugins, connectors: &[ConnectorState]) -> String {
    let mut out = String::new();
    for connector in connectors {
        let config = connector.config.as_ref();
        let state = config.map_or("no configuration is known", |(_, target)| target.name());
        writeln!(out, "{} ({state})", connector.name).ok();
        for (partition, offset) in &connector.offsets {
            let place = place(plugins, config.map(|(config, _)| config), offset);
            writeln!(out, "  {}: {place}", offset_json::to_json(partition)).ok();
            writeln!(out, "    {}", offset_json::to_json(offset)).ok();
        }
        if connector.offsets.is_empty() {
            writeln!(out, "  no offsets").ok();
        }
    }
    if connectors.is_empty() {
        writeln!(out, "nothing is stored").ok();
    }
    out
}

/// An offset's place, as its source words it.
fn place(plugins: &Plugins, config: Option<&Props>, offset: &OffsetMap) -> String {
    let source = config.and_then(|config| connector_config::source(plugins, config).ok());
    let place = match source {
        Some(source) => source.place(offset),
        None => plugins.sources.iter().find_map(|source| source.place(offset)),
    };
    place.unwrap_or_else(|| "no place in a log".to_owned())
}

/// Prints the list of backups, the oldest first; of a damaged one, why.
pub async fn backups(worker: &WorkerConfig, as_json: bool) -> Result<()> {
    let settings = home::settings(worker)?;
    let mut list = Vec::new();
    for name in settings.backups.list().await? {
        let read = settings.backups.read(&name).await;
        if as_json {
            list.push(match read {
                Ok(backup) => json!({ "name": name, "taken": backup.taken.to_string(), "connectors": backup.connectors.len() }),
                Err(error) => json!({ "name": name, "error": error.message() }),
            });
            continue;
        }
        match read {
            Ok(backup) => println!("{name}  {} connectors", backup.connectors.len()),
            Err(error) => println!("{name}  {}", error.message()),
        }
    }
    if as_json {
        println!("{:#}", json!({ "directory": settings.backups.place(), "backups": list }));
    }
    Ok(())
}

/// What differs of a connector between a backup and something else.
#[derive(Debug, PartialEq)]
pub struct Difference {
    name: String,
    /// in the backup, in the other
    known: (bool, bool),
    /// names of options with other values; none: one of both configurations is not known
    options: Option<Vec<String>>,
    config: Option<Props>,
    /// partition, the backup's offset, the other's
    offsets: Vec<(OffsetMap, Option<OffsetMap>, Option<OffsetMap>)>,
}

/// Connectors that differ.
pub fn differences(backup: &[ConnectorState], other: &[ConnectorState]) -> Vec<Difference> {
    let mut names: Vec<&str> = backup.iter().chain(other).map(|connector| connector.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let find = |connectors: &'_ [ConnectorState], name: &str| connectors.iter().find(|connector| connector.name == name).cloned();
    let pairs = names.into_iter().map(|name| (name, find(backup, name), find(other, name)));
    let differing = pairs.filter_map(|(name, left, right)| {
        let config =
            |state: &Option<ConnectorState>| state.as_ref().and_then(|state| state.config.clone()).map(|(config, _)| config);
        let offsets = |state: &Option<ConnectorState>| state.as_ref().map(|state| state.offsets.clone()).unwrap_or_default();
        let (left_offsets, right_offsets) = (offsets(&left), offsets(&right));
        let old =
            |partition: &OffsetMap| left_offsets.iter().find(|(have, _)| have == partition).map(|(_, offset)| offset.clone());
        let entries = changes(&right_offsets, &left_offsets).into_iter();
        let difference = Difference {
            name: name.to_owned(),
            known: (left.is_some(), right.is_some()),
            options: config(&left).zip(config(&right)).map(|(left, right)| options(&left, &right)),
            config: config(&right).or(config(&left)),
            offsets: entries.map(|(partition, new)| (partition.clone(), old(&partition), new)).collect(),
        };
        let same = difference.known == (true, true)
            && difference.options.as_ref().is_none_or(Vec::is_empty)
            && difference.offsets.is_empty();
        (!same).then_some(difference)
    });
    differing.collect()
}

fn options(left: &Props, right: &Props) -> Vec<String> {
    let mut names: Vec<&str> = left.iter().chain(right.iter()).map(|(name, _)| name).collect();
    names.retain(|name| left.get(name) != right.get(name));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// Differences for people.
pub fn differences_text(plugins: &Plugins, differences: &[Difference]) -> String {
    let mut out = String::new();
    for difference in differences {
        let only = match difference.known {
            (true, false) => " (only in the backup)",
            (false, true) => " (not in the backup)",
            _ => "",
        };
        writeln!(out, "{}{only}", difference.name).ok();
        if let Some(options) = difference.options.as_ref().filter(|options| !options.is_empty()) {
            writeln!(out, "  options that differ: {}", options.join(", ")).ok();
        }
        for (partition, old, new) in &difference.offsets {
            writeln!(out, "  {}", offset_json::to_json(partition)).ok();
            for (mark, offset) in [("-", old), ("+", new)] {
                if let Some(offset) = offset {
                    let place = place(plugins, difference.config.as_ref(), offset);
                    writeln!(out, "  {mark} {place}\n    {}", offset_json::to_json(offset)).ok();
                }
            }
        }
    }
    if differences.is_empty() {
        writeln!(out, "no difference").ok();
    }
    out
}

/// The same for programs.
pub fn differences_json(differences: &[Difference]) -> Value {
    let map = |map: &Option<OffsetMap>| map.as_ref().map_or(Value::Null, offset_json::to_json);
    let one = |difference: &Difference| {
        let offsets = difference.offsets.iter().map(|(partition, old, new)| {
            json!({ "partition": offset_json::to_json(partition), "backup": map(old), "other": map(new) })
        });
        json!({
            "name": difference.name,
            "in_backup": difference.known.0,
            "in_other": difference.known.1,
            "options": difference.options,
            "offsets": offsets.collect::<Vec<_>>(),
        })
    };
    json!({ "connectors": differences.iter().map(one).collect::<Vec<_>>() })
}

/// What a step would do, and what its source says of it.
pub fn step(plugins: &Plugins, name: &str, config: Option<&Props>, step: &Step, present: &[(OffsetMap, OffsetMap)]) -> String {
    let mut out = format!("{name}\n");
    if step.entries.is_empty() {
        out.push_str("  the offsets are these already\n");
    }
    for (partition, offset) in &step.entries {
        let now = present.iter().find(|(have, _)| have == partition);
        let now = now.map_or_else(|| "none".to_owned(), |(_, offset)| place(plugins, config, offset));
        let wanted = offset.as_ref().map_or_else(|| "removed".to_owned(), |offset| place(plugins, config, offset));
        writeln!(out, "  {}: {wanted} (now: {now})", offset_json::to_json(partition)).ok();
        for checked in step.checked.iter().filter(|checked| checked.partition == *partition) {
            match &checked.outlook {
                Ok(outlook) => out.push_str(&outlook_text(outlook)),
                Err(error) => drop(writeln!(out, "    cannot be checked: {}", error.to_string().replace('\n', "\n    "))),
            }
        }
    }
    out
}

fn outlook_text(outlook: &Outlook) -> String {
    let mut out = String::new();
    for Loss { what, remedy } in &outlook.losses {
        writeln!(out, "    LOST: {what}\n    Remedy: {remedy}").ok();
    }
    for note in outlook.notes.iter().chain(&outlook.reader) {
        writeln!(out, "    {note}").ok();
    }
    match &outlook.earliest {
        Some(earliest) => drop(writeln!(out, "    the source can go back to {earliest}, and not before")),
        None => out.push_str("    the source can go back to nothing\n"),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_runtime::herder::TargetState;

    fn state(name: &str, password: &str, lsn: i64) -> ConnectorState {
        let (mut partition, mut offset) = (OffsetMap::default(), OffsetMap::default());
        partition.set("server", "p");
        offset.set("lsn", lsn);
        let config = [("connector.class", "PostgresConnector"), ("database.password", password)].into_iter().collect();
        ConnectorState { name: name.into(), config: Some((config, TargetState::Started)), offsets: vec![(partition, offset)] }
    }

    #[test]
    fn differences_name_options_and_show_no_values_of_theirs() {
        let plugins = crate::plugins::all();
        let left = [state("a", "secret1", 100), state("gone", "x", 1), state("same", "x", 1)];
        let right = [state("a", "secret2", 200), state("new", "x", 1), state("same", "x", 1)];
        let differences = differences(&left, &right);
        let text = differences_text(&plugins, &differences);
        assert!(text.contains("a\n  options that differ: database.password\n"), "{text}");
        assert!(text.contains("- 0/64\n    {\"lsn\":100}\n  + 0/C8"), "{text}");
        assert!(text.contains("gone (only in the backup)") && text.contains("new (not in the backup)"), "{text}");
        assert!(!text.contains("same") && !text.contains("secret"), "{text}");
        assert_eq!(differences_json(&differences)["connectors"][0]["offsets"][0]["backup"]["lsn"], 100);
    }

    #[test]
    fn offsets_are_shown_for_people_and_as_connect_takes_them() {
        let shop = [state("shop", "secret", 100)];
        let text = connectors(&crate::plugins::all(), &shop);
        assert_eq!(text, "shop (STARTED)\n  {\"server\":\"p\"}: 0/64\n    {\"lsn\":100}\n");
        assert_eq!(
            offsets_json(&shop[0].offsets).to_string(),
            r#"{"offsets":[{"partition":{"server":"p"},"offset":{"lsn":100}}]}"#
        );
    }
}
