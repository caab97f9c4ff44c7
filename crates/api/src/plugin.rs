//! What every plug-in says of itself.

use crate::{ConfigDef, Converter, HeaderConverter, Predicate, Props, Result, Sink, SourceConnector, Transform};

/// The kinds of plug-ins that `GET /connector-plugins` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginKind {
    /// a source connector
    Source,
    /// a converter of keys and values
    Converter,
    /// a converter of headers
    HeaderConverter,
    /// a single message transform
    Transformation,
    /// a predicate
    Predicate,
}

impl PluginKind {
    /// The word that Connect's REST API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            PluginKind::Source => "source",
            PluginKind::Converter => "converter",
            PluginKind::HeaderConverter => "header_converter",
            PluginKind::Transformation => "transformation",
            PluginKind::Predicate => "predicate",
        }
    }
}

/// Names of a plug-in.
#[derive(Debug)]
pub struct PluginInfo {
    /// the Java class whose place it takes
    pub class: &'static str,
    /// what it is
    pub kind: PluginKind,
    /// the version of the original whose behaviour it has, as the original reports it
    pub version: &'static str,
}

impl PluginInfo {
    /// The class's simple name: `PostgresConnector`.
    pub fn simple_name(&self) -> &'static str {
        self.class.rsplit(['.', '$']).next().unwrap_or(self.class)
    }

    /// Whether a configuration that says `name` means this plug-in: by the full class, by its simple name, or by the
    /// simple name without the kind's own ending (Connect's alias: `Postgres`, `Json`, `RegexRouter`). A nested class
    /// (`Cast$Value`) goes by its full name, or by what follows the last dot.
    pub fn matches(&self, name: &str) -> bool {
        let endings: &[&str] = match self.kind {
            PluginKind::Source => &["Connector"],
            PluginKind::Converter | PluginKind::HeaderConverter => &["Converter", "HeaderConverter"],
            PluginKind::Transformation | PluginKind::Predicate => &[],
        };
        let nested = self.class.rsplit('.').next().unwrap_or(self.class);
        name == self.class
            || name == nested
            || (name == self.simple_name() && !self.class.contains('$'))
            || endings.iter().any(|ending| self.simple_name().strip_suffix(ending) == Some(name))
    }
}

/// A transform: its names, its options, and how one is made from them (keys without their prefix).
pub struct TransformPlugin {
    /// names
    pub info: PluginInfo,
    /// options
    pub config_def: fn() -> &'static ConfigDef,
    /// makes an instance
    pub new: fn(&Props) -> Result<Box<dyn Transform>>,
}

/// A predicate, likewise.
pub struct PredicatePlugin {
    /// names
    pub info: PluginInfo,
    /// options
    pub config_def: fn() -> &'static ConfigDef,
    /// makes an instance
    pub new: fn(&Props) -> Result<Box<dyn Predicate>>,
}

/// A converter; the flag says whether it is for keys.
pub struct ConverterPlugin {
    /// names
    pub info: PluginInfo,
    /// options
    pub config_def: fn() -> &'static ConfigDef,
    /// makes an instance
    pub new: fn(&Props, bool) -> Result<Box<dyn Converter>>,
}

/// A header converter.
pub struct HeaderConverterPlugin {
    /// names
    pub info: PluginInfo,
    /// options
    pub config_def: fn() -> &'static ConfigDef,
    /// makes an instance
    pub new: fn(&Props) -> Result<Box<dyn HeaderConverter>>,
}

/// A sink beside Kafka, chosen by `rowtide run`.
pub struct SinkPlugin {
    /// the name that `rowtide.sink` takes
    pub name: &'static str,
    /// options
    pub config_def: fn() -> &'static ConfigDef,
    /// makes an instance
    pub new: fn(&Props) -> Result<Box<dyn Sink>>,
}

/// Everything that is built in: one explicit list, made by the binary.
#[derive(Default)]
pub struct Plugins {
    /// source connectors
    pub sources: Vec<Box<dyn SourceConnector>>,
    /// transforms
    pub transforms: Vec<&'static TransformPlugin>,
    /// predicates
    pub predicates: Vec<&'static PredicatePlugin>,
    /// converters
    pub converters: Vec<&'static ConverterPlugin>,
    /// header converters
    pub header_converters: Vec<&'static HeaderConverterPlugin>,
    /// sinks beside Kafka
    pub sinks: Vec<&'static SinkPlugin>,
}

impl Plugins {
    /// The source that a `connector.class` names.
    pub fn source(&self, class: &str) -> Option<&dyn SourceConnector> {
        self.sources.iter().find(|source| source.info().matches(class)).map(AsRef::as_ref)
    }
}
