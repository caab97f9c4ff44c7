//! Converters that ask a schema registry, and the clients of the registries.
//!
//! What belongs here: Avro (`avro`), Protobuf (`protobuf`) and JSON with registered schemas (`json_schema`): schemas and bytes, pure; registries (`http`, `confluent`,
//! `apicurio`; `changes` and `refusal`: what is told of a change, and where they refuse), and the converters that
//! join them (`converter`), under the names of Confluent's and Apicurio's. What does not: converters that ask nobody (`rowtide-converters`),
//! and when a record waits for an answer (the runtime's).
//!
//! The HTTP client is hyper, which the REST server brings anyway, over rustls with the same stores as Kafka's clients.

mod apicurio;
mod avro;
mod changes;
mod confluent;
mod converter;
#[cfg(test)]
mod golden;
mod http;
mod input;
mod java_map;
mod json;
mod json_schema;
mod protobuf;
mod reader;
mod refusal;

use rowtide_api::plugin::ConverterPlugin;

pub use reader::{Reader, by_avro_schema, by_connect_schema, by_json_schema, by_protobuf_schema};

/// Every converter of keys and values, for the binary's list of plug-ins.
pub static ALL: &[ConverterPlugin] = &[
    converter::confluent::CONVERTER,
    converter::confluent_json::CONVERTER,
    converter::confluent_protobuf::CONVERTER,
    converter::apicurio::CONVERTER,
    converter::apicurio_json::CONVERTER,
];
