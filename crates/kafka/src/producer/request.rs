//! A produce request as pieces of its bytes: each batch is one of its own, so that nothing copies it on its way to the socket.
//!
//! Pure. Not here: which batches go together (`accumulator`), the frame around a request (`connection`).

use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;

/// From this version on lengths are varints, and structures end with tagged fields (KIP-482).
const FLEXIBLE: i16 = 9;

/// A topic, its partitions and a finished batch for each.
pub(super) type TopicBatches = (Arc<str>, Vec<(i32, Bytes)>);

/// The body of a produce request, of any version that names topics (3 to 12).
pub(super) fn produce_request(
    transactional_id: Option<&str>,
    topics: &[TopicBatches],
    acks: i16,
    timeout_ms: i32,
    version: i16,
) -> Vec<Bytes> {
    let form = Form { flexible: version >= FLEXIBLE };
    let mut pieces = Vec::new();
    let mut out = BytesMut::with_capacity(256);
    match transactional_id {
        Some(id) => form.name(id, &mut out),
        None => form.no_transactional_id(&mut out),
    }
    out.put_i16(acks);
    out.put_i32(timeout_ms);
    form.length(topics.len(), &mut out);
    for (topic, partitions) in topics {
        form.name(topic, &mut out);
        form.length(partitions.len(), &mut out);
        for (index, batch) in partitions {
            out.put_i32(*index);
            form.length(batch.len(), &mut out);
            pieces.push(out.split().freeze());
            pieces.push(batch.clone());
            form.no_tags(&mut out);
        }
        form.no_tags(&mut out);
    }
    form.no_tags(&mut out);
    pieces.push(out.freeze());
    pieces
}

/// How a version writes lengths and ends.
#[derive(Clone, Copy)]
struct Form {
    flexible: bool,
}

impl Form {
    fn length(self, length: usize, out: &mut BytesMut) {
        if !self.flexible {
            return out.put_i32(length as i32);
        }
        let mut rest = length + 1;
        while rest >= 0x80 {
            out.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.put_u8(rest as u8);
    }

    fn name(self, name: &str, out: &mut BytesMut) {
        if self.flexible {
            self.length(name.len(), out);
        } else {
            out.put_i16(name.len() as i16);
        }
        out.put_slice(name.as_bytes());
    }

    fn no_transactional_id(self, out: &mut BytesMut) {
        if self.flexible {
            out.put_u8(0);
        } else {
            out.put_i16(-1);
        }
    }

    fn no_tags(self, out: &mut BytesMut) {
        if self.flexible {
            out.put_u8(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{ProduceRequest, TopicName, TransactionalId};
    use kafka_protocol::protocol::{Encodable, StrBytes};

    #[test]
    fn the_bytes_are_those_of_the_protocols_own_encoder() {
        let batch = |length: usize| Bytes::from(vec![7; length]);
        let topics: Vec<TopicBatches> = vec![
            ("a".into(), vec![(0, batch(61)), (7, batch(127))]),
            ("b".repeat(249).into(), vec![(1, batch(300_000))]),
            ("c".into(), vec![(2, batch(126)), (1 << 20, batch(16_384))]),
        ];
        let data = topics.iter().map(|(topic, partitions)| {
            let partitions = partitions
                .iter()
                .map(|(index, batch)| PartitionProduceData::default().with_index(*index).with_records(Some(batch.clone())));
            let name = TopicName(StrBytes::from_string(topic.to_string()));
            TopicProduceData::default().with_name(name).with_partition_data(partitions.collect())
        });
        let mut request = ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(data.collect());
        let long = "t".repeat(300);
        for id in [None, Some("connect-cluster-a-0"), Some(&*long)] {
            request.transactional_id = id.map(|id| TransactionalId(StrBytes::from_string(id.to_owned())));
            for version in 3..=12 {
                let mut expected = Vec::new();
                request.encode(&mut expected, version).unwrap();
                let pieces = produce_request(id, &topics, -1, 30_000, version);
                assert!(pieces.concat() == expected, "version {version}");
            }
        }
    }
}
