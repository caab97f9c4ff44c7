//! The schema as `JsonConverter.asJsonSchema` writes it: once for each plan.

use rowtide_api::{Kind, Schema, SchemaRef};

use super::plan::{Node, Shared};
use super::text;
use crate::misfit::Misfit;

/// Appends the schema's JSON object; of a struct's field with its name as the last member.
pub(super) fn write(schema: &SchemaRef, field: Option<&str>, shared: &Shared, out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(type_name(&schema.kind).as_bytes());
    out.push(b'"');
    match &schema.kind {
        Kind::Array(items) => member_schema("items", items, shared, out)?,
        Kind::Map(keys, values) => {
            member_schema("keys", keys, shared, out)?;
            member_schema("values", values, shared, out)?;
        }
        Kind::Struct(fields) => {
            out.extend_from_slice(b",\"fields\":[");
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(&field.schema, Some(&field.name), shared, out)?;
            }
            out.push(b']');
        }
        _ => {}
    }
    attributes(schema, shared, out)?;
    if let Some(field) = field {
        member("field", out);
        text::string(field, out);
    }
    out.push(b'}');
    Ok(())
}

fn attributes(schema: &SchemaRef, shared: &Shared, out: &mut Vec<u8>) -> Result<(), Misfit> {
    member("optional", out);
    out.extend_from_slice(if schema.optional { b"true" } else { b"false" });
    if let Some(name) = &schema.name {
        member("name", out);
        text::string(name, out);
    }
    if let Some(version) = schema.version {
        member("version", out);
        text::whole(version, out);
    }
    if let Some(doc) = &schema.doc {
        member("doc", out);
        text::string(doc, out);
    }
    if !schema.parameters.is_empty() {
        member("parameters", out);
        out.push(b'{');
        for (index, (name, value)) in schema.parameters.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            text::string(name, out);
            out.push(b':');
            text::string(value, out);
        }
        out.push(b'}');
    }
    if let Some(default) = schema.default.as_ref().filter(|default| !default.is_null()) {
        member("default", out);
        // without regard to its own default, which would never end
        Node::compile(&without_default(schema), shared)?.write(default, out)?;
    }
    Ok(())
}

fn without_default(schema: &SchemaRef) -> SchemaRef {
    let mut plain = Schema::clone(schema);
    plain.default = None;
    plain.shared()
}

fn member_schema(name: &str, schema: &SchemaRef, shared: &Shared, out: &mut Vec<u8>) -> Result<(), Misfit> {
    member(name, out);
    write(schema, None, shared, out)
}

fn member(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Connect's `JsonSchema` names of types.
fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    }
}
