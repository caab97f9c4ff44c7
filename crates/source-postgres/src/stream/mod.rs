//! Streams changes from the slot: reads, tracks transactions and positions, confirms what is durable.
//!
//! One loop at its own pace: whatever the socket holds is read, made into changes and handed over as one batch. How
//! messages are laid out belongs to `decode`; what a tuple's values mean to `relation` and `values`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rowtide_api::{Error, Result, ToOffset};
use rowtide_cdc::database::Control;
use rowtide_cdc::incremental::drive;
use rowtide_cdc::{Change, Dispatcher};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::action_query::ActionQuery;
use crate::client::{ReplicationMessage, ReplicationStream, StartReplication};
use crate::config::PostgresConfig;
use crate::database::Postgres;
use crate::decode::{self, Message};
use crate::errors::explain;
use crate::incremental::{Chunks, Reader, blocking};
use crate::locator::Locator;
use crate::position::{Position, lsn_text};
use crate::slab::Slab;
use crate::source_block::ReplicationOrigin;

use relations::Relations;
pub use spill::Limits as SpillLimits;
use streamed::{Replay, Transactions};

mod events;
mod relations;
mod rounds;
mod spill;
mod streamed;

use rounds::Rounds;

/// How often idle log, heartbeats and the slot's xmin are looked at.
const TICK: Duration = Duration::from_millis(500);

/// While nothing is read from the socket, the server's requests for a sign of life are not seen either: this often it
/// gets one unasked. Its `wal_sender_timeout` is 60 s unless somebody lowered it.
const UNASKED: Duration = Duration::from_secs(1);

/// A server that has been silent for so long is asked how far it is: while it reads log that holds nothing for us and
/// never catches up, it says nothing by itself.
const SILENCE: Duration = Duration::from_secs(1);

/// Unconfirmed log from which on offsets are stored without waiting: a segment, the least that a server frees.
const MUCH_LOG: u64 = 16 << 20;

/// Streams until told to finish, then to the end of the transaction under way.
pub async fn run(database: &mut Postgres, out: &mut Dispatcher, mut control: Control) -> Result<()> {
    let mut rounds = Rounds::new(database).await?;
    let mut stream = start(database).await?;
    let mut state = StreamState::new(database);
    state.progress(out)?;
    out.flush().await?;
    let mut asked = control.clone();
    let mut waiting = VecDeque::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    info!("Processing messages");
    loop {
        let held = rounds.hold_stream();
        tokio::select! {
            read = stream.next_batch(&mut waiting), if !held => {
                read.map_err(|error| explain("reading the replication stream", error))?;
                out.read_clock();
                state.heard = Instant::now();
            }
            changed = control.stored.changed() => state.stored(changed)?,
            opened = rounds.opened() => rounds.read(opened?, &mut state, out).await?,
            _ = ticks.tick() => {
                out.read_clock();
                if held {
                    (state.heard, state.status_due) = (Instant::now(), true);
                }
                state.check_silence()?;
                state.ask |= rounds.is_waiting();
                state.say_idle(out)?;
            }
            signal = out.next_signal() => {
                out.signal(&signal);
                state.progress(out)?;
            }
            () = std::future::ready(()), if state.chunks.is_window_over() => {}
            () = asked.finished(), if !state.in_transaction() => break,
        }
        take(&mut waiting, &mut rounds, &mut state, &mut stream, out, &mut control).await?;
        beside(&mut state, &rounds, &mut stream, out, &control).await?;
        state.look_at_streamed().await?;
        state.beat(out).await?;
        hand_over(&mut state, &mut stream, out, &mut control).await?;
        if *control.finish.borrow() && !state.in_transaction() {
            break;
        }
    }
    state.say_idle(out)?;
    hand_over(&mut state, &mut stream, out, &mut control).await?;
    stream.finish().await.map_err(|error| explain("ending the replication stream", error))
}

/// Takes what was read; a snapshot's rows come in between where they belong.
async fn take(
    waiting: &mut VecDeque<ReplicationMessage>,
    rounds: &mut Rounds,
    state: &mut StreamState<'_>,
    stream: &mut ReplicationStream,
    out: &mut Dispatcher,
    control: &mut Control,
) -> Result<()> {
    loop {
        while !state.in_transaction() && waiting.front().is_some_and(|message| rounds.are_due(message)) {
            rounds.go_on(state, stream, out, control).await?;
        }
        if rounds.hold_stream() {
            return Ok(());
        }
        let Some(message) = waiting.pop_front() else { return Ok(()) };
        state.take(message, out).await?;
        beside(state, rounds, stream, out, control).await?;
        while state.is_reading_back() {
            out.read_clock();
            state.read_back(out).await?;
            beside(state, rounds, stream, out, control).await?;
            state.beat(out).await?;
            hand_over(state, stream, out, control).await?;
        }
        if out.is_full() {
            hand_over(state, stream, out, control).await?;
        }
    }
}

/// Opens the stream at the position; a slot that another process still reads is waited for, as Debezium does.
async fn start(database: &mut Postgres) -> Result<ReplicationStream> {
    let config = database.config.clone();
    let options = plugin_options(&config, database.sql.server_version())?;
    let wanted = StartReplication { slot: config.slot.clone(), lsn: database.position.start(), options };
    let mut tries = 0;
    loop {
        let connection = match database.replication.take() {
            Some(connection) => connection,
            None => crate::session::open_replication(&config).await?,
        };
        match connection.start_replication(&wanted).await {
            Ok(stream) => return Ok(stream.gathering(config.gather)),
            Err(error) if error.sqlstate() == Some("55006") && tries < config.slot_retries => {
                tries += 1;
                warn!("{error}; retry {tries} of {} in {:?}", config.slot_retries, config.slot_retry_delay);
                tokio::time::sleep(config.slot_retry_delay).await;
            }
            Err(error) => {
                let doing = format!("Failed to start replication stream at {}", lsn_text(wanted.lsn));
                return Err(explain(&doing, error));
            }
        }
    }
}

/// What pgoutput is asked for. Logical messages and transactions in progress came with PostgreSQL 14.
fn plugin_options(config: &PostgresConfig, server_version: u32) -> Result<Vec<(String, String)>> {
    let since_14 = server_version >= 140_000;
    let streaming = config.streaming.is_some();
    if streaming && !since_14 {
        return Err(Error::configuration(format!(
            "rowtide.streaming.transactions needs PostgreSQL 14 or later, and the server is of version {}",
            server_version / 10_000
        ))
        .remedy("leave rowtide.streaming.transactions out: the server then keeps transactions until they commit"));
    }
    let mut options = vec![("proto_version", if streaming { "2" } else { "1" }), ("publication_names", &config.publication)];
    if since_14 {
        options.push(("messages", "true"));
    }
    if streaming {
        options.push(("streaming", "on"));
    }
    let mut options: Vec<_> = options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    options.extend(config.stream_params.iter().cloned());
    Ok(options)
}

fn undecodable(lsn: u64, error: decode::DecodeError) -> Error {
    Error::fatal(format!("pgoutput message at {}: {error}", lsn_text(lsn)))
}

/// Hands the batch over. While the pipeline makes us wait, the server still hears from us.
async fn hand_over(
    state: &mut StreamState<'_>,
    stream: &mut ReplicationStream,
    out: &mut Dispatcher,
    control: &mut Control,
) -> Result<()> {
    let begun = Instant::now();
    loop {
        state.report(stream, control).await?;
        tokio::select! {
            biased;
            done = out.flush() => {
                // nobody listened meanwhile
                state.heard += begun.elapsed();
                return done;
            }
            () = tokio::time::sleep(state.status_interval().min(UNASKED)) => state.status_due = true,
            changed = control.stored.changed() => state.stored(changed)?,
        }
    }
}

/// Does what snapshots by signals ask for at this place of the stream. However long a chunk takes, the server hears
/// from us. Whoever is told to finish leaves the rest to the next start.
async fn beside(
    state: &mut StreamState<'_>,
    rounds: &Rounds,
    stream: &mut ReplicationStream,
    out: &mut Dispatcher,
    control: &Control,
) -> Result<()> {
    if state.chunks.is_window_over() {
        state.chunks.end = None;
        out.incremental().end_window();
    }
    // there is one ledger: the initial snapshot's rows come first
    let blocking = rounds.are_over() && out.blocking().is_some();
    if !(blocking || out.incremental().has_steps()) || *control.finish.borrow() {
        return Ok(());
    }
    let mut asked = control.clone();
    let (received, confirmed, every) =
        (state.received.max(state.confirmed), state.confirmed, state.status_interval().min(UNASKED));
    let mut reader = Reader { database: state.database, chunks: &mut state.chunks, position: &state.position };
    let begun = Instant::now();
    let mut work = Box::pin(async {
        while blocking && let Some(asked) = out.blocking().cloned() {
            blocking::run(&mut reader, &asked, out).await?;
        }
        drive(&mut reader, out).await
    });
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            () = asked.finished() => break Ok(()),
            () = tokio::time::sleep(every) => {
                let sent = stream.send_status(received, confirmed, confirmed, false).await;
                sent.map_err(|error| explain("confirming to the server", error))?;
            }
        }
    };
    drop(work);
    // nobody listened meanwhile
    state.heard += begun.elapsed();
    done
}

/// A transaction under way.
struct Transaction {
    /// LSN of its commit record
    commit: u64,
    /// raw events so far
    events: u64,
    origin: Option<ReplicationOrigin>,
}

/// Everything that the stream knows between two messages.
struct StreamState<'a> {
    database: &'a mut Postgres,
    locator: Locator,
    /// of the last event; shared by heartbeats and progress
    position: Position,
    transaction: Option<Transaction>,
    relations: Relations,
    /// an event that may have been processed before, with its LSN, number and size: see [`Verdict::Hold`]
    held: Option<(u64, u64, Message, usize)>,
    /// transactions that are sent before they end, if that was asked for
    streamed: Option<Transactions>,
    /// the one of them that is read back after its commit
    replay: Option<Replay>,
    /// whether events name their transaction
    metadata: bool,
    /// commit record of the last transaction that began
    last_commit: u64,
    /// the furthest log position that the server spoke of
    received: u64,
    confirmed: u64,
    /// an offset was stored that `confirmed` does not know of
    stored_anew: bool,
    /// up to where the pipeline was told that the log holds nothing for us
    idle_said: Option<u64>,
    status_due: bool,
    /// the server is to say where it is
    ask: bool,
    last_status: Instant,
    /// when the server last sent something, but for the time in which nobody listened
    heard: Instant,
    xmin_read: Option<Instant>,
    query: Option<ActionQuery>,
    filtered: u64,
    /// for incremental snapshots
    chunks: Chunks,
    slab: Slab,
}

impl<'a> StreamState<'a> {
    fn new(database: &'a mut Postgres) -> Self {
        let mut position = database.position.clone();
        let start = position.start();
        position.processed.get_or_insert(start);
        let locator = Locator::new(database.resuming.then_some(&database.position));
        let query = database.config.heartbeat_query.clone().map(|sql| ActionQuery::new(sql, database.config.clone()));
        Self {
            locator,
            transaction: None,
            relations: Relations::new(),
            held: None,
            streamed: database.spill_limits().map(Transactions::new),
            replay: None,
            metadata: database.config.metadata,
            last_commit: position.mark.map_or(0, |mark| mark.transaction),
            received: start,
            confirmed: database.position.confirmable().filter(|_| database.resuming && database.config.confirms()).unwrap_or(0),
            stored_anew: true,
            idle_said: None,
            status_due: true,
            ask: false,
            last_status: Instant::now(),
            heard: Instant::now(),
            xmin_read: None,
            query,
            filtered: 0,
            chunks: Chunks::new(start),
            slab: Slab::default(),
            position,
            database,
        }
    }

    fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn status_interval(&self) -> Duration {
        self.database.config.status_interval.max(Duration::from_millis(100))
    }

    fn shared_position(&self) -> Arc<dyn ToOffset> {
        Arc::new(self.position.clone())
    }

    /// Makes the position known although no record says it.
    fn progress(&mut self, out: &mut Dispatcher) -> Result<()> {
        self.idle_said = self.position.idle;
        out.dispatch(Change::Progress { position: self.shared_position() }, 0)
    }

    async fn take(&mut self, message: ReplicationMessage, out: &mut Dispatcher) -> Result<()> {
        match message {
            ReplicationMessage::Keepalive { wal_end, reply_requested, .. } => {
                self.status_due |= reply_requested;
                self.idle(wal_end);
                // a server that shuts down waits until it has seen all that it sent confirmed
                if reply_requested { self.say_idle(out) } else { Ok(()) }
            }
            ReplicationMessage::Data { wal_start, data, .. } => {
                self.received = self.received.max(wal_start);
                self.event(wal_start, data, out).await
            }
        }
    }

    /// Log up to `wal_end` held nothing for us: once all that was sent is durable, the slot may move on to there. While others write, a
    /// server says so after each of their transactions, to every slot; the pipeline is told at the next tick.
    fn idle(&mut self, wal_end: u64) {
        self.received = self.received.max(wal_end);
        if self.in_transaction() {
            return;
        }
        self.chunks.reached = self.chunks.reached.max(wal_end);
        let known = self.position.confirmable().unwrap_or(0).max(self.position.start());
        if !self.database.config.confirms() || wal_end <= known {
            return;
        }
        self.position.idle = Some(wal_end);
        if self.database.config.mismatch.is_some_and(|strategy| strategy != crate::config::MismatchStrategy::NoValidation) {
            // these strategies compare Debezium's own keys with the slot: they have to move with it
            self.position = Position { lsn: wal_end, processed: Some(wal_end), commit: Some(wal_end), ..self.position.clone() };
        }
    }

    /// Tells how far the log held nothing for us, if that was not told yet.
    fn say_idle(&mut self, out: &mut Dispatcher) -> Result<()> {
        // a commit, which says more, leaves none
        let unsaid = self.position.idle.is_some() && self.position.idle != self.idle_said;
        if unsaid && !self.in_transaction() { self.progress(out) } else { Ok(()) }
    }

    /// An offset was stored, unless the task is gone.
    fn stored(&mut self, changed: std::result::Result<(), watch::error::RecvError>) -> Result<()> {
        self.stored_anew = true;
        changed.map_err(|_| Error::transient("the task was stopped"))
    }

    async fn event(&mut self, wal_start: u64, data: Bytes, out: &mut Dispatcher) -> Result<()> {
        if let Some(streamed) = &mut self.streamed
            && streamed.in_block()
        {
            return streamed.take(wal_start, data).await;
        }
        let message = decode::pgoutput(&data).map_err(|error| undecodable(wal_start, error))?;
        match (message, &mut self.streamed) {
            (Message::StreamStart(start), Some(streamed)) => streamed.start(wal_start, start),
            (Message::StreamAbort(abort), Some(streamed)) => {
                streamed.abort(abort);
                Ok(())
            }
            (Message::StreamCommit(commit), Some(_)) => self.stream_commit(wal_start, &commit, out).await,
            (message, streamed) => {
                if let (Message::Relation(relation), Some(streamed)) = (&message, streamed) {
                    streamed.described(relation.id);
                }
                self.message(wal_start, message, data.len(), out).await
            }
        }
    }

    /// A message of a transaction that is sent whole, or read back.
    async fn message(&mut self, wal_start: u64, message: Message, size: usize, out: &mut Dispatcher) -> Result<()> {
        match message {
            Message::Begin(begin) => self.begin(wal_start, &begin, out),
            Message::Commit(_) => self.commit(wal_start, out),
            Message::Origin(origin) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.origin = Some(ReplicationOrigin { name: origin.name, lsn: origin.lsn });
                }
                Ok(())
            }
            Message::Relation(relation) => {
                let captured = self.relation(&relation).await?;
                if let Some(captured) = &captured {
                    out.incremental().described(&captured.schema);
                }
                self.relations.describe(relation.id, captured);
                Ok(())
            }
            Message::Type(_) => Ok(()),
            Message::Truncate(_) if !self.database.config.truncates => Ok(()),
            Message::Logical(logical) if !logical.transactional => self.plain_message(wal_start, &logical, out, size),
            Message::Insert(_) | Message::Update(_) | Message::Delete(_) | Message::Truncate(_) | Message::Logical(_) => {
                self.counted(wal_start, message, out, size)
            }
            other => Err(Error::fatal(format!("unexpected pgoutput message {}", other.name()))
                .remedy("remove options of the streaming protocol from 'slot.stream.params'")),
        }
    }

    /// Heartbeat, if one is due, with the user's statement after it; xmin, if it is due.
    async fn beat(&mut self, out: &mut Dispatcher) -> Result<()> {
        self.refresh_xmin().await?;
        let due = out.heartbeat(|| self.shared_position());
        match &mut self.query {
            Some(query) => query.beat(due).await,
            None => Ok(()),
        }
    }

    /// Forgets streamed transactions that every session sees by now, from time to time.
    async fn look_at_streamed(&mut self) -> Result<()> {
        if self.chunks.streamed.wants_look() {
            let database = &mut *self.database;
            self.chunks.look(&mut database.sql).await?;
        }
        Ok(())
    }

    async fn refresh_xmin(&mut self) -> Result<()> {
        let every = self.database.config.xmin_interval;
        if every.is_zero() || self.xmin_read.is_some_and(|read| read.elapsed() < every) {
            return Ok(());
        }
        self.position.xmin = crate::slot::xmin(&mut self.database.sql, &self.database.config).await?;
        self.xmin_read = Some(Instant::now());
        Ok(())
    }

    /// A connection whose other end is gone without a word looks like an idle one: the server answers when it is asked
    /// to, so that its silence tells them apart (as `wal_receiver_timeout` does between servers).
    fn check_silence(&mut self) -> Result<()> {
        let Some(limit) = self.database.config.silence else { return Ok(()) };
        let silent = self.heard.elapsed();
        if silent >= limit {
            return Err(Error::transient(format!(
                "The server has sent nothing on the replication stream for {} ms, although it was asked for a sign of life: the connection is dead",
                silent.as_millis()
            ))
            .remedy("look for a firewall, proxy or load balancer that drops connections; rowtide.stream.silence.timeout.ms sets the limit"));
        }
        Ok(())
    }

    /// Whether the server should answer the next status.
    fn wants_sign_of_life(&self) -> bool {
        let patience = self.database.config.silence.map_or(SILENCE, |limit| SILENCE.min(limit / 2));
        self.heard.elapsed().min(self.last_status.elapsed()) >= patience
    }

    /// Whether the server keeps much log that it could free, were a newer offset stored.
    fn holds_log(&self) -> bool {
        let confirmed = self.confirmed.max(self.database.position.start());
        self.database.config.confirms() && self.received.saturating_sub(confirmed) > MUCH_LOG
    }

    /// Tells the server what is durable, when that has changed, when it asked, and from time to time.
    async fn report(&mut self, stream: &mut ReplicationStream, control: &mut Control) -> Result<()> {
        if std::mem::take(&mut self.stored_anew) {
            let stored = control.stored.borrow_and_update().as_ref().and_then(Position::read);
            let durable = stored.and_then(|stored| stored.confirmable()).unwrap_or(0);
            if self.database.config.confirms() && durable > self.confirmed {
                self.confirmed = durable;
                self.status_due = true;
            }
        }
        control.holds_log.store(self.holds_log(), Ordering::Relaxed);
        self.ask |= self.wants_sign_of_life();
        if !self.status_due && !self.ask && self.last_status.elapsed() < self.status_interval() {
            return Ok(());
        }
        let ask = std::mem::take(&mut self.ask);
        (self.status_due, self.last_status) = (false, Instant::now());
        let (received, confirmed) = (self.received.max(self.confirmed), self.confirmed);
        stream.send_status(received, confirmed, confirmed, ask).await.map_err(|error| explain("confirming to the server", error))
    }
}
