//! Suites against real servers, one file each under `tests/`. Here stands what they share: reading topics, a load with
//! an audit trail, what a topic must hold after it, the scenes of a fault and of a group of workers, a schema registry and its readers, converters outside of a worker, key stores,
//! backups as files, and a gate that holds a
//! snapshot up.

pub mod audit;
pub mod backups;
pub mod certificates;
pub mod changing;
pub mod converting;
pub mod gate;
pub mod group;
pub mod registry;
pub mod scene;
pub mod stored;
pub mod topics;
