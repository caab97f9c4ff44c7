//! Three brokers: leaders that die, move and come back under load.

mod support;

use rowtide_kafka::{Admin, NewTopic};
use rowtide_testkit::kafka::{Broker, Extras};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::*;

const KEYS: usize = 23;
const COUNT: usize = 300_000;

/// A topic of six partitions with three replicas each.
async fn replicated_topic(brokers: &[Broker]) -> String {
    let admin = Admin::new(config(&brokers[0].address(), &[])).unwrap();
    eventually("three brokers", Duration::from_secs(60), async || {
        admin.describe_cluster().await.is_ok_and(|c| c.brokers.len() == 3)
    })
    .await;
    let configs = [("min.insync.replicas".to_owned(), "2".to_owned())].into();
    let topic = NewTopic { name: unique("moving"), partitions: 6, replication_factor: 3, configs };
    admin.create_topic(&topic).await.unwrap();
    topic.name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_that_die_and_move_lose_repeat_and_reorder_nothing() {
    let mut brokers = Broker::cluster(3);
    for broker in &mut brokers {
        broker.format(&Extras { properties: "controlled.shutdown.enable=true".into(), ..Extras::default() });
        broker.launch();
    }
    let name = replicated_topic(&brokers).await;
    let bootstrap = brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",");
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
