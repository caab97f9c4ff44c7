//! The schema that `JsonConverter` describes in JSON as Connect's again: `JsonConverter.asConnectSchema`. Apicurio calls that type KCONNECT.

use rowtide_api::{Error, Field, Kind, Result, Schema, SchemaRef};
use rowtide_converters::json::Dialect;
use serde_json::Value as Node;

use super::decode;

/// The Connect schema of a text; none where the text is null.
pub(crate) fn parse(text: &str) -> Result<Option<SchemaRef>> {
    let node: Node = serde_json::from_str(text).map_err(|_| Error::data("the registered schema is no JSON"))?;
    if node.is_null() { Ok(None) } else { schema(&node).map(Some) }
}

fn schema(node: &Node) -> Result<SchemaRef> {
    let kind = match node["type"].as_str() {
        Some("boolean") => Kind::Boolean,
        Some("int8") => Kind::Int8,
        Some("int16") => Kind::Int16,
        Some("int32") => Kind::Int32,
        Some("int64") => Kind::Int64,
        Some("float") => Kind::Float32,
        Some("double") => Kind::Float64,
        Some("bytes") => Kind::Bytes,
        Some("string") => Kind::String,
        Some("array") => Kind::Array(schema(&node["items"])?),
        Some("map") => Kind::Map(schema(&node["keys"])?, schema(&node["values"])?),
        Some("struct") => Kind::Struct(fields(node)?),
        Some(other) => return Err(Error::data(format!("Unknown schema type: {other}"))),
        None => return Err(Error::data("Schema must contain 'type' field")),
    };
    let mut found = Schema::new(kind);
    found.optional = node["optional"].as_bool().unwrap_or(false);
    found.name = node["name"].as_str().map(Into::into);
    found.version = node["version"].as_i64().and_then(|version| i32::try_from(version).ok());
    found.doc = node["doc"].as_str().map(Into::into);
    for (name, value) in node["parameters"].as_object().into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| Error::data("Schema parameters must have string values."))?;
        found = found.parameter(name.as_str(), value);
    }
    if let Some(default) = node.get("default").filter(|default| !default.is_null()) {
        let plain = found.clone().shared();
        found.default = Some(decode::read(&plain, default.to_string().as_bytes(), Dialect::Kafka)?);
    }
    Ok(found.shared())
}

fn fields(node: &Node) -> Result<Vec<Field>> {
    let fields = node["fields"].as_array().ok_or_else(|| Error::data("Struct schema's \"fields\" argument is not an array."))?;
    let field = |node: &Node| {
        let name = node["field"].as_str().ok_or_else(|| Error::data("Struct schema's field name not specified properly"))?;
        Ok(Field::new(name, schema(node)?))
    };
    fields.iter().map(field).collect()
}

/// Ok when values of a schema, written as JSON, are read by a registered one: `apicurio.registry.find-latest`. Members that it does not know
/// are passed over.
///
/// # Errors
/// Names the first place that does not fit.
pub(crate) fn check(ours: &Schema, registered: &str) -> Result<()> {
    let theirs = parse(registered)?.ok_or_else(|| Error::configuration("the registered schema is null"))?;
    let mut path = Vec::new();
    fits(ours, &theirs, &mut path).map_err(|why| {
        let place = if path.is_empty() { "the value".to_owned() } else { format!("the field '{}'", path.join(".")) };
        Error::configuration(format!("{place} does not fit the registered schema: {why}"))
            .remedy("register a schema that fits the table, or set apicurio.registry.auto-register=true")
    })
}

fn fits(ours: &Schema, theirs: &Schema, path: &mut Vec<String>) -> std::result::Result<(), &'static str> {
    if ours.optional && !theirs.optional && theirs.default.is_none() {
        return Err("it allows no null");
    }
    let within = |name: &str, ours: &Schema, theirs: &Schema, path: &mut Vec<String>| {
        path.push(name.to_owned());
        fits(ours, theirs, path)?;
        path.pop();
        Ok(())
    };
    match (&ours.kind, &theirs.kind) {
        (Kind::Array(ours), Kind::Array(theirs)) => within("[]", ours, theirs, path),
        (Kind::Map(our_keys, ours), Kind::Map(keys, theirs)) => {
            within("key", our_keys, keys, path)?;
            within("*", ours, theirs, path)
        }
        (Kind::Struct(_), Kind::Struct(fields)) => {
            for field in fields {
                match ours.field(&field.name) {
                    Some((_, ours)) => within(&field.name, &ours.schema, &field.schema, path)?,
                    None if field.schema.optional || field.schema.default.is_some() => {}
                    None => {
                        path.push(field.name.to_string());
                        return Err("it is required, and the table has no such column");
                    }
                }
            }
            Ok(())
        }
        (ours, theirs) if ours == theirs => Ok(()),
        _ => Err("it is of another type"),
    }
}
