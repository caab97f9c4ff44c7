//! Any key and value as records of Connect's internal topics: they are read or refused, and what is read survives being written
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rowtide_runtime::stores::config_record::ConfigRecord;
use rowtide_runtime::stores::status_record::StatusRecord;

fuzz_target!(|data: &[u8]| {
    let split = data.iter().position(|byte| *byte == b'\n');
    let (key, value) = split.map_or((data, None), |at| (&data[..at], Some(&data[at + 1..])));
    if let Ok(record) = ConfigRecord::read(key, value) {
        assert_eq!(ConfigRecord::read(record.key().as_bytes(), record.value().as_deref()), Ok(record));
    }
    if let Ok(record) = StatusRecord::read(key, value) {
        assert_eq!(StatusRecord::read(record.key().as_bytes(), record.value().as_deref()), Ok(record));
    }
});
