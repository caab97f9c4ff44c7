//! The log: one line for each event on stderr, under the names that Connect's and Debezium's loggers have.
//!
//! Which levels REST set belongs to `rowtide-rest`; here they become a filter.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;

use rowtide_api::{Error, Result};
use rowtide_rest::{LoggerLevel, Loggers};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, reload};

use crate::terminal::StatusLine;

/// Our modules and the loggers whose place they take; the more specific first.
const LOGGERS: &[(&str, &str)] = &[
    ("rowtide_source_postgres", "io.debezium.connector.postgresql"),
    ("rowtide_cdc", "io.debezium.pipeline"),
    ("rowtide_runtime", "org.apache.kafka.connect.runtime"),
    ("rowtide_rest", "org.apache.kafka.connect.runtime.rest"),
    ("rowtide_transforms", "org.apache.kafka.connect.transforms"),
    ("rowtide_converters", "org.apache.kafka.connect.storage"),
    ("rowtide_kafka", "org.apache.kafka.clients"),
    ("rowtide", "rowtide"),
];

/// How often `-v` and `-q` were given.
#[derive(Clone, Copy)]
pub struct Verbosity {
    /// `-v`
    pub verbose: u8,
    /// `-q`
    pub quiet: u8,
}

impl Verbosity {
    /// Warnings only, unless more was asked for.
    pub fn at_least_quiet(self) -> Self {
        Self { quiet: if self.verbose == 0 { self.quiet.max(1) } else { self.quiet }, ..self }
    }
}

/// The log that is running.
pub struct Log {
    /// levels for REST
    pub loggers: Arc<Loggers>,
    /// the line below it
    pub status: StatusLine,
}

/// Starts the log. `RUST_LOG` goes before `-v` and `-q`.
pub fn init(verbosity: Verbosity) -> Result<Log> {
    let base = base_filter(verbosity, std::env::var("RUST_LOG").ok().as_deref())?;
    let root = base.default_level().unwrap_or(LevelFilter::INFO);
    let (filter, handle) = reload::Layer::new(base.clone());
    let status = StatusLine::default();
    let above = status.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || above.above())
        .with_ansi(std::io::stderr().is_terminal())
        .event_format(Line)
        .with_filter(filter);
    tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .map_err(|error| Error::fatal("cannot start the log").caused_by(error))?;
    let apply = move |levels: &BTreeMap<String, LoggerLevel>| {
        // fails only when the log is gone, and then there is nothing to filter
        let _ = handle.reload(filter_of(&base, levels));
    };
    let names = LOGGERS.iter().map(|(_, name)| *name);
    Ok(Log { loggers: Loggers::new(names, word(root), Box::new(apply)), status })
}

fn base_filter(verbosity: Verbosity, rust_log: Option<&str>) -> Result<Targets> {
    if let Some(text) = rust_log.filter(|text| !text.trim().is_empty()) {
        return text.parse().map_err(|error| {
            Error::configuration(format!("RUST_LOG is '{text}'"))
                .caused_by(error)
                .remedy("write it like info,rowtide_kafka=debug")
        });
    }
    let level = match (verbosity.verbose, verbosity.quiet) {
        (_, 2..) => LevelFilter::ERROR,
        (_, 1) => LevelFilter::WARN,
        (0, _) => LevelFilter::INFO,
        (1, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // libraries below us are only of interest when asked for by name
    let below = level.min(LevelFilter::INFO);
    Ok(LOGGERS.iter().fold(Targets::new().with_default(below), |targets, (target, _)| targets.with_target(*target, level)))
}

/// The filter after changes over REST.
fn filter_of(base: &Targets, levels: &BTreeMap<String, LoggerLevel>) -> Targets {
    let changed = |name: &str| levels.get(name).filter(|level| level.last_modified.is_some()).map(|level| filter(level.level));
    let mut targets = base.clone();
    if let Some(root) = changed("root") {
        targets = targets.with_default(root);
    }
    for (target, name) in LOGGERS {
        let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
        let nearest = ends.rev().find_map(|end| changed(&name[..end])).or_else(|| changed("root"));
        if let Some(level) = nearest {
            targets = targets.with_target(*target, level);
        }
    }
    // our own modules may be named as well: rowtide_kafka.producer
    for name in levels.keys().filter(|name| name.starts_with("rowtide")) {
        if let Some(level) = changed(name) {
            targets = targets.with_target(name.replace('.', "::"), level);
        }
    }
    targets
}

/// log4j's word as a filter.
fn filter(word: &str) -> LevelFilter {
    match word {
        "OFF" => LevelFilter::OFF,
        "FATAL" | "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn word(filter: LevelFilter) -> &'static str {
    match filter.into_level() {
        None => "OFF",
        Some(Level::ERROR) => "ERROR",
        Some(Level::WARN) => "WARN",
        Some(Level::INFO) => "INFO",
        Some(Level::DEBUG) => "DEBUG",
        Some(Level::TRACE) => "TRACE",
    }
}

/// `2026-11-23T10:41:51.123456Z INFO [connector=pg task=0] message (io.debezium.connector.postgresql)`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        SystemTime.format_time(&mut out)?;
        let level = *event.metadata().level();
        let (colour, plain) = match (level, out.has_ansi_escapes()) {
            (Level::ERROR, true) => ("\x1b[31m", "\x1b[0m"),
            (Level::WARN, true) => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        write!(out, " {colour}{level:5}{plain} ")?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(out, "[{fields}] ")?;
            }
        }
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        // an error and its remedy are two lines elsewhere
        let message = message.trim().replace('\n', " ");
        writeln!(out, "{message} ({})", logger(event.metadata().target()))
    }
}

/// The logger's name of a module.
fn logger(target: &str) -> &str {
    let ours = LOGGERS
        .iter()
        .find(|(module, _)| target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    ours.map_or(target, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(level: &'static str) -> LoggerLevel {
        LoggerLevel { level, last_modified: Some(1) }
    }

    #[test]
    fn a_java_logger_sets_the_level_of_the_module_that_took_its_place() {
        let base = base_filter(Verbosity { verbose: 0, quiet: 0 }, None).unwrap();
        let levels = [("io.debezium".to_owned(), level("DEBUG")), ("rowtide_kafka.producer".to_owned(), level("TRACE"))];
        let targets = filter_of(&base, &levels.into());
        assert!(targets.would_enable("rowtide_source_postgres::stream", &Level::DEBUG));
        assert!(targets.would_enable("rowtide_cdc", &Level::DEBUG));
        assert!(!targets.would_enable("rowtide_runtime", &Level::DEBUG));
        assert!(targets.would_enable("rowtide_kafka::producer", &Level::TRACE));
        let off = filter_of(&base, &[("root".to_owned(), level("OFF"))].into());
        assert!(!off.would_enable("rowtide_runtime", &Level::ERROR));
    }

    #[test]
    fn events_carry_the_names_that_operators_know() {
        assert_eq!(logger("rowtide_source_postgres::stream::events"), "io.debezium.connector.postgresql");
        assert_eq!(logger("rowtide_rest::server"), "org.apache.kafka.connect.runtime.rest");
        assert_eq!(logger("hyper::proto"), "hyper::proto");
    }
}
