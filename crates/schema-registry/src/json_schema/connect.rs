//! JSON Schema as Connect's: `JsonSchemaData.toConnectSchema`, for what `derive` makes and what is like it. References to other
//! documents are not read.

use rowtide_api::{Error, Field, Kind, Result, Schema, SchemaRef};
use rowtide_converters::json::Dialect;
use serde_json::Value as Node;

use super::{Settings, decode, word};

/// How deep schemas may lie in each other, references counted: Connect's cannot hold themselves.
const DEEPEST: usize = 100;

/// The Connect schema of a JSON Schema.
pub(crate) fn parse(text: &str, settings: &Settings) -> Result<SchemaRef> {
    let root: Node = serde_json::from_str(text).map_err(|_| Error::data("the registered schema is no JSON"))?;
    let reading = Reading { root: &root, settings, unions: std::cell::Cell::new(0) };
    Ok(reading.schema(&root, false, 0)?.shared())
}

struct Reading<'a> {
    root: &'a Node,
    settings: &'a Settings,
    /// how many unions were named
    unions: std::cell::Cell<usize>,
}

impl Reading<'_> {
    fn schema(&self, node: &Node, optional: bool, depth: usize) -> Result<Schema> {
        if depth > DEEPEST {
            return Err(too_deep());
        }
        if let Some(place) = node["$ref"].as_str() {
            return self.schema(self.at(place)?, optional, depth + 1);
        }
        if let Some(parts) = node["allOf"].as_array() {
            return self.schema(&self.merged(node, parts, depth)?, optional, depth + 1);
        }
        let branches = ["oneOf", "anyOf"].into_iter().find_map(|name| node[name].as_array());
        let mut found = match (branches, node["type"].as_array()) {
            (Some(branches), _) => {
                let branches: Vec<&Node> = branches.iter().collect();
                match beside_null(&branches) {
                    Some((branch, null)) => return self.schema(branch, optional || null, depth + 1),
                    None => self.union(&branches, depth)?,
                }
            }
            // several types are a union of schemas that differ in nothing else
            (None, Some(types)) => {
                let of = |name: &Node| {
                    let mut one = node.clone();
                    one["type"] = name.clone();
                    one
                };
                let owned: Vec<Node> = types.iter().map(of).collect();
                let branches: Vec<&Node> = owned.iter().collect();
                match beside_null(&branches) {
                    Some((branch, null)) => return self.schema(branch, optional || null, depth + 1),
                    None => self.union(&branches, depth)?,
                }
            }
            (None, None) => self.base(node, depth)?,
        };
        annotate(node, &mut found)?;
        found.optional |= optional;
        Ok(found)
    }

    /// One schema that says what all parts say: their properties beside each other, of other words the first.
    fn merged(&self, node: &Node, parts: &[Node], depth: usize) -> Result<Node> {
        let mut all = node.clone();
        let members = all.as_object_mut().ok_or_else(|| Error::data("a JSON Schema is no object"))?;
        members.remove("allOf");
        for part in parts {
            let mut part = self.followed(part, depth)?;
            if let Some(inner) = part["allOf"].as_array() {
                part = self.merged(&part, inner, depth + 1)?;
            }
            for (word, said) in part.as_object().into_iter().flatten() {
                match (members.get_mut(word), said) {
                    (Some(Node::Object(have)), Node::Object(more)) if word == "properties" => {
                        have.extend(more.iter().map(|(name, schema)| (name.clone(), schema.clone())));
                    }
                    (Some(Node::Array(have)), Node::Array(more)) if word == "required" => have.extend(more.iter().cloned()),
                    (Some(_), _) => {}
                    (None, _) => {
                        members.insert(word.clone(), said.clone());
                    }
                }
            }
        }
        Ok(all)
    }

    /// The schema that a reference stands for; each other for itself.
    fn followed(&self, node: &Node, depth: usize) -> Result<Node> {
        match node["$ref"].as_str() {
            Some(_) if depth > DEEPEST => Err(too_deep()),
            Some(place) => self.followed(self.at(place)?, depth + 1),
            None => Ok(node.clone()),
        }
    }

    /// What a reference refers to.
    fn at(&self, place: &str) -> Result<&Node> {
        let found = place.strip_prefix('#').and_then(|place| self.root.pointer(place));
        found.ok_or_else(|| Error::data(format!("the JSON Schema refers to '{place}', which it does not hold")))
    }

    fn base(&self, node: &Node, depth: usize) -> Result<Schema> {
        if let Some(symbols) = node["enum"].as_array() {
            return Ok(self.enumeration(symbols));
        }
        if let Some(symbol) = node.get("const") {
            return Ok(self.enumeration(std::slice::from_ref(symbol)));
        }
        let connect = node[word::TYPE].as_str();
        let kind = match node["type"].as_str() {
            Some("boolean") => Kind::Boolean,
            Some("integer") => number(connect.unwrap_or("int64"))?,
            Some("number") => number(connect.unwrap_or("float64"))?,
            Some("string") if connect == Some("bytes") => Kind::Bytes,
            Some("string") => Kind::String,
            Some("array") => self.array(node, connect, depth)?,
            Some("object") if connect == Some("map") || has_any_names(node) => {
                let values = self.schema(&node["additionalProperties"], false, depth + 1)?;
                Kind::Map(Schema::new(Kind::String).shared(), values.shared())
            }
            Some("object") => Kind::Struct(self.fields(node, depth)?),
            None if node["properties"].is_object() => Kind::Struct(self.fields(node, depth)?),
            other => {
                let other = other.map_or_else(|| "a schema without a type".to_owned(), |other| format!("the type '{other}'"));
                return Err(Error::data(format!("Unsupported schema type: {other}"))
                    .remedy("let the writer give each property a type of its own in the schema that it registers"));
            }
        };
        Ok(Schema::new(kind))
    }

    fn array(&self, node: &Node, connect: Option<&str>, depth: usize) -> Result<Kind> {
        let items = node.get("items").ok_or_else(|| Error::data("Array schema did not specify the items type"))?;
        if connect == Some("map") && items["properties"].is_object() {
            let of = |name: &str| Ok(self.schema(&items["properties"][name], false, depth + 1)?.shared());
            return Ok(Kind::Map(of(word::KEY)?, of(word::VALUE)?));
        }
        Ok(Kind::Array(self.schema(items, false, depth + 1)?.shared()))
    }

    /// By `connect.index`; a property without one goes behind those before it.
    fn fields(&self, node: &Node, depth: usize) -> Result<Vec<Field>> {
        let required = node["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut fields = Vec::new();
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            let optional =
                self.settings.optional_unless_required && !required.iter().any(|required| required.as_str() == Some(name));
            let index = property[word::INDEX].as_u64().unwrap_or(fields.len() as u64);
            fields.push((index, Field::new(name.as_str(), self.schema(property, optional, depth + 1)?)));
        }
        fields.sort_by_key(|(index, _)| *index);
        Ok(fields.into_iter().map(|(_, field)| field).collect())
    }

    fn union(&self, branches: &[&Node], depth: usize) -> Result<Schema> {
        let general = self.settings.generalized;
        let name = match general {
            true => format!("connect_union_{}", self.unions.replace(self.unions.get() + 1)),
            false => word::ONE_OF.to_owned(),
        };
        let others = branches.iter().filter(|branch| !is_null(branch));
        let mut fields = Vec::new();
        for (index, branch) in others.enumerate() {
            let field = if general { format!("connect_union_field_{index}") } else { format!("{name}.field.{index}") };
            fields.push(Field::new(field, self.schema(branch, true, depth + 1)?));
        }
        let schema = Schema::structure(fields).named(name.clone());
        let schema = if general { schema.parameter(word::GENERAL_UNION, name) } else { schema };
        Ok(Schema { optional: branches.iter().any(|branch| is_null(branch)), ..schema })
    }

    fn enumeration(&self, symbols: &[Node]) -> Schema {
        let name = if self.settings.generalized { word::GENERAL_ENUM } else { word::ENUM };
        let schema = Schema::new(Kind::String).parameter(name, "");
        symbols.iter().enumerate().fold(schema, |schema, (index, symbol)| {
            let symbol = match symbol {
                Node::Null => word::NULL.to_owned(),
                Node::String(text) => text.clone(),
                other => other.to_string(),
            };
            let value = if self.settings.generalized { index.to_string() } else { symbol.clone() };
            schema.parameter(format!("{name}.{symbol}"), value)
        })
    }
}

/// The only branch, or the one beside null, and whether there is null.
fn beside_null<'a>(branches: &[&'a Node]) -> Option<(&'a Node, bool)> {
    match branches {
        [one] => Some((one, false)),
        [null, one] | [one, null] if is_null(null) && !is_null(one) => Some((one, true)),
        _ => None,
    }
}

fn too_deep() -> Error {
    Error::data("the JSON Schema is nested too deep, or holds itself; reading such schemas is not supported")
        .remedy("let the writer end the recursion in its schema, or hold what recurs as a text")
}

/// Whether an object has members of one schema under any name, and no others. Confluent's converter reads a struct without fields there.
fn has_any_names(node: &Node) -> bool {
    node["additionalProperties"].is_object() && node["properties"].as_object().is_none_or(serde_json::Map::is_empty)
}

fn is_null(node: &Node) -> bool {
    node["type"] == "null"
}

fn number(connect: &str) -> Result<Kind> {
    Ok(match connect {
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float32" => Kind::Float32,
        "float64" => Kind::Float64,
        "bytes" => Kind::Bytes,
        other => return Err(Error::data(format!("Unsupported type {other}"))),
    })
}

fn annotate(node: &Node, found: &mut Schema) -> Result<()> {
    if found.name.is_none() {
        found.name = node["title"].as_str().map(Into::into);
    }
    found.version = node[word::VERSION].as_i64().and_then(|version| i32::try_from(version).ok()).or(found.version);
    found.doc = node["description"].as_str().map(Into::into).or(found.doc.take());
    for (name, value) in node[word::PARAMETERS].as_object().into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| Error::data("Expected schema parameter values to be strings"))?;
        *found = found.clone().parameter(name.as_str(), value);
    }
    if let Some(default) = node.get("default").filter(|default| !default.is_null()) {
        let plain = found.clone().shared();
        found.default = Some(decode::read(&plain, default.to_string().as_bytes(), Dialect::Confluent)?);
    }
    Ok(())
}
