//! Values as JSON with the id of their schema around them, as both converters of JSON have it.

use std::sync::Arc;

use rowtide_api::{EncodePlan, Error, Result, SchemaRef, Value};
use rowtide_converters::json::{self, Payload};

use crate::json_schema::pretty;

/// How values of a schema become bytes once a registry has given its id.
pub(super) struct RegisteredJson {
    pub topic: Arc<str>,
    pub schema: SchemaRef,
    pub payload: Payload,
    /// what stands before a value, and after it
    pub around: (Box<[u8]>, &'static str),
    /// with line breaks
    pub indent: bool,
}

impl EncodePlan for RegisteredJson {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        let written = self.write(value, out);
        if !matches!(written, Ok(true)) {
            out.truncate(start);
        }
        written
    }
}

impl RegisteredJson {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        out.extend_from_slice(&self.around.0);
        let misfit = |misfit| json::error(misfit, &self.topic, &self.schema);
        let written = if self.indent {
            let mut compact = Vec::new();
            let written = self.payload.write(value, &mut compact).map_err(misfit)?;
            pretty::write(&compact, out);
            written
        } else {
            self.payload.write(value, out).map_err(misfit)?
        };
        out.extend_from_slice(self.around.1.as_bytes());
        Ok(written)
    }
}

/// Of data without a schema, which there is nothing to register for.
pub(super) fn without_schema(topic: &str) -> Error {
    Error::data(format!("the data of topic {topic} has no schema, and this converter registers one"))
        .remedy("use org.apache.kafka.connect.json.JsonConverter for it, or leave out the transform that takes schemas away")
}

/// Nothing at all, as tombstones are, is written without asking anyone.
pub(super) struct Nothing(pub Arc<str>);

impl EncodePlan for Nothing {
    fn encode(&self, value: &Value, _: &mut Vec<u8>) -> Result<bool> {
        if value.is_null() { Ok(false) } else { Err(without_schema(&self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::{Kind, Schema};
    use rowtide_converters::json::{Dialect, Style};

    fn plan(schema: Schema, indent: bool) -> RegisteredJson {
        let schema = schema.shared();
        let style = Style { replace_null: true, numeric_decimals: false, dialect: Dialect::Confluent };
        let payload = Payload::compile(&schema, &style).ok().unwrap();
        RegisteredJson { topic: "t".into(), schema, payload, around: ([0, 0, 0, 0, 7].into(), ""), indent }
    }

    #[test]
    fn null_is_written_where_it_is_a_value_and_else_is_a_tombstone() {
        let encode = |plan: &dyn EncodePlan| {
            let mut out = b"before".to_vec();
            plan.encode(&Value::Null, &mut out).map(|written| (written, out)).map_err(|error| error.to_string())
        };
        let optional = plan(Schema::new(Kind::String).optional(), false);
        assert_eq!(encode(&optional), Ok((true, b"before\0\0\0\0\x07null".to_vec())));
        for plan in [&plan(Schema::new(Kind::String), false) as &dyn EncodePlan, &Nothing("t".into())] {
            assert_eq!(encode(plan), Ok((false, b"before".to_vec())));
        }
    }

    #[test]
    fn what_does_not_fit_leaves_nothing_behind() {
        for indent in [false, true] {
            let array = plan(Schema::new(Kind::Array(Schema::new(Kind::Int32).shared())), indent);
            let mut out = b"before".to_vec();
            let error = array.encode(&Value::Array(vec![Value::Int32(1), Value::string("secret")]), &mut out).unwrap_err();
            assert_eq!(out, b"before");
            assert!(error.to_string().contains("topic 't'") && !error.to_string().contains("secret"), "{error}");
        }
        let error = Nothing("t".into()).encode(&Value::Int32(1), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("the data of topic t has no schema"), "{error}");
    }
}
