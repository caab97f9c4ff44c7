//! What a planned change of tables would do to a connector's topics: what its source makes of it, through the connector's transforms, held
//! against its converters and the registry behind them.
//!
//! Nothing is changed, captured or registered. How it is told belongs to the command line.

use std::time::Duration;

use rowtide_api::plugin::Plugins;
use rowtide_api::{Converter, Datum, Error, Opinion, Props, Result, SourceRecord, TrialTable, Verdict, differences};

use crate::connector_config::{self, chain, converter};
use crate::pipeline::Chain;
use crate::worker_config::WorkerConfig;

/// What would become of a connector's tables.
#[derive(Debug)]
pub struct Forecast {
    /// those that the change names or makes
    pub tables: Vec<TableForecast>,
    /// what was passed over, and why
    pub notes: Vec<String>,
}

/// What would become of one table.
#[derive(Debug)]
pub struct TableForecast {
    /// its name
    pub table: String,
    /// its name afterwards, if that is another
    pub renamed: Option<String>,
    /// what else is to be known of it
    pub notes: Vec<String>,
    /// its keys and its values, where there are any afterwards
    pub sides: Vec<Side>,
}

/// Keys or values of a table.
#[derive(Debug)]
pub struct Side {
    /// `key` or `value`
    pub role: &'static str,
    /// the topic
    pub topic: String,
    /// what changes in the schema; none: there was none before
    pub changes: Option<Vec<String>>,
    /// what the registry says
    pub answer: Answer,
}

/// What a registry says of a schema, or why it says nothing.
#[derive(Debug)]
pub enum Answer {
    /// its opinion
    Opinion(Opinion),
    /// the schema cannot be converted: the task would stop with this error
    Stops(Error),
    /// the converter of this class asks no registry, or cannot tell beforehand
    Unknown(&'static str),
}

impl Side {
    /// Whether the task would stop because of it.
    pub fn stops(&self) -> bool {
        match &self.answer {
            Answer::Opinion(opinion) => opinion.verdict == Verdict::Refused,
            Answer::Stops(_) => true,
            Answer::Unknown(_) => false,
        }
    }
}

impl Forecast {
    /// Whether the task would stop.
    pub fn stops(&self) -> bool {
        self.tables.iter().flat_map(|table| &table.sides).any(Side::stops)
    }
}

/// Tries a change. `config`: the connector's, variables not filled in; `patience`: how long a lock is waited for.
///
/// # Errors
/// When the configuration is wrong, the change cannot be tried, or the registry does not answer.
pub async fn forecast(
    plugins: &Plugins,
    worker: &WorkerConfig,
    config: &Props,
    change: &str,
    patience: Duration,
) -> Result<Forecast> {
    let config = worker.variables.fill_in(config)?;
    let source = connector_config::source(plugins, &config)?;
    let mut parts = Parts {
        chain: chain(plugins, &config)?,
        key: converter(plugins, worker, &config, "key.converter", true)?,
        value: converter(plugins, worker, &config, "value.converter", false)?,
    };
    let trial = source.try_change(&config, change, patience).await?;
    let mut tables = Vec::new();
    for table in trial.tables {
        tables.push(parts.table(table).await?);
    }
    Ok(Forecast { tables, notes: trial.notes })
}

/// What records pass through.
struct Parts {
    chain: Chain,
    key: (Box<dyn Converter>, &'static str),
    value: (Box<dyn Converter>, &'static str),
}

impl Parts {
    async fn table(&mut self, tried: TrialTable) -> Result<TableForecast> {
        let TrialTable { table, renamed, before, after, mut notes } = tried;
        let before = before.map(|record| self.transformed(record)).transpose()?.flatten();
        let is_there = after.is_some();
        let after = after.map(|record| self.transformed(record)).transpose()?.flatten();
        if is_there && after.is_none() {
            notes.push(
                "the transforms drop a record such as an empty row's: it cannot be told what they make of others".to_owned(),
            );
        }
        let mut sides = Vec::new();
        if let Some(after) = &after {
            let (old_key, old_value) = (before.as_ref().map(|record| &record.key), before.as_ref().map(|record| &record.value));
            if let (Some(before), topic) = (&before, &after.topic)
                && before.topic != *topic
            {
                notes.push(format!("its records go to topic {topic} from then on, no more to {}", before.topic));
            }
            let has_key = |record: &SourceRecord| record.key.schema.is_some();
            if before.as_ref().is_some_and(has_key) && !has_key(after) {
                notes.push("its records have no key from then on: their order is kept in a partition only by chance, and nothing is compacted".to_owned());
            }
            sides.extend(side("key", &self.key, after, &after.key, old_key).await?);
            sides.extend(side("value", &self.value, after, &after.value, old_value).await?);
        }
        Ok(TableForecast { table, renamed, notes, sides })
    }

    fn transformed(&mut self, record: SourceRecord) -> Result<Option<SourceRecord>> {
        self.chain.apply_once(record)
    }
}

/// None where there is no schema, as there is none of keys of tables without a key.
async fn side(
    role: &'static str,
    (converter, class): &(Box<dyn Converter>, &'static str),
    after: &SourceRecord,
    datum: &Datum,
    old: Option<&Datum>,
) -> Result<Option<Side>> {
    let Some(schema) = &datum.schema else { return Ok(None) };
    let old = old.and_then(|old| old.schema.as_ref());
    let changes = old.map(|old| differences(old, schema).iter().map(ToString::to_string).collect());
    let answer = match converter.opinion(&after.topic, old, schema) {
        Ok(Some(asking)) => Answer::Opinion(asking.await?),
        Ok(None) => Answer::Unknown(class),
        Err(error) => Answer::Stops(error),
    };
    Ok(Some(Side { role, topic: after.topic.to_string(), changes, answer }))
}
