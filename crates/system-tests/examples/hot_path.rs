//! A fixed amount of work for `bench/instructions.py`, which counts its instructions: a real task (source, converters, Kafka
//! sink) is fed the recorded messages of `bench/recorded`, transaction by transaction.
//! `cargo run --release -p rowtide-system-tests --example hot_path -- rows|wide EVENTS [with-schemas|avro]`
//!
//! The PostgreSQL and the Kafka of the tests are real; only the replication stream is not, so that each run reads the
//! same bytes. A transaction is sent when the records of the one before are acknowledged: what is read together, and with
//! it the number of instructions, does not hang on the machine's speed.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{BufMut, BytesMut};
use rowtide_api::plugin::Plugins;
use rowtide_api::{Ack, EncodedRecord, Props, Result, Sink};
use rowtide_runtime::connector_config;
use rowtide_runtime::kafka_sink::KafkaSink;
use rowtide_runtime::offsets::FileOffsetStore;
use rowtide_runtime::pipeline::{SinkContext, TaskHandle, TaskSettings, TaskSetup, Threads, spawn};
use rowtide_runtime::worker_config::WorkerConfig;
use rowtide_testkit::postgres::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where the replayed log begins: further than any test server's own.
const LOG_START: u64 = 0x10_0000_0000;
/// What a transaction takes of the log.
const LOG_STEP: u64 = 0x10_0000;
/// A transaction that every server has long committed: initdb's.
const OLD_XID: u32 = 700;
/// Transactions that are sent together.
const AT_ONCE: usize = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [load, events, rest @ ..] = arguments.as_slice() else {
        return Err("usage: hot_path rows|wide EVENTS [with-schemas|avro]".into());
    };
    let events: usize = events.parse()?;
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench");
    let database = Database::new("hot_path");
    database.sql(&std::fs::read_to_string(bench.join(format!("loads/{load}.sql")))?);
    let relation: u32 = database.sql(&format!("SELECT 'bench_{load}'::regclass::oid::int")).trim().parse()?;
    let recording = Recording::read(&bench.join(format!("recorded/{load}.hex")), relation)?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut config = configuration(&database, rest.first().map_or("", String::as_str));
    let server = format!("{}:{}", text(&config, "database.hostname"), text(&config, "database.port"));
    config.set("database.port", port.to_string());
    let (acknowledged, acks) = watch::channel(0);
    let offsets = std::env::temp_dir().join(format!("hot_path.{}", std::process::id()));
    let threads = Threads::default();
    let task = start(config, acknowledged, &offsets, &threads)?;
    let transactions = events.div_ceil(recording.events).next_multiple_of(AT_ONCE);
    println!("{} events", transactions * recording.events);
    let replay = Replay { recording, transactions, acks };
    serve(&listener, &server, replay).await?;

    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    task.ask_stop(deadline);
    task.stopped(deadline).await;
    let _ = std::fs::remove_file(offsets);
    Ok(())
}

fn text<'a>(config: &'a Props, name: &str) -> &'a str {
    config.get(name).unwrap_or_default()
}

/// `format`: JSON without schemas, unless it is `with-schemas`, or `avro` by the registry of the tests.
fn configuration(database: &Database, format: &str) -> Props {
    let registry = if format == "avro" {
        format!("{}/apis/ccompat/v7", rowtide_testkit::need("ROWTIDE_TEST_REGISTRY"))
    } else {
        String::new()
    };
    let (class, option, value) = match format {
        "avro" => ("io.confluent.connect.avro.AvroConverter", "schema.registry.url", registry.as_str()),
        "with-schemas" => ("org.apache.kafka.connect.json.JsonConverter", "schemas.enable", "true"),
        _ => ("org.apache.kafka.connect.json.JsonConverter", "schemas.enable", "false"),
    };
    let (key, of_value) = (format!("key.converter.{option}"), format!("value.converter.{option}"));
    let extra = [
        ("snapshot.mode", "no_data"),
        (&key, value),
        (&of_value, value),
        ("key.converter", class),
        ("value.converter", class),
        ("producer.override.linger.ms", "0"),
        ("rowtide.stream.gather.ms", "0"),
        ("producer.override.batch.size", "262144"),
    ];
    let config = database.connector(&extra);
    let mut props: Props = config.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())).collect();
    props.set("name", "hot_path");
    props
}

/// The task as a worker starts it; acknowledged records are counted.
fn start(config: Props, acknowledged: watch::Sender<usize>, offsets: &Path, threads: &Threads) -> Result<TaskHandle> {
    let plugins = Arc::new(Plugins {
        sources: vec![Box::new(rowtide_source_postgres::PostgresConnector)],
        converters: rowtide_converters::ALL.iter().chain(rowtide_schema_registry::ALL).collect(),
        header_converters: rowtide_converters::HEADERS.iter().collect(),
        ..Plugins::default()
    });
    let worker = Props::from_iter([("bootstrap.servers", rowtide_testkit::kafka().as_str())]);
    let worker = Arc::new(WorkerConfig::run(&worker)?);
    let acknowledged = Arc::new(acknowledged);
    let (of_encoder, of_sink) = (worker.clone(), worker);
    let (named, own) = (config.clone(), config.clone());
    let of_source = plugins.clone();
    let setup = TaskSetup {
        connector: "hot_path".into(),
        task: 0,
        settings: TaskSettings::read(&config, Duration::from_secs(60))?,
        config,
        source: Arc::new(move || connector_config::source(&of_source, &named).map(|source| source.new_task())),
        encoder: Arc::new(move || connector_config::encoder(&plugins, &of_encoder, &own)),
        sink: Arc::new(move |context: SinkContext| {
            let (worker, acknowledged) = (of_sink.clone(), acknowledged.clone());
            Box::pin(async move {
                Ok(Box::new(Counted { inner: KafkaSink::open(&worker, &context).await?, acknowledged }) as Box<dyn Sink>)
            })
        }),
        offsets: Arc::new(FileOffsetStore::open(offsets)?),
        exactly_once: None,
        metrics: Arc::default(),
        scratch: std::env::temp_dir(),
    };
    spawn(setup, false, threads)
}

/// The Kafka sink, its acknowledgements counted.
struct Counted {
    inner: KafkaSink,
    acknowledged: Arc<watch::Sender<usize>>,
}

#[async_trait]
impl Sink for Counted {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        self.inner.write(batch).await
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        let before = out.len();
        self.inner.acks(out).await?;
        self.acknowledged.send_modify(|count| *count += out.len() - before);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.inner.flush().await
    }

    async fn close(&mut self) -> Result<()> {
        self.inner.close().await
    }
}

/// The pgoutput messages of one transaction.
struct Recording {
    messages: Vec<Vec<u8>>,
    events: usize,
    records: usize,
}

impl Recording {
    /// Reads a recording; its table is this server's table `relation`.
    fn read(path: &Path, relation: u32) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        let (mut messages, mut events, mut records) = (Vec::new(), 0, 0);
        for line in std::fs::read_to_string(path)?.lines() {
            let digits = (0..line.len() / 2).map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16));
            let mut message = digits.collect::<std::result::Result<Vec<u8>, _>>()?;
            if matches!(message[0], b'R' | b'I' | b'U' | b'D') {
                message[1..5].copy_from_slice(&relation.to_be_bytes());
            }
            events += usize::from(matches!(message[0], b'I' | b'U' | b'D'));
            // a delete has a tombstone
            records += match message[0] {
                b'I' | b'U' => 1,
                b'D' => 2,
                _ => 0,
            };
            messages.push(message);
        }
        Ok(Self { messages, events, records })
    }

    /// The CopyData messages of one transaction, at its place of the log. A table is described once.
    fn transaction(&self, number: usize, out: &mut BytesMut) {
        let start = LOG_START + number as u64 * LOG_STEP;
        let end = start + LOG_STEP - 0x100;
        for (index, message) in self.messages.iter().enumerate() {
            if message[0] == b'R' && number > 0 {
                continue;
            }
            out.put_u8(b'd');
            out.put_u32((4 + 25 + message.len()) as u32);
            out.put_u8(b'w');
            out.put_u64(if message[0] == b'C' { end + 0x30 } else { start + index as u64 * 64 });
            out.put_u64(end + 0x30);
            out.put_i64(0);
            let body = out.len();
            out.put_slice(message);
            match message[0] {
                b'B' => {
                    out[body + 1..body + 9].copy_from_slice(&end.to_be_bytes());
                    out[body + 17..body + 21].copy_from_slice(&OLD_XID.to_be_bytes());
                }
                b'C' => {
                    out[body + 2..body + 10].copy_from_slice(&end.to_be_bytes());
                    out[body + 10..body + 18].copy_from_slice(&(end + 0x30).to_be_bytes());
                }
                _ => {}
            }
        }
    }
}

/// A replication stream that is sent.
struct Replay {
    recording: Recording,
    transactions: usize,
    acks: watch::Receiver<usize>,
}

/// Passes connections on to the server until one asks for the stream: that one gets the recorded one.
async fn serve(listener: &TcpListener, server: &str, mut replay: Replay) -> std::io::Result<()> {
    let (asked, mut stream) = tokio::sync::mpsc::channel(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, server) = (accepted?.0, TcpStream::connect(server).await?);
                tokio::spawn(pass_on(client, server, asked.clone()));
            }
            Some(client) = stream.recv() => return replay.send(client).await,
        }
    }
}

/// One connection and the server, until the client asks for a stream.
async fn pass_on(mut client: TcpStream, mut server: TcpStream, asked: tokio::sync::mpsc::Sender<TcpStream>) {
    let mut buffer = BytesMut::with_capacity(1 << 16);
    let mut back = vec![0; 1 << 16];
    let wants_stream = |bytes: &[u8]| bytes.windows(17).any(|part| part == b"START_REPLICATION");
    loop {
        tokio::select! {
            read = client.read_buf(&mut buffer) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                if wants_stream(&buffer) {
                    let _ = asked.send(client).await;
                    return;
                }
                if server.write_all(&buffer.split()).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut back) => {
                let answer = read.unwrap_or(0);
                if answer == 0 || client.write_all(&back[..answer]).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Replay {
    async fn send(&mut self, client: TcpStream) -> std::io::Result<()> {
        let (mut heard, mut out) = client.into_split();
        tokio::spawn(async move { copy(&mut heard, &mut tokio::io::sink()).await });
        out.write_all(b"W\0\0\0\x07\0\0\0").await?;
        // the first ones pay for connections, the table's schema, encoding plans
        self.transactions(&mut out, 0..2 * AT_ONCE).await?;
        measure_from_here();
        self.transactions(&mut out, 2 * AT_ONCE..2 * AT_ONCE + self.transactions).await?;
        measure_to_here();
        Ok(())
    }

    async fn transactions(
        &mut self,
        out: &mut tokio::net::tcp::OwnedWriteHalf,
        numbers: std::ops::Range<usize>,
    ) -> std::io::Result<()> {
        let mut buffer = BytesMut::new();
        for number in numbers {
            self.recording.transaction(number, &mut buffer);
            let sent = number + 1;
            if sent % AT_ONCE != 0 {
                continue;
            }
            out.write_all(&buffer.split()).await?;
            let due = sent * self.recording.records;
            let arrived = self.acks.wait_for(|acknowledged| *acknowledged >= due).await;
            arrived.map_err(|_| std::io::Error::other("the task has ended; see its log"))?;
        }
        Ok(())
    }
}

/// The counting tool begins here.
#[inline(never)]
fn measure_from_here() {
    black_box("begin");
}

/// And ends here.
#[inline(never)]
fn measure_to_here() {
    black_box("end");
}
