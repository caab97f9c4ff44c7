//! Any bytes as a stream of pgoutput messages: `cargo +nightly fuzz run pgoutput`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_source_postgres::decode::{Decoder, Message, Tuple, stream_message, streamed_kind};

fuzz_target!(|data: &[u8]| {
    let _ = stream_message(data);
    let mut rest = Bytes::copy_from_slice(data);
    let mut decoder = Decoder::new();
    // one byte of length in front of each message: streamed blocks need several
    while let Some((&length, _)) = rest.split_first() {
        let message = rest.slice(1..rest.len().min(1 + usize::from(length)));
        rest = rest.slice(1 + message.len()..);
        // what a spilled message is known as before all of it is read
        let (in_stream, kind) = (decoder.in_stream(), streamed_kind(&message));
        match decoder.decode(&message) {
            Ok(Message::Insert(insert)) if in_stream => {
                assert_eq!(kind.expect("its kind").xid(), insert.xid);
                check(&insert.new);
            }
            Ok(Message::StreamStop) if in_stream => assert_eq!(kind.expect("its kind").xid(), None),
            Ok(Message::Insert(insert)) => check(&insert.new),
            Ok(Message::Update(update)) => {
                update.old.iter().for_each(|old| check(&old.tuple));
                check(&update.new);
            }
            Ok(Message::Delete(delete)) => check(&delete.old.tuple),
            Ok(_) => {}
            Err(error) => assert!(error.offset <= message.len()),
        }
    }
});

fn check(tuple: &Tuple) {
    assert_eq!(tuple.values().count(), tuple.len());
}
