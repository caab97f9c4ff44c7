//! Suites against real servers, one file each under `tests/`. Here stands what they share: reading topics, a load with
//! an audit trail, and what a topic must hold after it.

pub mod audit;
pub mod topics;
