//! Suites against real servers, one file each under `tests/`. Here stands what they share: reading topics, a load with
//! an audit trail, what a topic must hold after it, and the scene of a fault.

pub mod audit;
pub mod scene;
pub mod stored;
pub mod topics;
