//! The task pipeline from a source double to a sink double: what is stored, when, and what errors lead to.

mod doubles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doubles::*;
use rowtide_api::{Converter, Error, ErrorKind, Outcome, Props, SourceConnector, SourceRecord, Transform};
use rowtide_runtime::connector_config;
use rowtide_runtime::herder::State;
use rowtide_runtime::offsets::{FileOffsetStore, OffsetStore};
use rowtide_runtime::pipeline::{Chain, Converters, Encoder, Link, TaskHandle, TaskSettings, TaskSetup, Threads, spawn};
use rowtide_runtime::worker_config::WorkerConfig;
use tokio::time::Instant;

struct Bench {
    log: Arc<Log>,
    written: Arc<Written>,
    store: Arc<WatchedStore>,
    config: Props,
    seed: u64,
    threads: usize,
    /// between two stores of offsets
    flush: Duration,
    bad: Option<fn(i64) -> Option<Outcome>>,
    /// the converters of key and value ask it
    registry: Option<Arc<Registry>>,
    task_threads: Threads,
    _folder: tempfile::TempDir,
}

/// A transform that drops or refuses records by their number.
struct Picky(fn(i64) -> Option<Outcome>);

impl Transform for Picky {
    fn apply(&mut self, record: SourceRecord) -> Outcome {
        let n = record.position.offset.to_offset().int("n").unwrap();
        (self.0)(n).unwrap_or(Outcome::Kept(record))
    }
}

impl Bench {
    fn new(log: Log) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let written = Arc::new(Written::default());
        let store = WatchedStore {
            file: FileOffsetStore::open(folder.path().join("offsets")).unwrap(),
            written: written.clone(),
            dropped: BTreeSet::new(),
            total: log.total,
            stored: Default::default(),
            stuck: Default::default(),
            changed: Default::default(),
        };
        let config = [
            ("name", "c"),
            ("connector.class", "test.NumbersConnector"),
            ("topic.prefix", "p"),
            ("retriable.restart.connector.wait.ms", "1"),
        ];
        let config = config.into_iter().collect();
        Self {
            log: Arc::new(log),
            written,
            store: Arc::new(store),
            config,
            seed: 1,
            threads: 1,
            flush: Duration::from_millis(2),
            bad: None,
            registry: None,
            task_threads: Threads::default(),
            _folder: folder,
        }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.config.set(name, value);
        self
    }

    fn start(&self) -> TaskHandle {
        let plugins = plugins(self.log.clone());
        let worker = WorkerConfig::run(&Props::default()).unwrap();
        let (config, bad, log) = (self.config.clone(), self.bad, self.log.clone());
        let registry = self.registry.clone();
        let mut settings = TaskSettings::read(&self.config, self.flush).unwrap();
        settings.idle_flush_interval = self.flush;
        settings.encode_threads = self.threads;
        let setup = TaskSetup {
            connector: "c".to_owned(),
            scratch: std::env::temp_dir(),
            task: 0,
            config: self.config.clone(),
            source: Arc::new(move || Ok(TestConnector(log.clone()).new_task())),
            encoder: Arc::new(move || {
                if bad.is_none() && registry.is_none() {
                    return connector_config::encoder(&plugins, &worker, &config);
                }
                let picky = |bad| Link {
                    alias: "picky".to_owned(),
                    class: "test.Picky",
                    transform: Box::new(Picky(bad)),
                    predicate: None,
                };
                let converter = |is_key| {
                    let json = plugins.converters.iter().find(|plugin| plugin.info.matches("Json")).unwrap();
                    let json = (json.new)(&Props::default(), is_key)?;
                    Ok::<Box<dyn Converter>, Error>(match &registry {
                        Some(registry) => Box::new(Asking(registry.clone(), json)),
                        None => json,
                    })
                };
                let headers =
                    plugins.header_converters.iter().find(|plugin| plugin.info.matches("SimpleHeaderConverter")).unwrap();
                let chain = Chain { links: bad.map(picky).into_iter().collect() };
                let letters = Some(converter(false)?);
                let [key, value] = [true, false].map(|is_key| converter(is_key).map(|converter| (converter, "test.Json")));
                let headers = ((headers.new)(&Props::default())?, "test.Headers");
                Ok(Encoder::new(chain, Converters { key: key?, value: value?, headers, letters }))
            }),
            sink: RandomAckSink::factory(self.written.clone(), self.seed),
            offsets: self.store.clone(),
            exactly_once: None,
            settings,
            metrics: Arc::default(),
        };
        spawn(setup, false, &self.task_threads).unwrap()
    }

    async fn stored(&self, n: i64) {
        until(&format!("offset {n}"), &self.store.changed, || {
            self.store.stored.lock().unwrap().last().is_some_and(|last| *last >= n)
        })
        .await;
    }

    /// No gap, and every key's records in order, repeats aside.
    fn check(&self, lost: &BTreeSet<i64>) {
        let records = self.written.records.lock().unwrap();
        let all: BTreeSet<i64> = records.iter().map(|(n, _)| *n).collect();
        let expected: BTreeSet<i64> = (0..self.log.total).filter(|n| !lost.contains(n)).collect();
        assert_eq!(all, expected);
        let mut first: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (n, key) in records.iter() {
            let seen = first.entry(key).or_default();
            if !seen.contains(n) {
                seen.push(*n);
            }
        }
        for (key, order) in first {
            assert!(order.is_sorted(), "key {key}: {order:?}");
        }
        let stored = self.store.stored.lock().unwrap();
        let confirmed = self.log.confirmed.lock().unwrap();
        assert!(confirmed.iter().all(|n| stored.contains(n)), "the source is told of what is stored only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_follow_the_contiguous_prefix_whatever_the_order_of_acks() {
    for seed in [3, 99, 1234] {
        for threads in [1, 3] {
            let mut bench = Bench::new(Log::of(2_000));
            (bench.seed, bench.threads) = (seed, threads);
            let task = bench.start();
            bench.stored(2_000).await;
            stop(task).await;
            bench.check(&BTreeSet::new());
            assert_eq!(bench.written.records.lock().unwrap().len(), 2_000, "nothing twice without an error");
            assert_eq!(
                bench.store.load("c").await.unwrap(),
                vec![(partition("p"), offset(2_000))],
                "the reached position, after all records"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_do_not_wait_for_their_interval_while_the_database_holds_log() {
    let mut bench = Bench::new(Log { holds_log: true, ..Log::of(100) });
    bench.flush = Duration::from_secs(3600);
    let task = bench.start();
    bench.stored(100).await;
    stop(task).await;
    bench.check(&BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_errors_restart_the_task_inside_and_the_status_stays_running() {
    let log = Log::of(500);
    log.start_errors.lock().unwrap().push_back(Error::transient("the server is starting up"));
    for at in [0, 100, 333] {
        log.poll_errors.lock().unwrap().push_back((at, Error::transient("connection reset")));
    }
    let bench = Bench::new(log);
    bench.written.ack_errors.lock().unwrap().push_back((200, Error::transient("broker away")));
    let task = bench.start();
    let mut states = task.states();
    let seen = tokio::spawn(async move {
        let mut seen = vec![];
        while states.changed().await.is_ok() {
            seen.push(states.borrow().state);
        }
        seen
    });
    bench.stored(500).await;
    assert_eq!(task.metrics().restarts.load(std::sync::atomic::Ordering::Relaxed), 5);
    stop(task).await;
    assert_eq!(seen.await.unwrap(), [State::Running]);
    bench.check(&BTreeSet::new());
    assert!(
        bench.log.starts.lock().unwrap().windows(2).all(|pair| pair[0] <= pair[1]),
        "each attempt goes on from the stored offset"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_bounded_and_the_trace_says_why() {
    let log = Log::of(10);
    for _ in 0..3 {
        log.start_errors.lock().unwrap().push_back(Error::transient("connection refused").remedy("start the server"));
    }
    let bench = Bench::new(log).set("errors.max.retries", "2");
    let task = bench.start();
    let trace = failed(&task).await;
    assert_eq!(trace, "org.apache.kafka.connect.errors.ConnectException: connection refused\nRemedy: start the server\n");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_error_is_not_retried() {
    let log = Log::of(10);
    log.poll_errors.lock().unwrap().push_back((4, Error::configuration("wal_level is replica").remedy("set it to logical")));
    let bench = Bench::new(log);
    let task = bench.start();
    assert!(failed(&task).await.contains("wal_level is replica\nRemedy: set it to logical"));
    stop(task).await;
    let stored = bench.store.load("c").await.unwrap();
    assert_eq!(stored, vec![(partition("p"), offset(3))], "what was durable before the error is kept");
}

fn odd_one(n: i64) -> Option<Outcome> {
    match n {
        17 => Some(Outcome::Failed(Error::data("no such field"))),
        20..30 => Some(Outcome::Dropped),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tolerance_none_fails_after_what_came_before() {
    let mut bench = Bench::new(Log::of(50));
    bench.bad = Some(odd_one);
    let task = bench.start();
    let trace = failed(&task).await;
    assert!(
        trace.starts_with("org.apache.kafka.connect.errors.ConnectException: transformation 'picky' (test.Picky): no such field"),
        "{trace}"
    );
    assert!(trace.contains("errors.tolerance=all"), "{trace}");
    assert_eq!(bench.store.load("c").await.unwrap(), vec![(partition("p"), offset(16))]);
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tolerance_all_skips_and_counts_and_the_offset_goes_on() {
    let mut bench = Bench::new(Log::of(50)).set("errors.tolerance", "all").set("errors.log.enable", "true");
    bench.bad = Some(odd_one);
    let lost: BTreeSet<i64> = (20..30).chain([17, 40]).collect();
    Arc::get_mut(&mut bench.store).unwrap().dropped = lost.clone();
    bench.written.ack_errors.lock().unwrap().push_back((40, Error::data("too large")));
    let task = bench.start();
    bench.stored(50).await;
    let metrics = task.metrics().clone();
    stop(task).await;
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&metrics.skipped), count(&metrics.failures), count(&metrics.filtered)), (2, 2, 10));
    let lost_before_sink = lost.iter().copied().filter(|n| *n != 40).collect();
    bench.check(&lost_before_sink);
}

fn passing_trouble(n: i64) -> Option<Outcome> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TRIES: AtomicU32 = AtomicU32::new(0);
    (n == 5 && TRIES.fetch_add(1, Ordering::Relaxed) == 0).then(|| Outcome::Failed(Error::transient("not yet")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transform_is_tried_again_within_errors_retry_timeout() {
    let mut bench = Bench::new(Log::of(20)).set("errors.retry.timeout", "60000").set("errors.retry.delay.max.ms", "5");
    bench.bad = Some(passing_trouble);
    let task = bench.start();
    bench.stored(20).await;
    assert_eq!(task.metrics().retries.load(std::sync::atomic::Ordering::Relaxed), 1);
    stop(task).await;
    bench.check(&BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_drains_to_a_transaction_boundary_and_a_restart_goes_on_there() {
    let mut log = Log::of(100_000_000);
    log.batch = 3;
    let bench = Bench::new(log);
    let task = bench.start();
    bench.stored(50).await;
    stop(task).await;
    let written = bench.written.records.lock().unwrap().len() as i64;
    assert_eq!(written % 5, 0, "a whole number of transactions");
    assert_eq!(bench.store.load("c").await.unwrap(), vec![(partition("p"), offset(written - 1))]);
    assert_eq!(bench.log.confirmed.lock().unwrap().last(), Some(&(written - 1)));
    let task = bench.start();
    bench.stored(written + 20).await;
    assert_eq!(bench.log.starts.lock().unwrap()[..], [0, written]);
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_cannot_drain_ends_at_its_deadline_and_stores_what_is_durable() {
    let bench = Bench::new(Log::of(100_000_000));
    let task = bench.start();
    bench.stored(20).await;
    *bench.written.withheld.lock().unwrap() = true;
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(200);
    task.ask_stop(deadline);
    task.stopped(deadline).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    let stored = bench.store.load("c").await.unwrap()[0].1.int("n").unwrap();
    let durable = bench.written.durable.lock().unwrap();
    assert!((0..=stored).all(|n| durable.contains(&n)) && !durable.contains(&(stored + 1)), "exactly the prefix");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stores_what_is_durable_and_polls_no_more() {
    let bench = Bench::new(Log::of(100_000_000));
    let task = bench.start();
    bench.stored(20).await;
    task.set_paused(true);
    let mut states = task.states();
    states.wait_for(|state| state.state == State::Paused).await.unwrap();
    let written = bench.written.records.lock().unwrap().len() as i64;
    assert_eq!(*bench.store.stored.lock().unwrap().last().unwrap(), written - 1);
    task.set_paused(false);
    bench.stored(written + 20).await;
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_setting_is_an_error_that_names_it() {
    let error = TaskSettings::read(&[("errors.max.retries", "many")].into_iter().collect(), Duration::ZERO).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Configuration, "Invalid value many for configuration errors.max.retries: Not a number of type LONG")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_does_not_stop_in_time_leaves_no_sink_behind() {
    let bench = Bench::new(Log::of(100_000));
    bench.store.stuck.store(true, std::sync::atomic::Ordering::Relaxed);
    let task = bench.start();
    until("the task waits for its store", &bench.store.changed, || !bench.store.stored.lock().unwrap().is_empty()).await;
    // what the sink still has is never acknowledged: it would wait, and write what comes, for ever
    *bench.written.withheld.lock().unwrap() = true;
    let now = Instant::now();
    task.ask_stop(now);
    task.stopped(now).await;
    // the bench has one, its store another; what was dropped lets go a moment later
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let gone = async {
        while Arc::strong_count(&bench.written) > 2 {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the sink is dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_for_a_while_loses_no_record_whatever_is_tolerated() {
    for threads in [1, 3] {
        let registry = Arc::new(Registry::default());
        registry.answers.lock().unwrap().extend([Error::transient("away"), Error::transient("still away")]);
        let mut bench = Bench::new(Log::of(500)).set("errors.tolerance", "all");
        (bench.registry, bench.threads) = (Some(registry), threads);
        let task = bench.start();
        bench.stored(500).await;
        // several threads may meet an error each in one attempt
        let restarts = task.metrics().restarts.load(std::sync::atomic::Ordering::Relaxed);
        assert!(restarts == 2 || threads > 1 && restarts == 1, "{restarts} restarts");
        assert_eq!(task.metrics().skipped.load(std::sync::atomic::Ordering::Relaxed), 0);
        stop(task).await;
        bench.check(&BTreeSet::new());
        assert_eq!(
            *bench.written.headers.lock().unwrap(),
            BTreeSet::from([3]),
            "one of its own, one for the key, one for the value"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_stops_the_task_whatever_is_tolerated() {
    let registry = Arc::new(Registry::default());
    registry.answers.lock().unwrap().push_back(Error::configuration("incompatible").remedy("undo the change"));
    let mut bench = Bench::new(Log::of(50)).set("errors.tolerance", "all");
    bench.registry = Some(registry);
    let task = bench.start();
    let trace = failed(&task).await;
    assert!(trace.contains("the key of a record of topic p.t0: incompatible\nRemedy: undo the change"), "{trace}");
    assert!(bench.written.records.lock().unwrap().is_empty());
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_for_a_registry_can_be_stopped() {
    for threads in [1, 3] {
        let registry = Arc::new(Registry::default());
        registry.silent.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut bench = Bench::new(Log::of(50));
        (bench.registry, bench.threads) = (Some(registry.clone()), threads);
        let task = bench.start();
        registry.asked.notified().await;
        let deadline = Instant::now() + Duration::from_millis(200);
        task.ask_stop(deadline);
        tokio::time::timeout(Duration::from_secs(30), task.stopped(deadline)).await.expect("it stops");
        assert!(bench.written.records.lock().unwrap().is_empty());
    }
}
