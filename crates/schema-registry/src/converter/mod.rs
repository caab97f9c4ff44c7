//! The converters: options, which schema is asked for under which name, and what stands before the bytes.

pub(crate) mod apicurio;
pub(crate) mod apicurio_json;
pub(crate) mod apicurio_json_options;
pub(crate) mod apicurio_options;
mod artifacts;
pub(crate) mod confluent;
pub(crate) mod confluent_avro_options;
pub(crate) mod confluent_json;
pub(crate) mod confluent_json_options;
mod confluent_options;
pub(crate) mod confluent_protobuf;
pub(crate) mod confluent_protobuf_options;
mod options;
mod registered_json;
mod subjects;

use std::sync::Arc;

use bytes::Bytes;
use rowtide_api::{EncodePlan, Error, Result, SchemaRef, Value};

use crate::avro::plan::{AvroPlan, misfit_error};
use crate::protobuf::plan::{self as protobuf, ProtobufPlan};

/// How values of a schema become bytes once a registry has given its id.
struct RegisteredPlan {
    /// magic byte and id; empty where headers say the id
    prefix: Box<[u8]>,
    headers: Headers,
    body: Body,
    schema: Option<SchemaRef>,
}

/// Headers that go with each value.
type Headers = Vec<(Arc<str>, Bytes)>;

enum Body {
    Avro(AvroPlan),
    /// Confluent's serializer writes bytes at the top as they are, without their length
    Raw,
    Protobuf(ProtobufPlan),
}

impl EncodePlan for RegisteredPlan {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        if value.is_null() {
            return match &self.schema {
                // Confluent's converter of Protobuf does not ask whether null is a value
                _ if matches!(self.body, Body::Protobuf(_)) => Ok(false),
                Some(schema) if !schema.optional => Err(Error::data("Found null value for non-optional schema")),
                _ => Ok(false),
            };
        }
        out.extend_from_slice(&self.prefix);
        match (&self.body, value) {
            (Body::Avro(plan), value) => plan.write(value, out).map_err(misfit_error)?,
            (Body::Protobuf(plan), value) => plan.write(value, out).map_err(protobuf::misfit_error)?,
            (Body::Raw, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            (Body::Raw, _) => return Err(Error::data("Avro conversion of the value failed: Invalid type for bytes")),
        }
        Ok(true)
    }

    fn headers(&self) -> &[(Arc<str>, Bytes)] {
        &self.headers
    }
}
