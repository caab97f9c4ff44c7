//! An Avro schema's JSON text as a registry hands it out.

use std::collections::HashMap;
use std::sync::Arc;

use rowtide_api::{Error, Result};
use serde_json::Value as Node;

use super::schema::{AvroKind, AvroSchema, Enumeration, Name, Record, RecordField};
use crate::json::Json;

/// Members that say what a type is; all others are properties.
const RESERVED: [&str; 11] =
    ["type", "name", "namespace", "doc", "fields", "items", "values", "symbols", "size", "aliases", "default"];

/// How deep schemas may be within each other: the text comes from outside.
const DEEPEST: usize = 200;

/// Reads a schema.
pub(crate) fn parse(text: &str) -> Result<Arc<AvroSchema>> {
    // A registry may keep a primitive's bare name.
    let node: Node = match serde_json::from_str(text) {
        Ok(node) => node,
        Err(_) if primitive(text.trim()).is_some() => Node::String(text.trim().to_owned()),
        Err(error) => return Err(unreadable("it is no JSON").caused_by(error)),
    };
    Ok(Arc::new(schema(&node, None, 0)?))
}

/// Reads a schema that refers to others: their definitions come in the place of their names.
pub(crate) fn with_references(text: &str, references: &[String]) -> Result<Arc<AvroSchema>> {
    let root = parse(text)?;
    let mut others = HashMap::new();
    for reference in references {
        others.extend(parse(reference)?.names());
    }
    for own in root.names().keys() {
        others.remove(own);
    }
    if others.is_empty() { Ok(root) } else { inlined(&root, &others, 0) }
}

fn inlined(schema: &Arc<AvroSchema>, others: &HashMap<String, Arc<AvroSchema>>, depth: usize) -> Result<Arc<AvroSchema>> {
    if depth > DEEPEST {
        return Err(unreadable("its references go round in a circle"));
    }
    let inner = |schema: &Arc<AvroSchema>| inlined(schema, others, depth + 1);
    let kind = match &schema.kind {
        AvroKind::Reference(name) => {
            return others.get(&name.full()).map_or_else(|| Ok(schema.clone()), inner);
        }
        AvroKind::Array(items) => AvroKind::Array(inner(items)?),
        AvroKind::Map(values) => AvroKind::Map(inner(values)?),
        AvroKind::Union(branches) => AvroKind::Union(branches.iter().map(inner).collect::<Result<_>>()?),
        AvroKind::Record(record) => {
            let field = |field: &RecordField| Ok(RecordField { schema: inner(&field.schema)?, ..field.clone() });
            AvroKind::Record(Record { fields: record.fields.iter().map(field).collect::<Result<_>>()?, ..record.clone() })
        }
        _ => return Ok(schema.clone()),
    };
    Ok(Arc::new(AvroSchema { kind, props: schema.props.clone() }))
}

fn schema(node: &Node, space: Option<&str>, depth: usize) -> Result<AvroSchema> {
    if depth > DEEPEST {
        return Err(unreadable("it is nested too deep"));
    }
    match node {
        Node::String(name) => {
            Ok(AvroSchema::new(primitive(name).unwrap_or_else(|| AvroKind::Reference(named(name, None, space)))))
        }
        Node::Array(branches) => {
            let branches = branches.iter().map(|branch| Ok(Arc::new(schema(branch, space, depth + 1)?)));
            Ok(AvroSchema::new(AvroKind::Union(branches.collect::<Result<_>>()?)))
        }
        Node::Object(_) => object(node, space, depth),
        _ => Err(unreadable("a type is neither a name, nor a list, nor an object")),
    }
}

fn object(node: &Node, space: Option<&str>, depth: usize) -> Result<AvroSchema> {
    let inner = |member: &str| match node.get(member) {
        Some(inner) => Ok(Arc::new(schema(inner, space, depth + 1)?)),
        None => Err(unreadable(&format!("'{member}' is missing"))),
    };
    let name = || match node.get("name").and_then(Node::as_str) {
        Some(name) => Ok(named(name, node.get("namespace").and_then(Node::as_str), space)),
        None => Err(unreadable("a named type has no name")),
    };
    let kind = match node.get("type") {
        Some(Node::String(kind)) => match kind.as_str() {
            "array" => AvroKind::Array(inner("items")?),
            "map" => AvroKind::Map(inner("values")?),
            "record" | "error" => AvroKind::Record(record(node, name()?, depth)?),
            "enum" => AvroKind::Enum(Enumeration {
                name: name()?,
                doc: doc(node),
                symbols: symbols(node)?,
                default: text(node, "default"),
            }),
            "fixed" => match node.get("size").and_then(Node::as_u64) {
                Some(size) => AvroKind::Fixed(name()?, size as usize),
                None => return Err(unreadable("a fixed has no size")),
            },
            other => primitive(other).unwrap_or_else(|| AvroKind::Reference(named(other, None, space))),
        },
        Some(nested) => return schema(nested, space, depth + 1),
        None => return Err(unreadable("'type' is missing")),
    };
    let mut found = AvroSchema::new(kind);
    for (member, value) in node.as_object().into_iter().flatten() {
        if !RESERVED.contains(&member.as_str()) {
            found.prop(member, Json::from(value));
        }
    }
    Ok(found)
}

fn record(node: &Node, name: Name, depth: usize) -> Result<Record> {
    let Some(Node::Array(members)) = node.get("fields") else { return Err(unreadable("a record has no fields")) };
    let space = name.space.clone();
    let field = |member: &Node| {
        let (Some(field), Some(kind)) = (text(member, "name"), member.get("type")) else {
            return Err(unreadable("a field has no name or no type"));
        };
        let schema = Arc::new(schema(kind, space.as_deref(), depth + 1)?);
        Ok(RecordField { name: field, schema, doc: doc(member), default: member.get("default").map(Json::from) })
    };
    let fields = members.iter().map(field).collect::<Result<_>>()?;
    Ok(Record { name, doc: doc(node), fields })
}

fn symbols(node: &Node) -> Result<Vec<Arc<str>>> {
    let Some(Node::Array(symbols)) = node.get("symbols") else { return Err(unreadable("an enum has no symbols")) };
    let text = |symbol: &Node| symbol.as_str().map(Arc::from).ok_or_else(|| unreadable("a symbol is no text"));
    symbols.iter().map(text).collect()
}

fn doc(node: &Node) -> Option<Arc<str>> {
    text(node, "doc")
}

fn text(node: &Node, member: &str) -> Option<Arc<str>> {
    node.get(member).and_then(Node::as_str).map(Arc::from)
}

/// A name in its namespace: its own dots, the member `namespace`, or the namespace around.
fn named(name: &str, namespace: Option<&str>, around: Option<&str>) -> Name {
    if name.contains('.') {
        return Name::of(name);
    }
    let space = namespace.or(around).filter(|space| !space.is_empty());
    Name { space: space.map(Arc::from), name: name.into() }
}

fn primitive(name: &str) -> Option<AvroKind> {
    Some(match name {
        "null" => AvroKind::Null,
        "boolean" => AvroKind::Boolean,
        "int" => AvroKind::Int,
        "long" => AvroKind::Long,
        "float" => AvroKind::Float,
        "double" => AvroKind::Double,
        "bytes" => AvroKind::Bytes,
        "string" => AvroKind::String,
        _ => return None,
    })
}

fn unreadable(why: &str) -> Error {
    Error::data(format!("the registry's Avro schema cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::wire::ANYTHING;

    #[test]
    fn what_is_written_is_read_again() {
        let all = [
            r#""string""#,
            r#"{"type":"int","connect.type":"int16"}"#,
            r#"["null",{"type":"bytes","scale":2,"precision":10,"logicalType":"decimal"}]"#,
            r#"{"type":"enum","name":"E","namespace":"a.b","doc":"d","symbols":["X","Y"],"default":"X"}"#,
            r#"{"type":"fixed","name":"F","size":3}"#,
            r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"m","type":{"type":"map","values":{"type":"record","name":"S","namespace":"b","fields":[]}},"doc":"x","default":{}},{"name":"s","type":["null","b.S"],"default":null},{"name":"d","type":"double","default":1.5E10}]}"#,
            ANYTHING,
        ];
        for text in all {
            assert_eq!(parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn referred_definitions_are_put_in() {
        let text = r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"s","type":["null","b.S"]}]}"#;
        let other = r#"{"type":"record","name":"S","namespace":"b","fields":[{"name":"x","type":"int"}]}"#;
        let whole = with_references(text, &[other.to_owned()]).unwrap().text();
        assert!(whole.contains(r#"["null",{"type":"record","name":"S","namespace":"b","fields":"#), "{whole}");
    }

    #[test]
    fn nonsense_is_an_error() {
        let deep = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(300), "}".repeat(300));
        for text in ["", "{", "3", "{}", r#"{"type":"record"}"#, r#"{"type":"fixed","name":"x"}"#, &deep] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
