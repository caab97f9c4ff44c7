//! Reads chunks on the sessions of a view, beside the task that hands the rows on.
//!
//! Between the two is a channel of as many pieces as there are sessions; a piece is what one read of a socket brought,
//! so that memory is bounded by `snapshot.max.threads`. Which place a row has belongs to `emission`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rowtide_api::{Error, Result};
use rowtide_cdc::Row;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;

use super::late;
use super::plan::TablePlan;
use crate::client::Connection;
use crate::decode::Part;
use crate::errors::explain;
use crate::slab::Slab;

/// Rows of a chunk.
#[derive(Debug)]
pub struct Piece {
    /// number of the table in the plan
    pub table: usize,
    /// number of the chunk
    pub chunk: usize,
    /// rows with their sizes as they were read
    pub rows: Vec<(Row, usize)>,
    /// whether that was the chunk's end
    pub end: bool,
}

/// Chunks that are being read.
pub struct Round {
    pieces: mpsc::Receiver<Result<Piece>>,
    workers: JoinSet<Connection>,
    jobs: Arc<Jobs>,
}

/// Chunks that nobody reads yet.
struct Jobs {
    tables: Arc<[TablePlan]>,
    queue: Mutex<Queue>,
}

struct Queue {
    waiting: VecDeque<(usize, usize)>,
    /// no chunk is begun after this
    deadline: Option<Instant>,
}

impl Round {
    /// Starts to read all that is not done.
    pub fn start(sessions: Vec<Connection>, tables: Arc<[TablePlan]>) -> Self {
        let unread = |(number, plan): (usize, &TablePlan)| {
            let done = plan.done.clone();
            (0..plan.split.chunks()).filter(move |chunk| !done.contains(chunk)).map(move |chunk| (number, chunk))
        };
        let waiting = tables.iter().enumerate().flat_map(unread).collect();
        let jobs = Arc::new(Jobs { tables, queue: Mutex::new(Queue { waiting, deadline: None }) });
        let (sender, pieces) = mpsc::channel(sessions.len().max(1));
        let mut workers = JoinSet::new();
        for session in sessions {
            workers.spawn(work(session, jobs.clone(), sender.clone()));
        }
        Self { pieces, workers, jobs }
    }

    /// The next rows. None: that was all, or the time is over. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        self.pieces.recv().await.transpose()
    }

    /// Whether rows would have to be waited for.
    pub fn is_idle(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Begins no more chunks after this.
    pub fn end_at(&self, deadline: Instant) {
        self.jobs.queue.lock().unwrap_or_else(PoisonError::into_inner).deadline = Some(deadline);
    }

    /// Ends the transactions.
    pub async fn finish(mut self) -> Result<()> {
        while let Some(ended) = self.workers.join_next().await {
            let mut session = ended.map_err(|panic| Error::fatal("reading a table ended abnormally").caused_by(panic))?;
            session.execute("ROLLBACK").await.map_err(|error| explain("executing ROLLBACK", error))?;
        }
        Ok(())
    }
}

impl Jobs {
    /// The next chunk. A table whose chunks mean nothing in another round is read to its end.
    fn next(&self) -> Option<(usize, usize)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (table, chunk) = *queue.waiting.front()?;
        let must = self.tables[table].identity.is_none() && chunk > 0;
        if !must && queue.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        queue.waiting.pop_front()
    }
}

/// Reads chunk after chunk; answers its session, whose transaction keeps what was read as it is.
async fn work(mut session: Connection, jobs: Arc<Jobs>, pieces: mpsc::Sender<Result<Piece>>) -> Connection {
    while let Some((table, chunk)) = jobs.next() {
        if let Err(error) = read(&mut session, &jobs.tables[table], table, chunk, &pieces).await {
            // nobody listens: the round was given up
            let _ = pieces.send(Err(error)).await;
            break;
        }
    }
    session
}

async fn read(
    session: &mut Connection,
    plan: &TablePlan,
    table: usize,
    chunk: usize,
    pieces: &mpsc::Sender<Result<Piece>>,
) -> Result<()> {
    let doing = format!("reading table {}", plan.schema.id);
    let sql = plan.copy(chunk);
    debug!("{sql}");
    let given_up = || Error::transient("the snapshot was given up");
    let mut copy = session.copy_out(&sql).await.map_err(|error| late::unreadable(&plan.schema.id, error))?;
    let (mut slab, mut empty) = (Slab::default(), true);
    while let Some(lines) = copy.next_rows().await.map_err(|error| explain(&doing, error))? {
        empty = false;
        let row = |line: Part<'_>| Ok((plan.row(line, &mut slab)?, line.len()));
        let rows = lines.rows().map(row).collect::<Result<_>>()?;
        pieces.send(Ok(Piece { table, chunk, rows, end: false })).await.map_err(|_| given_up())?;
    }
    // a row tells that the file it came from was not rewritten
    if empty || !plan.one_file {
        late::check(session, &plan.schema.id).await?;
    }
    pieces.send(Ok(Piece { table, chunk, rows: Vec::new(), end: true })).await.map_err(|_| given_up())
}
