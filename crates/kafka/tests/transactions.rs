//! Transactions against real brokers: what is committed is seen whole and once, what is not is never seen, and of the producers
//! of one transactional id only the newest can write.

mod support;

use rowtide_kafka::{Admin, Consumer, Delivery, KafkaError, ProduceError, Producer, StartOffset};
use rowtide_testkit::kafka::{Broker, Extras};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::*;
use tokio::sync::mpsc::UnboundedReceiver;

const COMMITTED: (&str, &str) = ("isolation.level", "read_committed");

/// A producer of this id that has not called `init_transactions`.
fn new(broker: &str, id: &str, extra: &[(&str, &str)]) -> (Producer, UnboundedReceiver<Delivery>) {
    producer(config(broker, &[&[("transactional.id", id)], extra].concat()))
}

async fn ready(broker: &str, id: &str) -> (Producer, UnboundedReceiver<Delivery>) {
    let (producer, deliveries) = new(broker, id, &[]);
    producer.init_transactions().await.unwrap();
    (producer, deliveries)
}

async fn send(producer: &Producer, topic: &Arc<str>, values: &[&str]) {
    let records = values.iter().enumerate().map(|(n, value)| record(topic, Some(value), value, n as u64));
    producer.send_batch(records.collect()).await.unwrap();
}

/// All values of a topic that a reader with these properties is shown, sorted.
async fn values(broker: &str, topic: &str, properties: &[(&str, &str)]) -> Vec<String> {
    let read = read_all(config(broker, properties), topic).await;
    let text = |value: bytes::Bytes| String::from_utf8(value.to_vec()).unwrap();
    let mut values: Vec<String> = read.into_iter().map(|r| text(r.record.value.unwrap())).collect();
    values.sort_unstable();
    values
}

fn is_fenced(error: &KafkaError, id: &str) -> bool {
    matches!(error, KafkaError::Fenced { transactional_id } if transactional_id == id) && !error.is_retriable()
}

fn all_fenced(settled: &[Delivery], id: &str) -> bool {
    settled.iter().all(|d| matches!(&d.result, Err(ProduceError::Client(error)) if is_fenced(error, id)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_seen_and_what_is_aborted_is_not() {
    let (broker, id) = (shared_broker(), unique("ends"));
    let names = [create(&broker, "data", 6, &[]).await, create(&broker, "offsets", 3, &[]).await];
    let [data, offsets]: [Arc<str>; 2] = [names[0].as_str().into(), names[1].as_str().into()];
    let (producer, mut deliveries) = ready(&broker, &id).await;
    producer.commit_transaction().await.unwrap();
    let mut expected = Vec::new();
    for n in 0..8 {
        let text: Vec<String> = (0..5 * (n % 3 + 1)).map(|k| format!("{n}-{k:02}")).collect();
        let text: Vec<&str> = text.iter().map(String::as_str).collect();
        send(&producer, &data, &text).await;
        // what says how far the data goes, in the same transaction
        send(&producer, &offsets, &[&format!("offset {n}")]).await;
        if n % 2 == 0 {
            producer.commit_transaction().await.unwrap();
            let settled = settle(&mut deliveries, text.len() + 1).await;
            assert!(settled.iter().all(|d| d.result.as_ref().is_ok_and(|offset| *offset >= 0)), "{settled:?}");
            expected.extend(text.iter().map(|t| (*t).to_owned()));
        } else {
            if n % 4 == 3 {
                producer.flush().await;
            }
            producer.abort_transaction().await.unwrap();
            let settled = settle(&mut deliveries, text.len() + 1).await;
            assert!(n % 4 != 3 || settled.iter().all(|d| d.result.is_ok()), "it was written before it was aborted");
            producer.abort_transaction().await.unwrap();
        }
    }
    assert_eq!(values(&broker, &data, &[COMMITTED]).await, expected);
    assert_eq!(values(&broker, &offsets, &[COMMITTED]).await, ["offset 0", "offset 2", "offset 4", "offset 6"]);
    let all = values(&broker, &data, &[]).await;
    assert!(all.len() > expected.len() && all.contains(&"3-00".to_owned()), "a reader of everything sees aborted records too");
    producer.close(Duration::from_secs(10)).await;
    delete(&broker, &names).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_producer_left_open_is_aborted_by_the_next_one() {
    let (broker, id) = (shared_broker(), unique("dead"));
    let name = create(&broker, "dead", 2, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (first, mut deliveries) = ready(&broker, &id).await;
    send(&first, &topic, &["kept"]).await;
    first.commit_transaction().await.unwrap();
    send(&first, &topic, &["left", "open"]).await;
    first.flush().await;
    assert!(settle(&mut deliveries, 3).await.iter().all(|d| d.result.is_ok()));
    drop(first);
    let (second, _) = ready(&broker, &id).await;
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["kept"]);
    send(&second, &topic, &["new"]).await;
    second.commit_transaction().await.unwrap();
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["kept", "new"]);
    assert_eq!(values(&broker, &topic, &[]).await, ["kept", "left", "new", "open"]);
    // one that is closed aborts at once what it has open
    send(&second, &topic, &["unsaid"]).await;
    second.flush().await;
    second.close(Duration::from_secs(10)).await;
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["kept", "new"]);
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_producer_of_the_same_id_fences_the_older() {
    let (broker, id) = (shared_broker(), unique("fenced"));
    let name = create(&broker, "fenced", 2, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (idle, mut of_idle) = ready(&broker, &id).await;
    let (open, mut of_open) = ready(&broker, &id).await;
    send(&open, &topic, &["a", "b"]).await;
    open.flush().await;
    assert!(settle(&mut of_open, 2).await.iter().all(|d| d.result.is_ok()));
    let (newest, _) = ready(&broker, &id).await;

    // one that has a transaction open: by its commit, and from then on by everything
    let error = open.commit_transaction().await.unwrap_err();
    assert!(is_fenced(&error, &id) && error.to_string().contains(&id), "{error:?}");
    let refused = open.send_batch(vec![record(&topic, None, "c", 9)]).await.unwrap_err();
    assert!(is_fenced(&refused, &id), "{refused}");
    assert!(is_fenced(&open.abort_transaction().await.unwrap_err(), &id));
    // one that has none: by its first records
    send(&idle, &topic, &["d", "e", "f"]).await;
    assert!(all_fenced(&settle(&mut of_idle, 3).await, &id));
    assert!(is_fenced(&idle.commit_transaction().await.unwrap_err(), &id));
    // the newest one is none the worse for it
    send(&newest, &topic, &["g"]).await;
    newest.commit_transaction().await.unwrap();
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["g"]);
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_fences_live_producers() {
    let broker = shared_broker();
    let ids = [unique("one"), unique("two"), unique("unheard-of")];
    let name = create(&broker, "admin", 1, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (one, mut of_one) = ready(&broker, &ids[0]).await;
    let (two, _) = ready(&broker, &ids[1]).await;
    for producer in [&one, &two] {
        send(producer, &topic, &["x"]).await;
        producer.flush().await;
    }
    settle(&mut of_one, 1).await[0].result.as_ref().unwrap();
    Admin::new(config(&broker, &[])).unwrap().fence_producers(&ids).await.unwrap();
    // a batch of its open transaction is what tells this one
    send(&one, &topic, &["y"]).await;
    assert!(all_fenced(&settle(&mut of_one, 1).await, &ids[0]));
    assert!(is_fenced(&one.commit_transaction().await.unwrap_err(), &ids[0]));
    assert!(is_fenced(&two.commit_transaction().await.unwrap_err(), &ids[1]));
    assert!(values(&broker, &topic, &[COMMITTED]).await.is_empty());
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_fails_fails_its_transaction() {
    let (broker, id) = (shared_broker(), unique("failed"));
    let name = create(&broker, "failed", 1, &[("max.message.bytes", "10000")]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = new(&broker, &id, &[("max.request.size", "50000")]);
    let early = producer.send_batch(vec![record(&topic, None, "early", 1)]).await.unwrap_err();
    assert!(early.to_string().contains("init_transactions"), "{early}");
    assert!(producer.commit_transaction().await.is_err(), "before init_transactions");
    producer.init_transactions().await.unwrap();
    producer.init_transactions().await.unwrap();

    // refused by the client: nothing of it was numbered, so that an abort makes the producer good again
    send(&producer, &topic, &["a"]).await;
    producer.flush().await;
    send(&producer, &topic, &[&"x".repeat(60_000)]).await;
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(matches!(error, KafkaError::Transaction { .. }) && error.to_string().contains("max.request.size"), "{error}");
    let refused = producer.send_batch(vec![record(&topic, None, "b", 1)]).await.unwrap_err();
    assert!(matches!(refused, KafkaError::Transaction { .. }), "{refused}");
    settle(&mut deliveries, 2).await;
    producer.abort_transaction().await.unwrap();
    send(&producer, &topic, &["c"]).await;
    producer.commit_transaction().await.unwrap();
    settle(&mut deliveries, 1).await[0].result.as_ref().unwrap();

    // refused by the broker: its number is missing, and the next epoch gets over that
    send(&producer, &topic, &["d"]).await;
    producer.flush().await;
    send(&producer, &topic, &[&"x".repeat(20_000)]).await;
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.to_string().contains("max.message.bytes"), "{error}");
    assert!(settle(&mut deliveries, 2).await.iter().any(|d| d.result.is_err()));
    producer.abort_transaction().await.unwrap();
    send(&producer, &topic, &["e"]).await;
    producer.commit_transaction().await.unwrap();
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["c", "e"]);

    // unless a newer producer is at work meanwhile: that one goes on
    send(&producer, &topic, &[&"x".repeat(20_000)]).await;
    producer.flush().await;
    let (next, _) = ready(&broker, &id).await;
    let fenced = producer.abort_transaction().await.unwrap_err();
    assert!(is_fenced(&fenced, &id), "{fenced}");
    send(&next, &topic, &["f"]).await;
    next.commit_transaction().await.unwrap();
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await, ["c", "e", "f"]);
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_is_waited_for_and_not_skipped() {
    let (broker, id) = (shared_broker(), unique("waits"));
    let name = create(&broker, "waits", 1, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, _) = ready(&broker, &id).await;
    let mut consumer = Consumer::new(config(&broker, &[COMMITTED])).unwrap();
    consumer.assign_topic(&name, StartOffset::Earliest, Duration::from_secs(30)).await.unwrap();
    for (n, commit) in [true, false].into_iter().enumerate() {
        let begin = consumer.positions()[&(name.clone(), 0)];
        send(&producer, &topic, &["a", "b"]).await;
        producer.flush().await;
        assert_eq!(consumer.high_watermarks().await.unwrap(), [begin + 2]);
        assert_eq!(consumer.end_offsets().await.unwrap(), [begin]);
        let ended = AtomicUsize::new(0);
        let mut seen = 0;
        let reading = async {
            consumer.read_to_end(&mut |_| seen += 1).await.unwrap();
            assert_eq!(ended.load(Ordering::SeqCst), 1, "it did not wait for the transaction's end");
        };
        let ending = async {
            // waits: so that a reader that does not wait for the transaction's end has every chance to be done before it
            tokio::time::sleep(Duration::from_millis(1500)).await;
            ended.store(1, Ordering::SeqCst);
            match commit {
                true => producer.commit_transaction().await.unwrap(),
                false => producer.abort_transaction().await.unwrap(),
            }
        };
        tokio::join!(reading, ending);
        assert_eq!(seen, if commit { 2 } else { 0 }, "transaction {n}");
        // past the marker too
        eventually("the position is the high watermark", Duration::from_secs(30), async || {
            consumer.read_to_end(&mut |_| panic!("a record out of nowhere")).await.unwrap();
            let end = consumer.high_watermarks().await.unwrap()[0];
            end == begin + 3 && consumer.positions()[&(name.clone(), 0)] == end
        })
        .await;
    }
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_nobody_waited_for_is_asked_for_again() {
    let (broker, id) = (shared_broker(), unique("again"));
    let name = create(&broker, "again", 3, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = ready(&broker, &id).await;
    let producer = Arc::new(producer);
    let mut cut = 0;
    for n in 0..30_u64 {
        send(&producer, &topic, &[&format!("0:{n}")]).await;
        let mut limit = Duration::from_micros(200 + 150 * n);
        // in a task of its own, as callers have it
        while tokio::time::timeout(limit, async { producer.commit_transaction().await.unwrap() }).await.is_err() {
            (cut, limit) = (cut + 1, limit * 2);
        }
    }
    assert!(cut > 0);
    assert!(settle(&mut deliveries, 30).await.iter().all(|d| d.result.is_ok()));
    let last = tokio::spawn({
        let (producer, topic) = (producer.clone(), topic.clone());
        async move {
            send(&producer, &topic, &["0:30"]).await;
            producer.commit_transaction().await
        }
    });
    last.await.unwrap().unwrap();
    assert_eq!(values(&broker, &topic, &[COMMITTED]).await.len(), 31);
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_come_during_a_commit_belong_to_the_next_transaction() {
    let (broker, id) = (shared_broker(), unique("during"));
    let name = create(&broker, "during", 3, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = ready(&broker, &id).await;
    let count = 20_000;
    let done = AtomicUsize::new(0);
    let sending = async {
        for chunk in 0..count / 100 {
            let records = (chunk * 100..(chunk + 1) * 100).map(|n| {
                let key = n % 7;
                record(&topic, Some(&key.to_string()), &format!("{key}:{}", n / 7), n as u64)
            });
            producer.send_batch(records.collect()).await.unwrap();
            tokio::task::yield_now().await;
        }
        done.store(1, Ordering::SeqCst);
    };
    let committing = async {
        let mut commits = 0;
        while done.load(Ordering::SeqCst) == 0 {
            producer.commit_transaction().await.unwrap();
            commits += 1;
        }
        commits
    };
    let ((), commits) = tokio::join!(sending, committing);
    producer.commit_transaction().await.unwrap();
    println!("{commits} commits while {count} records came");
    assert!(settle(&mut deliveries, count).await.iter().all(|d| d.result.is_ok()));
    assert_complete_and_ordered(&read_all(config(&broker, &[COMMITTED]), &name).await, 7, count);
    delete(&broker, &[name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_go_on_over_crashes_of_the_broker() {
    const KEYS: usize = 5;
    let mut broker = Broker::new();
    broker.format(&Extras { properties: "transaction.state.log.num.partitions=3".into(), ..Extras::default() });
    start(&mut broker).await;
    let address = broker.address();
    let (data, offsets) = (create(&address, "data", 3, &[]).await, create(&address, "offsets", 1, &[]).await);
    let topics: [Arc<str>; 2] = [data.as_str().into(), offsets.as_str().into()];
    let patient = [
        ("delivery.timeout.ms", "2147483647"),
        ("max.block.ms", "9223372036854775807"),
        ("request.timeout.ms", "5000"),
        ("transaction.timeout.ms", "600000"),
    ];
    let (producer, mut deliveries) = new(&address, "crashes", &patient);
    producer.init_transactions().await.unwrap();
    let (rounds, each, aborted) = (150, 50, 10);
    let committed = AtomicUsize::new(0);
    let sending = async {
        let mut sent = 0;
        for round in 0..rounds {
            let begin = sent;
            let records = (begin..begin + each).map(|n| {
                let key = n % KEYS;
                record(&topics[0], Some(&key.to_string()), &format!("{key}:{}", n / KEYS), n as u64)
            });
            producer.send_batch(records.collect()).await.unwrap();
            producer.send_batch(vec![record(&topics[1], None, &format!("0:{}", sent / each), 0)]).await.unwrap();
            if round % aborted == 7 {
                producer.abort_transaction().await.unwrap();
            } else {
                producer.commit_transaction().await.unwrap();
                sent += each;
                committed.store(sent, Ordering::Relaxed);
            }
            // waits: so that the broker dies amid several transactions, not after all of them
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sent
    };
    let breaking = async {
        for (at, crash) in [(800, true), (2500, true), (4200, false), (5500, true)] {
            eventually("progress before a stop", Duration::from_secs(120), async || committed.load(Ordering::Relaxed) >= at)
                .await;
            tokio::task::block_in_place(|| broker.stop(crash));
            start(&mut broker).await;
        }
    };
    let (sent, ()) = tokio::join!(sending, breaking);
    assert_eq!(sent, each * (rounds - rounds / aborted));
    assert_complete_and_ordered(&read_all(config(&address, &[COMMITTED]), &data).await, KEYS, sent);
    assert_complete_and_ordered(&read_all(config(&address, &[COMMITTED]), &offsets).await, 1, sent / each);
    settle(&mut deliveries, rounds * (each + 1)).await;
}

/// Prints figures for the documentation; what they are depends on the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_a_second() {
    let (broker, id) = (shared_broker(), unique("rate"));
    let name = create(&broker, "rate", 1, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = ready(&broker, &id).await;
    for (count, records) in [(50, 1), (300, 1), (100, 100)] {
        let begin = Instant::now();
        for _ in 0..count {
            let batch = (0..records).map(|n| record(&topic, None, "value", n)).collect();
            producer.send_batch(batch).await.unwrap();
            producer.commit_transaction().await.unwrap();
        }
        println!("{:.0} commits a second of {records} records each", f64::from(count) / begin.elapsed().as_secs_f64());
    }
    settle(&mut deliveries, 350 + 10_000).await;
    assert_eq!(read_all(config(&broker, &[COMMITTED]), &name).await.len(), 350 + 10_000);
    delete(&broker, &[name]).await;
}
