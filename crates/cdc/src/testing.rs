//! What this crate's unit tests share.

use rowtide_api::Importance::High;
use rowtide_api::config::Config;
use rowtide_api::{ConfigDef, Props};

use crate::options;

/// Runs `read` over a configuration of the shared options.
pub fn config<T>(entries: &[(&str, &str)], read: impl FnOnce(Config<'_>) -> T) -> T {
    let prefix = [options::string("topic.prefix", High, "Topic prefix")];
    let lists: [&[_]; 6] = [
        &prefix,
        options::COMMON_CONNECTOR,
        options::RELATIONAL_CONNECTOR,
        options::COMMON_EVENTS,
        options::RELATIONAL_EVENTS,
        options::UNLISTED,
    ];
    let def = ConfigDef { keys: options::assemble(&[("Test", &lists)]), prefixes: Vec::new() };
    let props: Props = entries.iter().copied().collect();
    read(def.read(&props))
}
