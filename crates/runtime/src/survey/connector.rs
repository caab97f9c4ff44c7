//! A connector's configuration, held against a worker as its start would hold it, but for the database and the brokers.
//!
//! Validation is `connector_config`'s; here its reasons become findings, and what a start would do after it is looked at too.

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, Props, SourceConnector};

use super::book::Book;
use super::{Finding, Outcome, Survey, Verdict, classes, families};
use crate::connector_config::{definition, encoder, idle_letters, missing, source, validate_offline};
use crate::pipeline::TaskSettings;
use crate::worker_config::{ExactlyOnceSupport, WorkerConfig, is_group};

/// What connectors are held against.
pub struct Against<'a> {
    plugins: &'a Plugins,
    worker: WorkerConfig,
    /// whether the worker is the user's own
    known: bool,
}

impl<'a> Against<'a> {
    /// `worker`: the properties of the connectors' worker, where they are known; else JSON converters and any overrides are
    /// assumed, and nothing is said of what the worker would have to declare.
    pub fn new(plugins: &'a Plugins, worker: Option<&Props>) -> rowtide_api::Result<Self> {
        let known = worker.is_some();
        let worker = match worker {
            Some(props) => WorkerConfig::outline(props)?,
            // which of the workers' settings it needs, the report says
            None => WorkerConfig { exactly_once: ExactlyOnceSupport::Enabled, ..WorkerConfig::run(&Props::default())? },
        };
        Ok(Self { plugins, worker, known })
    }

    pub(super) fn worker(&self) -> &WorkerConfig {
        &self.worker
    }
}

/// What a connector would get.
pub fn connector(against: &Against<'_>, config: &Props) -> Survey {
    let mut book = Book::new(config);
    book.variables(against.known.then_some(&against.worker.variables));
    for missing in missing(against.plugins, config) {
        book.put(classes::missing(against.plugins, &missing.property, &missing.class));
    }
    delivery(against, config, &mut book);
    match source(against.plugins, config) {
        Ok(source) => {
            validation(against, source, config, &mut book);
            let whose = format!("{} or of Kafka Connect", source.info().simple_name());
            families::strangers(source.config_def(), &[definition()], &whose, config, &mut book);
            families::idle(source.config_def(), config, "", &mut book);
            families::idle(definition(), config, "", &mut book);
            remarks(source, config, &mut book);
        }
        Err(error) => no_source(config, &error, &mut book),
    }
    for family in ["transforms", "predicates"] {
        families::aliased(against.plugins, family, config, &mut book);
    }
    families::of_converters(against.plugins, config, &mut book);
    families::topics(against, config, &mut book);
    families::overrides(against, config, &mut book);
    start(against, config, &mut book);
    book.close()
}

/// Of a connector that is not there, its own properties cannot be judged.
fn no_source(config: &Props, error: &Error, book: &mut Book<'_>) {
    if config.get("connector.class").is_none_or(|class| class.trim().is_empty()) {
        let error = Error::configuration("Missing required configuration \"connector.class\" which has no default value.")
            .remedy("set 'connector.class'");
        book.put(Finding::refused("connector.class", Verdict::Invalid, &error));
    } else {
        book.put(Finding::refused("connector.class", Verdict::Unknown, error));
    }
    for (name, _) in definition().strangers(config, &[]) {
        let mut finding = Finding::new(name, Verdict::Unsupported, Outcome::AsItIs, "goes with 'connector.class'");
        finding.aside = true;
        book.put(finding);
    }
}

fn validation(against: &Against<'_>, source: &dyn SourceConnector, config: &Props, book: &mut Book<'_>) {
    for (info, value) in validate_offline(against.plugins, &against.worker, source, config) {
        let Some(value) = value.filter(|value| !value.errors.is_empty()) else { continue };
        let mut reasons = value.errors;
        reasons.dedup();
        let key = source.config_def().key(&value.name).or_else(|| definition().key(&value.name));
        let finding = Finding::new(value.name.as_str(), Verdict::Invalid, Outcome::Refused, reasons.join("; "));
        let remedy = match (config.get(&value.name), info.documentation.is_empty()) {
            (None, _) => format!("set '{}'", value.name),
            (Some(_), true) => format!("correct '{}'", value.name),
            (Some(_), false) => format!("correct '{}': {}", value.name, info.documentation),
        };
        book.invalid(&value.name, key, finding.remedy(remedy));
    }
}

fn remarks(source: &dyn SourceConnector, config: &Props, book: &mut Book<'_>) {
    for remark in source.remarks(config) {
        let told = remark.stops && book.is_refused();
        if told || book.mentions_veiled(&remark.sentence) {
            continue;
        }
        let property = remark.property.or_else(|| book.blamed(&remark.sentence).map(str::to_owned));
        let property = property.unwrap_or_else(|| "connector.class".to_owned());
        let (verdict, outcome) =
            if remark.stops { (Verdict::Invalid, Outcome::Refused) } else { (Verdict::Unsupported, Outcome::Differs) };
        let key = source.config_def().key(&property);
        let finding = Finding { remedy: remark.remedy, ..Finding::new(property.as_str(), verdict, outcome, remark.sentence) };
        book.invalid(&property, key, finding);
    }
}

/// What Kafka Connect offers of delivery and is not there yet, or depends on the worker.
fn delivery(against: &Against<'_>, config: &Props, book: &mut Book<'_>) {
    let required = config.get("exactly.once.support").is_some_and(|text| text.trim().eq_ignore_ascii_case("required"));
    if required && !against.known {
        let why = "only the workers of a group with exactly.once.source.support=enabled take it";
        book.put(
            Finding::new("exactly.once.support", Verdict::Unsupported, Outcome::Differs, why)
                .remedy("give the worker's file by --worker"),
        );
    }
    let own = config.get("offsets.storage.topic").is_some_and(|topic| !topic.trim().is_empty());
    if own && against.known && !is_group(&against.worker.props) {
        let why = "has an effect in distributed mode only";
        book.put(Finding::new("offsets.storage.topic", Verdict::Ignored, Outcome::AsItIs, why));
    }
    if let Some(why) = idle_letters(config) {
        // so it is in Java, whose source connectors have no such queue at all
        book.put(Finding::new("errors.deadletterqueue.topic.name", Verdict::Ignored, Outcome::AsItIs, why));
    }
}

/// What a task would read and make before it connects, where validation has let it through.
fn start(against: &Against<'_>, config: &Props, book: &mut Book<'_>) {
    if book.is_refused() {
        return;
    }
    let settings = TaskSettings::read(config, against.worker.flush_interval).err();
    let encoder = encoder(against.plugins, &against.worker, config).err();
    for error in settings.into_iter().chain(encoder) {
        if book.mentions_veiled(error.message()) || book.blames_veiled_plugin(error.message()) {
            continue;
        }
        let converter = families::CONVERTERS.into_iter().find(|name| error.message().contains(name));
        let property = book.blamed(error.message()).or(converter).unwrap_or("connector.class");
        book.invalid(property, None, Finding::refused(property, Verdict::Invalid, &error));
    }
}
