//! Signals: what a user asks of a running connector, by a row of the signal table, a Kafka record, a line of a file or
//! REST (`channels`, and the task itself).
//!
//! Here they are read; what follows from one belongs to `dispatcher` and `incremental`.

pub mod channels;

use rowtide_api::config::Config;
use rowtide_api::{Error, JavaRegex, Result, Signal, Value};
use serde_json::Value as Json;

use crate::change::{Operation, RowChange};
use crate::table_schema::TableSchema;

/// What a signal asks for.
#[derive(Debug)]
pub enum Action {
    /// to log a message, `{}` in it standing for the offset
    Log(String),
    /// to read tables anew beside the stream
    Execute(Execute),
    /// to read tables anew while the stream waits
    Block(Execute),
    /// to end an incremental snapshot: of these tables, or altogether
    Stop(Option<Vec<JavaRegex>>),
    /// to read no further chunk for now
    Pause,
    /// to go on reading chunks
    Resume,
    /// shapes of tables: nothing follows from them where the database tells them itself
    SchemaChanges,
    /// the beginning of a chunk's window, written by ourselves
    OpenWindow,
    /// its end
    CloseWindow,
}

/// Which tables are to be read, and how.
#[derive(Debug)]
pub struct Execute {
    /// names or regular expressions of tables
    pub tables: Vec<JavaRegex>,
    /// a predicate (of a blocking snapshot: a whole statement) for the tables of each expression
    pub conditions: Vec<(JavaRegex, String)>,
    /// the column that orders the rows in place of the key
    pub surrogate_key: Option<String>,
}

impl Execute {
    /// The tables as they were asked for.
    pub fn names(&self) -> Vec<&str> {
        self.tables.iter().map(JavaRegex::as_str).collect()
    }

    /// Whether a table is meant.
    pub fn asks_for(&self, table: &str) -> bool {
        self.tables.iter().any(|pattern| pattern.is_full_match(table))
    }

    /// The condition that a table is read under.
    pub fn condition(&self, table: &str) -> Option<&str> {
        self.conditions.iter().find(|(pattern, _)| pattern.is_full_match(table)).map(|(_, filter)| filter.as_str())
    }
}

/// What a signal asks for. An error says what is wrong with it and what would be right.
pub fn action(signal: &Signal) -> Result<Action> {
    Reading(signal).action()
}

/// A signal that is being understood.
struct Reading<'a>(&'a Signal);

impl Reading<'_> {
    fn action(&self) -> Result<Action> {
        Ok(match self.0.kind.as_str() {
            "log" => Action::Log(self.text("message")?.ok_or_else(|| self.lacks("message", "{\"message\": \"Signal at {}\"}"))?),
            "execute-snapshot" => {
                let execute = self.execute()?;
                if self.is_blocking()? { Action::Block(execute) } else { Action::Execute(execute) }
            }
            "stop-snapshot" => {
                self.only_incremental()?;
                Action::Stop(self.patterns("data-collections")?)
            }
            "pause-snapshot" => self.only_incremental().map(|()| Action::Pause)?,
            "resume-snapshot" => self.only_incremental().map(|()| Action::Resume)?,
            "schema-changes" => Action::SchemaChanges,
            "snapshot-window-open" => Action::OpenWindow,
            "snapshot-window-close" => Action::CloseWindow,
            other => {
                return Err(self.refused(&format!("its type '{other}' is unknown")).remedy(
                    "there are log, execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot and schema-changes",
                ));
            }
        })
    }

    fn execute(&self) -> Result<Execute> {
        let tables = self.patterns("data-collections")?.filter(|tables| !tables.is_empty());
        let tables = tables.ok_or_else(|| self.lacks("data-collections", "{\"data-collections\": [\"public.orders\"]}"))?;
        let mut conditions = Vec::new();
        for condition in self.json()?.get("additional-conditions").and_then(Json::as_array).into_iter().flatten() {
            let part = |name: &str| condition.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty());
            let (Some(table), Some(filter)) = (part("data-collection"), part("filter")) else {
                let example = "{\"additional-conditions\": [{\"data-collection\": \"public.orders\", \"filter\": \"id > 5\"}]}";
                return Err(self.lacks("data-collection or filter of additional-conditions", example));
            };
            conditions.push((self.pattern(table)?, filter.to_owned()));
        }
        let surrogate_key = self.text("surrogate-key")?.filter(|column| !column.trim().is_empty());
        Ok(Execute { tables, conditions, surrogate_key })
    }

    fn is_blocking(&self) -> Result<bool> {
        match self.text("type")?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "incremental" => Ok(false),
            "blocking" => Ok(true),
            other => Err(self.refused(&format!("there is no '{other}' snapshot")).remedy("'type' is incremental or blocking")),
        }
    }

    fn only_incremental(&self) -> Result<()> {
        if !self.is_blocking()? {
            return Ok(());
        }
        Err(self.refused("a blocking snapshot is neither stopped nor paused").remedy("stop or pause the connector"))
    }

    fn json(&self) -> Result<Json> {
        if self.0.data.trim().is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_str(&self.0.data).map_err(|error| {
            // the parser's own words would show what was sent
            let place = format!("line {} column {}", error.line(), error.column());
            self.refused(&format!("its data is no JSON ({place})")).remedy("the data of a signal is a JSON object")
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.json()?.get(name).and_then(Json::as_str).map(str::to_owned))
    }

    fn patterns(&self, name: &str) -> Result<Option<Vec<JavaRegex>>> {
        let json = self.json()?;
        let Some(items) = json.get(name).and_then(Json::as_array) else { return Ok(None) };
        items.iter().filter_map(Json::as_str).map(|item| self.pattern(item.trim())).collect::<Result<_>>().map(Some)
    }

    fn pattern(&self, text: &str) -> Result<JavaRegex> {
        JavaRegex::new(text, true).map_err(|error| error.context(&format!("signal '{}'", self.0.id)))
    }

    fn refused(&self, why: &str) -> Error {
        Error::data(format!("Signal '{}' of type '{}' is ignored: {why}", self.0.id, self.0.kind))
    }

    fn lacks(&self, what: &str, example: &str) -> Error {
        self.refused(&format!("its data has no {what}")).remedy(format!("for example {example}"))
    }
}

/// The signal table: which it is, and how its rows are signals.
#[derive(Clone, Debug, Default)]
pub struct SignalTable {
    name: Option<String>,
    /// whether users' signals come through it; our own watermarks do in any case
    enabled: bool,
    /// `incremental.snapshot.watermarking.strategy=insert_delete`
    deletes: bool,
}

impl SignalTable {
    /// Reads `signal.data.collection`, `signal.enabled.channels` and `incremental.snapshot.watermarking.strategy`.
    pub fn read(config: &Config<'_>) -> Self {
        Self {
            name: config.opt("signal.data.collection").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
            enabled: config.list("signal.enabled.channels").iter().any(|channel| channel.eq_ignore_ascii_case("source")),
            deletes: config
                .opt("incremental.snapshot.watermarking.strategy")
                .is_some_and(|s| s.eq_ignore_ascii_case("insert_delete")),
        }
    }

    /// The signal that a change of a row is, if it is one. By place, not by name, as in the original: id, type, data.
    pub fn signal(&self, change: &RowChange) -> Option<Signal> {
        if self.name.as_deref() != Some(&*change.table.name) {
            return None;
        }
        let column = |row: &[Value], index: usize| column(&change.table, row, index);
        let signal = match change.operation {
            Operation::Create => {
                let row = change.after.as_ref()?;
                Signal { id: column(row, 0), kind: column(row, 1), data: column(row, 2) }
            }
            Operation::Delete if self.deletes => {
                let id = column(change.before.as_ref()?, 0);
                Signal { id, kind: "snapshot-window-close".to_owned(), data: String::new() }
            }
            _ => return None,
        };
        let ours = matches!(signal.kind.as_str(), "snapshot-window-open" | "snapshot-window-close");
        (self.enabled || ours).then_some(signal)
    }
}

/// The text of a table's column; blank where it is null or not captured.
fn column(table: &TableSchema, row: &[Value], index: usize) -> String {
    let place = table.layout.iter().position(|column| *column == index);
    place.and_then(|place| row.get(place)?.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: &str, data: &str) -> Signal {
        Signal { id: "s".to_owned(), kind: kind.to_owned(), data: data.to_owned() }
    }

    fn refusal(kind: &str, data: &str) -> String {
        action(&signal(kind, data)).unwrap_err().to_string()
    }

    #[test]
    fn a_snapshot_is_asked_for_by_names_expressions_and_conditions() {
        let data = r#"{"data-collections": ["public.a", "s\\..*"], "type": "INCREMENTAL", "surrogate-key": "no",
            "additional-conditions": [{"data-collection": "public\\..", "filter": "id > 5"}]}"#;
        let Action::Execute(execute) = action(&signal("execute-snapshot", data)).unwrap() else { panic!() };
        assert_eq!(execute.tables.len(), 2);
        assert!(execute.tables[1].is_full_match("s.t"));
        assert_eq!((execute.condition("public.a"), execute.condition("s.t")), (Some("id > 5"), None));
        assert_eq!(execute.surrogate_key.as_deref(), Some("no"));
        let blocking = action(&signal("execute-snapshot", r#"{"data-collections": ["a"], "type": "blocking"}"#)).unwrap();
        assert!(matches!(blocking, Action::Block(_)));
    }

    #[test]
    fn a_stop_names_tables_or_means_all() {
        assert!(matches!(action(&signal("stop-snapshot", "")).unwrap(), Action::Stop(None)));
        let some = action(&signal("stop-snapshot", r#"{"type": "incremental", "data-collections": ["public.a"]}"#)).unwrap();
        assert!(matches!(some, Action::Stop(Some(tables)) if tables.len() == 1));
    }

    #[test]
    fn what_is_wrong_with_a_signal_is_said_with_what_would_be_right() {
        assert!(refusal("execute-snapshot", "{\"data-coll").contains("no JSON"));
        assert!(refusal("execute-snapshot", "").contains("data-collections"));
        assert!(refusal("execute-snapshot", r#"{"data-collections": []}"#).contains("data-collections"));
        assert!(refusal("execute-snapshot", r#"{"data-collections": ["("]}"#).contains('('));
        assert!(refusal("execute-snapshot", r#"{"data-collections": ["a"], "type": "weird"}"#).contains("weird"));
        assert!(refusal("pause-snapshot", r#"{"type": "blocking"}"#).contains("blocking"));
        assert!(refusal("log", "{}").contains("message"));
        let unknown = refusal("unknown-thing", "secret");
        assert!(unknown.contains("unknown-thing") && unknown.contains("execute-snapshot") && !unknown.contains("secret"));
    }
}
