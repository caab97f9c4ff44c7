//! Produces records of random letters as fast as the broker takes them and says how fast that was, like Kafka's
//! `ProducerPerformance`.
//!
//! `produce_perf TOPIC RECORDS RECORD_SIZE key=value…` with producer properties, `bootstrap.servers` among them.

use rowtide_kafka::{ClientConfig, Delivery, Producer, ProducerRecord};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [topic, count, size, properties @ ..] = &args[..] else {
        return Err("usage: produce_perf TOPIC RECORDS RECORD_SIZE key=value…".into());
    };
    let (count, size): (u64, usize) = (count.parse()?, size.parse()?);
    let map: BTreeMap<String, String> =
        properties.iter().filter_map(|p| p.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
    let config = ClientConfig::from_properties(&map)?;
    let (sender, mut deliveries) = mpsc::unbounded_channel::<Delivery>();
    let producer = Producer::new(config, sender)?;
    let topic: Arc<str> = topic.as_str().into();
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut letters = move || -> Vec<u8> {
        let next = (0..size).map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            b'A' + (random % 26) as u8
        });
        next.collect()
    };
    let counter = tokio::spawn(async move {
        let mut stored: u64 = 0;
        let mut failed: u64 = 0;
        while let Some(delivery) = deliveries.recv().await {
            match delivery.result {
                Ok(_) => stored += delivery.tokens.len() as u64,
                Err(_) => failed += delivery.tokens.len() as u64,
            }
        }
        (stored, failed)
    });
    let begin = Instant::now();
    let mut token = 0;
    while token < count {
        let batch = (token..count.min(token + 1000)).map(|token| ProducerRecord {
            topic: topic.clone(),
            partition: None,
            key: None,
            value: Some(letters().into()),
            headers: Arc::default(),
            timestamp: None,
            token,
        });
        let batch: Vec<_> = batch.collect();
        token += batch.len() as u64;
        producer.send_batch(batch).await?;
    }
    producer.flush().await;
    let took = begin.elapsed().as_secs_f64();
    producer.close(std::time::Duration::from_secs(1)).await;
    let (stored, failed) = counter.await?;
    let rate = stored as f64 / took;
    println!(
        "{stored} records stored, {failed} failed, {rate:.0} records/s ({:.2} MB/s), {took:.2} s",
        rate * size as f64 / 1048576.0
    );
    Ok(())
}
