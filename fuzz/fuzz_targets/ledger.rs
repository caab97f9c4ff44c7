//! Ledgers of snapshots in offsets, which others may have damaged: any text is read or refused, asks for no more memory than the
//! chunks that it names, and can be worked with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rowtide_api::OffsetMap;
use rowtide_cdc::ledger::{Ledger, OpenTable};

fuzz_target!(|text: &str| {
    let mut offset = OffsetMap::default();
    offset.set("ledger", text);
    if let Some(ledger) = Ledger::read(&offset) {
        for open in &ledger.open {
            assert!(open.done.iter().all(|chunk| *chunk < open.split.chunks()));
            let _ = OpenTable::is_complete(open);
        }
    }
});
