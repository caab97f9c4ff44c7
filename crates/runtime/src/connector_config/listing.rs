//! Declarations as `/connector-plugins` lists them: Connect's `ConfigKeyInfo`.

use rowtide_api::{ConfigDef, ConfigKey, ConfigType, Importance, Width};

use crate::herder::ConfigKeyInfo;

/// One declaration.
pub fn key_info(key: &ConfigKey) -> ConfigKeyInfo {
    let kind = match key.kind {
        ConfigType::Boolean => "BOOLEAN",
        ConfigType::String => "STRING",
        ConfigType::Int => "INT",
        ConfigType::Short => "SHORT",
        ConfigType::Long => "LONG",
        ConfigType::Double => "DOUBLE",
        ConfigType::List => "LIST",
        ConfigType::Class => "CLASS",
        ConfigType::Password => "PASSWORD",
    };
    let importance = match key.importance {
        Importance::High => "HIGH",
        Importance::Medium => "MEDIUM",
        Importance::Low => "LOW",
    };
    let width = match key.width {
        Width::None => "NONE",
        Width::Short => "SHORT",
        Width::Medium => "MEDIUM",
        Width::Long => "LONG",
    };
    ConfigKeyInfo {
        name: key.name.to_owned(),
        kind: kind.to_owned(),
        required: key.required,
        default_value: if key.required { None } else { key.default.map(str::to_owned) },
        importance: importance.to_owned(),
        documentation: key.doc.to_owned(),
        group: (!key.group.is_empty()).then(|| key.group.to_owned()),
        order: key.order,
        width: width.to_owned(),
        display_name: key.display_name.to_owned(),
        dependents: key.dependents().iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// The listed declarations of a plug-in.
pub fn plugin_keys(def: &ConfigDef) -> Vec<ConfigKeyInfo> {
    def.keys.iter().filter(|key| key.listed).map(key_info).collect()
}
