//! The offsets file of a Java worker: any bytes are read or refused, and what is read survives being written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rowtide_runtime::offsets::java_hashmap;

fuzz_target!(|data: &[u8]| {
    if let Ok(entries) = java_hashmap::read(data) {
        assert_eq!(java_hashmap::read(&java_hashmap::write(&entries)).as_ref(), Ok(&entries));
    }
});
