//! What changes connectors: create, replace, delete, pause, resume, stop, restart, offsets. Each call has the herder's
//! turn; the map's lock is never held while a task drains.

use rowtide_api::Props;

use super::super::answers::{must_be_stopped, no_connector, not_found, of_error, unknown_connector};
use super::super::{ConnectorInfo, ConnectorStateInfo, HerderError, Result, State, TargetState};
use super::Inner;
use super::connector::Connector;
use crate::offsets::OffsetEntry;
use crate::pipeline::TaskHandle;

impl Inner {
    pub(super) async fn put(
        &self,
        name: &str,
        config: Props,
        initial: Option<TargetState>,
        replace: bool,
    ) -> Result<(bool, ConnectorInfo)> {
        self.parts.check(&config).await?;
        let _turn = self.turn.lock().await;
        let known = self.lock().get(name).map(|connector| (connector.target, connector.keeps_tasks(&self.parts, &config)));
        if known.is_some() && !replace {
            return Err(HerderError { status: 409, message: format!("Connector {name} already exists") });
        }
        let target = initial.or(known.map(|(target, _)| target)).unwrap_or(TargetState::Started);
        self.persist(name, &config, target)?;
        self.parts.warn_of(name, &config);
        if let Some((_, false)) = known {
            self.stop_tasks(name).await;
        }
        let mut connectors = self.lock();
        let before = connectors.remove(name);
        let connector = Connector::start(&self.parts, name, config, target, before);
        let info = connector.info(name);
        connectors.insert(name.to_owned(), connector);
        Ok((known.is_none(), info))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let _turn = self.turn.lock().await;
        self.with(name, no_connector, |_| ())?;
        if let Some(store) = &self.configs {
            store.remove_connector(name).map_err(|error| of_error(&error))?;
        }
        self.stop_tasks(name).await;
        self.lock().remove(name);
        Ok(())
    }

    pub(super) async fn set_target_state(&self, name: &str, target: TargetState) -> Result<()> {
        let _turn = self.turn.lock().await;
        let missing = |name: &str| not_found(format!("Unknown connector {name}"));
        let (config, has_tasks) = self.with(name, missing, |connector| (connector.config.clone(), connector.has_tasks()))?;
        self.persist(name, &config, target)?;
        match target {
            TargetState::Stopped => {
                self.stop_tasks(name).await;
                if let Some(connector) = self.lock().get_mut(name) {
                    connector.target = target;
                    connector.task_configs.clear();
                }
            }
            TargetState::Started | TargetState::Paused if has_tasks => {
                if let Some(connector) = self.lock().get_mut(name) {
                    connector.set_paused(target == TargetState::Paused);
                }
            }
            TargetState::Started | TargetState::Paused => self.start_again(name, target),
        }
        Ok(())
    }

    fn start_again(&self, name: &str, target: TargetState) {
        let mut connectors = self.lock();
        if let Some(before) = connectors.remove(name) {
            let connector = Connector::start(&self.parts, name, before.config.clone(), target, Some(before));
            connectors.insert(name.to_owned(), connector);
        }
    }

    /// Carries a plan out.
    pub(super) async fn restart(&self, name: &str, plan: &ConnectorStateInfo) {
        let _turn = self.turn.lock().await;
        if plan.connector.state == State::Restarting {
            // A connector is its plan of tasks: only one that could not make it has something to do again.
            let again = self.with(name, no_connector, |connector| (connector.has_failed(), connector.target));
            if let Ok((true, target)) = again {
                self.start_again(name, target);
            }
        }
        for task in plan.tasks.iter().filter(|task| task.state == State::Restarting) {
            self.restart_one(name, task.id).await;
        }
    }

    pub(super) async fn restart_task(&self, name: &str, task: usize) -> Result<()> {
        let _turn = self.turn.lock().await;
        let count = self.with(name, unknown_connector, Connector::task_count)?;
        if task >= count {
            return Err(not_found(format!("Unknown task: {name}-{task}")));
        }
        self.restart_one(name, task).await;
        Ok(())
    }

    async fn restart_one(&self, name: &str, task: usize) {
        let deadline = self.parts.deadline();
        let handle = self.lock().get_mut(name).and_then(|connector| connector.ask_stop_one(task, deadline));
        if let Some(handle) = handle {
            handle.stopped(deadline).await;
        }
        if let Some(connector) = self.lock().get_mut(name) {
            connector.run_again(&self.parts, name, task);
        }
    }

    /// Stores, removes (none) or, without a list, resets offsets.
    pub(super) async fn alter_offsets(&self, name: &str, offsets: Option<Vec<OffsetEntry>>) -> Result<String> {
        let _turn = self.turn.lock().await;
        let (config, stopped) = self.with(name, no_connector, |connector| {
            (connector.config.clone(), connector.target == TargetState::Stopped && !connector.has_tasks())
        })?;
        if !stopped {
            return Err(must_be_stopped(name));
        }
        self.parts.alter_offsets(&*self.parts.offsets, name, &config, offsets).await
    }

    fn persist(&self, name: &str, config: &Props, target: TargetState) -> Result<()> {
        let Some(store) = &self.configs else { return Ok(()) };
        store.put_connector(name, config, target).map_err(|error| of_error(&error))
    }

    async fn stop_tasks(&self, name: &str) {
        let deadline = self.parts.deadline();
        let handles: Vec<TaskHandle> =
            self.lock().get_mut(name).map(|connector| connector.ask_stop(deadline)).unwrap_or_default();
        for handle in handles {
            handle.stopped(deadline).await;
        }
    }
}
