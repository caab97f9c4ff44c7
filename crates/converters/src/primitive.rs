//! `org.apache.kafka.connect.converters.*`: one value as Kafka's serializer of that type writes it, big-endian, without
//! its schema; and bytes as they are.

use std::sync::{Arc, LazyLock};

use bytes::BufMut;
use rowtide_api::plugin::{ConverterPlugin, HeaderConverterPlugin};
use rowtide_api::{
    ConfigDef, Converter, Datum, EncodePlan, Error, HeaderConverter, Kind, Plan, PluginInfo, PluginKind, Result, Schema,
    SchemaRef, Value,
};

use crate::logical::{Logical, kind_of, logical};
use crate::options::{CONVERTER_TYPE, KAFKA};

/// The type that a converter takes.
#[derive(Clone, Copy, Debug)]
enum Type {
    Boolean,
    Short,
    Integer,
    Long,
    Float,
    Double,
    ByteArray,
}

/// The converters in the order of their names.
pub(crate) const CONVERTERS: [ConverterPlugin; 7] = [
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.BooleanConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Boolean),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.ByteArrayConverter", CONVERTER),
        config_def: no_options,
        new: |_, _| converter(Type::ByteArray),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.DoubleConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Double),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.FloatConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Float),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.IntegerConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Integer),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.LongConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Long),
    },
    ConverterPlugin {
        info: info("org.apache.kafka.connect.converters.ShortConverter", CONVERTER),
        config_def,
        new: |_, _| converter(Type::Short),
    },
];

/// The same as converters of headers.
pub(crate) const HEADERS: [HeaderConverterPlugin; 7] = [
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.BooleanConverter", HEADER),
        config_def,
        new: |_| header(Type::Boolean),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.ByteArrayConverter", HEADER),
        config_def: no_options,
        new: |_| header(Type::ByteArray),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.DoubleConverter", HEADER),
        config_def,
        new: |_| header(Type::Double),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.FloatConverter", HEADER),
        config_def,
        new: |_| header(Type::Float),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.IntegerConverter", HEADER),
        config_def,
        new: |_| header(Type::Integer),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.LongConverter", HEADER),
        config_def,
        new: |_| header(Type::Long),
    },
    HeaderConverterPlugin {
        info: info("org.apache.kafka.connect.converters.ShortConverter", HEADER),
        config_def,
        new: |_| header(Type::Short),
    },
];

const CONVERTER: PluginKind = PluginKind::Converter;
const HEADER: PluginKind = PluginKind::HeaderConverter;

const fn info(class: &'static str, kind: PluginKind) -> PluginInfo {
    PluginInfo { class, kind, version: KAFKA }
}

fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef { keys: vec![CONVERTER_TYPE], prefixes: Vec::new() });
    &DEF
}

fn no_options() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef { keys: Vec::new(), prefixes: Vec::new() });
    &DEF
}

fn converter(only: Type) -> Result<Box<dyn Converter>> {
    Ok(Box::new(Primitive(only)))
}

fn header(only: Type) -> Result<Box<dyn HeaderConverter>> {
    Ok(Box::new(Primitive(only)))
}

struct Primitive(Type);

struct PrimitivePlan {
    only: Type,
    topic: Arc<str>,
}

impl Converter for Primitive {
    fn plan(&self, topic: &str, schema: Option<&SchemaRef>) -> Result<Plan> {
        if matches!(self.0, Type::ByteArray) {
            bytes_only(topic, schema.map(AsRef::as_ref))?;
        }
        Ok(Plan::Ready(Arc::new(PrimitivePlan { only: self.0, topic: topic.into() })))
    }
}

impl EncodePlan for PrimitivePlan {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.only.encode(&self.topic, value, out)
    }
}

impl HeaderConverter for Primitive {
    fn encode(&self, topic: &str, name: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool> {
        let fits = if matches!(self.0, Type::ByteArray) { bytes_only(topic, datum.schema.as_deref()) } else { Ok(()) };
        let encoded = fits.and_then(|()| self.0.encode(topic, &datum.value, out));
        encoded.map_err(|error| error.context(&format!("the header '{name}'")))
    }
}

/// The schema must be that of plain bytes; a decimal is none to Java.
fn bytes_only(topic: &str, schema: Option<&Schema>) -> Result<()> {
    let wrong = match schema {
        Some(schema) if matches!(logical(schema), Some(Logical::Decimal(_))) => "a decimal".to_owned(),
        Some(schema) if schema.kind != Kind::Bytes => {
            format!("{:?}", schema.kind).chars().take_while(|c| c.is_alphanumeric()).collect()
        }
        _ => return Ok(()),
    };
    Err(Error::data(format!("ByteArrayConverter takes bytes only, but the schema for topic '{topic}' is {wrong}"))
        .remedy("use another converter for this topic's records, or a transform that leaves only a field of bytes"))
}

impl Type {
    fn encode(self, topic: &str, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        match (self, value) {
            (_, Value::Null) => return Ok(false),
            (Type::Boolean, Value::Boolean(truth)) => out.push((*truth).into()),
            (Type::Short, Value::Int16(number)) => out.put_i16(*number),
            (Type::Integer, Value::Int32(number)) => out.put_i32(*number),
            (Type::Long, Value::Int64(number)) => out.put_i64(*number),
            (Type::Float, Value::Float32(number)) => out.put_f32(*number),
            (Type::Double, Value::Float64(number)) => out.put_f64(*number),
            (Type::ByteArray, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            _ => {
                let kind = kind_of(value);
                return Err(Error::data(format!("{self:?}Converter cannot write the {kind} of a record for topic '{topic}'")));
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A converter, what it takes, values, their bytes, and a value that it does not take.
    type Case = (Type, Kind, Vec<Value>, &'static [&'static [u8]], Value);

    /// What the converters of Apache Kafka 4.3.1 made of the same values.
    #[test]
    fn bytes_are_those_of_apache_kafka() {
        let cases: [Case; 6] = [
            (Type::Boolean, Kind::Boolean, [true, false].map(Value::Boolean).into(), &[&[1], &[0]], Value::Int32(1)),
            (
                Type::Short,
                Kind::Int16,
                [1, -2, i16::MIN].map(Value::Int16).into(),
                &[&[0, 1], &[0xFF, 0xFE], &[0x80, 0]],
                Value::Int32(1),
            ),
            (
                Type::Integer,
                Kind::Int32,
                [1, -2, i32::MAX].map(Value::Int32).into(),
                &[&[0, 0, 0, 1], &[0xFF, 0xFF, 0xFF, 0xFE], &[0x7F, 0xFF, 0xFF, 0xFF]],
                Value::Int64(1),
            ),
            (
                Type::Long,
                Kind::Int64,
                [1, i64::MIN].map(Value::Int64).into(),
                &[&[0, 0, 0, 0, 0, 0, 0, 1], &[0x80, 0, 0, 0, 0, 0, 0, 0]],
                Value::Int32(1),
            ),
            (
                Type::Float,
                Kind::Float32,
                [1.5, -0.0, f32::NAN].map(Value::Float32).into(),
                &[&[0x3F, 0xC0, 0, 0], &[0x80, 0, 0, 0], &[0x7F, 0xC0, 0, 0]],
                Value::Float64(1.5),
            ),
            (
                Type::Double,
                Kind::Float64,
                [1.5, f64::NEG_INFINITY].map(Value::Float64).into(),
                &[&[0x3F, 0xF8, 0, 0, 0, 0, 0, 0], &[0xFF, 0xF0, 0, 0, 0, 0, 0, 0]],
                Value::Float32(1.5),
            ),
        ];
        for (only, kind, values, expected, other) in cases {
            let schema = Schema::new(kind).optional().shared();
            let Ok(Plan::Ready(plan)) = Primitive(only).plan("t", Some(&schema)) else { panic!("no registry here") };
            let encoded = |value: &Value| {
                let mut out = Vec::new();
                plan.encode(value, &mut out).map(|there| there.then_some(out))
            };
            for (value, expected) in values.iter().zip(expected) {
                assert_eq!(encoded(value).unwrap().as_deref(), Some(*expected), "{only:?} {value:?}");
            }
            assert_eq!(encoded(&Value::Null).unwrap(), None);
            assert!(encoded(&other).is_err(), "{only:?} takes no {other:?}");
        }
    }
}
