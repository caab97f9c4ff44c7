//! From the text of a PostgreSQL value to a Connect value.
//!
//! A [`ColumnDecoder`] is made once for each column of each version of a table; parsers of the families of types stand
//! in the modules beside. They are pure, and refuse what they cannot read instead of guessing.
//!
//! The text is the one that sessions with the settings of `session::TEXT_FORM` send: `DateStyle` ISO, `IntervalStyle`
//! postgres, `TimeZone` UTC, `bytea_output` hex, `extra_float_digits` 3. A stream and a `COPY` send the same.

pub mod array;
pub mod bytes;
pub mod geometry;
pub mod hstore;
pub mod interval;
pub mod numeric;
pub mod temporal;

use std::sync::Arc;

use ::bytes::Bytes;
use bytestring::ByteString;
use rowtide_api::{Error, Kind, Result, SchemaRef, Value};
use rowtide_cdc::Column;
use tracing::{debug, warn};

use crate::decode::Part;
use crate::slab::Slab;
use crate::types::{BinaryMode, FailureMode, PgTypes, TypeOptions, oid};

/// Text that is not a value of its type. Holds no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not {0}")]
pub struct ValueError(pub &'static str);

/// Geometric types without mapping.
const SHAPES: &[u32] = &[oid::LSEG, oid::PATH, oid::BOX, oid::POLYGON, oid::LINE, oid::CIRCLE];

/// How the text of one type is read.
#[derive(Clone, Debug)]
enum Codec {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Bytes(BinaryMode),
    /// text of a type without mapping, represented as bytes
    Opaque(BinaryMode),
    Bit,
    Bits,
    Numeric(numeric::Shape),
    Money(numeric::Money),
    Date(temporal::DateForm),
    Time(temporal::TimeForm),
    Timestamp(temporal::TimestampForm),
    TimeTz,
    TimestampTz {
        digits: usize,
    },
    Interval {
        as_text: bool,
    },
    Point(SchemaRef),
    Geometry(SchemaRef),
    HstoreJson,
    HstoreMap,
    Vector {
        single: bool,
    },
    SparseVector(SchemaRef),
    /// text of a geometric type without mapping, represented as bytes
    Shape(BinaryMode),
    Array {
        element: Box<Codec>,
        /// whether the elements' schema has room for nulls: an enumeration's has not
        nulls: bool,
        delimiter: u8,
    },
}

/// Reads the values of one column.
#[derive(Clone, Debug)]
pub struct ColumnDecoder {
    codec: Codec,
    unavailable: Value,
    failure: FailureMode,
    schema: SchemaRef,
    /// `schema.table`, for messages
    table: Arc<str>,
    column: Arc<str>,
}

impl ColumnDecoder {
    /// For a column and its schema.
    pub fn new(table: &Arc<str>, column: &Column, schema: &SchemaRef, types: &PgTypes) -> Self {
        let options = types.options();
        Self {
            codec: Codec::new(column.type_id, column, schema, types),
            unavailable: unavailable(column.type_id, types),
            failure: options.failure,
            schema: schema.clone(),
            table: table.clone(),
            column: column.name.clone(),
        }
    }

    /// The value of a text. What cannot be read follows `event.converting.failure.handling.mode`.
    pub fn text(&self, raw: Part<'_>, slab: &mut Slab) -> Result<Value> {
        match self.codec.text(raw, slab) {
            Ok(value) => Ok(value),
            Err(error) => self.failed(error),
        }
    }

    /// The value of a literal, none if it is no value of the type.
    pub(crate) fn literal(&self, raw: &Bytes) -> Option<Value> {
        self.codec.text(raw.into(), &mut Slab::default()).ok()
    }

    /// The value of a binary form; no stream or `COPY` of ours asks for one.
    pub fn binary(&self, _raw: Part<'_>) -> Result<Value> {
        Err(Error::fatal(format!("column {}: the server sent a value in binary form, which was not asked for", self.name()))
            .remedy("remove the option 'binary' from 'slot.stream.params'"))
    }

    /// What stands for a TOASTed value that an update did not change and the server did not send.
    pub fn unavailable(&self) -> Value {
        self.unavailable.clone()
    }

    fn name(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }

    /// What a value that cannot be read becomes, unless that stops the connector.
    fn missing(&self) -> Value {
        if self.schema.optional { Value::Null } else { crate::schema::zero(&self.schema) }
    }

    #[cold]
    fn failed(&self, error: ValueError) -> Result<Value> {
        let name = self.name();
        match self.failure {
            FailureMode::Fail => Err(Error::data(format!("Failed to properly convert data value for column {name}: {error}"))
                .remedy("event.converting.failure.handling.mode=warn writes null in its place")),
            FailureMode::Warn => {
                warn!("Failed to properly convert data value for column {name}: {error}; null stands in its place");
                Ok(self.missing())
            }
            FailureMode::Skip => {
                debug!("Failed to properly convert data value for column {name}: {error}");
                Ok(self.missing())
            }
        }
    }
}

impl Codec {
    fn new(type_oid: u32, column: &Column, schema: &SchemaRef, types: &PgTypes) -> Self {
        let options: &TypeOptions = types.options();
        match type_oid {
            oid::BOOL => Codec::Boolean,
            oid::INT2 => Codec::Int16,
            oid::INT4 => Codec::Int32,
            oid::INT8 | oid::OID => Codec::Int64,
            oid::FLOAT4 => Codec::Float32,
            oid::FLOAT8 => Codec::Float64,
            oid::BYTEA => Codec::Bytes(options.binary),
            oid::BIT | oid::VARBIT if schema.kind == Kind::Boolean => Codec::Bit,
            oid::BIT | oid::VARBIT => Codec::Bits,
            oid::NUMERIC => Codec::Numeric(numeric::Shape::new(options.decimal, column, schema)),
            oid::MONEY => Codec::Money(numeric::Money { mode: options.decimal, digits: options.money_digits }),
            oid::DATE => Codec::Date(temporal::DateForm::of(schema)),
            oid::TIME => Codec::Time(temporal::TimeForm::of(schema)),
            oid::TIMESTAMP => Codec::Timestamp(temporal::TimestampForm::of(schema)),
            oid::TIMETZ => Codec::TimeTz,
            oid::TIMESTAMPTZ => Codec::TimestampTz { digits: column.scale.unwrap_or(6).clamp(0, 9) as usize },
            oid::INTERVAL => Codec::Interval { as_text: options.interval_string },
            oid::POINT => Codec::Point(schema.clone()),
            other => Codec::catalogued(other, column, schema, types),
        }
    }

    fn catalogued(type_oid: u32, column: &Column, schema: &SchemaRef, types: &PgTypes) -> Self {
        let known = types.registry().get(type_oid);
        if let Kind::Array(element) = &schema.kind
            && let Some(array) = known.filter(|known| known.element != 0)
        {
            let delimiter = if array.element == oid::BOX { b';' } else { b',' };
            let codec = Codec::new(array.element, column, element, types);
            return Codec::Array { element: Box::new(codec), nulls: element.optional, delimiter };
        }
        match schema.name.as_deref().unwrap_or("") {
            "io.debezium.data.geometry.Geometry" | "io.debezium.data.geometry.Geography" => Codec::Geometry(schema.clone()),
            "io.debezium.data.DoubleVector" => Codec::Vector { single: false },
            "io.debezium.data.FloatVector" => Codec::Vector { single: true },
            "io.debezium.data.SparseDoubleVector" => Codec::SparseVector(schema.clone()),
            _ => match (known.map_or("", |known| &known.name), &schema.kind) {
                ("hstore", Kind::Map(..)) => Codec::HstoreMap,
                ("hstore", _) => Codec::HstoreJson,
                _ if is_text(type_oid, types) => Codec::Text,
                _ if SHAPES.contains(&type_oid) => Codec::Shape(types.options().binary),
                _ => Codec::Opaque(types.options().binary),
            },
        }
    }

    fn text(&self, raw: Part<'_>, slab: &mut Slab) -> std::result::Result<Value, ValueError> {
        match self {
            Codec::Text => utf8(raw.keep()).map(Value::String),
            Codec::Int16 => integer(&raw).map(Value::Int16),
            Codec::Int32 => integer(&raw).map(Value::Int32),
            Codec::Int64 => integer(&raw).map(Value::Int64),
            Codec::Boolean => boolean(&raw),
            Codec::Float32 => number(&raw).map(Value::Float32),
            Codec::Float64 => number(&raw).map(Value::Float64),
            Codec::Numeric(shape) => numeric::numeric(&raw, shape, slab),
            Codec::Money(money) => numeric::money(&raw, money),
            Codec::Date(form) => temporal::date(&raw, *form),
            Codec::Time(form) => temporal::time(&raw, *form),
            Codec::Timestamp(form) => temporal::timestamp(&raw, *form),
            Codec::TimestampTz { digits } => temporal::timestamptz(&raw, *digits, slab),
            Codec::TimeTz => temporal::timetz(&raw),
            Codec::Interval { as_text } => interval::interval(&raw, *as_text),
            Codec::Bytes(mode) => bytes::bytea(&raw, *mode),
            Codec::Opaque(mode) => Ok(bytes::represent(raw.keep(), *mode)),
            Codec::Bit => Ok(Value::Boolean(raw.contains(&b'1'))),
            Codec::Bits => bytes::bits(&raw),
            Codec::Point(schema) => geometry::point_text(&raw, schema),
            Codec::Geometry(schema) => geometry::ewkb(&raw, schema),
            Codec::HstoreJson => hstore::json(&raw),
            Codec::HstoreMap => hstore::map(&raw),
            Codec::Vector { single } => geometry::vector(&raw, *single),
            Codec::SparseVector(schema) => geometry::sparse_vector(&raw, schema),
            Codec::Shape(mode) => geometry::driver_text(&raw).map(|text| bytes::represent(text, *mode)),
            Codec::Array { element, nulls, delimiter } => {
                array::array(&raw.keep(), *delimiter, element.is_textual(), |item| match item {
                    Some(item) => element.text(item.into(), slab),
                    None if *nulls => Ok(Value::Null),
                    None => Err(ValueError("an array without nulls")),
                })
            }
        }
    }

    /// Whether a nested array can stand as an element: as its own text.
    fn is_textual(&self) -> bool {
        matches!(self, Codec::Text)
    }
}

/// Types whose values are their text. Whatever has a text schema and no case of its own: ranges, addresses, JSON,
/// enumerations, XML, UUIDs, labels of trees.
fn is_text(type_oid: u32, types: &PgTypes) -> bool {
    let built_in = [
        oid::TEXT,
        oid::VARCHAR,
        oid::BPCHAR,
        oid::CHAR,
        oid::NAME,
        oid::INET,
        oid::CIDR,
        oid::MACADDR,
        oid::MACADDR8,
        oid::JSON,
        oid::JSONB,
        oid::XML,
        oid::UUID,
        oid::TSVECTOR,
        oid::INT4RANGE,
        oid::INT8RANGE,
        oid::NUMRANGE,
        oid::TSRANGE,
        oid::TSTZRANGE,
        oid::DATERANGE,
    ];
    let known = types.registry().get(type_oid);
    built_in.contains(&type_oid)
        || known.is_some_and(|known| !known.labels.is_empty() || matches!(&*known.name, "citext" | "isbn" | "ltree"))
}

fn utf8(raw: Bytes) -> std::result::Result<ByteString, ValueError> {
    ByteString::try_from(raw).map_err(|_| ValueError("UTF-8 text"))
}

fn as_str(raw: &[u8]) -> std::result::Result<&str, ValueError> {
    std::str::from_utf8(raw).map_err(|_| ValueError("UTF-8 text"))
}

/// A whole number that fits its type.
fn integer<T: TryFrom<i64>>(raw: &[u8]) -> std::result::Result<T, ValueError> {
    let wrong = ValueError("a whole number of its type");
    let (digits, negative) = match raw {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.is_empty() || digits.len() > 19 {
        return Err(wrong);
    }
    // negative all the way: the smallest number has no positive counterpart
    let mut number = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return Err(wrong);
        }
        number = number.checked_mul(10).and_then(|number| number.checked_sub(digit.into())).ok_or(wrong)?;
    }
    let number = if negative { number } else { number.checked_neg().ok_or(wrong)? };
    T::try_from(number).map_err(|_| wrong)
}

fn number<T: std::str::FromStr>(raw: &[u8]) -> std::result::Result<T, ValueError> {
    // Rust reads Infinity, -Infinity and NaN as PostgreSQL writes them
    as_str(raw)?.parse().map_err(|_| ValueError("a number"))
}

fn boolean(raw: &[u8]) -> std::result::Result<Value, ValueError> {
    match raw {
        b"t" | b"true" => Ok(Value::Boolean(true)),
        b"f" | b"false" => Ok(Value::Boolean(false)),
        _ => Err(ValueError("a boolean")),
    }
}

/// `unavailable.value.placeholder` in the shape of each type (Debezium's `UnchangedToastedPlaceholder`).
fn unavailable(type_oid: u32, types: &PgTypes) -> Value {
    let options = types.options();
    let raw = || Bytes::copy_from_slice(&options.placeholder);
    let text = || Value::string(String::from_utf8_lossy(&options.placeholder).into_owned());
    let known = types.registry().get(type_oid);
    let element = known.map_or(0, |known| known.element);
    match (type_oid, element) {
        (oid::BYTEA, _) if options.binary == BinaryMode::Bytes => Value::Bytes(raw()),
        (_, oid::INT4 | oid::DATE) => {
            Value::Array(options.placeholder.iter().map(|byte| Value::Int32((*byte as i8).into())).collect())
        }
        (_, oid::INT8) => Value::Array(options.placeholder.iter().map(|byte| Value::Int64((*byte as i8).into())).collect()),
        (_, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::JSON | oid::JSONB) => Value::Array(vec![text()]),
        (_, oid::BYTEA) => Value::Array(vec![bytes::represent(raw(), options.binary)]),
        (_, oid::UUID) => Value::Array(vec![Value::string(bytes::name_uuid(&options.placeholder))]),
        (_, 0) => match known.map_or("", |known| &known.name) {
            "hstore" if options.hstore_map => Value::Map(vec![(text(), text())]),
            "hstore" => Value::string(hstore::to_json(&[(lossy(options), Some(lossy(options)))])),
            "numeric" | "varbit" | "bit" | "point" | "geometry" | "geography" | "vector" | "halfvec" | "sparsevec" => Value::Null,
            _ => text(),
        },
        _ => Value::Null,
    }
}

fn lossy(options: &TypeOptions) -> String {
    String::from_utf8_lossy(&options.placeholder).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_to_their_type() {
        assert_eq!(integer::<i16>(b"-32768"), Ok(i16::MIN));
        assert_eq!(integer::<i64>(b"-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer::<i64>(b"9223372036854775807"), Ok(i64::MAX));
        assert!(integer::<i16>(b"32768").is_err());
        assert!(integer::<i64>(b"9223372036854775808").is_err());
        assert!(integer::<i32>(b"").is_err() && integer::<i32>(b"-").is_err() && integer::<i32>(b"1x").is_err());
    }

    #[test]
    fn numbers_know_the_infinite() {
        assert_eq!(number::<f64>(b"-Infinity"), Ok(f64::NEG_INFINITY));
        assert!(number::<f32>(b"NaN").unwrap().is_nan());
        assert!(number::<f64>(b"ten").is_err());
    }
}
