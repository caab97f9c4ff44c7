//! Any bytes as rows of COPY, text and binary: `cargo +nightly fuzz run copy_rows`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_source_postgres::decode::{BinaryCopy, DecodeError, copy_text_row};

fuzz_target!(|data: &[u8]| {
    let row = Bytes::copy_from_slice(data);
    let mut fields = 0;
    let read = copy_text_row((&row).into(), |number, _| {
        assert_eq!(number, fields);
        fields += 1;
        Ok::<_, DecodeError>(())
    });
    match read {
        Ok(()) => assert_eq!(fields, 1 + data.iter().filter(|byte| **byte == b'\t').count()),
        Err(error) => assert!(error.offset <= data.len()),
    }
    let mut binary = BinaryCopy::default();
    let _ = binary.row(data);
    let mut begun = BinaryCopy::default();
    let _ = begun.row(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\0");
    if let Ok(Some(fields)) = begun.row(data) {
        let declared = fields.len();
        assert_eq!(fields.count(), declared);
    }
});
