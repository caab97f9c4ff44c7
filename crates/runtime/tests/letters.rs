//! Records that are skipped: their letters, and transactions that are written again without them.

mod doubles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use doubles::*;
use rowtide_api::*;
use rowtide_runtime::connector_config;
use rowtide_runtime::offsets::FileOffsetStore;
use rowtide_runtime::pipeline::{
    Boundary, Check, ExactlyOnce, SinkFactory, TaskHandle, TaskSettings, TaskSetup, Threads, Transactions, spawn,
};
use rowtide_runtime::worker_config::WorkerConfig;
use tokio::sync::Notify;

/// Whether a record, or its letter, is refused.
type Refuses = fn(&EncodedRecord) -> bool;

/// What transactions made visible.
struct Ledger {
    refuses: Refuses,
    /// topic and number of each record, in order
    committed: Mutex<Vec<(String, i64)>>,
    /// the offset of each transaction
    offsets: Mutex<Vec<i64>>,
    aborts: AtomicU64,
    changed: Notify,
}

/// A sink with transactions, in which a refused record fails all that are with it, as with Kafka's producer.
struct Transactional {
    ledger: Arc<Ledger>,
    open: Vec<EncodedRecord>,
    acks: Vec<Ack>,
    failed: bool,
}

/// The number that a record, or a letter, is about.
fn number(record: &EncodedRecord) -> i64 {
    let header = |wanted: &str| record.headers.iter().find(|(name, _)| **name == *wanted)?.1.clone();
    let text = header("__connect.errors.source.offset").or_else(|| record.value.clone()).expect("a number");
    let digits: String = String::from_utf8_lossy(&text).chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn unwritten() -> Error {
    Error::transient("it cannot be committed, for a record was not written")
}

#[async_trait]
impl Sink for Transactional {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        if self.failed {
            return Err(unwritten());
        }
        for record in batch {
            let result = match (self.failed, (self.ledger.refuses)(&record)) {
                (true, _) => Err(unwritten()),
                (false, true) => Err(Error::data("too large").remedy("raise it")),
                (false, false) => Ok(()),
            };
            self.failed |= result.is_err();
            self.acks.push(Ack { sequence: record.sequence, result });
            self.open.push(record);
        }
        Ok(())
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        if self.acks.is_empty() {
            std::future::pending::<()>().await;
        }
        out.append(&mut self.acks);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, more: Vec<EncodedRecord>) -> Result<()> {
        if self.failed {
            return Err(unwritten());
        }
        let records = self.open.drain(..).map(|record| (record.topic.to_string(), number(&record)));
        self.ledger.committed.lock().unwrap().extend(records);
        self.ledger.offsets.lock().unwrap().extend(more.iter().map(number));
        self.ledger.changed.notify_waiters();
        Ok(())
    }

    async fn abort(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        self.ledger.aborts.fetch_add(1, Ordering::Relaxed);
        out.append(&mut self.acks);
        self.open.clear();
        self.failed = false;
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The parts of a task that reads numbers.
struct Bench {
    log: Arc<Log>,
    config: Props,
    store: Arc<WatchedStore>,
    written: Arc<Written>,
    task_threads: Threads,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(total: i64, options: &[(&str, &str)]) -> Self {
        let (folder, written, log) = (tempfile::tempdir().unwrap(), Arc::new(Written::default()), Arc::new(Log::of(total)));
        let store = WatchedStore {
            file: FileOffsetStore::open(folder.path().join("offsets")).unwrap(),
            written: written.clone(),
            dropped: BTreeSet::new(),
            total,
            stored: Default::default(),
            stuck: Default::default(),
            changed: Default::default(),
        };
        let base = [
            ("name", "c"),
            ("connector.class", "test.NumbersConnector"),
            ("topic.prefix", "p"),
            ("retriable.restart.connector.wait.ms", "1"),
        ];
        let config = base.iter().chain(options).copied().collect();
        Self { log, config, store: Arc::new(store), written, task_threads: Threads::default(), _folder: folder }
    }

    fn start(&self, sink: SinkFactory, exactly_once: Option<ExactlyOnce>) -> TaskHandle {
        let (plugins, log) = (plugins(self.log.clone()), self.log.clone());
        let json = ("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        let worker = WorkerConfig::run(&[json, ("key.converter", json.1)].into_iter().collect()).unwrap();
        let config = self.config.clone();
        let mut settings = TaskSettings::read(&self.config, Duration::from_millis(2)).unwrap();
        settings.idle_flush_interval = Duration::from_millis(2);
        let setup = TaskSetup {
            connector: "c".to_owned(),
            scratch: std::env::temp_dir(),
            task: 0,
            config: self.config.clone(),
            source: Arc::new(move || Ok(TestConnector(log.clone()).new_task())),
            encoder: Arc::new(move || connector_config::encoder(&plugins, &worker, &config)),
            sink,
            offsets: self.store.clone(),
            exactly_once,
            settings,
            metrics: Arc::default(),
        };
        spawn(setup, false, &self.task_threads).unwrap()
    }

    fn transactional(&self, refuses: Refuses) -> (Arc<Ledger>, TaskHandle) {
        let ledger = Arc::new(Ledger {
            refuses,
            committed: Mutex::default(),
            offsets: Mutex::default(),
            aborts: AtomicU64::new(0),
            changed: Notify::new(),
        });
        let opened = ledger.clone();
        let sink: SinkFactory = Arc::new(move |_| {
            let sink = Transactional { ledger: opened.clone(), open: Vec::new(), acks: Vec::new(), failed: false };
            Box::pin(async move { Ok(Box::new(sink) as Box<dyn Sink>) })
        });
        let none: Check = Arc::new(|| Box::pin(async { Ok(()) }));
        let exactly_once = ExactlyOnce {
            transactions: Transactions { id: "g-c-0".into(), offsets_topic: "o".into() },
            boundary: Boundary::Poll(10),
            offsets: Arc::new(|entries| entries.iter().filter_map(|(_, offset)| Some(stored(offset.as_ref()?))).collect()),
            beside: None,
            before: none.clone(),
            after: none,
        };
        (ledger, self.start(sink, Some(exactly_once)))
    }
}

fn stored(offset: &OffsetMap) -> EncodedRecord {
    EncodedRecord {
        sequence: u64::MAX,
        topic: "o".into(),
        partition: None,
        key: None,
        value: Some(offset.int("n").expect("an offset").to_string().into()),
        headers: Arc::default(),
        timestamp: None,
    }
}

const QUEUE: [(&str, &str); 2] = [("errors.tolerance", "all"), ("errors.deadletterqueue.topic.name", "dead")];

/// 17 in any form that has a value; 5 and 30 as records alone.
fn some_refused(record: &EncodedRecord) -> bool {
    match number(record) {
        17 => record.value.is_some(),
        5 | 30 => &*record.topic != "dead",
        _ => false,
    }
}

/// The numbers of a topic, which all are there once and in order.
fn numbers(ledger: &Ledger, dead: bool) -> Vec<i64> {
    let committed = ledger.committed.lock().unwrap();
    let mut by_topic: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (topic, n) in committed.iter().filter(|(topic, _)| (topic == "dead") == dead) {
        by_topic.entry(topic).or_default().push(*n);
    }
    assert!(by_topic.values().all(|numbers| numbers.is_sorted()), "{by_topic:?}");
    let mut all: Vec<i64> = by_topic.into_values().flatten().collect();
    all.sort_unstable();
    all
}

async fn committed(ledger: &Ledger, n: i64) {
    until(&format!("offset {n} is committed"), &ledger.changed, || ledger.offsets.lock().unwrap().last() == Some(&n)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_becomes_a_letter_within_its_transaction() {
    let bench = Bench::new(60, &QUEUE);
    let (ledger, task) = bench.transactional(some_refused);
    committed(&ledger, 60).await;
    let expected: Vec<i64> = (0..60).filter(|n| ![5, 17, 30].contains(n)).collect();
    assert_eq!(numbers(&ledger, false), expected);
    assert_eq!(numbers(&ledger, true), [5, 17, 30]);
    let trouble = task.metrics().trouble().expect("some");
    assert_eq!((trouble.skipped, trouble.dead_letters, trouble.restarts), (3, 3, 0));
    assert_eq!(trouble.last_skipped.expect("one").reason, "too large\nRemedy: raise it");
    assert_eq!(ledger.aborts.load(Ordering::Relaxed), 4, "one each, and one for the letter of 17");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_is_left_out_of_its_transaction_where_there_is_no_queue() {
    let bench = Bench::new(60, &[("errors.tolerance", "all"), ("rowtide.errors.buffer.bytes", "10")]);
    let (ledger, task) = bench.transactional(some_refused);
    committed(&ledger, 60).await;
    let expected: Vec<i64> = (0..60).filter(|n| ![5, 17, 30].contains(n)).collect();
    assert_eq!((numbers(&ledger, false), numbers(&ledger, true)), (expected, Vec::new()));
    let trouble = task.metrics().trouble().expect("some");
    assert_eq!((trouble.skipped, trouble.dead_letters, trouble.restarts), (3, 0, 0));
    assert!(ledger.offsets.lock().unwrap().len() > 6, "transactions end early when much is kept");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_skipped_fails_the_task_and_nothing_of_its_transaction_is_seen() {
    let bench = Bench::new(60, &[]);
    let (ledger, task) = bench.transactional(|record| number(record) == 17);
    let trace = failed(&task).await;
    assert!(trace.contains("too large\nRemedy: raise it"), "{trace}");
    let seen = numbers(&ledger, false);
    assert!(seen.len() <= 17 && seen.iter().copied().eq(0..seen.len() as i64), "{seen:?}");
    assert!(task.metrics().trouble().is_none(), "it did not go on");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_takes_no_letter_fails_the_task() {
    let bench = Bench::new(60, &QUEUE);
    let (ledger, task) = bench.transactional(|record| number(record) == 17);
    let trace = failed(&task).await;
    assert!(trace.contains("the dead letter queue does not even take its headers"), "{trace}");
    assert!(ledger.offsets.lock().unwrap().iter().all(|n| *n < 17), "its offset is not stored");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_transactions_a_record_is_done_when_its_letter_is_durable() {
    let bench = Bench::new(60, &QUEUE);
    bench.written.ack_errors.lock().unwrap().push_back((40, Error::data("too large")));
    // the store asserts that nothing is stored before its record, or its letter, is durable
    let task = bench.start(RandomAckSink::factory(bench.written.clone(), 7), None);
    until("the last offset", &bench.store.changed, || bench.store.stored.lock().unwrap().last() == Some(&60)).await;
    assert!(bench.written.topics.lock().unwrap().contains("dead"));
    let trouble = task.metrics().trouble().expect("some");
    assert_eq!((trouble.skipped, trouble.dead_letters, trouble.restarts), (1, 1, 0));
    assert_eq!(task.metrics().written.load(Ordering::Relaxed), 59);
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_converted_is_a_letter_as_json() {
    // values are text, which no converter of numbers takes
    let converter = ("value.converter", "org.apache.kafka.connect.converters.LongConverter");
    let bench = Bench::new(20, &[QUEUE[0], QUEUE[1], converter]);
    let task = bench.start(RandomAckSink::factory(bench.written.clone(), 7), None);
    until("the last offset", &bench.store.changed, || bench.store.stored.lock().unwrap().last() == Some(&20)).await;
    assert_eq!(bench.written.topics.lock().unwrap().iter().collect::<Vec<_>>(), ["dead"]);
    let trouble = task.metrics().trouble().expect("some");
    assert_eq!((trouble.skipped, trouble.dead_letters), (20, 20));
    let reason = trouble.last_skipped.expect("one").reason;
    assert!(reason.contains("cannot convert the value of a record of topic p.t"), "{reason}");
    assert!(task.metrics().topics().is_empty(), "the queue is none of the connector's topics");
    stop(task).await;
}
