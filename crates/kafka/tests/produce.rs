//! The producer against a real broker: partition choice as Java's, order, sizes, codecs.

mod support;

use rowtide_kafka::{Admin, ProduceError};
use rowtide_testkit::kafka::java;
use std::collections::HashMap;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use support::*;

#[tokio::test]
async fn keys_go_to_the_partitions_that_javas_producer_chooses() {
    let broker = shared_broker();
    let ours = create(&broker, "ours", 6, &[]).await;
    let javas = create(&broker, "javas", 6, &[]).await;
    let keys: Vec<String> = (0..1000).map(|n| format!("{{\"id\":{},\"name\":\"é{n}\"}}", n * 7919)).collect();

    let topic: Arc<str> = ours.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[]));
    let records = keys.iter().enumerate().map(|(n, k)| record(&topic, Some(k), "v", n as u64)).collect();
    producer.send_batch(records).await.unwrap();
    assert!(settle(&mut deliveries, 1000).await.iter().all(|d| d.result.is_ok()));

    let mut console = java(
        "org.apache.kafka.tools.ConsoleProducer",
        &["--bootstrap-server", &broker, "--topic", &javas, "--property", "parse.key=true", "--property", "key.separator=\t"],
    );
    let mut child = console.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines: String = keys.iter().map(|k| format!("{k}\tv\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());

    let mut places: Vec<HashMap<Vec<u8>, i32>> = Vec::new();
    for name in [&ours, &javas] {
        let read = read_all(config(&broker, &[]), name).await;
        assert_eq!(read.len(), 1000);
        places.push(read.into_iter().map(|r| (r.record.key.unwrap().to_vec(), r.partition)).collect());
    }
    assert_eq!(places[0], places[1]);
    assert_eq!(places[0].values().collect::<std::collections::HashSet<_>>().len(), 6);
    delete(&broker, &[ours, javas]).await;
}

#[tokio::test]
async fn a_hundred_thousand_records_arrive_in_order() {
    let broker = shared_broker();
    let name = create(&broker, "order", 6, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    // Little memory: back-pressure is part of it.
    let (producer, mut deliveries) = producer(config(&broker, &[("buffer.memory", "1000000"), ("linger.ms", "0")]));
    let (keys, count) = (37, 100_000);
    let sending = async {
        for chunk in 0..100 {
            let records = (chunk * 1000..(chunk + 1) * 1000).map(|n: usize| {
                let key = n % keys;
                record(&topic, Some(&key.to_string()), &format!("{key}:{}", n / keys), n as u64)
            });
            producer.send_batch(records.collect()).await.unwrap();
        }
    };
    let ((), settled) = tokio::join!(sending, settle(&mut deliveries, count));
    let mut tokens: Vec<u64> = settled.iter().flat_map(|d| d.tokens.clone()).collect();
    tokens.sort_unstable();
    assert!(tokens.into_iter().eq(0..count as u64), "each token exactly once");

    let read = read_all(config(&broker, &[]), &name).await;
    assert_complete_and_ordered(&read, keys, count);
    let at: HashMap<(i32, i64), u64> = settled
        .iter()
        .flat_map(|d| {
            let base = *d.result.as_ref().unwrap();
            d.tokens.iter().enumerate().map(move |(i, t)| ((d.partition, base + i as i64), *t))
        })
        .collect();
    for consumed in read.iter().step_by(997) {
        let text = String::from_utf8(consumed.record.value.as_ref().unwrap().to_vec()).unwrap();
        let (key, n) = text.split_once(':').unwrap();
        let token = n.parse::<usize>().unwrap() * keys + key.parse::<usize>().unwrap();
        assert_eq!(at[&(consumed.partition, consumed.record.offset)], token as u64, "the offset that was reported");
    }
    delete(&broker, &[name]).await;
}

#[tokio::test]
async fn records_without_key_spread_over_all_partitions_of_a_topic_that_the_broker_creates() {
    let broker = shared_broker();
    let name = create(&broker, "sticky", 4, &[]).await;
    let made = unique("auto");
    let (producer, mut deliveries) = producer(config(&broker, &[]));
    let topics: [Arc<str>; 2] = [name.as_str().into(), made.as_str().into()];
    let value = "x".repeat(1000);
    let records = (0..4000).map(|n| record(&topics[usize::from(n == 0)], None, &value, n)).collect();
    producer.send_batch(records).await.unwrap();
    let settled = settle(&mut deliveries, 4000).await;
    let mut counts = [0usize; 4];
    for delivery in settled.iter().filter(|d| *d.topic == *name) {
        assert!(delivery.result.is_ok());
        counts[delivery.partition as usize] += delivery.tokens.len();
    }
    assert!(counts.iter().all(|c| *c > 500), "{counts:?}");
    assert_eq!(read_all(config(&broker, &[]), &made).await.len(), 1);
    delete(&broker, &[name, made]).await;
}

#[tokio::test]
async fn a_record_over_max_request_size_fails_alone_and_at_once() {
    let broker = shared_broker();
    let name = create(&broker, "large", 1, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[("max.request.size", "20000")]));
    let large = "x".repeat(20_000);
    let records =
        vec![record(&topic, Some("a"), "1", 1), record(&topic, Some("b"), &large, 2), record(&topic, Some("c"), "3", 3)];
    producer.send_batch(records).await.unwrap();
    for delivery in settle(&mut deliveries, 3).await {
        match delivery.result {
            Ok(_) => assert_eq!(delivery.tokens, [1, 3]),
            Err(ProduceError::RecordTooLarge { topic, key, size, limit, setting }) => {
                assert_eq!((delivery.tokens, &*topic, key.as_deref()), (vec![2], &*name, Some(&b"b"[..])));
                // Java: 61 + 21 + key 2 + value 3 + 20000 + headers 1.
                assert_eq!((size, limit, setting), (20_088, Some(20_000), "max.request.size"));
            }
            Err(other) => panic!("{other}"),
        }
    }
    delete(&broker, &[name]).await;
}

#[tokio::test]
async fn what_the_broker_finds_too_large_is_split_and_only_the_single_record_fails() {
    let broker = shared_broker();
    let name = create(&broker, "limit", 1, &[("max.message.bytes", "10000")]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[("batch.size", "200000"), ("linger.ms", "50")]));
    let large = "x".repeat(15_000);
    let records = (0..600).map(|n| {
        let text = if n == 300 { large.clone() } else { format!("0:{}", n - u64::from(n > 300)) };
        let text = if n == 300 { text } else { format!("{text:0>1}") };
        let mut record = record(&topic, Some("k"), &text, n);
        record.headers = Arc::new([("pad".into(), Some(bytes::Bytes::from(vec![b'p'; 500])))]);
        record
    });
    producer.send_batch(records.collect()).await.unwrap();
    let settled = settle(&mut deliveries, 600).await;
    let failed: Vec<_> = settled.iter().filter(|d| d.result.is_err()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].tokens, [300]);
    let message = failed[0].result.as_ref().unwrap_err().to_string();
    assert!(message.contains(&name) && message.contains("max.message.bytes"), "{message}");
    let read = read_all(config(&broker, &[]), &name).await;
    assert_complete_and_ordered(&read, 1, 599);
    assert!(read.iter().all(|r| r.record.headers.len() == 1), "headers survive the split");
    delete(&broker, &[name]).await;
}

#[tokio::test]
async fn every_codec_is_read_by_javas_consumer() {
    let broker = shared_broker();
    let mut topics = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let name = create(&broker, codec, 1, &[]).await;
        let topic: Arc<str> = name.as_str().into();
        let (producer, mut deliveries) = producer(config(&broker, &[("compression.type", codec), ("batch.size", "100000")]));
        let records = (0..2000).map(|n| record(&topic, Some("k"), &format!("0:{n}"), n)).collect();
        producer.send_batch(records).await.unwrap();
        for delivery in settle(&mut deliveries, 2000).await {
            delivery.result.unwrap();
        }
        assert_complete_and_ordered(&read_all(config(&broker, &[]), &name).await, 1, 2000);
        topics.push(name);
    }
    let include = topics.join("|");
    let done = java(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        &[
            "--bootstrap-server",
            &broker,
            "--include",
            &include,
            "--from-beginning",
            "--max-messages",
            "10000",
            "--timeout-ms",
            "60000",
        ],
    )
    .output()
    .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(text.lines().count(), 10_000, "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(text.lines().filter(|l| *l == "0:1999").count(), 5);
    delete(&broker, &topics).await;
}

#[tokio::test]
async fn tombstones_headers_and_timestamps_arrive_as_they_were_sent() {
    let broker = shared_broker();
    let name = create(&broker, "parts", 2, &[("cleanup.policy", "compact")]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[]));
    let mut sent = record(&topic, Some("k"), "", 7);
    sent.value = None;
    sent.partition = Some(1);
    sent.timestamp = Some(1_700_000_000_123);
    sent.headers = Arc::new([("a".into(), Some(bytes::Bytes::from_static(b"1"))), ("a".into(), None)]);
    let mut astray = record(&topic, Some("k"), "", 8);
    astray.partition = Some(2);
    producer.send_batch(vec![sent, astray]).await.unwrap();
    for delivery in settle(&mut deliveries, 2).await {
        match delivery.result {
            Ok(offset) => assert_eq!((delivery.tokens, delivery.partition, offset), (vec![7], 1, 0)),
            Err(ProduceError::NoSuchPartition { partition: 2, partitions: 2, .. }) => assert_eq!(delivery.tokens, [8]),
            Err(other) => panic!("{other}"),
        }
    }
    let read = read_all(config(&broker, &[]), &name).await;
    let stored = &read[0].record;
    assert_eq!((read.len(), read[0].partition, stored.timestamp, &stored.value), (1, 1, 1_700_000_000_123, &None));
    assert_eq!(stored.headers.len(), 2);
    assert_eq!(stored.headers[1], (bytes::Bytes::from_static(b"a"), None));
    delete(&broker, &[name]).await;
}

#[tokio::test]
async fn acks_one_and_none_work_without_idempotence() {
    let broker = shared_broker();
    for acks in ["0", "1"] {
        let name = create(&broker, "acks", 1, &[]).await;
        let topic: Arc<str> = name.as_str().into();
        let (producer, mut deliveries) = producer(config(&broker, &[("acks", acks)]));
        producer.send_batch((0..500).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
        assert!(settle(&mut deliveries, 500).await.iter().all(|d| d.result.is_ok()));
        eventually("all records stored", std::time::Duration::from_secs(10), async || {
            read_all(config(&broker, &[]), &name).await.len() == 500
        })
        .await;
        delete(&broker, &[name]).await;
    }
}

#[tokio::test]
async fn topics_are_described_configured_listed_and_deleted() {
    let broker = shared_broker();
    let admin = Admin::new(config(&broker, &[])).unwrap();
    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.cluster_id.unwrap().len(), 22);
    let name = create(&broker, "admin", 3, &[("retention.ms", "123456")]).await;
    let again = rowtide_kafka::NewTopic { name: name.clone(), partitions: 9, replication_factor: 1, ..Default::default() };
    assert_eq!(admin.create_topic(&again).await.unwrap(), rowtide_kafka::CreateOutcome::Exists);
    // The controller has it at once, the broker's own picture follows.
    eventually("the topic is seen", std::time::Duration::from_secs(10), async || {
        admin.partition_count(&name).await.unwrap() == Some(3)
    })
    .await;
    assert_eq!(admin.topic_config(&name).await.unwrap()["retention.ms"].as_deref(), Some("123456"));
    assert!(admin.list_topics().await.unwrap().contains(&name));
    let bad = rowtide_kafka::NewTopic { name: "no/slash".into(), partitions: 1, replication_factor: 1, ..Default::default() };
    let error = admin.create_topic(&bad).await.unwrap_err().to_string();
    assert!(error.contains("INVALID_TOPIC_EXCEPTION") || error.contains("INVALID_TOPIC"), "{error}");
    admin.delete_topics(&[name.clone(), "rowtide-kafka-test-never-there".into()]).await.unwrap();
    eventually("the topic is gone", std::time::Duration::from_secs(10), async || {
        admin.partition_count(&name).await.unwrap().is_none()
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_under_the_producer_goes_on_from_the_start() {
    let broker = shared_broker();
    let name = create(&broker, "reborn", 1, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[]));
    producer.send_batch((0..100).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
    settle(&mut deliveries, 100).await;
    delete(&broker, std::slice::from_ref(&name)).await;
    let admin = Admin::new(config(&broker, &[])).unwrap();
    eventually("it is gone", std::time::Duration::from_secs(10), async || admin.partition_count(&name).await.unwrap().is_none())
        .await;
    producer.send_batch((0..100).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
    for delivery in settle(&mut deliveries, 100).await {
        delivery.result.unwrap();
    }
    producer.send_batch((100..200).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect()).await.unwrap();
    for delivery in settle(&mut deliveries, 100).await {
        delivery.result.unwrap();
    }
    assert_complete_and_ordered(&read_all(config(&broker, &[]), &name).await, 1, 200);
    delete(&broker, &[name]).await;
}

#[tokio::test]
async fn one_batch_may_go_to_two_hundred_new_topics_and_flush_waits_for_all() {
    let broker = shared_broker();
    let names: Vec<String> = (0..200).map(|n| unique(&format!("many-{n}"))).collect();
    let topics: Vec<Arc<str>> = names.iter().map(|n| n.as_str().into()).collect();
    let (producer, mut deliveries) = producer(config(&broker, &[("linger.ms", "600000")]));
    let records = (0..2000).map(|n| record(&topics[n % 200], Some("k"), "v", n as u64));
    producer.send_batch(records.collect()).await.unwrap();
    producer.flush().await;
    let mut settled = 0;
    while let Ok(delivery) = deliveries.try_recv() {
        delivery.result.unwrap();
        settled += delivery.tokens.len();
    }
    assert_eq!(settled, 2000, "all are settled when flush returns, whatever linger.ms is");
    delete(&broker, &names).await;
}

#[tokio::test]
async fn closing_settles_every_record_and_a_closed_producer_takes_none() {
    let broker = shared_broker();
    let name = create(&broker, "closing", 3, &[]).await;
    let topic: Arc<str> = name.as_str().into();
    let (producer, mut deliveries) = producer(config(&broker, &[("linger.ms", "600000")]));
    producer.send_batch((0..5000).map(|n| record(&topic, Some(&n.to_string()), "v", n)).collect()).await.unwrap();
    producer.close(std::time::Duration::from_secs(30)).await;
    assert!(settle(&mut deliveries, 5000).await.iter().all(|d| d.result.is_ok()));
    delete(&broker, &[name]).await;
}

/// Without a stop, a caller who writes the refused record again writes it after those that came behind it.
#[tokio::test]
async fn nothing_is_written_behind_a_record_at_which_the_producer_stops() {
    const FAR_AHEAD: i64 = 100 * 365 * 86_400_000;
    let broker = shared_broker();
    for stops in [true, false] {
        let name = create(&broker, "stops", 1, &[]).await;
        let topic: Arc<str> = name.as_str().into();
        // a batch for each record
        let (mut producer, mut deliveries) = producer(config(&broker, &[("batch.size", "1")]));
        if stops {
            producer = producer.stops_at(|error| matches!(error, ProduceError::Broker { .. }));
        }
        let mut records: Vec<_> = (0..50).map(|n| record(&topic, None, &format!("0:{n}"), n)).collect();
        records[20].timestamp = Some(FAR_AHEAD);
        producer.send_batch(records).await.unwrap();
        let settled = settle(&mut deliveries, 50).await;
        let mut failed: Vec<u64> = settled.iter().filter(|d| d.result.is_err()).flat_map(|d| d.tokens.clone()).collect();
        failed.sort_unstable();
        let stored = read_all(config(&broker, &[]), &name).await.len();
        if stops {
            assert_eq!((failed, stored), ((20..50).collect(), 20));
            let refused = producer.send_batch(vec![record(&topic, None, "0:50", 50)]).await.unwrap_err();
            assert!(refused.to_string().contains("INVALID_TIMESTAMP"), "{refused}");
        } else {
            assert_eq!((failed, stored), (vec![20], 49));
        }
        delete(&broker, &[name]).await;
    }
}
