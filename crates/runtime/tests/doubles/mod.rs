//! Doubles for what the runtime may not know: a source, and a sink whose acks come in random order. The source is a
//! log of numbers; its offset is the last number read.

#![allow(dead_code)] // each test binary uses its part

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rowtide_api::plugin::Plugins;
use rowtide_api::*;
use rowtide_runtime::herder::State;
use rowtide_runtime::offsets::{FileOffsetStore, OffsetEntry, OffsetStore};
use rowtide_runtime::pipeline::{SinkFactory, TaskHandle};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What the log holds and what happens to those who read it.
pub struct Log {
    pub total: i64,
    pub batch: i64,
    pub transaction: i64,
    /// at this record the poll fails, once
    pub poll_errors: Mutex<VecDeque<(i64, Error)>>,
    pub start_errors: Mutex<VecDeque<Error>>,
    /// what the source was told, in order
    pub confirmed: Mutex<Vec<i64>>,
    pub starts: Mutex<Vec<i64>>,
    /// what `alter_offsets` answers
    pub alters: bool,
    /// bytes of padding in each value
    pub padding: usize,
    /// what the source answers to that name
    pub holds_log: bool,
}

impl Log {
    pub fn of(total: i64) -> Self {
        Self {
            total,
            batch: 7,
            transaction: 5,
            poll_errors: Mutex::default(),
            start_errors: Mutex::default(),
            confirmed: Mutex::default(),
            starts: Mutex::default(),
            alters: false,
            padding: 0,
            holds_log: false,
        }
    }
}

pub struct TestConnector(pub Arc<Log>);

static INFO: PluginInfo = PluginInfo { class: "test.NumbersConnector", kind: PluginKind::Source, version: "1.2.3" };

#[async_trait]
impl SourceConnector for TestConnector {
    fn info(&self) -> &'static PluginInfo {
        &INFO
    }

    fn config_def(&self) -> &'static ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        let key = |name, kind| ConfigKey::new(name, kind, Importance::High, name);
        DEF.get_or_init(|| ConfigDef {
            keys: vec![
                ConfigKey { validator: Validator::Required, group: "Numbers", ..key("topic.prefix", ConfigType::String) },
                ConfigKey { group: "Numbers", ..key("numbers.password", ConfigType::Password) },
                key("errors.max.retries", ConfigType::Int).default_value("-1").unlisted(),
                key("retriable.restart.connector.wait.ms", ConfigType::Long).default_value("10000").unlisted(),
            ],
            prefixes: vec![],
        })
    }

    async fn validate(&self, config: &Props) -> Vec<ConfigValue> {
        self.config_def().validate(config)
    }

    fn task_configs(&self, config: &Props, _max: usize) -> Result<Vec<Props>> {
        let mut task = config.clone();
        task.set("task.class", "test.NumbersTask");
        Ok(vec![task])
    }

    fn exactly_once(&self, _config: &Props) -> ExactlyOnce {
        ExactlyOnce::Unsupported
    }

    fn alter_offsets(&self, _config: &Props, _offsets: &[(OffsetMap, Option<OffsetMap>)]) -> Result<bool> {
        Ok(self.0.alters)
    }

    fn new_task(&self) -> Box<dyn SourceTask> {
        Box::new(TestTask { log: self.0.clone(), next: 0, finishing: false, prefix: String::new(), partition: None })
    }
}

pub struct TestTask {
    log: Arc<Log>,
    next: i64,
    finishing: bool,
    prefix: String,
    partition: Option<Arc<SourcePartition>>,
}

pub fn offset(n: i64) -> OffsetMap {
    let mut map = OffsetMap::default();
    map.set("n", n);
    map
}

pub fn partition(prefix: &str) -> OffsetMap {
    let mut map = OffsetMap::default();
    map.set("server", prefix);
    map
}

impl TestTask {
    fn position(&self, n: i64) -> Option<SourcePosition> {
        Some(SourcePosition { partition: self.partition.clone()?, offset: Arc::new(offset(n)) })
    }

    fn record(&self, n: i64) -> Option<SourceRecord> {
        static KEY: OnceLock<SchemaRef> = OnceLock::new();
        let schema = KEY.get_or_init(|| Schema::new(Kind::Int64).shared()).clone();
        static VALUE: OnceLock<SchemaRef> = OnceLock::new();
        let text = VALUE.get_or_init(|| Schema::new(Kind::String).shared()).clone();
        let padding = "x".repeat(self.log.padding);
        Some(SourceRecord {
            topic: format!("{}.t{}", self.prefix, n % 3).into(),
            partition: None,
            key: Datum::new(schema, Value::Int64(n % 11)),
            value: Datum::new(text.clone(), Value::string(format!("{n}{padding}"))),
            headers: Arc::new([Header { name: "run".into(), datum: Datum::new(text, Value::string("one")) }]),
            timestamp: None,
            position: self.position(n)?,
        })
    }
}

#[async_trait]
impl SourceTask for TestTask {
    async fn start(&mut self, context: TaskContext) -> Result<()> {
        if let Some(error) = self.log.start_errors.lock().unwrap().pop_front() {
            return Err(error);
        }
        self.prefix = context.config.get("topic.prefix").unwrap_or("p").to_owned();
        let map = partition(&self.prefix);
        let stored = context.offsets.iter().find(|(have, _)| *have == map).and_then(|(_, offset)| offset.int("n"));
        self.partition = Some(Arc::new(SourcePartition { index: 0, map }));
        self.next = stored.map_or(0, |n| n + 1);
        self.log.starts.lock().unwrap().push(self.next);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Batch>> {
        tokio::task::yield_now().await;
        let boundary = self.next % self.log.transaction == 0;
        if self.finishing && (boundary || self.next >= self.log.total) {
            return Ok(None);
        }
        if self.next >= self.log.total {
            std::future::pending::<()>().await;
        }
        let mut batch = Batch::default();
        let mut end = (self.next + self.log.batch).min(self.log.total);
        if self.finishing {
            end = end.min((self.next / self.log.transaction + 1) * self.log.transaction);
        }
        while self.next < end {
            let mut errors = self.log.poll_errors.lock().unwrap();
            if errors.front().is_some_and(|(at, _)| *at <= self.next) {
                if !batch.records.is_empty() {
                    break;
                }
                return Err(errors.pop_front().expect("looked at it").1);
            }
            drop(errors);
            batch.records.extend(self.record(self.next));
            self.next += 1;
        }
        if self.next == self.log.total {
            // log behind the last record that held nothing for us
            batch.reached.extend(self.position(self.log.total));
        }
        Ok(Some(batch))
    }

    async fn committed(&mut self, _partition: &OffsetMap, offset: &OffsetMap) -> Result<()> {
        self.log.confirmed.lock().unwrap().extend(offset.int("n"));
        Ok(())
    }

    fn holds_log(&self) -> bool {
        self.log.holds_log
    }

    fn finish(&mut self) {
        self.finishing = true;
    }

    async fn stop(&mut self) {}
}

/// A registry that answers as it is told, in order; then well.
#[derive(Default)]
pub struct Registry {
    pub answers: Mutex<VecDeque<Error>>,
    /// while true it does not answer
    pub silent: AtomicBool,
    pub asked: Notify,
}

/// A converter that asks it first, and whose plans add a header.
pub struct Asking(pub Arc<Registry>, pub Box<dyn Converter>);

struct Tagged(Arc<dyn EncodePlan>, [(Arc<str>, Bytes); 1]);

impl Converter for Asking {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let Plan::Ready(plan) = self.1.plan(topic, schema)? else { unreachable!("it asks nobody") };
        let registry = self.0.clone();
        Ok(Plan::NeedsLookup(Box::pin(async move {
            registry.asked.notify_one();
            if registry.silent.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            // as an answer over a network does, it comes later
            tokio::task::yield_now().await;
            let error = registry.answers.lock().unwrap().pop_front();
            error
                .map_or_else(|| Ok(Arc::new(Tagged(plan, [("id".into(), Bytes::from_static(b"7"))])) as Arc<dyn EncodePlan>), Err)
        })))
    }
}

impl EncodePlan for Tagged {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.0.encode(value, out)
    }

    fn headers(&self) -> &[(Arc<str>, Bytes)] {
        &self.1
    }
}

/// What reached the sink.
#[derive(Default)]
pub struct Written {
    /// number and key of each record, in the order of the writes
    pub records: Mutex<Vec<(i64, String)>>,
    pub topics: Mutex<BTreeSet<String>>,
    /// how many headers records had
    pub headers: Mutex<BTreeSet<usize>>,
    /// the numbers that were acknowledged
    pub durable: Mutex<BTreeSet<i64>>,
    /// the number whose ack fails, once
    pub ack_errors: Mutex<VecDeque<(i64, Error)>>,
    /// while true nothing is acknowledged
    pub withheld: Mutex<bool>,
    pub wake: Notify,
}

pub struct RandomAckSink {
    written: Arc<Written>,
    outstanding: Vec<(u64, i64)>,
    seed: u64,
}

impl RandomAckSink {
    pub fn factory(written: Arc<Written>, seed: u64) -> SinkFactory {
        Arc::new(move |_| {
            let sink = RandomAckSink { written: written.clone(), outstanding: Vec::new(), seed: seed | 1 };
            Box::pin(async move { Ok(Box::new(sink) as Box<dyn Sink>) })
        })
    }

    fn random(&mut self, below: usize) -> usize {
        // xorshift64
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % below.max(1) as u64) as usize
    }
}

fn number(value: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(value);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number is in the value")
}

#[async_trait]
impl Sink for RandomAckSink {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        for record in batch {
            let n = number(record.value.as_ref().expect("a value"));
            let key = String::from_utf8_lossy(record.key.as_ref().expect("a key")).into_owned();
            assert_eq!(record.headers[0].1.as_deref(), Some(&b"one"[..]));
            self.written.records.lock().unwrap().push((n, key));
            self.written.headers.lock().unwrap().insert(record.headers.len());
            self.written.topics.lock().unwrap().insert(record.topic.to_string());
            self.outstanding.push((record.sequence, n));
        }
        Ok(())
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        loop {
            let woken = self.written.wake.notified();
            if !*self.written.withheld.lock().unwrap() {
                break;
            }
            woken.await;
        }
        if self.outstanding.is_empty() {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        for _ in 0..=self.random(self.outstanding.len()) {
            let pick = self.random(self.outstanding.len());
            if self.outstanding.is_empty() {
                break;
            }
            let (sequence, n) = self.outstanding.swap_remove(pick);
            let mut errors = self.written.ack_errors.lock().unwrap();
            if errors.front().is_some_and(|(at, _)| *at == n) {
                let error = errors.pop_front().expect("looked at it").1;
                out.push(Ack { sequence, result: Err(error) });
            } else {
                self.written.durable.lock().unwrap().insert(n);
                out.push(Ack { sequence, result: Ok(()) });
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Connect's file, watched: no offset is stored before its record and all before it are durable.
pub struct WatchedStore {
    pub file: FileOffsetStore,
    pub written: Arc<Written>,
    /// records that no ack is expected for
    pub dropped: BTreeSet<i64>,
    pub total: i64,
    pub stored: Mutex<Vec<i64>>,
    /// while true a store does not end
    pub stuck: AtomicBool,
    pub changed: Notify,
}

#[async_trait]
impl OffsetStore for WatchedStore {
    async fn names(&self) -> Result<Vec<String>> {
        self.file.names().await
    }

    async fn load(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>> {
        self.file.load(connector).await
    }

    async fn store(&self, connector: &str, entries: &[OffsetEntry]) -> Result<()> {
        for (_, offset) in entries {
            let n = offset.as_ref().and_then(|offset| offset.int("n")).expect("an offset");
            let durable = self.written.durable.lock().unwrap();
            let missing: Vec<i64> =
                (0..=n.min(self.total - 1)).filter(|n| !durable.contains(n) && !self.dropped.contains(n)).collect();
            assert!(missing.is_empty(), "offset {n} is stored, but not durable are {missing:?}");
            self.stored.lock().unwrap().push(n);
        }
        if self.stuck.load(Ordering::Relaxed) {
            self.changed.notify_waiters();
            std::future::pending::<()>().await;
        }
        self.file.store(connector, entries).await?;
        self.changed.notify_waiters();
        Ok(())
    }
}

/// Stops a task, which has half a minute for it.
pub async fn stop(task: TaskHandle) {
    let deadline = Instant::now() + Duration::from_secs(30);
    task.ask_stop(deadline);
    task.stopped(deadline).await;
}

/// Waits until a task has failed; its trace.
pub async fn failed(task: &TaskHandle) -> String {
    let mut states = task.states();
    let state = tokio::time::timeout(Duration::from_secs(60), states.wait_for(|state| state.state == State::Failed)).await;
    state.expect("the task fails").unwrap().trace.clone().expect("a trace")
}

/// Waits until something holds, looking again whenever `changed` says so.
pub async fn until(what: &str, changed: &Notify, mut holds: impl FnMut() -> bool) {
    let wait = async {
        loop {
            let next = changed.notified();
            tokio::pin!(next);
            next.as_mut().enable();
            if holds() {
                return;
            }
            next.await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// All of the real converters and transforms beside the source double.
pub fn plugins(log: Arc<Log>) -> Arc<Plugins> {
    Arc::new(Plugins {
        sources: vec![Box::new(TestConnector(log))],
        transforms: rowtide_transforms::ALL.iter().collect(),
        predicates: rowtide_transforms::PREDICATES.iter().collect(),
        converters: rowtide_converters::ALL.iter().collect(),
        header_converters: rowtide_converters::HEADERS.iter().collect(),
        sinks: vec![],
    })
}
