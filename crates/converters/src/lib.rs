//! Converters: from Connect's values to bytes.
//!
//! What belongs here: each of Connect's own converters, one file or folder each, and their options. A converter compiles a
//! schema once into a plan; writing a value with it is pure and allocates nothing but the output.
//! What does not: when which converter is used, error tolerance and headers of failed records (the runtime's).

pub mod date;
#[cfg(test)]
mod golden;
pub mod java;
pub mod json;
pub mod logical;
pub mod members;
pub mod misfit;
mod number;
pub mod options;
mod primitive;
#[cfg(test)]
mod property;
mod simple_header;
mod string;

use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};

/// Every converter of keys and values, for the binary's list of plug-ins.
pub static ALL: &[ConverterPlugin] = &{
    let [boolean, byte_array, double, float, integer, long, short] = primitive::CONVERTERS;
    [boolean, byte_array, double, float, integer, long, short, json::CONVERTER, string::CONVERTER]
};

/// Every converter of headers, likewise.
pub static HEADERS: &[HeaderConverterPlugin] = &{
    let [boolean, byte_array, double, float, integer, long, short] = primitive::HEADERS;
    [boolean, byte_array, double, float, integer, long, short, json::HEADER, simple_header::HEADER, string::HEADER]
};
