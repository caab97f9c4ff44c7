//! Transactions that were received while they ran read back as if they had been sent whole: against recordings of both, and
//! against a model.

use proptest::prelude::*;

use super::*;
use crate::decode::Decoder;

fn transactions(memory: usize) -> (Transactions, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Transactions::new(Limits { memory, disk: u64::MAX, directory: directory.path().to_owned() }), directory)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The messages of both streams of a recording.
fn recording(name: &str) -> [Vec<Bytes>; 2] {
    let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut streams: Vec<Vec<Bytes>> = Vec::new();
    for line in text.lines() {
        let byte = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        match line.starts_with('#') {
            true => streams.push(Vec::new()),
            false => streams.last_mut().unwrap().push((0..line.len()).step_by(2).map(byte).collect()),
        }
    }
    streams.try_into().unwrap()
}

/// As it would be outside of a block.
fn outside(mut message: Message) -> Message {
    match &mut message {
        Message::Insert(message) => message.xid = None,
        Message::Update(message) => message.xid = None,
        Message::Delete(message) => message.xid = None,
        Message::Truncate(message) => message.xid = None,
        Message::Logical(message) => message.xid = None,
        Message::Relation(message) => message.xid = None,
        Message::Type(message) => message.xid = None,
        _ => {}
    }
    message
}

/// What the stream makes of the messages, streamed transactions read back.
async fn read(messages: Vec<Bytes>) -> Vec<Message> {
    let (mut transactions, _directory) = transactions(1000);
    let mut out = Vec::new();
    for (lsn, data) in (1..).zip(messages) {
        if transactions.in_block() {
            transactions.take(lsn, data).await.unwrap();
            continue;
        }
        match Decoder::new().decode(&data).unwrap() {
            Message::StreamStart(start) => transactions.start(lsn, start).unwrap(),
            Message::StreamAbort(abort) => transactions.abort(abort),
            Message::StreamCommit(StreamCommit { xid, commit_lsn, end_lsn, timestamp_micros }) => {
                let (_, mut replay) = transactions.commit(lsn, xid).await.unwrap();
                out.push(Message::Begin(Begin { final_lsn: commit_lsn, timestamp_micros, xid }));
                while let Some((_, data)) = replay.next().await.unwrap() {
                    out.push(outside(decode::streamed(&data).unwrap()));
                }
                out.push(Message::Commit(decode::Commit { commit_lsn, end_lsn, timestamp_micros }));
            }
            message => out.push(message),
        }
    }
    assert!(transactions.open.is_empty(), "each has ended");
    out
}

/// Without descriptions, which come more often where transactions are streamed; each change must have had one.
fn changes(messages: Vec<Message>) -> Vec<Message> {
    let mut described = HashSet::new();
    let described_before = |message: &Message| {
        match message {
            Message::Relation(relation) => drop(described.insert(relation.id)),
            Message::Insert(insert) => assert!(described.contains(&insert.relation)),
            Message::Truncate(truncate) => assert!(truncate.relations.iter().all(|id| described.contains(id))),
            _ => {}
        }
        !matches!(message, Message::Relation(_) | Message::Type(_))
    };
    messages.into_iter().filter(described_before).collect()
}

#[test]
fn what_was_received_in_progress_reads_back_as_if_sent_whole() {
    for name in ["pg15-in-progress", "pg18-in-progress"] {
        let [whole, streamed] = recording(name);
        let starts = streamed.iter().filter(|message| message.starts_with(b"S")).count();
        assert!(starts > 4, "{name}: {starts} blocks");
        let (whole, streamed) = block_on(async { (read(whole).await, read(streamed).await) });
        let (whole, streamed) = (changes(whole), changes(streamed));
        assert!(whole.len() > 800, "{name}: {} messages", whole.len());
        for (number, (streamed, whole)) in streamed.iter().zip(&whole).enumerate() {
            assert_eq!(streamed, whole, "{name}: message {number}");
        }
        assert_eq!(streamed.len(), whole.len());
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// changes of a transaction, each of a part of it
    Block(u32, Vec<u32>),
    Abort(u32, u32),
    Commit(u32),
}

/// Three transactions, and three parts of each: the transaction itself and two subtransactions.
fn step() -> impl Strategy<Value = Step> {
    let xid = || (1..4u32).prop_map(|number| number * 10);
    prop_oneof![
        6 => (xid(), prop::collection::vec(0..3u32, 0..20)).prop_map(|(xid, parts)| Step::Block(xid, parts)),
        2 => (xid(), 0..3u32).prop_map(|(xid, part)| Step::Abort(xid, part)),
        1 => xid().prop_map(Step::Commit),
    ]
}

proptest! {
    #[test]
    fn what_was_rolled_back_is_dropped_and_the_rest_keeps_its_order(memory in 0..500usize, steps in prop::collection::vec(step(), 0..60)) {
        block_on(async {
            let (mut transactions, _directory) = transactions(memory);
            let mut model: HashMap<u32, Vec<(u64, u32)>> = HashMap::new();
            let (mut lsn, mut dropped) = (0, HashSet::new());
            for step in steps {
                match step {
                    Step::Block(xid, parts) => {
                        let first_segment = !model.contains_key(&xid);
                        if first_segment {
                            dropped.retain(|(have, _)| *have != xid);
                        }
                        transactions.start(lsn, StreamStart { xid, first_segment }).unwrap();
                        let kept = model.entry(xid).or_default();
                        // nothing more comes of a part that was rolled back
                        for part in parts.into_iter().filter(|part| !dropped.contains(&(xid, *part))) {
                            lsn += 1;
                            kept.push((lsn, part));
                            let message = [&b"I"[..], &(xid + part).to_be_bytes(), b"row"].concat();
                            transactions.take(lsn, message.into()).await.unwrap();
                        }
                        transactions.take(lsn, Bytes::from_static(b"E")).await.unwrap();
                        prop_assert!(!transactions.in_block());
                    }
                    Step::Abort(xid, part) => {
                        transactions.abort(StreamAbort { xid, subtransaction: xid + part, lsn: None, timestamp_micros: None });
                        if part == 0 {
                            model.remove(&xid);
                        } else if let Some(kept) = model.get_mut(&xid) {
                            kept.retain(|(_, have)| *have != part);
                            dropped.insert((xid, part));
                        }
                    }
                    Step::Commit(xid) => {
                        let Some(kept) = model.remove(&xid) else {
                            prop_assert!(transactions.commit(lsn, xid).await.is_err());
                            continue;
                        };
                        let (_, mut replay) = transactions.commit(lsn, xid).await.unwrap();
                        let first = replay.first_change().await.unwrap();
                        prop_assert_eq!(first, kept.first().map(|(lsn, _)| *lsn));
                        let mut read = Vec::new();
                        while let Some((lsn, _)) = replay.next().await.unwrap() {
                            read.push(lsn);
                        }
                        prop_assert_eq!(read, kept.iter().map(|(lsn, _)| *lsn).collect::<Vec<_>>());
                    }
                }
            }
            Ok(())
        })?;
    }
}
