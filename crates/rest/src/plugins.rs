//! `/connector-plugins`: what is installed, its options, and the check of a configuration.

use axum::Json;
use axum::extract::{Path, Query, State};
use rowtide_api::ConfigValue;
use rowtide_runtime::herder::{ConfigKeyInfo, PluginEntry, Validated};
use serde::Serialize;

use crate::Rest;
use crate::body::Body;
use crate::errors::{ApiError, Result};

/// `GET /connector-plugins`
pub async fn list(State(rest): State<Rest>, Query(query): Query<Vec<(String, String)>>) -> Json<Vec<PluginEntry>> {
    let asked = query.iter().find(|(name, _)| name == "connectorsOnly");
    let connectors_only = asked.is_none_or(|(_, value)| value.eq_ignore_ascii_case("true"));
    Json(rest.herder.plugins(connectors_only))
}

/// `GET /connector-plugins/{p}/config`
pub async fn options(State(rest): State<Rest>, Path(plugin): Path<String>) -> Result<Json<Vec<ConfigKeyInfo>>> {
    Ok(Json(rest.herder.plugin_config(&plugin)?))
}

/// `PUT /connector-plugins/{p}/config/validate`
pub async fn validate(State(rest): State<Rest>, Path(plugin): Path<String>, body: Body) -> Result<Json<ConfigInfos>> {
    let missing = "The request has no body: a JSON object of the configuration to check is needed";
    let config = body.root()?.ok_or_else(|| ApiError::bad_request(missing))?.config()?;
    let class = match config.get("connector.class") {
        Some(included) if !alias(included).ends_with(alias(&plugin)) => {
            let text = format!("Included connector type {included} does not match request type {plugin}");
            return Err(ApiError::bad_request(text));
        }
        Some(included) => included.to_owned(),
        None => {
            // the names alone: values may be secret
            let names: Vec<&str> = config.iter().map(|(name, _)| name).collect();
            let text = format!("Connector config {{{}}} contains no connector type", names.join(", "));
            return Err(ApiError::bad_request(text));
        }
    };
    Ok(Json(rest.herder.validate(&class, config).await?.into()))
}

/// The name without `Connector` at its end.
fn alias(class: &str) -> &str {
    match class.strip_suffix("Connector") {
        Some(alias) if !alias.is_empty() => alias,
        _ => class,
    }
}

/// Connect's `ConfigInfos`.
#[derive(Serialize)]
pub struct ConfigInfos {
    name: String,
    error_count: usize,
    groups: Vec<String>,
    configs: Vec<ConfigInfo>,
}

/// Connect's `ConfigInfo`.
#[derive(Serialize)]
pub struct ConfigInfo {
    definition: ConfigKeyInfo,
    value: Option<ConfigValueInfo>,
}

/// Connect's `ConfigValueInfo`.
#[derive(Serialize)]
pub struct ConfigValueInfo {
    name: String,
    value: Option<String>,
    recommended_values: Vec<String>,
    errors: Vec<String>,
    visible: bool,
}

impl From<ConfigValue> for ConfigValueInfo {
    fn from(value: ConfigValue) -> Self {
        Self { name: value.name, value: value.value, recommended_values: value.recommended, errors: value.errors, visible: true }
    }
}

impl From<Validated> for ConfigInfos {
    fn from(validated: Validated) -> Self {
        let mut infos = Self { name: validated.class, error_count: 0, groups: Vec::new(), configs: Vec::new() };
        for (definition, mut value) in validated.entries {
            if let Some(group) = &definition.group
                && !infos.groups.contains(group)
            {
                infos.groups.push(group.clone());
            }
            if let Some(value) = &mut value
                && definition.kind == "PASSWORD"
                && value.value.is_some()
            {
                value.value = Some("[hidden]".to_owned());
            }
            // every reason counts, also where one option has two
            infos.error_count += value.as_ref().map_or(0, |value| value.errors.len());
            infos.configs.push(ConfigInfo { definition, value: value.map(ConfigValueInfo::from) });
        }
        infos
    }
}
