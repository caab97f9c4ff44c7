//! The options that all connectors share, declared once: those of the groups `Connector` and `Events`, and the ones
//! that are honoured without being listed.
//!
//! What one database alone has is declared by its source, which puts the lists together in the order in which the
//! original lists them ([`assemble`]). What an option's value means belongs to the module that reads it.

pub mod checks;
mod shared;

use rowtide_api::config::ConfigKey;
use rowtide_api::{ConfigType, Importance};

pub use shared::{COMMON_CONNECTOR, COMMON_EVENTS, RELATIONAL_CONNECTOR, RELATIONAL_EVENTS, UNLISTED};

/// An option of text.
pub const fn string(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::String, importance, display_name).rules(&[])
}

/// An option that is true or false.
pub const fn boolean(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Boolean, importance, display_name).rules(&[])
}

/// An option of a whole number of 32 bits.
pub const fn int(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Int, importance, display_name).rules(&[])
}

/// An option of a whole number of 64 bits.
pub const fn long(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Long, importance, display_name).rules(&[])
}

/// An option of a comma-separated list.
pub const fn list(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::List, importance, display_name).rules(&[])
}

/// An option that names a class.
pub const fn class(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Class, importance, display_name).rules(&[])
}

/// An option that is never shown.
pub const fn password(name: &'static str, importance: Importance, display_name: &'static str) -> ConfigKey {
    ConfigKey::new(name, ConfigType::Password, importance, display_name).rules(&[])
}

/// Puts the lists of a group one after the other; a deprecated alias shares the place of the option before it.
pub fn assemble(groups: &[(&'static str, &[&[ConfigKey]])]) -> Vec<ConfigKey> {
    let mut keys = Vec::new();
    for (group, lists) in groups {
        let mut order = 0;
        for key in lists.iter().flat_map(|list| list.iter()) {
            let alias = matches!(key.validator, rowtide_api::Validator::Alias);
            order += i32::from(key.listed && !alias);
            keys.push(ConfigKey { group, order, ..*key });
        }
    }
    keys
}
