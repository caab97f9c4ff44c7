//! Configurations out of files and directories: which file is a connector's, which a worker's, and which is neither.
//!
//! The forms of files are `connector_file`'s.

use std::path::{Path, PathBuf};

use rowtide_api::{Error, Props, Result};
use serde_json::{Map, Value};

use crate::connector_file::{self, Text};

/// What a configuration is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// a connector
    Connector,
    /// a worker
    Worker,
}

/// A configuration that was found.
#[derive(Clone, Debug)]
pub struct Subject {
    /// what it is of
    pub kind: Kind,
    /// the connector's name, or the file's
    pub name: String,
    /// where it comes from
    pub origin: String,
    /// how the connector is where it runs
    pub state: Option<String>,
    /// the configuration
    pub config: Props,
}

/// Everything that was found.
#[derive(Default)]
pub struct Input {
    /// connectors and workers in the order in which they were found
    pub subjects: Vec<Subject>,
    /// files of a directory that are neither
    pub skipped: Vec<String>,
    /// what could not be read
    pub errors: Vec<Error>,
}

impl Input {
    /// Adds a worker that is named as such, unless it is there already.
    pub fn add_worker(&mut self, path: &Path, config: &Props) {
        let origin = path.display().to_string();
        if !self.subjects.iter().any(|subject| subject.origin == origin) {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            self.subjects.insert(0, Subject { kind: Kind::Worker, name, origin, state: None, config: config.clone() });
        }
    }
}

/// Reads a file, or the files of a directory.
pub fn read(path: &Path, input: &mut Input) -> Result<()> {
    if !path.is_dir() {
        let found = subjects(path, true)?;
        if found.is_empty() {
            return Err(Error::configuration(format!("{} is neither a connector's nor a worker's", path.display()))
                .remedy("a connector's file has 'connector.class' in it, a worker's 'bootstrap.servers'"));
        }
        input.subjects.extend(found);
        return Ok(());
    }
    let unreadable = |error| Error::configuration(format!("cannot read {}", path.display())).caused_by(error);
    let entries = std::fs::read_dir(path).map_err(unreadable)?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_candidate(path)).collect();
    files.sort_unstable();
    for file in files {
        match subjects(&file, false) {
            Ok(found) if found.is_empty() => input.skipped.push(file.display().to_string()),
            Ok(found) => input.subjects.extend(found),
            Err(error) => input.errors.push(error),
        }
    }
    Ok(())
}

fn is_candidate(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "json" || extension == "properties")
}

fn subjects(path: &Path, named: bool) -> Result<Vec<Subject>> {
    let text = connector_file::text_of(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    of_text(&text, &stem, &path.display().to_string(), named).map_err(|error| error.context(&path.display().to_string()))
}

/// The configurations in a file's text; none when it is about something else. `named`: the user says that it is about this.
fn of_text(text: &str, stem: &str, origin: &str, named: bool) -> Result<Vec<Subject>> {
    match connector_file::read_text(text)? {
        Text::Properties(config) if config.get("connector.class").is_some() => Ok(vec![connector(config, stem, origin)]),
        Text::Properties(config) if is_worker(&config, named) => {
            Ok(vec![Subject { kind: Kind::Worker, name: stem.to_owned(), origin: origin.to_owned(), state: None, config }])
        }
        Text::Properties(_) => Ok(Vec::new()),
        Text::Json(map) if is_listing(&map) => listing(&map, origin),
        Text::Json(map) if map.contains_key("connector.class") || map.get("config").is_some_and(Value::is_object) => {
            let (config, _) = connector_file::of_json(&map)?;
            Ok(vec![connector(config, stem, origin)])
        }
        Text::Json(_) => Ok(Vec::new()),
    }
}

/// A file that is sent to `PUT /connectors/<name>/config` needs no name in it: then the file's own stands for it.
fn connector(mut config: Props, stem: &str, origin: &str) -> Subject {
    if config.get("name").is_none() {
        config.set("name", stem);
    }
    let name = config.get("name").unwrap_or_default().to_owned();
    Subject { kind: Kind::Connector, name, origin: origin.to_owned(), state: None, config }
}

/// Clients' properties name brokers too, so that more than this is asked for where nobody says that it is a worker's.
fn is_worker(config: &Props, named: bool) -> bool {
    const OWN: [&str; 5] =
        ["key.converter", "value.converter", "offset.storage.file.filename", "offset.storage.topic", "config.storage.topic"];
    OWN.iter().any(|name| config.get(name).is_some()) || named && config.get("bootstrap.servers").is_some()
}

/// Whether this is what `GET /connectors?expand=info` answers.
pub fn is_listing(map: &Map<String, Value>) -> bool {
    !map.is_empty() && map.values().all(|value| value["info"]["config"].is_object())
}

/// The connectors of such an answer.
pub fn listing(map: &Map<String, Value>, origin: &str) -> Result<Vec<Subject>> {
    let one = |(name, value): (&String, &Value)| {
        let empty = Map::new();
        let config = value["info"]["config"].as_object().unwrap_or(&empty);
        let (config, _) = connector_file::of_json(config).map_err(|error| error.context(&format!("connector {name}")))?;
        Ok(Subject { state: state(&value["status"]), ..connector(config, name, origin) })
    };
    map.iter().map(one).collect()
}

/// The connector's state, and that of tasks that have failed.
fn state(status: &Value) -> Option<String> {
    let state = status["connector"]["state"].as_str()?;
    let tasks = status["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = tasks.iter().filter(|task| task["state"] == "FAILED").count();
    Some(if failed == 0 { state.to_owned() } else { format!("{state}, {failed} of {} tasks FAILED", tasks.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, named: bool) -> Vec<(Kind, String)> {
        let found = of_text(text, "file", "dir/file.json", named).unwrap();
        found.into_iter().map(|subject| (subject.kind, subject.name)).collect()
    }

    #[test]
    fn files_are_told_apart_by_what_is_in_them() {
        let connector = |name: &str| vec![(Kind::Connector, name.to_owned())];
        assert_eq!(found(r#"{"name": "a", "config": {"connector.class": "X"}}"#, false), connector("a"));
        assert_eq!(found(r#"{"connector.class": "X", "tasks.max": 1}"#, false), connector("file"));
        assert_eq!(found("name=b\nconnector.class=X", false), connector("b"));
        assert_eq!(found("bootstrap.servers=b:1\nkey.converter=X", false), [(Kind::Worker, "file".to_owned())]);
        assert_eq!(found("bootstrap.servers=b:1\ngroup.id=g", false), [], "a consumer's");
        assert_eq!(found("bootstrap.servers=b:1", true), [(Kind::Worker, "file".to_owned())]);
        assert_eq!(found("log4j.rootLogger=INFO", true), []);
        assert_eq!(found(r#"{"scripts": {}}"#, false), []);
        assert!(of_text("{", "file", "f", false).is_err() && of_text("[]", "file", "f", false).unwrap().is_empty());
    }

    #[test]
    fn a_workers_list_of_connectors_can_be_kept_in_a_file() {
        let text = r#"{"shop": {"info": {"config": {"connector.class": "X", "name": "shop"}},
            "status": {"connector": {"state": "RUNNING"}, "tasks": [{"state": "FAILED"}, {"state": "RUNNING"}]}}}"#;
        let found = of_text(text, "file", "f", false).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].state.as_deref()), ("shop", Some("RUNNING, 1 of 2 tasks FAILED")));
    }
}
