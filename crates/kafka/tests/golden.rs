//! Batches that Kafka 4.3.1's own producer wrote (segments of a broker's log, four records each) against our decoder and encoder.

use bytes::Bytes;
use rowtide_kafka::Compression;
use rowtide_kafka::record_batch::{BatchBuilder, DecodedBatch, Header, ProducerState, RecordParts, decode_next, encode_headers};

fn segment(codec: &str) -> Bytes {
    let path = format!("{}/tests/golden/java-4.3.1-{codec}.batch", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}")).into()
}

fn decode(mut segment: Bytes) -> DecodedBatch {
    let batch = decode_next(&mut segment, 1 << 20).unwrap().unwrap();
    assert!(segment.is_empty(), "one batch a segment");
    batch
}

#[test]
fn javas_batches_are_read_in_every_codec() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let batch = decode(segment(codec));
        assert!(batch.producer_id >= 0 && !batch.transactional && batch.control_commit.is_none(), "{codec}");
        let text = |bytes: &Option<Bytes>| bytes.as_ref().map(|b| String::from_utf8(b.to_vec()).unwrap());
        let read: Vec<_> = batch.records.iter().map(|r| (r.offset, text(&r.key), text(&r.value), r.headers.len())).collect();
        let long = "x".repeat(400);
        let expected = [
            (0, Some("key-1"), Some("value one"), 2),
            (1, None, Some("no key, no headers"), 0),
            (2, Some("{\"id\":3}"), None, 1),
            (3, Some("key-4"), Some(long.as_str()), 1),
        ];
        assert_eq!(read, expected.map(|(o, k, v, h)| (o, k.map(str::to_owned), v.map(str::to_owned), h)), "{codec}");
        assert_eq!(batch.records[0].headers[0], ("h1".into(), Some("v1".into())));
        assert_eq!(batch.records[0].headers[1], ("h2".into(), None));
        assert_eq!(batch.records[3].headers[0], ("a".into(), Some("é".into())));
    }
}

#[test]
fn our_batch_of_the_same_records_is_javas_byte_for_byte() {
    let java = segment("none");
    let batch = decode(java.clone());
    let mut builder = BatchBuilder::with_capacity(64);
    for r in &batch.records {
        let headers: Vec<Header> = r.headers.iter().map(|(n, v)| (std::str::from_utf8(n).unwrap().into(), v.clone())).collect();
        builder.append(&RecordParts {
            key: r.key.as_deref(),
            value: r.value.as_deref(),
            headers: &encode_headers(&headers),
            timestamp: r.timestamp,
        });
    }
    let state = ProducerState { id: batch.producer_id, epoch: 0, base_sequence: 0, transactional: false };
    let mut ours = builder.finish(Compression::None, state).unwrap();
    // The broker fills in the leader's epoch, which the checksum leaves out.
    ours[12..16].copy_from_slice(&java[12..16]);
    assert_eq!(ours, java);
}
