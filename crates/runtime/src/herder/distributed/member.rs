//! The worker's membership of its group: carries out what the machine wants of it, and tells it what the group says.
//!
//! What a generation means, and what to do about it, is the machine's.

use std::time::Duration;

use bytes::Bytes;
use rowtide_kafka::{Group, KafkaError, Standing};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::machine::{Event, Joined};

/// How long a worker that leaves waits until the coordinator knows.
const LEAVE: Duration = Duration::from_secs(5);

/// What the member is to do; it takes the place of what it was doing.
#[derive(Debug)]
pub enum Command {
    /// join, or join again
    Join(Vec<(&'static str, Vec<u8>)>),
    /// hand assignments out, if it leads, and fetch its own
    Sync(Vec<(String, Vec<u8>)>),
    /// leave
    Leave,
}

enum Doing {
    Nothing,
    Join(Vec<(String, Bytes)>),
    Sync(Vec<(String, Bytes)>),
    /// heartbeats, so that the group knows that it is there
    Stay,
}

/// Runs until nobody commands any more. An error that waiting does not cure ends it.
pub async fn run(
    mut group: Group,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<Event>,
) -> Result<(), KafkaError> {
    let mut doing = Doing::Nothing;
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let bytes = |(name, bytes): (String, Vec<u8>)| (name, Bytes::from(bytes));
                doing = match command {
                    None => return Ok(()),
                    Some(Command::Join(offer)) => {
                        Doing::Join(offer.into_iter().map(|(name, metadata)| bytes((name.to_owned(), metadata))).collect())
                    }
                    Some(Command::Sync(assignments)) => Doing::Sync(assignments.into_iter().map(bytes).collect()),
                    Some(Command::Leave) => {
                        // a coordinator that is away finds out by itself
                        let _ = timeout(LEAVE, group.leave("the worker leaves the group")).await;
                        Doing::Nothing
                    }
                };
            }
            said = step(&mut group, &doing) => {
                let (event, next) = said?;
                if let Some(next) = next {
                    doing = next;
                }
                if events.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// What the group says, and what to do until the next command if it is something else.
async fn step(group: &mut Group, doing: &Doing) -> Result<(Event, Option<Doing>), KafkaError> {
    let standing = match doing {
        Doing::Nothing => std::future::pending().await,
        Doing::Join(protocols) => match group.join(protocols).await? {
            Standing::Good(joined) => return Ok((Event::Joined(told(joined)), Some(Doing::Nothing))),
            // goes on joining
            _ => return Ok((coordinator_lost(), None)),
        },
        Doing::Sync(assignments) => {
            let generation = group.joined().map_or(-1, |joined| joined.generation);
            match group.sync(assignments.clone()).await? {
                Standing::Good(bytes) => return Ok((Event::Synced(generation, bytes.to_vec()), Some(Doing::Stay))),
                Standing::Rejoin => Standing::Rejoin,
                Standing::Lost => Standing::Lost,
                Standing::Silent => Standing::Silent,
            }
        }
        Doing::Stay => loop {
            let standing = group.heartbeat().await?;
            if standing != Standing::Good(()) {
                break standing;
            }
        },
    };
    Ok(match standing {
        // until the machine lets it join again, which may take until tasks have stopped, it says that it is there
        Standing::Good(()) | Standing::Rejoin => (Event::Rebalancing, Some(Doing::Stay)),
        Standing::Lost => {
            let silent = i64::try_from(group.silent_for().as_millis()).unwrap_or(i64::MAX);
            tracing::warn!(
                "the group's coordinator has put this worker out, which it last answered {silent} ms ago; it joins again"
            );
            (Event::Fenced(silent), Some(Doing::Nothing))
        }
        Standing::Silent => (coordinator_lost(), Some(Doing::Nothing)),
    })
}

fn coordinator_lost() -> Event {
    tracing::warn!(
        "the group's coordinator has not answered for as long as a session lasts: nothing runs here until it does; check the brokers"
    );
    Event::CoordinatorLost
}

fn told(joined: rowtide_kafka::Joined) -> Joined {
    let members = joined.members.into_iter();
    Joined {
        generation: joined.generation,
        member: joined.member,
        leader: joined.leader,
        protocol: joined.protocol,
        members: members.map(|member| (member.id, member.metadata.to_vec())).collect(),
    }
}
