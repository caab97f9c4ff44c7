//! A group as somebody sees it who is no worker of it: what its topics hold, who is in it, and how its offsets are changed
//! (`rowtide offsets`).
//!
//! While workers live, one of them changes offsets, by Connect's own call: it refuses unless the connector is stopped, and fences what may
//! still write. While none lives they are written here, after what dead workers left behind is fenced. Not here: whether the
//! source still has a place (`backup`).

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rowtide_api::{Error, Props, Result};
use rowtide_kafka::Admin;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fencing::transactional_id;
use super::peer::{Answer, Call, Peers};
use super::protocol::decode_state;
use crate::herder::TargetState;
use crate::kafka_sink::{self, client_error};
use crate::offsets::{KafkaOffsetStore, OffsetEntry, OffsetStore, json as offset_json};
use crate::stores::config_record::properties;
use crate::stores::config_state::ConfigState;
use crate::stores::{Clients, ConfigStore, Storage, StorageTopic};
use crate::worker_config::{ExactlyOnceSupport, Membership, WorkerConfig};

/// How long a worker may be busy with a rebalance before it takes a request.
const BUSY: Duration = Duration::from_secs(60);
/// Between two looks at what only asking tells.
const PAUSE: Duration = Duration::from_millis(500);

/// The group.
pub struct Visitor {
    worker: WorkerConfig,
    membership: Membership,
    admin: Admin,
    /// none: there is no such topic
    offsets: Option<Arc<KafkaOffsetStore>>,
    /// likewise
    configs: Option<ConfigStore>,
}

/// Who may change the group's offsets now.
#[derive(Debug)]
pub enum Writer {
    /// one of its workers; their URLs
    Workers(Vec<String>),
    /// whoever asks: no worker lives
    Anybody,
}

/// What of a connector is to be written.
pub struct Change<'a> {
    /// its name
    pub name: &'a str,
    /// its offsets; none removes
    pub entries: &'a [OffsetEntry],
    /// its configuration and the state wanted of it, where the group has none
    pub create: Option<&'a (Props, TargetState)>,
}

impl Visitor {
    /// Reads the topics of the group that these properties are of. To `write`, those that are missing are made, and what dead workers left
    /// behind is fenced, so that nobody has to wait for their transactions to time out.
    pub async fn open(worker: &WorkerConfig, membership: Membership, write: bool) -> Result<Self> {
        let clients = Clients::new(worker, &membership.group);
        let admin = clients.admin()?;
        let topic = |storage| StorageTopic::read(worker, storage);
        let (offsets_topic, configs_topic) = (topic(Storage::Offsets), topic(Storage::Configs));
        let (mut offsets, mut configs) = (None, None);
        if write || exists(&admin, &offsets_topic).await? {
            offsets = Some(Arc::new(KafkaOffsetStore::open(&clients, &offsets_topic, membership.flush_timeout).await?));
        }
        if write || exists(&admin, &configs_topic).await? {
            let transactional = worker.exactly_once != ExactlyOnceSupport::Disabled;
            let leaders_of = transactional.then_some(membership.group.as_str());
            configs = Some(ConfigStore::open(&clients, &configs_topic, leaders_of).await?);
        }
        let visitor = Self { worker: worker.clone(), membership, admin, offsets, configs };
        if write && visitor.workers().await?.is_empty() {
            visitor.fence().await?;
        }
        Ok(visitor)
    }

    /// Whether there is a group at all: fails with what the properties name where nothing of it is there.
    pub fn is_there(&self) -> Result<()> {
        let named = |name: &str| self.worker.get(name).unwrap_or_default();
        if self.offsets.is_some() || self.configs.is_some() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "there is no group '{}': neither the topic '{}' nor '{}' exists",
            self.membership.group,
            named("config.storage.topic"),
            named("offset.storage.topic")
        ))
        .remedy("give --worker the properties of one of the group's workers: bootstrap.servers, group.id, config.storage.topic and offset.storage.topic"))
    }

    /// Its offsets; none where there is no topic of them.
    pub fn offsets(&self) -> Option<Arc<dyn OffsetStore>> {
        self.offsets.clone().map(|offsets| offsets as Arc<dyn OffsetStore>)
    }

    fn state(&self) -> Arc<ConfigState> {
        self.configs.as_ref().map(ConfigStore::state).unwrap_or_default()
    }

    /// Its connectors, with what is wanted of each.
    pub fn connectors(&self) -> Vec<(String, Props, TargetState)> {
        let state = self.state();
        let one = |name: &str| Some((name.to_owned(), state.config(name)?.clone(), state.target(name)?));
        state.connectors().filter_map(one).collect()
    }

    /// Refuses connectors that workers may run. No offset is looked at: those of a worker that has just died can only be read once its transaction
    /// has timed out.
    pub async fn admit(&self, names: &[&str]) -> Result<()> {
        let workers = self.workers().await?;
        let (Some(configs), Some(url)) = (&self.configs, workers.first()) else { return Ok(()) };
        configs.refresh(self.membership.sync_timeout).await?;
        names.iter().try_for_each(|name| self.admit_one(name, url))
    }

    /// Refuses a connector that workers, one with this URL among them, may run.
    fn admit_one(&self, name: &str, url: &str) -> Result<()> {
        let state = self.state();
        match state.target(name) {
            None => Ok(()),
            Some(TargetState::Stopped) if state.task_count(name) == 0 => Ok(()),
            Some(_) => Err(Error::configuration(format!(
                "nothing was written: the connector '{name}' is not stopped, and the group has workers that may run it"
            ))
            .remedy(format!(
                "stop it: curl -X PUT {}connectors/{}/stop; or stop all workers of the group; or name another connector with --connector",
                slash(url),
                encoded(name)
            ))),
        }
    }

    /// Who may write these changes; refuses those that nobody may.
    pub async fn writer(&self, changes: &[Change<'_>]) -> Result<Writer> {
        let workers = self.workers().await?;
        if let Some(configs) = &self.configs {
            configs.refresh(self.membership.sync_timeout).await?;
        }
        let state = self.state();
        for config in changes.iter().filter_map(|change| state.config(change.name)) {
            refuse_own_topic(&self.worker, config)?;
        }
        if workers.is_empty() {
            return Ok(Writer::Anybody);
        }
        for Change { name, create, .. } in changes.iter().filter(|change| !change.entries.is_empty()) {
            if state.target(name).is_none() && create.is_none() {
                let error = format!("nothing was written: the group has workers, and no connector '{name}'");
                return Err(Error::configuration(error).remedy(
                    "create it with \"initial_state\": \"STOPPED\" (POST /connectors), or stop all workers of the group",
                ));
            }
            self.admit_one(name, &workers[0])?;
        }
        Ok(Writer::Workers(workers))
    }

    /// Writes offsets, and the configuration where the group has none.
    pub async fn write(&self, writer: &Writer, change: &Change<'_>) -> Result<()> {
        match writer {
            Writer::Workers(urls) => by_worker(&Workers { peers: Peers::new(&self.worker.props), urls }, change).await,
            Writer::Anybody => self.write_here(change).await,
        }
    }

    /// The URLs of the workers that live.
    async fn workers(&self) -> Result<Vec<String>> {
        let deadline = Instant::now() + self.membership.rebalance_timeout;
        let group = &self.membership.group;
        loop {
            let members = self.admin.group_members(group).await.map_err(client_error)?;
            // what its members said is told once the group is formed
            if members.is_empty() || members.iter().all(|member| !member.metadata.is_empty()) {
                let url = |metadata: &[u8]| decode_state(metadata).map(|state| state.url);
                return members.iter().map(|member| url(&member.metadata)).collect::<std::result::Result<_, _>>().map_err(|_| {
                    Error::configuration(format!("the group '{group}' is none of Connect workers")).remedy("check group.id")
                });
            }
            if Instant::now() >= deadline {
                return Err(Error::transient(format!(
                    "the group '{group}' has been forming anew for {} ms",
                    self.membership.rebalance_timeout.as_millis()
                ))
                .remedy("try again once its workers have settled"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn write_here(&self, change: &Change<'_>) -> Result<()> {
        let Change { name, entries, create } = change;
        let missing = || Error::fatal("the group's topics are not open");
        let (offsets, configs) = (self.offsets.as_ref().ok_or_else(missing)?, self.configs.as_ref().ok_or_else(missing)?);
        offsets.store(name, entries).await?;
        if let Some((config, target)) = create {
            configs.put_connector(name, config, Some(*target)).await?;
        }
        if !self.workers().await?.is_empty() {
            return Err(Error::transient(format!(
                "a worker joined the group while the offsets of '{name}' were written: it may have started from those before"
            ))
            .remedy("stop the connector, or all workers, and do it again"));
        }
        Ok(())
    }

    /// What dead workers left behind writes no more (`Worker.fenceZombies`).
    async fn fence(&self) -> Result<()> {
        let state = self.state();
        for name in state.connectors() {
            let ids: Vec<String> =
                (0..state.fenced(name).unwrap_or(0)).map(|task| transactional_id(&self.membership.group, name, task)).collect();
            if ids.is_empty() {
                continue;
            }
            let config = self.worker.variables.fill_in(&state.config(name).cloned().unwrap_or_default())?;
            let admin = kafka_sink::connector_admin(&self.worker, name, 0, &config)?;
            let fenced = admin.fence_producers(&ids).await;
            fenced.map_err(|error| client_error(error).context(&format!("fencing the tasks of the connector '{name}'")))?;
        }
        Ok(())
    }
}

/// A connector whose offsets are in a topic of its own has copies in the worker's topic only, which is the one that is read and written here.
fn refuse_own_topic(worker: &WorkerConfig, config: &Props) -> Result<()> {
    const OWN: &str = "offsets.storage.topic";
    let own = config.get(OWN).map(str::trim).filter(|topic| !topic.is_empty());
    match own.filter(|topic| worker.get("offset.storage.topic").map(str::trim) != Some(topic)) {
        None => Ok(()),
        Some(topic) => Err(Error::configuration(format!("nothing was written: the connector's offsets are in a topic of its own ({OWN}={topic}), which this command does not write"))
            .remedy("stop the connector and ask a worker: PATCH /connectors/<name>/offsets, which writes to both topics")),
    }
}

async fn exists(admin: &Admin, topic: &StorageTopic) -> Result<bool> {
    Ok(admin.partition_count(&topic.new.name).await.map_err(client_error)?.is_some())
}

fn slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// The workers that live, and the way to them.
struct Workers<'a> {
    peers: Peers,
    urls: &'a [String],
}

/// By Connect's own calls: a connector that is created is stopped until its offsets are there.
async fn by_worker(workers: &Workers<'_>, change: &Change<'_>) -> Result<()> {
    let Change { name, entries, create } = change;
    let path = format!("connectors/{}", encoded(name));
    if let Some((config, _)) = create {
        let body = json!({ "name": name, "config": properties(config), "initial_state": TargetState::Stopped.name() });
        ask(workers, "POST", "connectors", Some(body)).await?;
    }
    if !entries.is_empty() {
        let entry = |(partition, offset): &OffsetEntry| json!({ "partition": offset_json::to_json(partition), "offset": offset.as_ref().map(offset_json::to_json) });
        let body = json!({ "offsets": entries.iter().map(entry).collect::<Vec<_>>() });
        ask(workers, "PATCH", &format!("{path}/offsets"), Some(body)).await?;
    }
    match create {
        Some((_, TargetState::Started)) => ask(workers, "PUT", &format!("{path}/resume"), None).await,
        Some((_, TargetState::Paused)) => ask(workers, "PUT", &format!("{path}/pause"), None).await,
        Some((_, TargetState::Stopped)) | None => Ok(()),
    }
}

/// Asks the first worker that answers, again while it is busy with a rebalance.
async fn ask(workers: &Workers<'_>, method: &str, path: &str, body: Option<Value>) -> Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        let answer = first_answer(workers, method, path, body.as_ref()).await?;
        match answer.status {
            ..300 => return Ok(()),
            409 if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            status => {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let why = body["message"].as_str().unwrap_or_default();
                return Err(Error::configuration(format!("a worker of the group answered {status} to {method} /{path}: {why}")));
            }
        }
    }
}

async fn first_answer(workers: &Workers<'_>, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
    let mut failed = None;
    for url in workers.urls {
        let call = Call {
            method: method.to_owned(),
            url: format!("{}{path}", slash(url)),
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        match workers.peers.send(call).await {
            Ok(answer) => return Ok(answer),
            Err(error) => failed = Some(error),
        }
    }
    let message = "the group has workers, and none of them answers here; nothing was written by this call";
    let error = Error::transient(message).remedy(
        "run this where their REST is reached; or send the offsets yourself (rowtide offsets show --backup BACKUP --connector NAME --json, \
         PATCH /connectors/NAME/offsets), or stop all workers of the group",
    );
    Err(match failed {
        Some(failed) => error.caused_by(failed),
        None => error,
    })
}
