//! The options that Connect itself gives every source connector: their declaration, their validation in Connect's order
//! and words, and the transforms and converters that they name.
//!
//! What a connector's own options mean belongs to its source.

mod build;
mod keys;
mod listing;
mod missing;
mod validate;

pub use build::{encoder, source};
pub use keys::definition;
pub use listing::{key_info, plugin_keys};
pub use missing::{Missing, missing};
pub use validate::{Validation, idle_letters, unknown, validate, validate_offline};

pub(crate) use build::{absent, chain, converter};

use rowtide_api::Props;

/// The items of a comma-separated list.
pub(crate) fn list(props: &Props, name: &str) -> Vec<String> {
    let text = props.get(name).unwrap_or_default();
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
