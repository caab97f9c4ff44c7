//! A worker's properties, held against what a worker here reads of them.
//!
//! What they mean is `worker_config`'s. Where REST listens is judged by who serves it ([`super::Survey::refuse`]).

use std::collections::BTreeMap;

use rowtide_api::Props;
use rowtide_api::plugin::Plugins;
use rowtide_kafka::TlsSettings;

use super::book::Book;
use super::{Finding, Outcome, Survey, Verdict, classes, clients, families};
use crate::connector_config::list;
use crate::https::{self, ADMIN_LISTENERS, CLIENT_AUTH, Https, LISTENERS};
use crate::kafka_sink::admin_defaults;
use crate::variables::Variables;
use crate::worker_config::{
    GROUP_NEEDS, STANDALONE_NEEDS, WorkerConfig, definition, faults, is_group, is_of_group, missing, refusals,
};

/// Families that are accepted and that nothing here reads.
const IDLE: [(&str, &str); 3] = [
    ("consumer.", "there are no sink connectors, so that no connector has a consumer"),
    ("metrics.context.", "there are no metrics yet"),
    ("internal.", "the worker's own data are JSON always, as in newer versions of Kafka Connect"),
];

/// What a worker would get.
pub fn worker(plugins: &Plugins, props: &Props) -> Survey {
    let mut book = Book::new(props);
    let group = is_group(props);
    let environment = definition().read(props).flag("rowtide.config.env");
    book.variables(Some(&Variables::new(environment, props).unwrap_or_default()));
    for (name, error) in faults(props) {
        let verdict = if error.message().contains("not there yet") { Verdict::Unsupported } else { Verdict::Invalid };
        book.invalid(&name, definition().key(&name), Finding::refused(name.as_str(), verdict, &error));
    }
    let needs: &[&str] = if group { &GROUP_NEEDS } else { &STANDALONE_NEEDS };
    for name in needs.iter().filter(|name| props.get(name).is_none_or(|value| value.trim().is_empty())) {
        book.put(Finding::refused(*name, Verdict::Invalid, &missing(name)));
    }
    if let (true, Ok(worker)) = (group, WorkerConfig::outline(props)) {
        for (name, error) in refusals(&worker) {
            book.put(Finding::refused(name, Verdict::Unsupported, &error));
        }
    }
    providers(props, &mut book);
    converters(plugins, props, &mut book);
    families::strangers(definition(), &[], "a worker", props, &mut book);
    families::idle(definition(), props, "", &mut book);
    of_other_mode(props, group, &mut book);
    of_clients(props, &mut book);
    for prefix in [LISTENERS, ADMIN_LISTENERS] {
        of_https(props, prefix, &mut book);
    }
    book.close()
}

/// Each provider of `config.providers` for itself, so that one that is wrong does not hide another.
fn providers(props: &Props, book: &mut Book<'_>) {
    for alias in list(props, "config.providers") {
        let mut single = props.clone();
        single.set("config.providers", alias.as_str());
        if let Err(error) = Variables::new(false, &single) {
            let property = format!("config.providers.{alias}.class");
            book.put(Finding::refused(property, Verdict::Unsupported, &error));
        }
    }
}

fn converters(plugins: &Plugins, props: &Props, book: &mut Book<'_>) {
    for name in families::CONVERTERS {
        let class = props.get(name).map(str::trim).filter(|class| !class.is_empty());
        if let Some(class) = class.filter(|class| classes::options(plugins, name, class).is_none()) {
            // connectors that name converters of their own run all the same
            let finding = classes::missing(plugins, name, class);
            book.put(Finding {
                why: format!("{}: connectors without a converter of their own would fail", finding.why),
                ..finding
            });
        }
    }
    families::of_converters(plugins, props, book);
}

fn of_other_mode(props: &Props, group: bool, book: &mut Book<'_>) {
    for (name, _) in props.iter() {
        let idle = match name {
            "offset.storage.file.filename" if group => {
                Some("is of standalone workers; with group.id this is a worker of a group")
            }
            _ if !group && is_of_group(name) => Some("is of workers of a group; without group.id this is a standalone worker"),
            _ => IDLE.iter().find(|(family, _)| name.starts_with(family)).map(|(_, why)| *why),
        };
        if let Some(why) = idle {
            book.put(Finding::new(name, Verdict::Ignored, Outcome::AsItIs, why));
        }
    }
}

/// What listeners that are https, and calls to other workers over it, are set up by.
fn of_https(props: &Props, prefix: &'static str, book: &mut Book<'_>) {
    let listens = https::listens(props, prefix);
    let advertised = props.get("rest.advertised.listener").is_some_and(|listener| listener.trim().eq_ignore_ascii_case("https"));
    let calls = advertised && prefix == LISTENERS;
    if !(listens || calls) {
        let why = format!("'{}' has no https", prefix.strip_suffix(".https.").unwrap_or(prefix));
        for (name, _) in props.with_prefix(prefix).iter() {
            book.put(Finding::new(format!("{prefix}{name}"), Verdict::Ignored, Outcome::AsItIs, why.as_str()));
        }
        return;
    }
    let (taken, mut properties) = https::properties(props, prefix);
    if let Err(error) = https::client_auth(taken, &properties) {
        book.put(Finding::refused(format!("{taken}{CLIENT_AUTH}"), Verdict::Invalid, &error));
    }
    properties.retain(|name, value| name != CLIENT_AUTH && !value.contains("${"));
    let mut look = TlsSettings::look(&properties);
    if taken.is_empty() {
        // the Kafka clients' as well, and judged as theirs
        look.unknown.clear();
    }
    clients::judge(book, taken, look, "a listener");
    if let Some((property, error)) = Https::read(props, prefix).ok().filter(|_| listens).and_then(|https| https.fault()) {
        book.put(Finding::refused(property, Verdict::Invalid, &error));
    }
}

/// The worker's own clients, and those that it makes for connectors.
fn of_clients(props: &Props, book: &mut Book<'_>) {
    let plain = |props: &Props| -> BTreeMap<String, String> {
        let known = props.iter().filter(|(_, value)| !value.contains("${"));
        known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let families = ["ssl.", "sasl.", "security."];
    let own = |name: &str| name != CLIENT_AUTH && families.iter().any(|family| name.starts_with(family));
    clients::look(book, "", plain(props), &|name| own(name) || name == "bootstrap.servers" && props.get(name).is_some());
    for (prefix, properties) in [("producer.", props.with_prefix("producer.")), ("admin.", admin_defaults(props))] {
        clients::look(book, prefix, plain(&properties), &|name| props.get(&format!("{prefix}{name}")).is_some());
    }
}
