//! What the records of the config topic amount to: connectors, their tasks, what is wanted of them. Pure.
//!
//! The rules are `KafkaConfigBackingStore`'s. How records come here belongs to `config`.

use std::collections::{BTreeMap, BTreeSet};

use rowtide_api::Props;

use super::config_record::{ConfigRecord, SessionKey};
use crate::herder::TargetState;

/// A connector's tasks as they were last committed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tasks {
    configs: BTreeMap<usize, Props>,
    count: usize,
    /// A commit stood without all the configurations that it counts: compaction took some of them away.
    inconsistent: bool,
}

/// The config topic up to an offset.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigState {
    /// the offset after the last record that was read; -1 while there is none, as Java has it: a leader that has -1 does not catch up with a
    /// member that says 0, and the group would form anew for ever
    pub offset: i64,
    /// the key that requests between workers are signed with
    pub session_key: Option<SessionKey>,
    connectors: BTreeMap<String, Props>,
    targets: BTreeMap<String, TargetState>,
    tasks: BTreeMap<String, Tasks>,
    /// configurations of tasks that no commit followed yet
    deferred: BTreeMap<String, BTreeMap<usize, Props>>,
    /// by connector: how many producers of its tasks may write; kept beyond its end, since one of its name may follow
    fenced: BTreeMap<String, usize>,
    /// connectors whose tasks were configured since
    unfenced: BTreeSet<String>,
}

/// What has changed since it was last asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// connectors that are new, or configured anew
    pub connectors: BTreeSet<String>,
    /// connectors that are deleted
    pub removed: BTreeSet<String>,
    /// connectors whose tasks are configured anew
    pub tasks: BTreeSet<String>,
    /// connectors of which something else is wanted
    pub targets: BTreeSet<String>,
    /// restarts that were asked for: with tasks, only what has failed
    pub restarts: BTreeMap<String, (bool, bool)>,
    /// levels of loggers
    pub log_levels: BTreeMap<String, String>,
    /// there is another session key
    pub session_key: bool,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for ConfigState {
    fn default() -> Self {
        Self {
            offset: -1,
            session_key: None,
            connectors: BTreeMap::new(),
            targets: BTreeMap::new(),
            tasks: BTreeMap::new(),
            deferred: BTreeMap::new(),
            fenced: BTreeMap::new(),
            unfenced: BTreeSet::new(),
        }
    }
}

impl ConfigState {
    /// The names of all connectors.
    pub fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connectors.keys().map(String::as_str)
    }

    /// A connector's configuration.
    pub fn config(&self, name: &str) -> Option<&Props> {
        self.connectors.get(name)
    }

    /// What is wanted of a connector.
    pub fn target(&self, name: &str) -> Option<TargetState> {
        self.connectors.get(name).map(|_| self.targets.get(name).copied().unwrap_or(TargetState::Started))
    }

    /// How many tasks a connector has that can run: none while their configurations are incomplete.
    pub fn task_count(&self, name: &str) -> usize {
        self.tasks.get(name).map_or(0, |tasks| if tasks.inconsistent { 0 } else { tasks.count })
    }

    /// The configuration of a task that can run.
    pub fn task_config(&self, name: &str, task: usize) -> Option<&Props> {
        if task >= self.task_count(name) { None } else { self.tasks.get(name)?.configs.get(&task) }
    }

    /// The configurations of all tasks of a connector, by their numbers.
    pub fn task_configs(&self, name: &str) -> Vec<Props> {
        (0..self.task_count(name)).filter_map(|task| self.task_config(name, task).cloned()).collect()
    }

    /// Whether the topic holds only some of a connector's task configurations, so that it has to make them anew.
    pub fn is_inconsistent(&self, name: &str) -> bool {
        self.tasks.get(name).is_some_and(|tasks| tasks.inconsistent)
    }

    /// How many producers of a connector's earlier tasks may still write.
    pub fn fenced(&self, name: &str) -> Option<usize> {
        self.fenced.get(name).copied()
    }

    /// Whether the tasks that are configured now have to wait until those before them are fenced.
    pub fn is_fencing_due(&self, name: &str) -> bool {
        self.unfenced.contains(name)
    }

    /// Takes the next record in and notes what it changes.
    pub fn apply(&mut self, record: ConfigRecord, changes: &mut Changes) {
        match record {
            ConfigRecord::Connector(name, Some(config)) => {
                changes.removed.remove(&name);
                changes.connectors.insert(name.clone());
                self.connectors.insert(name, config);
            }
            ConfigRecord::Connector(name, None) => self.remove(name, changes),
            ConfigRecord::Task(name, task, config) => drop(self.deferred.entry(name).or_default().insert(task, config)),
            ConfigRecord::Commit(name, count) => self.commit(name, count, changes),
            ConfigRecord::Target(name, None) => drop(self.targets.remove(&name)),
            ConfigRecord::Target(name, Some(state)) => {
                let before = self.targets.insert(name.clone(), state).unwrap_or(TargetState::Started);
                // One that comes before its connector is how the connector begins, no change.
                if before != state && self.connectors.contains_key(&name) {
                    changes.targets.insert(name);
                }
            }
            ConfigRecord::Fencing(name, count) => {
                self.unfenced.remove(&name);
                self.fenced.insert(name, count);
            }
            ConfigRecord::SessionKey(key) => {
                self.session_key = Some(key);
                changes.session_key = true;
            }
            ConfigRecord::Restart(name, tasks, failed) => drop(changes.restarts.insert(name, (tasks, failed))),
            ConfigRecord::LogLevel(logger, level) => drop(changes.log_levels.insert(logger, level)),
        }
    }

    fn remove(&mut self, name: String, changes: &mut Changes) {
        self.connectors.remove(&name);
        self.tasks.remove(&name);
        self.deferred.remove(&name);
        self.unfenced.remove(&name);
        changes.connectors.remove(&name);
        changes.tasks.remove(&name);
        changes.targets.remove(&name);
        changes.restarts.remove(&name);
        changes.removed.insert(name);
    }

    fn commit(&mut self, name: String, count: usize, changes: &mut Changes) {
        let deferred = self.deferred.remove(&name).unwrap_or_default();
        let tasks = self.tasks.entry(name.clone()).or_default();
        tasks.count = count;
        tasks.inconsistent = !(0..count).all(|task| deferred.contains_key(&task));
        if !tasks.inconsistent {
            tasks.configs.extend(deferred);
        }
        self.unfenced.insert(name.clone());
        changes.tasks.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(records: Vec<ConfigRecord>) -> (ConfigState, Changes) {
        let (mut state, mut changes) = (ConfigState::default(), Changes::default());
        records.into_iter().for_each(|record| state.apply(record, &mut changes));
        (state, changes)
    }

    fn props(value: &str) -> Props {
        [("x", value)].into_iter().collect()
    }

    use ConfigRecord::{Commit, Connector, Restart, Target, Task};

    #[test]
    fn what_java_wrote_amounts_to_what_java_runs() {
        let golden = super::super::golden(include_str!("../../tests/golden/connect-configs.tsv"));
        let (state, changes) = state(golden.map(|(key, value)| ConfigRecord::read(key, value).unwrap()).collect());
        assert_eq!(state.connectors().collect::<Vec<_>>(), ["shop é1"]);
        assert_eq!(state.target("shop é1"), Some(TargetState::Started));
        assert_eq!(state.config("shop é1").unwrap().get("poll.interval.ms"), Some("250"));
        assert_eq!(state.task_count("shop é1"), 1);
        let task = state.task_config("shop é1", 0).unwrap();
        assert_eq!(task.get("task.class"), Some("io.debezium.connector.postgresql.PostgresConnectorTask"));
        assert!(state.session_key.is_some() && changes.session_key);
        assert!(changes.removed.contains("bad") && !changes.tasks.contains("bad"));
        assert_eq!(changes.log_levels["org.apache.kafka.connect"], "WARN");
    }

    #[test]
    fn tasks_hold_from_their_commit_on() {
        let c = || "c".to_owned();
        let (mut state, mut changes) = state(vec![Connector(c(), Some(props("1"))), Task(c(), 0, props("a"))]);
        assert_eq!((state.task_count("c"), changes.tasks.len()), (0, 0));
        state.apply(Commit(c(), 1), &mut changes);
        assert_eq!(state.task_configs("c"), [props("a")]);
        state.apply(Task(c(), 0, props("b")), &mut changes);
        assert_eq!(state.task_configs("c"), [props("a")], "not committed yet");
        state.apply(Commit(c(), 0), &mut changes);
        assert_eq!(state.task_count("c"), 0);
    }

    #[test]
    fn a_commit_whose_tasks_were_compacted_away_is_inconsistent_until_the_next_one() {
        let c = || "c".to_owned();
        let (mut state, mut changes) = state(vec![Connector(c(), Some(props("1"))), Task(c(), 1, props("b")), Commit(c(), 2)]);
        assert!(state.is_inconsistent("c") && state.task_count("c") == 0 && state.task_config("c", 1).is_none());
        for record in [Task(c(), 0, props("a")), Task(c(), 1, props("b")), Commit(c(), 2)] {
            state.apply(record, &mut changes);
        }
        assert_eq!(state.task_configs("c"), [props("a"), props("b")]);
    }

    #[test]
    fn a_wanted_state_may_come_before_its_connector_and_outlives_its_configuration() {
        let c = || "c".to_owned();
        let (mut state, mut changes) = state(vec![Target(c(), Some(TargetState::Paused)), Connector(c(), Some(props("1")))]);
        assert_eq!(state.target("c"), Some(TargetState::Paused));
        assert!(changes.targets.is_empty() && changes.connectors.contains("c"));
        state.apply(Restart(c(), true, false), &mut changes);
        state.apply(Connector(c(), None), &mut changes);
        assert_eq!((state.target("c"), changes.restarts.len()), (None, 0));
        state.apply(Target(c(), None), &mut changes);
        state.apply(Connector(c(), Some(props("2"))), &mut changes);
        assert_eq!(state.target("c"), Some(TargetState::Started));
        assert!(changes.removed.is_empty());
        state.apply(Target(c(), Some(TargetState::Started)), &mut changes);
        assert!(changes.targets.is_empty(), "nothing else is wanted");
    }
}
