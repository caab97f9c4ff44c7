//! The ways of signals beside the signal table: a file and a Kafka topic, read every `signal.poll.interval.ms`.
//!
//! REST needs none of this: the task is handed its signals. What a signal means belongs to the parent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rowtide_api::config::Config;
use rowtide_api::{Error, OffsetMap, Result, Signal};
use rowtide_kafka::{ClientConfig, Consumer, StartOffset};
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::incremental::Beside;

/// Signals that wait for their place in the stream.
pub const WAITING: usize = 64;
/// How long the signal topic is waited for before it is said that it is not there.
const TOPIC_WITHIN: Duration = Duration::from_secs(10);

/// A signal on its way to the stream.
#[derive(Debug)]
pub struct Incoming {
    /// the signal
    pub signal: Signal,
    /// how it came
    pub way: Way,
}

/// How a signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// the sender was told that it is taken
    Rest,
    /// by the record with this offset in the signal topic
    Topic(i64),
    /// by a line of the file
    File,
}

/// What tells which signals of the file need not be kept in it any more: offsets hold how many were taken.
#[derive(Clone, Debug)]
pub struct FileSignals {
    /// how many were taken before this start
    pub before: i64,
    /// the newest stored offset
    pub stored: watch::Receiver<Option<OffsetMap>>,
}

/// Which channels there are.
#[derive(Clone, Debug)]
pub struct Channels {
    interval: Duration,
    file: Option<PathBuf>,
    kafka: Option<KafkaChannel>,
}

#[derive(Clone, Debug)]
struct KafkaChannel {
    topic: String,
    /// only records with this key are for this connector
    key: String,
    /// how long one look waits for records
    wait: Duration,
    client: ClientConfig,
}

impl Channels {
    /// Reads `signal.enabled.channels`, `signal.poll.interval.ms`, `signal.file`, `signal.kafka.*` and `signal.consumer.*`.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let channels = config.list("signal.enabled.channels");
        let has = |name: &str| channels.iter().any(|channel| channel.eq_ignore_ascii_case(name));
        for other in
            channels.iter().filter(|channel| !["source", "file", "kafka"].iter().any(|known| channel.eq_ignore_ascii_case(known)))
        {
            warn!(
                "signal.enabled.channels: '{other}' is not a channel that Rowtide has. There are source, kafka and file; in place of jmx, \
                 POST /connectors/<name>/signals"
            );
        }
        Ok(Self {
            interval: config.millis("signal.poll.interval.ms")?.max(Duration::from_millis(1)),
            file: if has("file") { Some(config.text("signal.file")?.into()) } else { None },
            kafka: if has("kafka") { Some(KafkaChannel::read(config)?) } else { None },
        })
    }

    /// Whether a signal topic is read.
    pub fn reads_topic(&self) -> bool {
        self.kafka.is_some()
    }

    /// Begins to read them; ends when the set is dropped. `start`: where in the signal topic to go on.
    pub fn start(&self, start: StartOffset, file: FileSignals, out: &mpsc::Sender<Incoming>) -> JoinSet<()> {
        let mut readers = JoinSet::new();
        if let Some(path) = self.file.clone() {
            readers.spawn(follow_file(SignalFile::new(path), self.interval, file, out.clone()));
        }
        if let Some(kafka) = self.kafka.clone() {
            readers.spawn(follow_topic(kafka, start, self.interval, out.clone()));
        }
        readers
    }
}

impl KafkaChannel {
    fn read(config: &Config<'_>) -> Result<Self> {
        let key = config.text("topic.prefix")?.to_owned();
        let servers = config.opt("signal.kafka.bootstrap.servers").filter(|servers| !servers.is_empty()).ok_or_else(|| {
            Error::configuration("signal.enabled.channels has 'kafka', and signal.kafka.bootstrap.servers is not set")
                .remedy("name the brokers of the signal topic there, or take 'kafka' out of the channels")
        })?;
        let consumer = config.props().with_prefix("signal.consumer.");
        let mut properties: BTreeMap<String, String> =
            consumer.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
        let client = ClientConfig::from_properties(&properties)
            .map_err(|error| Error::configuration(format!("signal.kafka.* and signal.consumer.*: {error}")))?;
        let topic = config.opt("signal.kafka.topic").filter(|topic| !topic.is_empty());
        let wait = config.millis("signal.kafka.poll.timeout.ms")?.max(Duration::from_millis(1));
        Ok(Self { topic: topic.map_or_else(|| format!("{key}-signal"), str::to_owned), key, wait, client })
    }
}

/// A signal as the topic and the file hold it: `{"id", "type", "data"}`, data being an object or its text.
fn parse(text: &str) -> Option<Signal> {
    let json: Json = serde_json::from_str(text).ok()?;
    let field = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    let data = match json.get("data") {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(data) => data.to_string(),
    };
    Some(Signal { id: field("id")?, kind: field("type")?, data })
}

const SHAPE: &str = "a signal is {\"id\": \"1\", \"type\": \"log\", \"data\": {\"message\": \"Hello\"}}";

/// Takes the file's lines, and empties it once what they ask for is stored: a crash before that takes them again.
async fn follow_file(mut file: SignalFile, interval: Duration, signals: FileSignals, out: mpsc::Sender<Incoming>) {
    let FileSignals { before, mut stored } = signals;
    let (mut taken, mut failing) = (before, false);
    loop {
        match file.news() {
            Ok(text) => {
                failing = false;
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let Some(signal) = parse(line) else {
                        warn!("A line of {} is no signal and is ignored: {SHAPE}, on one line", file.path.display());
                        continue;
                    };
                    if out.send(Incoming { signal, way: Way::File }).await.is_err() {
                        return;
                    }
                    taken += 1;
                }
            }
            Err(error) if !failing => {
                failing = true;
                warn!("Signals cannot be read from {}: {error}. signal.file names the file", file.path.display());
            }
            Err(_) => {}
        }
        let is_stored = |offset: &Option<OffsetMap>| {
            let counted = offset.as_ref().and_then(|offset| Beside::read(offset).file_signals);
            counted.unwrap_or(before) >= taken
        };
        if file.taken.is_empty() {
            tokio::time::sleep(interval).await;
            continue;
        }
        match tokio::time::timeout(interval, stored.wait_for(is_stored)).await.map(|stored| stored.is_ok()) {
            Ok(true) => {
                if let Err(error) = file.empty() {
                    warn!("{} cannot be emptied: {error}. The next start takes its signals again", file.path.display());
                    tokio::time::sleep(interval).await;
                }
            }
            Ok(false) => return,
            Err(_) => {}
        }
    }
}

/// The file, and what of it was taken.
struct SignalFile {
    path: PathBuf,
    taken: Vec<u8>,
}

impl SignalFile {
    fn new(path: PathBuf) -> Self {
        Self { path, taken: Vec::new() }
    }

    /// What was written since the last time. A file that is not there is an empty one.
    fn news(&mut self) -> std::io::Result<String> {
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let known = if bytes.starts_with(&self.taken) { self.taken.len() } else { 0 };
        let news = String::from_utf8_lossy(&bytes[known..]).into_owned();
        self.taken = bytes;
        Ok(news)
    }

    /// Empties it, unless it holds news.
    fn empty(&mut self) -> std::io::Result<()> {
        if std::fs::read(&self.path)? == self.taken {
            std::fs::OpenOptions::new().write(true).open(&self.path)?.set_len(0)?;
            self.taken.clear();
        }
        Ok(())
    }
}

async fn follow_topic(channel: KafkaChannel, start: StartOffset, interval: Duration, out: mpsc::Sender<Incoming>) {
    let mut start = start;
    loop {
        if let Err(error) = read_topic(&channel, &mut start, &out).await {
            warn!("Signals cannot be read from topic '{}': {error}. The next try follows", channel.topic);
        }
        if out.is_closed() {
            return;
        }
        tokio::time::sleep(interval).await;
    }
}

/// The topic's only partition, from `start` on, which moves with what was read.
async fn read_topic(
    channel: &KafkaChannel,
    start: &mut StartOffset,
    out: &mpsc::Sender<Incoming>,
) -> Result<(), rowtide_kafka::KafkaError> {
    let mut consumer = Consumer::new(channel.client.clone())?;
    consumer.assign_topic(&channel.topic, *start, TOPIC_WITHIN).await?;
    info!("Reading signals from topic '{}'", channel.topic);
    loop {
        for consumed in consumer.poll(channel.wait).await? {
            let record = consumed.record;
            *start = StartOffset::At(record.offset + 1);
            if record.key.as_deref() != Some(channel.key.as_bytes()) {
                continue;
            }
            let text = record.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
            let Some(signal) = text.and_then(parse) else {
                warn!("The record at offset {} of topic '{}' is no signal and is ignored: {SHAPE}", record.offset, channel.topic);
                continue;
            };
            if out.send(Incoming { signal, way: Way::Topic(record.offset) }).await.is_err() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_an_object_or_its_text() {
        let signal = |data: &str| Signal { id: "1".to_owned(), kind: "log".to_owned(), data: data.to_owned() };
        assert_eq!(parse(r#"{"id":"1","type":"log","data":{"message":"x"}}"#), Some(signal(r#"{"message":"x"}"#)));
        assert_eq!(parse(r#"{"id":"1","type":"log","data":"{\"message\":\"x\"}"}"#), Some(signal(r#"{"message":"x"}"#)));
        assert_eq!(parse(r#"{"id":"1","type":"log"}"#), Some(signal("")));
        assert_eq!(parse(r#"{"type":"log"}"#), None);
        assert_eq!(parse("rubbish"), None);
    }

    #[test]
    fn a_file_is_emptied_unless_it_holds_news() {
        let path = std::env::temp_dir().join(format!("rowtide-signals-{}", std::process::id()));
        let mut file = SignalFile::new(path.clone());
        assert_eq!(file.news().unwrap(), "");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(file.news().unwrap(), "one\ntwo\n");
        assert_eq!(file.news().unwrap(), "");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        file.empty().unwrap();
        assert_eq!(file.news().unwrap(), "three\n", "what came meanwhile is not lost");
        std::fs::write(&path, "another\nfile\nfor a change\n").unwrap();
        assert_eq!(file.news().unwrap(), "another\nfile\nfor a change\n");
        file.empty().unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), file.news().unwrap()), (Vec::new(), String::new()));
        std::fs::remove_file(&path).unwrap();
    }
}
