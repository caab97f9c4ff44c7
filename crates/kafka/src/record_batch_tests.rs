//! Tests of `record_batch`: what is encoded comes back, and no bytes make the decoder panic.

use super::*;
use proptest::prelude::*;

type Fields = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

fn fields() -> impl Strategy<Value = Fields> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
    let headers = proptest::collection::vec(("[a-zé]{0,9}", bytes()), 0..4);
    (bytes(), bytes(), headers, any::<i64>())
}

fn codec() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        Just(Compression::Gzip),
        Just(Compression::Snappy),
        Just(Compression::Lz4),
        Just(Compression::Zstd)
    ]
}

fn build(records: &[Fields], codec: Compression, state: ProducerState) -> Bytes {
    let mut builder = BatchBuilder::with_capacity(64);
    for (key, value, headers, timestamp) in records {
        let headers: Vec<Header> = headers.iter().map(|(n, v)| (n.as_str().into(), v.clone().map(Bytes::from))).collect();
        let headers = encode_headers(&headers);
        builder.append(&RecordParts { key: key.as_deref(), value: value.as_deref(), headers: &headers, timestamp: *timestamp });
    }
    builder.finish(codec, state).unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_is_encoded_comes_back(records in proptest::collection::vec(fields(), 1..40), codec in codec(), id in any::<i64>()) {
        let state = ProducerState { id, epoch: 3, base_sequence: 7, transactional: true };
        let mut wire = build(&records, codec, state);
        let batch = decode_next(&mut wire, 1 << 20).unwrap().unwrap();
        prop_assert!(wire.is_empty());
        prop_assert_eq!(batch.producer_id, id);
        prop_assert!(batch.transactional);
        prop_assert_eq!(batch.last_offset, records.len() as i64 - 1);
        prop_assert_eq!(batch.records.len(), records.len());
        for (i, (read, (key, value, headers, timestamp))) in batch.records.iter().zip(&records).enumerate() {
            prop_assert_eq!(read.offset, i as i64);
            prop_assert_eq!(read.timestamp, *timestamp);
            prop_assert_eq!(read.key.as_deref(), key.as_deref());
            prop_assert_eq!(read.value.as_deref(), value.as_deref());
            let read: Vec<_> = read.headers.iter().map(|(n, v)| (n.to_vec(), v.as_ref().map(|v| v.to_vec()))).collect();
            let sent: Vec<_> = headers.iter().map(|(n, v)| (n.clone().into_bytes(), v.clone())).collect();
            prop_assert_eq!(read, sent);
        }
    }

    #[test]
    fn javas_upper_bound_is_never_below_the_batch(record in fields()) {
        let headers: Vec<Header> = record.2.iter().map(|(n, v)| (n.as_str().into(), v.clone().map(Bytes::from))).collect();
        let headers = encode_headers(&headers);
        let bound = RecordParts { key: record.0.as_deref(), value: record.1.as_deref(), headers: &headers, timestamp: record.3 }.size_upper_bound();
        let wire = build(&[record], Compression::None, ProducerState::NONE);
        prop_assert!(wire.len() <= bound && bound <= wire.len() + 21);
    }

    #[test]
    fn no_bytes_make_it_panic(mut wire in proptest::collection::vec(any::<u8>(), 0..300), fix in any::<bool>()) {
        if fix && wire.len() > BATCH_OVERHEAD {
            let length = (wire.len() - 12) as i32;
            wire[8..12].copy_from_slice(&length.to_be_bytes());
            wire[16] = 2;
            wire[21] = 0;
            wire[57] = 0;
            wire[58] = 0;
            seal(&mut wire);
        }
        let mut wire = Bytes::from(wire);
        while let Ok(Some(_)) = decode_next(&mut wire, 10_000) {}
    }
}

#[test]
fn a_damaged_batch_is_refused_with_its_offset() {
    let wire = build(&[(Some(b"k".to_vec()), None, vec![], 5)], Compression::None, ProducerState::NONE);
    let mut damaged = wire.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let error = decode_next(&mut Bytes::from(damaged), 1000).unwrap_err();
    assert!(error.to_string().contains("at offset 0") && error.problem.contains("CRC-32C"), "{error}");
    assert_eq!(decode_next(&mut wire.slice(..wire.len() - 1), 1000), Ok(None));
}

#[test]
fn a_retried_batch_gets_the_new_epoch() {
    let wire = build(&[(Some(b"k".to_vec()), None, vec![], 5)], Compression::Lz4, ProducerState::NONE);
    let state = ProducerState { id: 42, epoch: 1, base_sequence: 0, transactional: false };
    let again = build(&[(Some(b"k".to_vec()), None, vec![], 5)], Compression::Lz4, state);
    assert_eq!(rewrite_producer_state(&wire, state), again);
}
