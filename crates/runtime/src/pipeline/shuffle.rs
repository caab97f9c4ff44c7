//! For crash tests: a sink whose acknowledgements come out of order (`ROWTIDE_SHUFFLE_ACKS`).
//!
//! Each is held back for a while that follows from the seed and its sequence number. Without the variable the sink itself is used.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use async_trait::async_trait;
use rowtide_api::{Ack, EncodedRecord, Result, Sink, failpoint};

/// A turn ends after this even if no acknowledgement comes.
const TURN: Duration = Duration::from_millis(3);
/// Turns that an acknowledgement is held back at most.
const MOST_TURNS: u64 = 5;

struct Shuffled {
    sink: Box<dyn Sink>,
    seed: u64,
    /// turns to go, and what is held back
    held: Vec<(u64, Ack)>,
    arrived: Vec<Ack>,
}

/// The sink, or one that shuffles its acknowledgements if the environment asks for it.
pub(super) fn if_asked(sink: Box<dyn Sink>) -> Box<dyn Sink> {
    match failpoint::shuffle_seed() {
        Some(seed) => Box::new(Shuffled { sink, seed, held: Vec::new(), arrived: Vec::new() }),
        None => sink,
    }
}

impl Shuffled {
    fn chance(&self, sequence: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, sequence).hash(&mut hasher);
        hasher.finish()
    }

    /// Ends a turn: what has been held back long enough comes out, in the order of chance.
    fn turn(&mut self, out: &mut Vec<Ack>) {
        let arrived = std::mem::take(&mut self.arrived);
        self.held.extend(arrived.into_iter().map(|ack| (self.chance(ack.sequence) % MOST_TURNS, ack)).collect::<Vec<_>>());
        let mut due: Vec<Ack> = self.held.extract_if(.., |(turns, _)| *turns == 0).map(|(_, ack)| ack).collect();
        due.sort_by_key(|ack| self.chance(ack.sequence));
        out.append(&mut due);
        self.held.iter_mut().for_each(|(turns, _)| *turns -= 1);
    }
}

#[async_trait]
impl Sink for Shuffled {
    async fn write(&mut self, batch: Vec<EncodedRecord>) -> Result<()> {
        self.sink.write(batch).await
    }

    async fn acks(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        while out.is_empty() {
            if let Ok(taken) = tokio::time::timeout(TURN, self.sink.acks(&mut self.arrived)).await {
                taken?;
            }
            self.turn(out);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.sink.flush().await
    }

    async fn commit(&mut self, more: Vec<EncodedRecord>) -> Result<()> {
        self.sink.commit(more).await
    }

    async fn abort(&mut self, out: &mut Vec<Ack>) -> Result<()> {
        out.extend(self.held.drain(..).map(|(_, ack)| ack).chain(self.arrived.drain(..)));
        self.sink.abort(out).await
    }

    async fn close(&mut self) -> Result<()> {
        self.sink.close().await
    }
}
