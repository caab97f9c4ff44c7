//! The one list of plug-ins. A source is a line here and one in `Cargo.toml`; transforms, converters and sinks list
//! themselves in their crates.

use rowtide_api::SourceConnector;
use rowtide_api::plugin::{ConverterPlugin, Plugins};

/// Everything that is built in.
pub fn all() -> Plugins {
    Plugins {
        sources: sources(),
        transforms: rowtide_transforms::ALL.iter().collect(),
        predicates: rowtide_transforms::PREDICATES.iter().collect(),
        converters: converters(),
        header_converters: rowtide_converters::HEADERS.iter().chain(rowtide_debezium_converters::HEADERS).collect(),
        sinks: rowtide_sink_file::ALL.iter().collect(),
    }
}

fn sources() -> Vec<Box<dyn SourceConnector>> {
    vec![
        #[cfg(feature = "postgres")]
        Box::new(rowtide_source_postgres::PostgresConnector),
    ]
}

fn converters() -> Vec<&'static ConverterPlugin> {
    let all = rowtide_converters::ALL.iter().chain(rowtide_debezium_converters::ALL);
    #[cfg(feature = "schema-registry")]
    let all = all.chain(rowtide_schema_registry::ALL);
    all.collect()
}
