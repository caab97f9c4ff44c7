//! The one list of plug-ins. A source is a line here and one in `Cargo.toml`; transforms, converters and sinks list
//! themselves in their crates.

use rowtide_api::SourceConnector;
use rowtide_api::plugin::Plugins;

/// Everything that is built in.
pub fn all() -> Plugins {
    Plugins {
        sources: sources(),
        transforms: rowtide_transforms::ALL.iter().collect(),
        predicates: rowtide_transforms::PREDICATES.iter().collect(),
        converters: rowtide_converters::ALL.iter().collect(),
        header_converters: rowtide_converters::HEADERS.iter().collect(),
        sinks: rowtide_sink_file::ALL.iter().collect(),
    }
}

fn sources() -> Vec<Box<dyn SourceConnector>> {
    vec![
        #[cfg(feature = "postgres")]
        Box::new(rowtide_source_postgres::PostgresConnector),
    ]
}
