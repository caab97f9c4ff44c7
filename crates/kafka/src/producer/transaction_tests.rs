//! The state of transactions, without a broker.

use super::super::accumulator::tests::{accumulator, record};
use super::super::accumulator::{Append, Outgoing};
use super::super::batch::Body;
use super::super::outcome::Answer;
use super::*;
use bytes::Bytes;

const PACE: RetryPace = RetryPace { base: Duration::from_millis(100), most: Duration::from_millis(100) };

/// A producer of the transactional id `t` that may send.
fn producer() -> Accumulator {
    let mut producer = accumulator(&[("transactional.id", "t"), ("linger.ms", "0")]);
    producer.initialized((7, 3));
    producer
}

fn take(producer: &mut Accumulator, token: u64) {
    assert!(matches!(producer.append(&record(token), Instant::now(), 0), Append::Done(_)));
}

fn added() -> AddAnswer {
    AddAnswer::Codes(vec![("changes".into(), 0, 0)])
}

/// Adds the only partition with this answer; says how long to wait before the next try.
fn add(producer: &mut Accumulator, answer: AddAnswer) -> Option<Duration> {
    assert_eq!(producer.turn(1, Instant::now()), Turn::Add(vec![0]));
    let addition = producer.begin_add(&[0]).unwrap();
    assert_eq!((addition.producer, addition.partitions), ((7, 3), vec![("changes".into(), 0)]));
    assert!(!producer.is_settled());
    let (failed, wait) = producer.finish_add(&[0], answer, PACE);
    assert!(failed.is_empty());
    wait
}

fn send(producer: &mut Accumulator) -> Outgoing {
    assert_eq!(producer.turn(1, Instant::now()), Turn::Send);
    let mut sent = producer.drain(1, Instant::now()).pop().unwrap();
    sent.batch.body = Body::Sealed(Bytes::new());
    sent
}

fn settle(producer: &mut Accumulator, sent: Outgoing, code: i16) -> Option<Delivery> {
    producer.targets.get_mut(&1).unwrap().in_flight -= 1;
    let answer = if code == 0 { Answer::Stored(0) } else { Answer::Refused { code, detail: None } };
    producer.settle(sent, answer, PACE, Instant::now())
}

fn broker_error(code: i16) -> KafkaError {
    KafkaError::broker(code, "a test", None)
}

#[test]
fn a_partition_is_added_once_in_each_transaction_before_its_first_batch() {
    let mut producer = producer();
    for transaction in 0..3 {
        take(&mut producer, 1);
        assert!(producer.drain(1, Instant::now()).is_empty(), "not before it is added");
        assert_eq!(add(&mut producer, added()), None);
        let sent = send(&mut producer);
        let state = sent.batch.state.unwrap();
        assert_eq!((state.id, state.epoch, state.base_sequence, state.transactional), (7, 3, 2 * transaction, true));
        settle(&mut producer, sent, 0).unwrap().result.unwrap();
        take(&mut producer, 2);
        let sent = send(&mut producer);
        assert!(settle(&mut producer, sent, 0).is_some());
        assert!(producer.begin_end(true).unwrap().is_empty());
        assert!(producer.is_settled());
        assert_eq!(producer.ask_to_end(true).unwrap(), Some((7, 3)));
        producer.ended(true);
    }
    assert!(producer.begin_end(true).is_ok() && producer.ask_to_end(true).unwrap().is_none(), "nothing was sent");
}

#[test]
fn the_first_partition_waits_for_the_transaction_before_but_shortly() {
    let mut producer = producer();
    take(&mut producer, 1);
    let busy = || AddAnswer::Later(broker_error(codes::CONCURRENT_TRANSACTIONS));
    let waits: Vec<Duration> = (0..8).map(|_| add(&mut producer, busy()).unwrap()).collect();
    // a fifth more or less, at random
    let longest = FIRST_ADD_BACKOFF_MAX.mul_f64(1.2);
    assert!(waits[0] <= FIRST_ADD_BACKOFF.mul_f64(1.2) && waits[0] < waits[7] && waits[7] <= longest, "{waits:?}");
    let loading = AddAnswer::Later(broker_error(codes::COORDINATOR_LOAD_IN_PROGRESS));
    assert!(add(&mut producer, loading).unwrap() > longest);
    let unknown = AddAnswer::Codes(vec![("changes".into(), 0, codes::UNKNOWN_TOPIC_OR_PARTITION)]);
    assert!(add(&mut producer, unknown).unwrap() > longest);
    assert!(add(&mut producer, AddAnswer::Codes(Vec::new())).is_some(), "an answer that leaves it out");
    assert_eq!(add(&mut producer, added()), None);
    send(&mut producer);
}

#[test]
fn a_topic_that_may_not_be_written_fails_the_transaction() {
    let mut producer = producer();
    take(&mut producer, 1);
    let addition = producer.begin_add(&[0]);
    assert!(addition.is_some());
    let answer = AddAnswer::Codes(vec![("changes".into(), 0, codes::TOPIC_AUTHORIZATION_FAILED)]);
    let (failed, wait) = producer.finish_add(&[0], answer, PACE);
    let error = failed[0].result.as_ref().unwrap_err().to_string();
    assert!(error.contains("TOPIC_AUTHORIZATION_FAILED") && wait.is_none(), "{error}");
    assert!(producer.begin_end(true).unwrap_err().to_string().contains("TOPIC_AUTHORIZATION_FAILED"));
    // none of its batches was sent, so that an abort makes it good again
    assert!(producer.begin_end(false).unwrap().is_empty());
    assert_eq!(producer.ask_to_end(false).unwrap(), Some((7, 3)), "the coordinator may have added others");
    assert!(producer.may_be_unknown());
    producer.ended(false);
    assert!(producer.fatal.is_none());
}

#[test]
fn a_newer_producer_is_told_from_all_other_errors() {
    for code in [codes::INVALID_PRODUCER_EPOCH, codes::PRODUCER_FENCED] {
        let mut producer = producer();
        take(&mut producer, 1);
        add(&mut producer, added());
        let first = send(&mut producer);
        settle(&mut producer, first, 0);
        take(&mut producer, 2);
        let one = send(&mut producer);
        take(&mut producer, 3);
        let two = send(&mut producer);
        take(&mut producer, 4);
        let fenced = |delivery: Delivery| {
            let error = delivery.result.unwrap_err();
            assert!(matches!(&error, ProduceError::Client(KafkaError::Fenced { .. })), "{error}");
        };
        fenced(settle(&mut producer, one, code).unwrap());
        let waiting = producer.sweep();
        assert_eq!(waiting.len(), 1);
        waiting.into_iter().for_each(fenced);
        fenced(settle(&mut producer, two, codes::OUT_OF_ORDER_SEQUENCE_NUMBER).unwrap());
        assert!(matches!(producer.begin_end(true), Err(KafkaError::Fenced { .. })));
        assert!(matches!(producer.begin_end(false), Err(KafkaError::Fenced { .. })));
    }
    let mut idempotent = accumulator(&[]);
    assert!(idempotent.fenced_by(codes::INVALID_PRODUCER_EPOCH).is_none(), "there is nobody to take its place");
}

#[test]
fn what_would_raise_an_epoch_fails_the_transaction() {
    for code in [codes::OUT_OF_ORDER_SEQUENCE_NUMBER, codes::UNKNOWN_PRODUCER_ID, codes::INVALID_TXN_STATE] {
        let mut producer = producer();
        take(&mut producer, 1);
        add(&mut producer, added());
        let sent = send(&mut producer);
        let delivery = settle(&mut producer, sent, code).unwrap();
        assert!(matches!(delivery.result, Err(ProduceError::Broker { code: it, .. }) if it == code));
        assert!(!producer.partitions[0].bump);
        let error = producer.begin_end(true).unwrap_err();
        assert!(error.to_string().contains(&code_name(code)) && !error.is_retriable(), "{error}");
        producer.begin_end(false).unwrap();
        assert_eq!(producer.ask_to_end(false).unwrap(), Some((7, 3)));
        assert!(producer.has_lost_numbers(), "the broker waits for its numbers");
        producer.renewed((7, 4));
        producer.ended(false);
        assert!(producer.fatal.is_none() && !producer.has_lost_numbers());
        take(&mut producer, 2);
        assert_eq!(producer.turn(1, Instant::now()), Turn::Add(vec![0]));
        assert_eq!(producer.begin_add(&[0]).unwrap().producer, (7, 4));
        producer.finish_add(&[0], added(), PACE);
        let state = send(&mut producer).batch.state.unwrap();
        assert_eq!((state.epoch, state.base_sequence), (4, 0));
    }
}

#[test]
fn an_abort_fails_what_was_not_sent_and_waits_for_the_rest() {
    let mut producer = producer();
    take(&mut producer, 1);
    add(&mut producer, added());
    let sent = send(&mut producer);
    take(&mut producer, 2);
    let aborted = producer.begin_end(false).unwrap();
    assert_eq!(aborted[0].tokens, [2]);
    assert!(!producer.is_settled());
    // sent again: the broker waits for its number
    assert!(settle(&mut producer, sent, codes::NOT_LEADER_OR_FOLLOWER).is_none());
    producer.partitions[0].queue[0].retry_at = None;
    assert!(!producer.is_settled());
    let sent = send(&mut producer);
    settle(&mut producer, sent, 0);
    assert!(producer.is_settled() && producer.ask_to_end(false).unwrap().is_some());
    assert!(!producer.may_be_unknown());
    producer.ended(false);
    take(&mut producer, 3);
    add(&mut producer, added());
    assert_eq!(send(&mut producer).batch.state.unwrap().base_sequence, 1);
}

#[test]
fn records_that_come_during_an_end_wait_for_the_next_transaction() {
    let mut producer = producer();
    take(&mut producer, 1);
    add(&mut producer, added());
    producer.begin_end(true).unwrap();
    take(&mut producer, 2);
    let sent = send(&mut producer);
    assert_eq!(sent.batch.tokens, [1], "a batch of its own");
    settle(&mut producer, sent, 0);
    let idle = Turn::Wait(None);
    assert_eq!(producer.turn(1, Instant::now()), idle);
    assert!(producer.is_settled() && producer.ask_to_end(true).unwrap().is_some());
    // the caller stops waiting: only the same end may be asked for again
    producer.lift_barrier();
    assert_eq!(producer.turn(1, Instant::now()), idle);
    assert!(producer.begin_add(&[0]).is_none());
    assert!(producer.begin_end(false).unwrap_err().to_string().contains("commit is under way"));
    producer.begin_end(true).unwrap();
    assert_eq!(producer.ask_to_end(true).unwrap(), Some((7, 3)));
    producer.ended(true);
    add(&mut producer, added());
    assert_eq!(send(&mut producer).batch.tokens, [2]);
}

#[test]
fn nothing_begins_before_the_producer_has_its_epoch() {
    let mut producer = accumulator(&[("transactional.id", "t")]);
    assert!(producer.not_initialized().unwrap().to_string().contains("init_transactions"));
    assert!(producer.begin_end(true).is_err() && producer.begin_end(false).is_err());
    assert!(accumulator(&[]).not_initialized().is_none());
}
