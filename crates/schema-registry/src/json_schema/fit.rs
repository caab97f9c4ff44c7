//! Whether every value of a derived JSON Schema is one of a registered schema, as far as types, members and enums say: `use.latest.version`
//! writes values by the table, under the registered schema's id. Other keywords (patterns, ranges, formats) are not looked at.

use rowtide_api::{Error, Result};
use serde_json::Value as Node;

/// Ok when values of `ours` may go under the id of `theirs`.
///
/// # Errors
/// Names the first place that does not fit.
pub(crate) fn check(ours: &str, theirs: &str) -> Result<()> {
    let read =
        |text: &str| serde_json::from_str::<Node>(text).map_err(|_| Error::configuration("the registered schema is no JSON"));
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    let mut path = Vec::new();
    fits(&ours, &theirs, &theirs, &mut path).map_err(|why| {
        let place = if path.is_empty() { "the value".to_owned() } else { format!("the field '{}'", path.join(".")) };
        Error::configuration(format!("{place} does not fit the registered JSON Schema: {why}"))
            .remedy("register a schema that fits the table, or set auto.register.schemas=true and use.latest.version=false")
    })
}

/// How deep registered schemas are followed; those that hold themselves never end.
const DEEPEST: usize = 100;

fn fits(ours: &Node, theirs: &Node, root: &Node, path: &mut Vec<String>) -> std::result::Result<(), String> {
    if path.len() > DEEPEST {
        return Err("it is nested too deep".to_owned());
    }
    for ours in branches(ours) {
        let mut first = None;
        let length = path.len();
        let fit = branches(theirs).into_iter().any(|theirs| match one_fits(ours, resolved(theirs, root), root, path) {
            Ok(()) => true,
            Err((kept, why)) => {
                // of several branches the one of the same type tells most
                first.get_or_insert((kept, why));
                path.truncate(length);
                false
            }
        });
        if !fit {
            let (kept, why) = first.unwrap_or_else(|| (Vec::new(), "it allows nothing".to_owned()));
            path.extend(kept);
            return Err(why);
        }
    }
    Ok(())
}

/// The branches of a schema, one where it has none.
fn branches(node: &Node) -> Vec<&Node> {
    match ["oneOf", "anyOf"].into_iter().find_map(|name| node[name].as_array()) {
        Some(branches) => branches.iter().collect(),
        None => vec![node],
    }
}

fn resolved<'a>(node: &'a Node, root: &'a Node) -> &'a Node {
    let place = node["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
    place.and_then(|place| root.pointer(place)).unwrap_or(node)
}

/// Where within, and why not.
type Unfit = (Vec<String>, String);

fn one_fits(ours: &Node, theirs: &Node, root: &Node, path: &mut Vec<String>) -> std::result::Result<(), Unfit> {
    let here = |why: String| (Vec::new(), why);
    if let (Some(ours), Some(theirs)) = (ours["enum"].as_array(), theirs["enum"].as_array()) {
        return match ours.iter().all(|symbol| theirs.contains(symbol)) {
            true => Ok(()),
            false => Err(here("its enum lacks a value".to_owned())),
        };
    }
    if theirs.get("enum").is_some() || theirs.get("const").is_some() {
        return Err(here("it allows certain values only".to_owned()));
    }
    let name = ours["type"].as_str().unwrap_or("string");
    if !takes(&theirs["type"], name) {
        return Err(here(format!("it is of the type {}, not {name}", theirs["type"])));
    }
    let mut within = |name: &str, ours: &Node, theirs: &Node| {
        let length = path.len();
        path.push(name.to_owned());
        let fit = fits(ours, theirs, root, path);
        fit.map_err(|why| (path.split_off(length), why)).inspect(|()| path.truncate(length))
    };
    if let (Some(ours), Some(theirs)) = (ours.get("items"), theirs.get("items")) {
        within("[]", ours, theirs)?;
    }
    let others = &theirs["additionalProperties"];
    if let (Some(values), true) = (ours.get("additionalProperties").filter(|values| values.is_object()), others.is_object()) {
        within("*", values, others)?;
    }
    let properties = ours["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        match theirs["properties"].get(name) {
            Some(theirs) => within(name, property, theirs)?,
            None if *others == Node::Bool(false) => return Err((vec![name.clone()], "it has no such member".to_owned())),
            None if others.is_object() => within(name, property, others)?,
            None => {}
        }
    }
    for required in theirs["required"].as_array().into_iter().flatten().filter_map(Node::as_str) {
        if !properties.is_some_and(|properties| properties.contains_key(required)) {
            return Err((vec![required.to_owned()], "it is required, and the table has no such column".to_owned()));
        }
    }
    Ok(())
}

/// Whether a schema of these types takes values of a type.
fn takes(types: &Node, name: &str) -> bool {
    let one = |have: &str| have == name || (have == "number" && name == "integer");
    match types {
        Node::String(have) => one(have),
        Node::Array(types) => types.iter().filter_map(Node::as_str).any(one),
        _ => true,
    }
}
