//! Keys of incremental snapshots in offsets: any bytes are read or refused, and what is read survives being written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rowtide_cdc::incremental::java_object;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = java_object::read(data) {
        let written = java_object::write(&key);
        let again = java_object::read(&written).expect("what was written");
        // as bytes: not a number is not equal to itself
        assert_eq!(java_object::write(&again), written);
    }
});
