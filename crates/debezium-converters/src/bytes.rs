//! `io.debezium.converters.BinaryDataConverter` and `ByteArrayConverter`: bytes as they are, and whatever else by another converter.
//!
//! In Java the two differ in which objects they take for bytes (the first takes a `ByteBuffer`, too, which is what Debezium's events
//! hold); here bytes are bytes.

use std::sync::{Arc, LazyLock};

use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};
use rowtide_api::{
    ConfigDef, ConfigKey, ConfigType, Converter, Datum, EncodePlan, Error, HeaderConverter, Importance, Kind, Plan, PluginInfo,
    PluginKind, Props, Result, Schema, SchemaRef, Value,
};
use rowtide_converters::options::{self, CONVERTER_TYPE};

use crate::{VERSION, delegate};

const TYPE: &str = "delegate.converter.type";

const BINARY_DATA_CLASS: &str = "io.debezium.converters.BinaryDataConverter";
const BYTE_ARRAY_CLASS: &str = "io.debezium.converters.ByteArrayConverter";

const fn info(class: &'static str, kind: PluginKind) -> PluginInfo {
    PluginInfo { class, kind, version: VERSION }
}

/// `io.debezium.converters.BinaryDataConverter`
pub(crate) const BINARY_DATA: ConverterPlugin =
    ConverterPlugin { info: info(BINARY_DATA_CLASS, PluginKind::Converter), config_def: definition, new };

/// `io.debezium.converters.ByteArrayConverter`
pub(crate) const BYTE_ARRAY: ConverterPlugin =
    ConverterPlugin { info: info(BYTE_ARRAY_CLASS, PluginKind::Converter), config_def: definition, new };

/// The first one for headers
pub(crate) const BINARY_DATA_HEADER: HeaderConverterPlugin =
    HeaderConverterPlugin { info: info(BINARY_DATA_CLASS, PluginKind::HeaderConverter), config_def: definition, new: header };

/// The second one for headers
pub(crate) const BYTE_ARRAY_HEADER: HeaderConverterPlugin =
    HeaderConverterPlugin { info: info(BYTE_ARRAY_CLASS, PluginKind::HeaderConverter), config_def: definition, new: header };

fn definition() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let class = ConfigKey::new(TYPE, ConfigType::String, Importance::Low, TYPE);
        let doc = "The class of the converter that writes what is no bytes, such as org.apache.kafka.connect.json.JsonConverter; its options stand under this name and a dot (delegate.converter.type.schemas.enable). Without it such a record cannot be converted. Headers have none, as in Debezium.";
        ConfigDef { keys: vec![CONVERTER_TYPE, class.doc(doc)], prefixes: vec!["delegate.converter.type."] }
    });
    &DEF
}

struct BytesOr {
    other: Option<Box<dyn Converter>>,
}

fn new(props: &Props, is_key: bool) -> Result<Box<dyn Converter>> {
    options::check(definition(), props)?;
    let class = props.get(TYPE).map(str::trim).filter(|class| !class.is_empty());
    let inner = props.with_prefix("delegate.converter.type.");
    let other = class.map(|class| delegate::converter(class, &inner, is_key, TYPE)).transpose()?;
    Ok(Box::new(BytesOr { other }))
}

fn header(props: &Props) -> Result<Box<dyn HeaderConverter>> {
    options::check(definition(), props)?;
    Ok(Box::new(BytesOr { other: None }))
}

/// Whether values of this schema are bytes to Java; a decimal is a number.
fn is_bytes(schema: &Schema) -> bool {
    schema.kind == Kind::Bytes && schema.name.as_deref() != Some("org.apache.kafka.connect.data.Decimal")
}

fn missing(what: &str) -> Error {
    Error::data(format!("{what} is no bytes and requires a {TYPE} to be configured")).remedy(format!(
        "set {TYPE} under the converter's prefix to the converter that shall write it, such as {}",
        delegate::JSON
    ))
}

impl Converter for BytesOr {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        let what = || format!("a record of topic {topic}");
        match (schema, &self.other) {
            (Some(schema), _) if is_bytes(schema) => Ok(Plan::Ready(Arc::new(AsIs { what: what(), other: None }))),
            (Some(_), Some(other)) => other.plan(topic, schema),
            (Some(_), None) => Err(missing(&what())),
            // without a schema it is the value that tells
            (None, other) => match other.as_ref().map(|other| other.plan(topic, None)).transpose()? {
                Some(Plan::NeedsLookup(lookup)) => Ok(Plan::NeedsLookup(Box::pin(async move {
                    let plan: Arc<dyn EncodePlan> = Arc::new(AsIs { what: String::new(), other: Some(lookup.await?) });
                    Ok(plan)
                }))),
                Some(Plan::Ready(plan)) => Ok(Plan::Ready(Arc::new(AsIs { what: what(), other: Some(plan) }))),
                None => Ok(Plan::Ready(Arc::new(AsIs { what: what(), other: None }))),
            },
        }
    }
}

struct AsIs {
    what: String,
    /// writes what is no bytes
    other: Option<Arc<dyn EncodePlan>>,
}

impl EncodePlan for AsIs {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        match (value, &self.other) {
            (Value::Null, _) => Ok(false),
            (Value::Bytes(bytes), _) => {
                out.extend_from_slice(bytes);
                Ok(true)
            }
            (value, Some(other)) => other.encode(value, out),
            (_, None) => Err(missing(&self.what)),
        }
    }
}

impl HeaderConverter for BytesOr {
    fn encode(&self, _topic: &str, name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool> {
        let what = format!("the header '{name}'");
        if datum.schema.as_deref().is_some_and(|schema| !is_bytes(schema)) {
            return Err(missing(&what));
        }
        AsIs { what, other: None }.encode(&datum.value, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(options: &[(&str, &str)], datum: Datum) -> Result<Option<Vec<u8>>> {
        let converter = new(&Props::from_iter(options.iter().copied()), false)?;
        let Plan::Ready(plan) = converter.plan("t", datum.schema.as_ref())? else { panic!("no registry here") };
        let mut out = Vec::new();
        Ok(plan.encode(&datum.value, &mut out)?.then_some(out))
    }

    const JSON: &[(&str, &str)] = &[(TYPE, delegate::JSON), ("delegate.converter.type.schemas.enable", "false")];

    #[test]
    fn bytes_are_written_as_they_are_and_all_else_by_the_other_one() {
        let bytes = || Value::Bytes(b"\x00avro".to_vec().into());
        for options in [&[], JSON] {
            let datum = Datum::new(Schema::new(Kind::Bytes).optional().shared(), bytes());
            assert_eq!(encoded(options, datum).unwrap().unwrap(), b"\x00avro");
            assert_eq!(encoded(options, Datum { schema: None, value: bytes() }).unwrap().unwrap(), b"\x00avro");
            let null = Datum::new(Schema::new(Kind::Bytes).optional().shared(), Value::Null);
            assert_eq!(encoded(options, null).unwrap(), None);
        }
        let text = || Datum::new(Schema::new(Kind::String).shared(), Value::string("x"));
        assert_eq!(encoded(JSON, text()).unwrap().unwrap(), b"\"x\"");
        assert_eq!(encoded(JSON, Datum { schema: None, value: Value::Int32(7) }).unwrap().unwrap(), b"7");
        let decimal = Schema::new(Kind::Bytes).named("org.apache.kafka.connect.data.Decimal").parameter("scale", "0");
        assert_eq!(encoded(JSON, Datum::new(decimal.shared(), Value::Bytes(vec![1].into()))).unwrap().unwrap(), b"\"AQ==\"");
        let error = encoded(&[], text()).unwrap_err().to_string();
        assert!(error.contains(TYPE) && error.contains("topic t"), "{error}");
    }

    #[test]
    fn a_class_that_is_not_there_is_an_error() {
        let error = encoded(&[(TYPE, "com.example.Own")], Datum::null()).unwrap_err().to_string();
        assert!(error.contains("com.example.Own") && error.contains(TYPE), "{error}");
    }

    #[test]
    fn headers_have_no_other_converter() {
        let converter = header(&Props::from_iter(JSON.iter().copied())).unwrap();
        let mut out = Vec::new();
        let bytes = Datum { schema: None, value: Value::Bytes(b"x".to_vec().into()) };
        assert!(HeaderConverter::encode(&*converter, "t", "h", &bytes, &mut out).unwrap());
        assert_eq!(out, b"x");
        let text = Datum::new(Schema::new(Kind::String).shared(), Value::string("x"));
        let error = HeaderConverter::encode(&*converter, "t", "h", &text, &mut out).unwrap_err().to_string();
        assert!(error.contains("'h'"), "{error}");
    }
}
