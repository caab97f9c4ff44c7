//! A broker that goes away and comes back under load: nothing lost, nothing twice, order kept.

mod support;

use rowtide_testkit::kafka::{Broker, Extras};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;

const KEYS: usize = 17;

async fn produce_over_restarts(codec: &str) {
    let mut broker = Broker::new();
    broker.format(&Extras::default());
    start(&mut broker).await;
    let address = broker.address();
    let name = create(&address, "restart", 6, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let properties = [
        ("delivery.timeout.ms", "2147483647"),
        ("max.block.ms", "9223372036854775807"),
        ("buffer.memory", "4000000"),
        ("request.timeout.ms", "5000"),
        ("compression.type", codec),
    ];
    let (producer, mut deliveries) = producer(config(&address, &properties));
    let count = 300_000;
    let stored = AtomicUsize::new(0);
    let sending = async {
        for chunk in 0..count / 1000 {
            let records = (chunk * 1000..(chunk + 1) * 1000).map(|n| {
                let key = n % KEYS;
                record(&topic, Some(&key.to_string()), &format!("{key}:{}", n / KEYS), n as u64)
            });
            producer.send_batch(records.collect()).await.unwrap();
        }
    };
    let receiving = async {
        while stored.load(Ordering::Relaxed) < count {
            let delivery = deliveries.recv().await.unwrap();
            delivery.result.unwrap();
            stored.fetch_add(delivery.tokens.len(), Ordering::Relaxed);
        }
    };
    let breaking = async {
        for (at, crash) in [(40_000, true), (120_000, false), (200_000, true)] {
            eventually("progress before a stop", std::time::Duration::from_secs(60), async || {
                stored.load(Ordering::Relaxed) >= at
            })
            .await;
            tokio::task::block_in_place(|| broker.stop(crash));
            start(&mut broker).await;
        }
    };
    tokio::join!(sending, receiving, breaking);
    let read = read_all(config(&address, &[]), &name).await;
    assert_complete_and_ordered(&read, KEYS, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_in_the_middle_lose_repeat_and_reorder_nothing() {
    produce_over_restarts("none").await;
    produce_over_restarts("lz4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_at_first_is_waited_for_and_delivery_timeout_is_kept() {
    let mut broker = Broker::new();
    broker.format(&Extras::default());
    let address = broker.address();
    let topic: Arc<str> = "late".into();
    let (hasty, _) = producer(config(&address, &[("max.block.ms", "700")]));
    let (patient, mut deliveries) = producer(config(&address, &[("delivery.timeout.ms", "3000")]));
    hasty.send_batch(vec![record(&topic, None, "x", 1)]).await.unwrap();
    let sent = tokio::spawn(async move {
        patient.send_batch(vec![record(&topic, None, "0:0", 1)]).await.unwrap();
        (patient, topic)
    });
    start(&mut broker).await;
    let (patient, topic) = sent.await.unwrap();
    assert_eq!(settle(&mut deliveries, 1).await[0].result.as_ref().unwrap(), &0);

    tokio::task::block_in_place(|| broker.stop(true));
    patient.send_batch(vec![record(&topic, None, "0:x", 2)]).await.unwrap();
    let settled = settle(&mut deliveries, 1).await;
    let error = settled[0].result.as_ref().unwrap_err().to_string();
    assert!(error.contains("delivery.timeout.ms=3000") && error.contains("late"), "{error}");

    start(&mut broker).await;
    patient.send_batch(vec![record(&topic, None, "0:1", 3)]).await.unwrap();
    settle(&mut deliveries, 1).await[0].result.as_ref().unwrap();
    assert_complete_and_ordered(&read_all(config(&address, &[]), "late").await, 1, 2);
}
