//! One topic as a log: read to its end at the start, followed afterwards, written to.
//!
//! `KafkaBasedLog` in Connect. What its records mean belongs to the stores; they get each record once, in the order of its partition.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowtide_api::{Error, ErrorKind, Result};
use rowtide_kafka::{ConsumedRecord, Consumer, Delivery, Producer, ProducerRecord, StartOffset};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Clients, Storage, StorageTopic};
use crate::kafka_sink::{client_error, produce_error};
use crate::patience::patiently;

/// How long a topic that was just created may take to get leaders.
const LEADERS: Duration = Duration::from_secs(60);
/// How long a fetch waits for the next record.
const FETCH: Duration = Duration::from_millis(500);
/// Pause after an error that another fetch may not meet.
const PAUSE: Duration = Duration::from_secs(1);
/// Records that wait to be handed to the producer.
const QUEUE: usize = 256;
/// How long a close waits for what is under way.
const CLOSE: Duration = Duration::from_secs(10);

/// Key and value; none is a tombstone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// A record to write, and whom to tell.
struct Write {
    entry: Entry,
    written: Option<oneshot::Sender<Result<()>>>,
}

/// How far it is read: the next offset of each partition; or why it is not read any more.
type Progress = std::result::Result<Vec<i64>, (ErrorKind, String)>;

/// A topic that is read and written.
pub struct TopicLog {
    topic: Arc<str>,
    /// whether only what is committed is read
    committed: bool,
    /// asks where the topic ends, beside the follower, whose connection waits for records
    ends: tokio::sync::Mutex<Consumer>,
    progress: watch::Receiver<Progress>,
    /// none: closed
    queue: Mutex<Option<mpsc::Sender<Write>>>,
    writer: tokio::sync::Mutex<JoinHandle<()>>,
    follower: JoinHandle<()>,
}

impl Drop for TopicLog {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl TopicLog {
    /// Creates the topic if it is missing, reads it to its end and goes on following it. A write that took longer than `delivery` has failed, and
    /// is not tried again later: by then another worker may have written.
    pub async fn open(
        clients: &Clients,
        topic: &StorageTopic,
        delivery: Duration,
        mut on_record: impl FnMut(ConsumedRecord) + Send + 'static,
    ) -> Result<Self> {
        let (name, purpose) = (&topic.new.name, topic.storage.purpose());
        topic.ensure(&clients.admin()?).await?;
        let isolation = [("isolation.level", if topic.committed { "read_committed" } else { "read_uncommitted" })];
        let mut consumer = Consumer::new(clients.config(purpose, &isolation)?).map_err(client_error)?;
        let failed = |error| client_error(error).context(&format!("topic '{name}'"));
        consumer.assign_topic(name, StartOffset::Earliest, LEADERS).await.map_err(failed)?;
        let mut ends = Consumer::new(clients.config(purpose, &[])?).map_err(client_error)?;
        ends.assign_topic(name, StartOffset::At(0), LEADERS).await.map_err(failed)?;
        // What dead tasks left open in the topic of offsets ends when their successors start, and that is later: there whoever asks for
        // offsets reads to the end.
        if topic.storage != Storage::Offsets || !topic.committed {
            consumer.read_to_end(&mut on_record).await.map_err(failed)?;
        }

        let delivery = delivery.as_millis().to_string();
        let producer = clients.producer(purpose, &[("acks", "all"), ("delivery.timeout.ms", &delivery)])?;
        let (sent, deliveries) = mpsc::unbounded_channel();
        let producer = Producer::new(producer, sent).map_err(client_error)?;
        let (queue, queued) = mpsc::channel(QUEUE);
        let name: Arc<str> = name.as_str().into();
        let (position, progress) = watch::channel(Ok(positions(&consumer)));
        Ok(Self {
            writer: tokio::sync::Mutex::new(tokio::spawn(write(name.clone(), producer, deliveries, queued))),
            follower: tokio::spawn(follow(consumer, position, on_record)),
            ends: tokio::sync::Mutex::new(ends),
            progress,
            queue: Mutex::new(Some(queue)),
            committed: topic.committed,
            topic: name,
        })
    }

    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Returns once everything is read that the topic holds now; where only what is committed is read, once the transactions that are open
    /// now have ended.
    pub async fn read_to_end(&self) -> Result<()> {
        let ends = self.ends.lock().await.high_watermarks().await.map_err(|error| self.context(client_error(error)))?;
        let mut progress = self.progress.clone();
        let there = |progress: &Progress| match progress {
            Ok(at) => at.iter().zip(&ends).all(|(at, end)| at >= end),
            Err(_) => true,
        };
        let reached = patiently(progress.wait_for(there), |waited| self.say_it_is_behind(&ends, waited)).await;
        match &*reached.map_err(|_| Error::fatal("the reader of a topic has ended"))? {
            Ok(_) => Ok(()),
            Err((kind, why)) => Err(self.context(Error::new(*kind, why.as_str()))),
        }
    }

    /// What readers of committed records do not get lies behind a transaction that is open. One that nobody ends any more hangs (KIP-664): a broker
    /// that died while it ended one may call it complete without having written so into all of its partitions.
    fn say_it_is_behind(&self, ends: &[i64], waited: Duration) {
        let Ok(at) = &*self.progress.borrow() else { return };
        let behind = at.iter().zip(ends).enumerate().filter(|(_, (at, end))| at < end);
        let behind: Vec<String> =
            behind.map(|(partition, (at, end))| format!("partition {partition} at offset {at} of {end}")).collect();
        let (topic, seconds) = (&self.topic, waited.as_secs());
        if !self.committed {
            tracing::warn!("for {seconds} s nothing more has come of topic '{topic}', which is read up to {}", behind.join(", "));
            return;
        }
        tracing::warn!(
            "for {seconds} s a transaction in topic '{topic}' has not ended, and what comes after it is not read: {}. It ends by itself within its producer's \
             transaction.timeout.ms, by default a minute. Remedy for one that lasts longer: see what is open by `kafka-transactions.sh describe-producers \
             --topic {topic} --partition N`, and end it by `kafka-transactions.sh abort --topic {topic} --partition N --start-offset OFFSET`",
            behind.join(", ")
        );
    }

    /// Writes records in their order and returns once all of them are durable.
    pub async fn write(&self, entries: Vec<Entry>) -> Result<()> {
        let mut waiting = Vec::with_capacity(entries.len());
        for entry in entries {
            let (written, answer) = oneshot::channel();
            self.queue(Write { entry, written: Some(written) }).await?;
            waiting.push(answer);
        }
        for answer in waiting {
            answer.await.unwrap_or_else(|_| Err(closed())).map_err(|error| self.context(error))?;
        }
        Ok(())
    }

    /// Hands a record to the writer; the log says when it could not be written.
    pub async fn post(&self, entry: Entry) {
        if let Err(error) = self.queue(Write { entry, written: None }).await {
            tracing::warn!(topic = &*self.topic, "a record was not written: {error}");
        }
    }

    /// Takes nothing more and waits for what is under way, within bounds.
    pub async fn close(&self) {
        drop(self.lock().take());
        let mut writer = self.writer.lock().await;
        if !writer.is_finished() && timeout(CLOSE, &mut *writer).await.is_err() {
            tracing::warn!(topic = &*self.topic, "records were not written in time and are given up");
            writer.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Sender<Write>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn queue(&self, write: Write) -> Result<()> {
        let queue = self.lock().clone().ok_or_else(closed)?;
        queue.send(write).await.map_err(|_| closed())
    }

    fn context(&self, error: Error) -> Error {
        error.context(&format!("topic '{}'", self.topic))
    }
}

fn closed() -> Error {
    Error::transient("the topic's writer is closed")
}

/// The record that writes an entry.
pub(super) fn record(topic: &Arc<str>, (key, value): Entry, token: u64) -> ProducerRecord {
    ProducerRecord {
        topic: topic.clone(),
        partition: None,
        key: Some(key.into()),
        value: value.map(Into::into),
        headers: Arc::default(),
        timestamp: None,
        token,
    }
}

fn positions(consumer: &Consumer) -> Vec<i64> {
    // ordered by partition: there is one topic
    consumer.positions().into_values().collect()
}

async fn follow(mut consumer: Consumer, progress: watch::Sender<Progress>, mut on_record: impl FnMut(ConsumedRecord)) {
    loop {
        match consumer.poll(FETCH).await {
            Ok(records) => {
                records.into_iter().for_each(&mut on_record);
                let now = positions(&consumer);
                progress.send_if_modified(|before| std::mem::replace(before, Ok(now.clone())) != Ok(now));
            }
            Err(error) => {
                let error = client_error(error);
                if progress.borrow().is_ok() {
                    tracing::error!("a topic that this worker depends on cannot be read, trying again: {error}");
                }
                drop(progress.send_replace(Err((error.kind(), error.to_string()))));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn write(
    topic: Arc<str>,
    producer: Producer,
    mut deliveries: mpsc::UnboundedReceiver<Delivery>,
    mut queue: mpsc::Receiver<Write>,
) {
    let mut waiting: HashMap<u64, oneshot::Sender<Result<()>>> = HashMap::new();
    let (mut token, mut under_way, mut open) = (0u64, 0usize, true);
    while open || under_way > 0 {
        tokio::select! {
            biased;
            Some(delivery) = deliveries.recv() => {
                under_way = under_way.saturating_sub(delivery.tokens.len());
                settle(&topic, delivery, &mut waiting);
            }
            write = queue.recv(), if open => match write {
                Some(Write { entry, written }) => {
                    token += 1;
                    waiting.extend(written.map(|written| (token, written)));
                    match producer.send_batch(vec![record(&topic, entry, token)]).await {
                        Ok(()) => under_way += 1,
                        Err(error) => match waiting.remove(&token) {
                            Some(written) => drop(written.send(Err(client_error(error)))),
                            None => tracing::warn!(topic = &*topic, "a record was not written: {error}"),
                        },
                    }
                }
                None => open = false,
            },
        }
    }
}

fn settle(topic: &str, delivery: Delivery, waiting: &mut HashMap<u64, oneshot::Sender<Result<()>>>) {
    for token in delivery.tokens {
        let result = delivery.result.as_ref().map(|_| ()).map_err(produce_error);
        match (waiting.remove(&token), result) {
            // who asked may have gone
            (Some(written), result) => drop(written.send(result)),
            (None, Err(error)) => tracing::warn!(topic, "a record was not written: {error}"),
            (None, Ok(())) => {}
        }
    }
}
