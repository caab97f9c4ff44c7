//! Holds schemas and bytes against what Confluent's public source (`ProtobufData` of the branch 8.5, run for this once) made of the same
//! schemas and values: `tests/golden/protobuf.jsonl`. A line is a case: schema and value (bytes in hexadecimal, floats as text, structs as
//! lists), options, and the text, the bytes and the message's index that came out; or that it failed.

use serde_json::Value as Json;

use super::derive::derive;
use super::plan::{ProtobufPlan, full_name, misfit_error};
use super::schema::Types;
use super::{Settings, wire};
use crate::golden::{hex, schema, value};

fn settings(options: &Json) -> Settings {
    let is_on = |name: &str| options[name] == "true";
    Settings {
        scrub: is_on("scrub.invalid.names"),
        optional_for_nullables: is_on("optional.for.nullables"),
        wrapper_for_nullables: is_on("wrapper.for.nullables"),
        ignore_default: is_on("ignore.default.for.nullables"),
        ..Settings::default()
    }
}

/// What differs from the case; none is well.
fn difference(case: &Json) -> Option<String> {
    let (schema, settings) = (schema(&case["schema"]), settings(&case["options"]));
    let derived = derive(&schema, &settings);
    if let Some(failed) = case["failed"].as_str() {
        return derived.is_ok().then(|| format!("should have failed: {failed}"));
    }
    let (file, index) = match derived {
        Ok(derived) => derived,
        Err(error) => return Some(format!("{error}")),
    };
    if file.text() != case["text"].as_str().unwrap() {
        return Some(format!("{} is not\n{}", file.text(), case["text"].as_str().unwrap()));
    }
    let expected = hex(case["bytes"].as_str()?);
    let value = value(&schema, &case["value"]);
    let full = full_name(&file, index).unwrap();
    let plan = ProtobufPlan::compile(&schema, &full, &Types::of([&file]), &settings).unwrap();
    let (mut out, mut place) = (Vec::new(), Vec::new());
    wire::message_index(index, &mut place);
    if let Err(misfit) = plan.write(&value, &mut out) {
        return Some(misfit_error(misfit).to_string());
    }
    if place != hex(case["index"].as_str().unwrap()) {
        return Some(format!("index {place:?}"));
    }
    (out != expected).then(|| format!("{}\n{:02x?} is not\n{:02x?}", file.text(), out, &expected[..]))
}

#[test]
fn schemas_and_bytes_are_those_of_confluents_source() {
    let cases = include_str!("../../tests/golden/protobuf.jsonl").lines();
    let mut wrong = Vec::new();
    for (number, line) in cases.enumerate() {
        let case: Json = serde_json::from_str(line).unwrap();
        wrong.extend(difference(&case).map(|difference| format!("case {number} {}: {difference}", case["options"])));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
