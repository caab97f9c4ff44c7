//! Exactly once in a group (KIP-618): before a task writes, nobody writes any more for the tasks that its connector had before.
//!
//! Producers of tasks have names that all workers derive alike; a new one of the name fences the one before. What is left are tasks that no
//! longer are: the leader fences as many as there were (`DistributedHerder.fenceZombieSourceTasks`).

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rowtide_api::{Error, Props};
use tokio::sync::mpsc;

use super::machine::{Event, Request};
use super::peer::Call;
use super::requests::Outcome;
use super::shared::Shared;
use crate::herder::answers::{no_connector, of_error};
use crate::herder::{HerderError, Result, TaskId};
use crate::kafka_sink;
use crate::offsets::{KafkaOffsetStore, OwnOffsets};
use crate::pipeline::{Boundary, ExactlyOnce, Transactions};
use crate::worker_config::Membership;

/// What a worker needs for tasks that are exactly once.
pub struct Fencing {
    group: String,
    offsets: Arc<KafkaOffsetStore>,
    /// how long reading the config topic may take
    sync_timeout: Duration,
    /// one round at a time
    turn: tokio::sync::Mutex<()>,
}

impl Fencing {
    /// For a member of a group whose tasks' transactions write their offsets here.
    pub fn new(membership: &Membership, offsets: Arc<KafkaOffsetStore>) -> Self {
        let Membership { group, sync_timeout, .. } = membership;
        Self { group: group.clone(), offsets, sync_timeout: *sync_timeout, turn: tokio::sync::Mutex::default() }
    }
}

/// `Worker.taskTransactionalId`
pub fn transactional_id(group: &str, connector: &str, task: usize) -> String {
    format!("{group}-{connector}-{task}")
}

/// What makes a task of this configuration exactly once; none where the worker does not have it enabled.
pub fn exactly_once(
    shared: &Arc<Shared>,
    id: &TaskId,
    config: &Props,
    own: Option<&Arc<OwnOffsets>>,
    events: &mpsc::Sender<Event>,
) -> rowtide_api::Result<Option<ExactlyOnce>> {
    let Some(fencing) = &shared.fencing else { return Ok(None) };
    let (offsets, connector) = (fencing.offsets.clone(), id.connector.clone());
    let (own_offsets, beside) = (own.cloned(), own.map(|own| (own.clone(), id.connector.clone())));
    let (before, asker, name) = (shared.clone(), events.clone(), id.connector.clone());
    let (after, task, wanted) = (shared.clone(), id.clone(), config.clone());
    Ok(Some(ExactlyOnce {
        transactions: Transactions {
            id: transactional_id(&fencing.group, &id.connector, id.task),
            offsets_topic: own.map_or(fencing.offsets.topic(), |own| own.topic()).clone(),
        },
        boundary: Boundary::read(config, shared.parts.worker.flush_interval)?,
        offsets: Arc::new(move |entries| match &own_offsets {
            Some(own) => own.records(&connector, entries),
            None => offsets.records(&connector, entries),
        }),
        beside,
        before: Arc::new(move || {
            let (shared, events, name) = (before.clone(), asker.clone(), name.clone());
            Box::pin(async move { ask(&shared, &name, &events).await })
        }),
        after: Arc::new(move || {
            let (shared, id, config) = (after.clone(), task.clone(), wanted.clone());
            Box::pin(async move { is_current(&shared, &id, &config).await })
        }),
    }))
}

/// Has the leader fence what was before the tasks of a connector.
async fn ask(shared: &Arc<Shared>, name: &str, events: &mpsc::Sender<Event>) -> rowtide_api::Result<()> {
    let failed = |error: HerderError| {
        Error::transient(format!("earlier tasks of the connector {name} could not be fenced: {error}")).remedy(
            "nothing was written; it is tried again. Fencing needs the leader of the group, and Kafka's transaction coordinator",
        )
    };
    match shared.requests.ask(Request::Fence(name.to_owned()), None, events).await {
        Outcome::Here(Ok(_)) => fence(shared, name).await.map_err(failed),
        Outcome::Here(Err(error)) => Err(failed(error)),
        Outcome::Elsewhere(onward) => {
            let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
            let call = Call {
                method: "PUT".to_owned(),
                url: format!("{}/connectors/{name}/fence?forward=false", onward.url.trim_end_matches('/')),
                headers: Vec::new(),
                body: Vec::new(),
            };
            shared.call_leader(call).await
        }
    }
}

/// The leader's part: a round of fencing, unless the tasks that are configured now had theirs.
pub async fn fence(shared: &Shared, name: &str) -> Result<()> {
    let unsupported =
        || HerderError { status: 500, message: "This worker does not have exactly-once source support enabled.".to_owned() };
    let fencing = shared.fencing.as_ref().ok_or_else(unsupported)?;
    let _turn = fencing.turn.lock().await;
    shared.configs.refresh(fencing.sync_timeout).await.map_err(|error| of_error(&error))?;
    let state = shared.configs.state();
    let config = state.config(name).ok_or_else(|| no_connector(name))?;
    if !state.is_fencing_due(name) {
        return Ok(());
    }
    let (before, tasks) = (state.fenced(name).unwrap_or(0), state.task_count(name));
    // One task that follows one fences it by its own producer.
    if before > 0 && (before, tasks) != (1, 1) {
        let ids: Vec<String> = (0..before).map(|task| transactional_id(&fencing.group, name, task)).collect();
        let filled = shared.parts.worker.variables.fill_in(config).map_err(|error| of_error(&error))?;
        let admin = kafka_sink::connector_admin(&shared.parts.worker, name, 0, &filled).map_err(|error| of_error(&error))?;
        let fenced = admin.fence_producers(&ids).await;
        fenced.map_err(|error| of_error(&kafka_sink::client_error(error).context("fencing the tasks before")))?;
        tracing::info!(connector = name, producers = before, "fenced the producers of earlier tasks");
        shared.configs.refresh(fencing.sync_timeout).await.map_err(|error| of_error(&error))?;
        if shared.configs.state().task_configs(name) != state.task_configs(name) {
            let message =
                format!("After a round of zombie fencing was started for connector {name}, its tasks were configured anew");
            return Err(HerderError { status: 409, message });
        }
    }
    shared.configs.put_fencing(name, tasks).await.map_err(|error| of_error(&error))
}

/// Fails where the config topic has the task no more, or another configuration of it: its producer may have fenced that one's.
async fn is_current(shared: &Shared, id: &TaskId, config: &Props) -> rowtide_api::Result<()> {
    let limit = shared.fencing.as_ref().map_or(Duration::ZERO, |fencing| fencing.sync_timeout);
    shared.configs.refresh(limit).await?;
    if shared.configs.state().task_config(&id.connector, id.task) == Some(config) {
        return Ok(());
    }
    Err(Error::transient(format!("the task {}-{} was configured anew while it started", id.connector, id.task)))
}
