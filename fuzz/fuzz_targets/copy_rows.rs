//! Any bytes as rows of COPY, text and binary: `cargo +nightly fuzz run copy_rows`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rowtide_source_postgres::decode::{BinaryCopy, copy_text_row};

fuzz_target!(|data: &[u8]| {
    let row = Bytes::copy_from_slice(data);
    let mut fields = Vec::new();
    match copy_text_row(&row, &mut fields) {
        Ok(()) => assert_eq!(fields.len(), 1 + data.iter().filter(|byte| **byte == b'\t').count()),
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
