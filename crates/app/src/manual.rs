//! The manual's pages, made of the options' declarations.
//!
//! What an option does is said where it is declared; here stands only how that becomes Markdown.

use std::fmt::Write;

use rowtide_api::config::{ConfigDef, ConfigKey, ConfigType, Rule, Validator};
use rowtide_api::{Importance, PluginInfo};

use rowtide_runtime::{connector_config, worker_config};

use crate::plugins;

/// A file of the manual.
pub struct Page {
    /// file name
    pub name: &'static str,
    /// Markdown
    pub text: String,
}

const GENERATED: &str = "<!-- Written by `rowtide docs`; change the option's declaration, not this file. -->";

/// What has to be said of a worker beside its options.
const WORKER: &str = "Lines of `worker.properties` for `rowtide standalone` and `rowtide distributed`; `-D name=value` for `rowtide run`. Besides these, Kafka's own \
         client options are taken under `producer.` and `admin.`.\n\n\
         Each scope logs in by properties of its own, as on a Java worker: those without a prefix are of the worker's own clients and, under \
         what `admin.` says, of its connectors' admin clients; a connector may set its \
         `producer.override.` and `admin.override.`, and the reader of a signal topic has `signal.consumer.`. `security.protocol` is PLAINTEXT, SSL, \
         SASL_PLAINTEXT or SASL_SSL; `sasl.mechanism` PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; stores are JKS, PKCS12 or PEM. Tokens come from an \
         authorization server (`sasl.login.callback.handler.class` is Kafka's `OAuthBearerLoginCallbackHandler`, `sasl.oauthbearer.token.endpoint.url` an \
         http, https or file URL; `clientId`, `clientSecret` and `scope` in `sasl.jaas.config`, and there, too, whom its certificate is signed by, as `ssl.truststore.location`), or are made without a signature where no handler is named, as \
         Kafka's clients do for tests. GSSAPI (Kerberos) is not there.\n\n\
         A worker of a group (`rowtide distributed`) differs from Java's in this: it shows connectors, configurations and states also while the group \
         forms anew, where Java answers 409; offsets that are not stored within `offset.flush.timeout.ms` are not written late, when another worker may \
         have the task, but stored again at the next interval; \
         tasks of a connector that was deleted stop at once, and a leader that the group has put out stops its own; a worker that hears nothing from the \
         broker stops its tasks after `session.timeout.ms`, where Java does after one heartbeat. With `rowtide.backup.directory` each worker backs up the whole \
         group: give each a directory of its own.\n\n\
         What `exactly.once.source.support=enabled` gives, and to whom, stands in [guarantees.md](guarantees.md).\n\n\
         `rowtide distributed` without a file takes its properties from the environment, by the names of the container images of Connect: `BOOTSTRAP_SERVERS`, \
         `GROUP_ID`, `CONFIG_STORAGE_TOPIC`, `OFFSET_STORAGE_TOPIC`, `STATUS_STORAGE_TOPIC`, `KEY_CONVERTER`, `VALUE_CONVERTER`, `HOST_NAME`, `ADVERTISED_HOST_NAME`, \
         `ADVERTISED_PORT`, `OFFSET_FLUSH_INTERVAL_MS`, `OFFSET_FLUSH_TIMEOUT_MS`, `SHUTDOWN_TIMEOUT`, `APICURIO_REGISTRY`, and `CONNECT_*` for every other property \
         (`CONNECT_PRODUCER_COMPRESSION_TYPE`; `__` is `_` and `___` is `-` in a name). What none of them says is as in Debezium's image: the group `1`, JSON with \
         schemas, `connect-status`, one replica of the three topics. Names of logging and of the JVM do nothing.\n\n\
         **https.** A listener `https://host:port` shows the certificate of `listeners.https.ssl.keystore.location` (`keystore.password`, `key.password`; \
         type JKS, PKCS12 or PEM, or PEM text in `keystore.key` and `keystore.certificate.chain`; of Java's stores the type is told by the content; a PEM \
         key may be encrypted, as PKCS#8) and asks those who call for one as `ssl.client.auth` says. Calls to other workers of the group over https show \
         the same certificate. Both trust what `truststore.location` (or `truststore.certificates`) holds, without it the certificates of the key store, unless that \
         is PEM, and without that the system's. `ssl.endpoint.identification.algorithm=` (empty) leaves the host's name out of such a call's checks. \
         `ssl.enabled.protocols`: TLSv1.2 and TLSv1.3 are spoken; of `ssl.cipher.suites` those are used that are there, and none is an error. Where any \
         property begins with `listeners.https.`, the `ssl.*` without it do not count for REST, as in Kafka Connect. PEM is Rowtide's own: a Java worker's \
         REST takes Java's stores only.\n\n\
         **Passwords.** With `rest.extension.classes` as below, requests need a user and password (HTTP basic authentication), but for those that workers \
         sign for each other. The users are lines `user=password` of a properties file, which a JAAS file names: `KafkaConnect { \
         org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file=\"/path/users.properties\"; };`, and the environment \
         names that one, as for a Java worker: `KAFKA_OPTS=-Djava.security.auth.login.config=/path/jaas.conf`. Both are read at the start, which fails without them. \
         Without a line in it everybody is let in, as in Kafka Connect, and a warning says so. A request that goes on to another worker carries its password there.\n\n\
         A listener that others can reach and that asks for neither is warned of at the start.";

/// Every page.
pub fn pages() -> Vec<Page> {
    let all = plugins::all();
    let mut pages = Vec::new();
    for source in &all.sources {
        let info = source.info();
        let mut text = heading(
            info.simple_name(),
            "A source connector. Options that every connector has are in [connector.md](connector.md).",
        );
        names(&mut text, info);
        grouped(&mut text, source.config_def());
        pages.push(Page { name: page_name(info), text });
    }
    let mut worker = heading("The worker", WORKER);
    grouped(&mut worker, worker_config::definition());
    pages.push(Page { name: "worker.md", text: worker });
    let mut connector = heading("Every connector", CONNECTOR);
    grouped(&mut connector, connector_config::definition());
    pages.push(Page { name: "connector.md", text: connector });
    let mut sinks = heading("Sinks beside Kafka", "Chosen by `rowtide run --sink NAME`; options are set with `-D name=value`.");
    for sink in &all.sinks {
        writeln!(sinks, "\n## {}", sink.name).ok();
        table(&mut sinks, (sink.config_def)().keys.iter());
    }
    pages.push(Page { name: "sinks.md", text: sinks });
    let mut transforms =
        heading("Transforms and predicates", "Given as `transforms.<alias>.<option>` and `predicates.<alias>.<option>`.");
    for plugin in &all.transforms {
        section(&mut transforms, &plugin.info, (plugin.config_def)());
    }
    for plugin in &all.predicates {
        section(&mut transforms, &plugin.info, (plugin.config_def)());
    }
    pages.push(Page { name: "transforms.md", text: transforms });
    let mut converters = heading(
        "Converters",
        "Given as `key.converter`, `value.converter` or `header.converter`; their options under the same name and a dot.",
    );
    for plugin in &all.converters {
        section(&mut converters, &plugin.info, (plugin.config_def)());
    }
    writeln!(converters, "\n# Header converters").ok();
    for plugin in &all.header_converters {
        section(&mut converters, &plugin.info, (plugin.config_def)());
    }
    pages.push(Page { name: "converters.md", text: converters });
    pages
}

/// What is to be said of the options of every connector.
const CONNECTOR: &str = "Options of Kafka Connect that each connector has, whatever its class. `producer.override.<option>` sets one of its Kafka producer.\n\n\
     **Errors.** An error of the source or of Kafka that may pass restarts the task inside, `errors.max.retries` times in a row at most, after \
     `retriable.restart.connector.wait.ms`; from the second failure on twice, four times and six times as long, a tenth more or less. The status stays RUNNING, and says \
     in `rowtide` how often that was, when the next restart is, and why. Any other error fails the task; its trace ends with the remedy.\n\n\
     A record that cannot be transformed, converted or accepted (too large) fails the task, or with `errors.tolerance=all` is skipped: counted in the status, and logged as \
     `errors.log.enable` says. With `errors.deadletterqueue.topic.name` it goes to that topic of the same cluster (under `rowtide run`: to the same sink), and counts as done \
     when it is durable there; the topic is created when it is missing. What could not be transformed or converted is there as JSON with its schema, as the source made it; \
     what Kafka refused, as its bytes were, and if the queue refuses those too, as its headers alone. Headers are those of Connect's sink connectors: \
     `__connect.errors.topic`, `connector.name`, `task.id`, `stage`, `class.name`, `exception.class.name`, `exception.message`, `exception.stacktrace`; in place of the numbers \
     `partition` and `offset` there are `source.partition` and `source.offset` as JSON, and `omitted` names what the letter lacks. Under exactly once a letter is part of the \
     transaction of the records around it. A queue that does not take a letter fails the task: nothing is lost.";

fn page_name(info: &PluginInfo) -> &'static str {
    match info.class.rsplit('.').nth(1) {
        Some("postgresql") => "postgres.md",
        Some(package) => package,
        None => info.class,
    }
}

fn heading(title: &str, intro: &str) -> String {
    format!("{GENERATED}\n\n# {title}\n\n{intro}\n")
}

fn names(text: &mut String, info: &PluginInfo) {
    writeln!(text, "\n`{}` (as of version {})", info.class, info.version).ok();
}

fn section(text: &mut String, info: &PluginInfo, def: &ConfigDef) {
    writeln!(text, "\n## {}", info.simple_name()).ok();
    names(text, info);
    if def.keys.is_empty() {
        writeln!(text, "\nNo options.").ok();
    } else {
        table(text, def.keys.iter());
    }
}

/// A table for each heading, in the order of the declarations.
fn grouped(text: &mut String, def: &ConfigDef) {
    let mut groups: Vec<&str> = Vec::new();
    for key in &def.keys {
        if !groups.contains(&key.group) {
            groups.push(key.group);
        }
    }
    for group in groups {
        if !group.is_empty() {
            writeln!(text, "\n## {group}").ok();
        }
        table(text, def.keys.iter().filter(|key| key.group == group));
    }
}

fn table<'a>(text: &mut String, keys: impl Iterator<Item = &'a ConfigKey>) {
    writeln!(text, "\n| option | type | default | what it does |\n|---|---|---|---|").ok();
    for key in keys {
        let default = match key.default {
            Some("") => "empty".to_owned(),
            Some(default) => code(default),
            None if required(key) => "**required**".to_owned(),
            None => "–".to_owned(),
        };
        let mut what = cell(key.doc);
        if matches!(key.validator, Validator::Alias) {
            what.push_str(" Deprecated name.");
        }
        let words = words(key);
        if !words.is_empty() {
            let list: Vec<String> = words.iter().map(|word| code(word)).collect();
            write!(what, " One of {}.", list.join(", ")).ok();
        }
        let weight = if key.importance == Importance::High { "**" } else { "" };
        writeln!(text, "| {weight}{}{weight} | {} | {default} | {} |", code(key.name), kind(key.kind), what.trim()).ok();
    }
}

fn required(key: &ConfigKey) -> bool {
    let by_rule = match key.validator {
        Validator::Required => true,
        Validator::Rules(rules) => rules.iter().any(|rule| matches!(rule, Rule::Required)),
        _ => false,
    };
    key.required || by_rule
}

fn words(key: &ConfigKey) -> &'static [&'static str] {
    match key.validator {
        Validator::OneOf(words) => words,
        Validator::Rules(rules) => {
            rules.iter().find_map(|rule| if let Rule::OneOf(words) = rule { Some(*words) } else { None }).unwrap_or_default()
        }
        _ => &[],
    }
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// A cell ends at a bar, a row at a line's end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn kind(kind: ConfigType) -> &'static str {
    match kind {
        ConfigType::Boolean => "boolean",
        ConfigType::String => "string",
        ConfigType::Int => "int",
        ConfigType::Short => "short",
        ConfigType::Long => "long",
        ConfigType::Double => "double",
        ConfigType::List => "list",
        ConfigType::Class => "class",
        ConfigType::Password => "password",
    }
}
