//! Connector files in the three forms that `connect-standalone` reads: a flat JSON map, `{"name", "config",
//! "initial_state"}`, and Java properties.

use std::path::Path;

use rowtide_api::{Error, Props, Result};
use rowtide_runtime::herder::TargetState;
use rowtide_runtime::properties;
use serde_json::{Map, Value};

/// What a connector file says.
#[derive(Debug)]
pub struct ConnectorFile {
    /// the connector's name
    pub name: String,
    /// its configuration, the name included
    pub config: Props,
    /// the state to create it in
    pub initial: Option<TargetState>,
}

/// Reads a connector's file.
pub fn read(path: &Path) -> Result<ConnectorFile> {
    let text = text_of(path)?;
    parse(&text).and_then(named).map_err(|error| error.context(&path.display().to_string()))
}

/// Reads a worker's `.properties` file.
pub fn read_properties(path: &Path) -> Result<Props> {
    let text = text_of(path)?;
    properties::parse(&text).map_err(|why| Error::configuration(format!("{}: {why}", path.display())))
}

/// UTF-8; what is not UTF-8 is Latin-1, as Java takes properties.
pub fn text_of(path: &Path) -> Result<String> {
    let bytes =
        std::fs::read(path).map_err(|error| Error::configuration(format!("cannot read {}", path.display())).caused_by(error))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect()))
}

/// What a file says before anybody asks for a name in it.
fn parse(text: &str) -> Result<(Props, Option<TargetState>)> {
    match read_text(text)? {
        Text::Properties(config) => Ok((config, None)),
        Text::Json(map) => of_json(&map),
    }
}

/// A file in one of the forms, before it is known what it is about.
pub enum Text {
    /// Java properties
    Properties(Props),
    /// one JSON object
    Json(Map<String, Value>),
}

/// Reads a file's text.
pub fn read_text(text: &str) -> Result<Text> {
    let text = text.trim_start_matches('\u{feff}');
    // a properties file can begin with a brace, but no connector's does: broken JSON gets JSON's message
    if !text.trim_start().starts_with('{') {
        return properties::parse(text).map(Text::Properties).map_err(Error::configuration);
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| Error::configuration(format!("this is not well-formed JSON: {error}")))?;
    match value {
        Value::Object(map) => Ok(Text::Json(map)),
        _ => Err(shape()),
    }
}

/// A connector's configuration, `{"config"}` or flat, and the state to create it in.
pub fn of_json(map: &Map<String, Value>) -> Result<(Props, Option<TargetState>)> {
    match map.get("config") {
        Some(Value::Object(config)) => request(map, config),
        _ => Ok((flat(map)?, None)),
    }
}

fn shape() -> Error {
    Error::configuration("this is no connector configuration")
        .remedy("write {\"name\": …, \"config\": {…}}, or one flat JSON map with a name in it, or Java properties")
}

fn flat(map: &Map<String, Value>) -> Result<Props> {
    let mut props = Props::default();
    for (name, value) in map {
        match value {
            Value::Null => {}
            Value::String(text) => props.set(name, text),
            Value::Number(_) | Value::Bool(_) => props.set(name, value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                return Err(Error::configuration(format!("the value of '{name}' is not a text"))
                    .remedy("every value of a connector's configuration is a text; a list is one text with commas"));
            }
        }
    }
    Ok(props)
}

/// `{"name", "config", "initial_state"}`; other keys are ignored, as Connect ignores them here.
fn request(map: &Map<String, Value>, config: &Map<String, Value>) -> Result<(Props, Option<TargetState>)> {
    let mut config = flat(config)?;
    match (map.get("name").and_then(Value::as_str), config.get("name")) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(
                Error::configuration(format!("'name' is '{outer}', but '{inner}' within 'config'")).remedy("remove one of them")
            );
        }
        (Some(outer), None) => config.set("name", outer),
        _ => {}
    }
    let initial = match map.get("initial_state").and_then(Value::as_str) {
        None => None,
        Some(word) => Some(match word.to_ascii_uppercase().as_str() {
            "RUNNING" => TargetState::Started,
            "PAUSED" => TargetState::Paused,
            "STOPPED" => TargetState::Stopped,
            _ => {
                return Err(
                    Error::configuration(format!("'initial_state' is '{word}'")).remedy("write RUNNING, PAUSED or STOPPED")
                );
            }
        }),
    };
    Ok((config, initial))
}

fn named((config, initial): (Props, Option<TargetState>)) -> Result<ConnectorFile> {
    match config.get("name").map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => Ok(ConnectorFile { name: name.to_owned(), config, initial }),
        None => Err(Error::configuration("the connector has no name").remedy("add \"name\"; its offsets are stored under it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_say_the_same() {
        let forms = [
            r#"{"name": "pg", "connector.class": "Postgres", "tasks.max": 1}"#,
            r#"{"name": "pg", "config": {"connector.class": "Postgres", "tasks.max": "1"}, "something": "else"}"#,
            r#"{"config": {"name": "pg", "connector.class": "Postgres", "tasks.max": "1"}}"#,
            "name=pg\nconnector.class = Postgres\ntasks.max: 1\n",
        ];
        let expected: Props = [("name", "pg"), ("connector.class", "Postgres"), ("tasks.max", "1")].into_iter().collect();
        for form in forms {
            let file = parse(form).and_then(named).unwrap();
            assert_eq!((file.name.as_str(), file.config), ("pg", expected.clone()), "{form}");
        }
        let paused = parse(r#"{"name": "pg", "config": {}, "initial_state": "PAUSED"}"#).and_then(named).unwrap();
        assert_eq!(paused.initial, Some(TargetState::Paused));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (form, why) in [
            (r#"{"name": "pg", "config": {"name": "other"}}"#, "but 'other' within 'config'"),
            (r#"{"name": "pg",}"#, "line 1 column 15"),
            (r#"{"connector.class": "Postgres"}"#, "has no name"),
            ("connector.class=Postgres", "has no name"),
            (r#"{"name": "pg", "tasks.max": [1]}"#, "'tasks.max' is not a text"),
            (r#"{"name": "pg", "config": {}, "initial_state": "ON"}"#, "RUNNING, PAUSED or STOPPED"),
            ("", "has no name"),
        ] {
            let error = parse(form).and_then(named).unwrap_err().to_string();
            assert!(error.contains(why), "{form}: {error}");
        }
    }
}
