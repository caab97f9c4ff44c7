//! Three brokers: leaders that die, move and come back under load.

mod support;

use rowtide_kafka::{Admin, Consumer, NewTopic, StartOffset};
use rowtide_testkit::kafka::{Broker, Extras};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::*;

const KEYS: usize = 23;
const COUNT: usize = 300_000;

/// Three brokers, begun with these lines in their properties.
fn launch(properties: &str) -> (Vec<Broker>, String) {
    let mut brokers = Broker::cluster(3);
    for broker in &mut brokers {
        broker.format(&Extras { properties: properties.into(), ..Extras::default() });
        broker.launch();
    }
    let bootstrap = brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",");
    (brokers, bootstrap)
}

/// A topic on all three of them, once they are there.
async fn topic(bootstrap: &str, partitions: i32, replication_factor: i16, configs: &[(&str, &str)]) -> String {
    let admin = Admin::new(config(bootstrap, &[])).unwrap();
    eventually("three brokers", Duration::from_secs(60), async || {
        admin.describe_cluster().await.is_ok_and(|c| c.brokers.len() == 3)
    })
    .await;
    let configs = configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: unique("moving"), partitions, replication_factor, configs };
    admin.create_topic(&topic).await.unwrap();
    topic.name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_that_die_and_move_lose_repeat_and_reorder_nothing() {
    let (mut brokers, bootstrap) = launch("controlled.shutdown.enable=true");
    let name = topic(&bootstrap, 6, 3, &[("min.insync.replicas", "2")]).await;
    let topic: Arc<str> = name.as_str().into();
    let properties = [("delivery.timeout.ms", "2147483647"), ("buffer.memory", "2000000"), ("request.timeout.ms", "10000")];
    let (producer, mut deliveries) = producer(config(&bootstrap, &properties));
    let stored = AtomicUsize::new(0);
    let sending = async {
        for chunk in 0..COUNT / 500 {
            let records = (chunk * 500..(chunk + 1) * 500).map(|n| {
                let key = n % KEYS;
                record(&topic, Some(&key.to_string()), &format!("{key}:{}", n / KEYS), n as u64)
            });
            producer.send_batch(records.collect()).await.unwrap();
        }
    };
    let receiving = async {
        while stored.load(Ordering::Relaxed) < COUNT {
            let delivery = deliveries.recv().await.unwrap();
            delivery.result.unwrap();
            stored.fetch_add(delivery.tokens.len(), Ordering::Relaxed);
        }
    };
    let breaking = async {
        for (node, at, crash) in [(1, 30_000, true), (2, 120_000, false), (0, 210_000, true)] {
            eventually("progress", Duration::from_secs(120), async || stored.load(Ordering::Relaxed) >= at).await;
            tokio::task::block_in_place(|| brokers[node].stop(crash));
            let seen = stored.load(Ordering::Relaxed);
            eventually("progress without it", Duration::from_secs(120), async || {
                stored.load(Ordering::Relaxed) > (seen + 20_000).min(COUNT - 1)
            })
            .await;
            brokers[node].launch();
        }
    };
    tokio::join!(sending, receiving, breaking);
    let read = read_all(config(&bootstrap, &[]), &name).await;
    assert_complete_and_ordered(&read, KEYS, COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_loses_one_of_its_brokers_keeps_what_the_others_answered() {
    const COUNT: usize = 300;
    let (mut brokers, bootstrap) = launch("");
    // each of them leads a partition
    let name = topic(&bootstrap, 3, 1, &[]).await;
    let mut consumer = Consumer::new(config(&bootstrap, &[])).unwrap();
    consumer.assign_topic(&name, StartOffset::Earliest, Duration::from_secs(30)).await.unwrap();
    assert!(consumer.poll(Duration::from_millis(1)).await.unwrap().is_empty(), "it is connected to all of them");
    let (producer, mut deliveries) = producer(config(&bootstrap, &[]));
    let topic: Arc<str> = name.as_str().into();
    let records = (0..COUNT).map(|n| {
        let key = n % KEYS;
        record(&topic, Some(&key.to_string()), &format!("{key}:{}", n / KEYS), n as u64)
    });
    producer.send_batch(records.collect()).await.unwrap();
    settle(&mut deliveries, COUNT).await;

    let last = brokers.last_mut().unwrap();
    last.freeze();
    let kill = async { tokio::task::block_in_place(|| last.stop(true)) };
    // the first step of a poll asks all of them
    let (answered, ()) = tokio::join!(biased; consumer.poll(Duration::from_secs(10)), kill);
    let mut read = answered.unwrap();
    last.launch();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    while read.len() < COUNT {
        assert!(tokio::time::Instant::now() < deadline, "{} of {COUNT} records were read", read.len());
        read.extend(consumer.poll(Duration::from_millis(500)).await.unwrap());
    }
    assert_complete_and_ordered(&read, KEYS, COUNT);
}
