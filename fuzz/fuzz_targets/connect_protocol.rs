//! Any bytes as metadata and as assignments of Connect's group protocol: they are read or refused, and what is read
//! survives being written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rowtide_runtime::herder::distributed::protocol::{self, Protocol};

fuzz_target!(|data: &[u8]| {
    if let Ok(state) = protocol::decode_state(data) {
        let again = protocol::decode_state(&protocol::encode_state(Protocol::Sessioned, &state));
        assert_eq!(again.map(|again| again.offset), Ok(state.offset));
    }
    if let Ok(assignment) = protocol::decode_assignment(data) {
        let written = protocol::encode_assignment(Protocol::Sessioned, &assignment);
        let again = protocol::decode_assignment(&written).map(|again| again.assigned.sorted());
        assert_eq!(again, Ok(assignment.assigned.sorted()));
    }
});
