//! Connect's sentences and status codes (`AbstractHerder`, `StandaloneHerder`, `DistributedHerder`).

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, PluginInfo, PluginKind, Signal};

use super::{HerderError, PluginEntry, Result};
use crate::pipeline::Signals;

pub fn bad_request(message: impl Into<String>) -> HerderError {
    HerderError { status: 400, message: message.into() }
}

pub fn not_found(message: impl Into<String>) -> HerderError {
    HerderError { status: 404, message: message.into() }
}

pub fn no_connector(name: &str) -> HerderError {
    not_found(format!("Connector {name} not found"))
}

/// What a restart says instead.
pub fn unknown_connector(name: &str) -> HerderError {
    not_found(format!("Unknown connector: {name}"))
}

/// The worker itself could not do it.
pub fn of_error(error: &Error) -> HerderError {
    HerderError { status: 500, message: error.to_string() }
}

/// What is wrong with a request's configuration.
pub fn of_start(error: &Error) -> HerderError {
    bad_request(error.to_string())
}

/// `AbstractHerder.maybeAddConfigErrors`.
pub fn invalid(errors: &[&str]) -> HerderError {
    let list: String = errors.iter().map(|error| format!("\n{error}")).collect();
    bad_request(format!(
        "Connector configuration is invalid and contains the following {} error(s):{list}\nYou can also find the above list of errors at the \
         endpoint `/connector-plugins/{{connectorType}}/config/validate`",
        errors.len()
    ))
}

pub fn must_be_stopped(name: &str) -> HerderError {
    bad_request(format!(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing \
         a 'PUT' request to the '/connectors/{name}/stop' endpoint"
    ))
}

/// `Worker.modifyConnectorOffsets`.
pub fn offsets_changed(by_connector: bool, done: &str) -> String {
    if by_connector {
        return format!("The offsets for this connector have been {done} successfully");
    }
    format!(
        "The Connect framework-managed offsets for this connector have been {done} successfully. However, if this connector manages offsets \
         externally, they will need to be manually {done} in the system that the connector uses."
    )
}

/// Sources, then transformations, predicates, converters, header converters; each sorted by class.
pub fn plugins(plugins: &Plugins, connectors_only: bool) -> Vec<PluginEntry> {
    let mut infos: Vec<&PluginInfo> = plugins.sources.iter().map(|source| source.info()).collect();
    if !connectors_only {
        infos.extend(plugins.transforms.iter().map(|plugin| &plugin.info));
        infos.extend(plugins.predicates.iter().map(|plugin| &plugin.info));
        infos.extend(plugins.converters.iter().map(|plugin| &plugin.info));
        infos.extend(plugins.header_converters.iter().map(|plugin| &plugin.info));
    }
    let rank = |kind: PluginKind| match kind {
        PluginKind::Source => 0,
        PluginKind::Transformation => 1,
        PluginKind::Predicate => 2,
        PluginKind::Converter => 3,
        PluginKind::HeaderConverter => 4,
    };
    infos.sort_by_key(|info| (rank(info.kind), info.class));
    let entry = |info: &PluginInfo| PluginEntry {
        class: info.class.to_owned(),
        kind: info.kind.as_str().to_owned(),
        version: info.version.to_owned(),
    };
    infos.into_iter().map(entry).collect()
}

/// Hands a signal to tasks; one that takes it is enough.
pub async fn signal(connector: &str, tasks: Vec<Signals>, signal: Signal) -> Result<()> {
    let mut taken = false;
    for task in tasks {
        match task.send(signal.clone()).await {
            Some(Ok(())) => taken = true,
            Some(Err(refused)) => return Err(bad_request(refused.to_string())),
            None => {}
        }
    }
    let message = || format!("Connector {connector} has no running task that could take a signal");
    if taken { Ok(()) } else { Err(HerderError { status: 409, message: message() }) }
}
