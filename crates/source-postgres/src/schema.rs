//! Which Connect schema a column of PostgreSQL has: the tables of Debezium's documentation, "Data type mappings".

use rowtide_api::{Field, Kind, Schema, Value};
use rowtide_cdc::{Column, ColumnTypes};

use crate::types::{BinaryMode, DecimalMode, PgType, PgTypes, TimeMode, oid};

impl ColumnTypes for PgTypes {
    fn schema(&self, column: &Column) -> Option<Schema> {
        let schema = self.value_schema(column.type_id, column)?;
        match crate::defaults::of(self, column, &schema) {
            Some(default) => Some(schema.default_value(default)),
            None => Some(schema),
        }
    }

    fn fallback(&self, _column: &Column, schema: &Schema) -> Value {
        schema.default.clone().unwrap_or_else(|| zero(schema))
    }
}

impl PgTypes {
    /// The schema of values of a type, with length and scale from the column. None: not supported.
    pub(crate) fn value_schema(&self, type_oid: u32, column: &Column) -> Option<Schema> {
        let options = self.options();
        let text = || Schema::new(Kind::String);
        Some(match type_oid {
            oid::BOOL => Schema::new(Kind::Boolean),
            oid::INT2 => Schema::new(Kind::Int16),
            oid::INT4 => Schema::new(Kind::Int32),
            oid::INT8 | oid::OID => Schema::new(Kind::Int64),
            oid::FLOAT4 => Schema::new(Kind::Float32),
            oid::FLOAT8 => Schema::new(Kind::Float64),
            oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::CHAR | oid::NAME => text(),
            oid::INET | oid::CIDR | oid::MACADDR | oid::MACADDR8 => text(),
            oid::INT4RANGE | oid::INT8RANGE | oid::NUMRANGE | oid::TSRANGE | oid::TSTZRANGE | oid::DATERANGE => text(),
            oid::JSON | oid::JSONB => named(text(), "io.debezium.data.Json"),
            oid::XML => named(text(), "io.debezium.data.Xml"),
            oid::UUID => named(text(), "io.debezium.data.Uuid"),
            oid::TSVECTOR => named(text(), "io.debezium.data.Tsvector"),
            oid::BIT | oid::VARBIT => bits(column),
            oid::BYTEA => binary(options.binary),
            oid::NUMERIC => self.numeric(column),
            oid::MONEY => self.money(),
            oid::POINT => point(),
            oid::INTERVAL if options.interval_string => named(text(), "io.debezium.time.Interval"),
            oid::INTERVAL => named(Schema::new(Kind::Int64), "io.debezium.time.MicroDuration"),
            oid::DATE => date(options.time),
            oid::TIME => time(options.time, column.scale.unwrap_or(-1)),
            oid::TIMESTAMP => timestamp(options.time, column.scale.unwrap_or(-1)),
            oid::TIMETZ => named(text(), "io.debezium.time.ZonedTime"),
            oid::TIMESTAMPTZ => named(text(), "io.debezium.time.ZonedTimestamp"),
            other => return self.catalogued(other, column),
        })
    }

    /// Types that the catalogs tell of: extensions', enumerations, arrays.
    fn catalogued(&self, type_oid: u32, column: &Column) -> Option<Schema> {
        let known = self.registry().get(type_oid);
        let unknown = || self.options().unknown.then(|| binary(self.options().binary));
        let Some(known) = known else { return unknown() };
        if !known.labels.is_empty() {
            return Some(enumeration(known));
        }
        if known.element != 0 {
            return self.array(known.element, column);
        }
        let text = || Schema::new(Kind::String);
        match &*known.name {
            "citext" | "isbn" => Some(text()),
            "hstore" if self.options().hstore_map => Some(Schema::new(Kind::Map(text().shared(), text().optional().shared()))),
            "hstore" => Some(named(text(), "io.debezium.data.Json")),
            "ltree" => Some(named(text(), "io.debezium.data.Ltree")),
            // a planar geometry may be null even where the column may not
            "geometry" => Some(geometry("Geometry").optional()),
            "geography" => Some(geometry("Geography")),
            "vector" => Some(vector(Kind::Float64, "io.debezium.data.DoubleVector")),
            "halfvec" => Some(vector(Kind::Float32, "io.debezium.data.FloatVector")),
            "sparsevec" => Some(sparse_vector()),
            _ => unknown(),
        }
    }

    /// Elements may be null, but those of enumerations and of types without a case of their own (as in the original).
    fn array(&self, element: u32, column: &Column) -> Option<Schema> {
        let refused = [oid::MONEY, oid::NAME, oid::INTERVAL, oid::BIT, oid::VARBIT, oid::XML, oid::POINT];
        if refused.contains(&element) {
            return None;
        }
        let known = self.registry().get(element);
        let of_enumeration = known.is_some_and(|known| !known.labels.is_empty());
        // an array of a domain has no mapping: the original looks its elements up by the domain's own OID
        if known.is_some_and(|known| known.base != 0) {
            return self.options().unknown.then(|| Schema::new(Kind::Array(binary(self.options().binary).shared())));
        }
        let schema = self.value_schema(element, column)?;
        let required =
            of_enumeration || element == oid::TSVECTOR || known.is_some_and(is_unnamed_extension) || self.is_unknown(element);
        let schema = if required { schema } else { schema.optional() };
        Some(Schema::new(Kind::Array(schema.shared())))
    }

    /// Whether a type has no mapping, so that `include.unknown.datatypes` decides.
    fn is_unknown(&self, type_oid: u32) -> bool {
        let extensions = ["citext", "isbn", "hstore", "ltree", "geometry", "geography", "vector", "halfvec", "sparsevec"];
        let known = self.registry().get(type_oid);
        !MAPPED.contains(&type_oid)
            && known.is_none_or(|known| known.labels.is_empty() && known.element == 0 && !extensions.contains(&&*known.name))
    }

    fn numeric(&self, column: &Column) -> Schema {
        match (self.options().decimal, is_variable(column)) {
            (DecimalMode::String, _) => Schema::new(Kind::String),
            (DecimalMode::Double, _) => Schema::new(Kind::Float64),
            (DecimalMode::Precise, true) => variable_scale_decimal(),
            (DecimalMode::Precise, false) => {
                decimal(column.scale.unwrap_or(0)).parameter("connect.decimal.precision", column.length.unwrap_or(0).to_string())
            }
        }
    }

    fn money(&self) -> Schema {
        match self.options().decimal {
            DecimalMode::String => Schema::new(Kind::String),
            DecimalMode::Double => Schema::new(Kind::Float64),
            DecimalMode::Precise => decimal(self.options().money_digits as i32),
        }
    }
}

fn is_unnamed_extension(known: &PgType) -> bool {
    matches!(&*known.name, "isbn" | "vector" | "halfvec" | "sparsevec")
}

/// Types of the server itself that have a mapping.
const MAPPED: &[u32] = &[
    oid::BOOL,
    oid::BYTEA,
    oid::CHAR,
    oid::NAME,
    oid::INT8,
    oid::INT2,
    oid::INT4,
    oid::TEXT,
    oid::OID,
    oid::JSON,
    oid::XML,
    oid::POINT,
    oid::CIDR,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::MACADDR8,
    oid::MONEY,
    oid::MACADDR,
    oid::INET,
    oid::BPCHAR,
    oid::VARCHAR,
    oid::DATE,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::INTERVAL,
    oid::TIMETZ,
    oid::BIT,
    oid::VARBIT,
    oid::NUMERIC,
    oid::UUID,
    oid::TSVECTOR,
    oid::JSONB,
    oid::INT4RANGE,
    oid::NUMRANGE,
    oid::TSRANGE,
    oid::TSTZRANGE,
    oid::DATERANGE,
    oid::INT8RANGE,
];

/// A number without precision and scale.
pub(crate) fn is_variable(column: &Column) -> bool {
    column.modifier == -1
}

fn named(schema: Schema, name: &'static str) -> Schema {
    schema.named(name).versioned(1)
}

fn decimal(scale: i32) -> Schema {
    named(Schema::new(Kind::Bytes), "org.apache.kafka.connect.data.Decimal").parameter("scale", scale.to_string())
}

fn variable_scale_decimal() -> Schema {
    let fields = vec![Field::new("scale", Schema::new(Kind::Int32)), Field::new("value", Schema::new(Kind::Bytes))];
    named(Schema::structure(fields), "io.debezium.data.VariableScaleDecimal").doc("Variable scaled decimal")
}

/// One bit is a boolean; more are bytes, the least significant first.
fn bits(column: &Column) -> Schema {
    match column.length {
        Some(length) if length > 1 => {
            named(Schema::new(Kind::Bytes), "io.debezium.data.Bits").parameter("length", length.to_string())
        }
        _ => Schema::new(Kind::Boolean),
    }
}

pub(crate) fn binary(mode: BinaryMode) -> Schema {
    match mode {
        BinaryMode::Bytes => Schema::new(Kind::Bytes),
        _ => Schema::new(Kind::String),
    }
}

fn enumeration(known: &PgType) -> Schema {
    let labels = known.labels.join(",");
    named(Schema::new(Kind::String), "io.debezium.data.Enum").parameter("allowed", labels)
}

fn point() -> Schema {
    let number = || Schema::new(Kind::Float64);
    let fields = vec![
        Field::new("x", number()),
        Field::new("y", number()),
        Field::new("wkb", Schema::new(Kind::Bytes).optional()),
        Field::new("srid", Schema::new(Kind::Int32).optional()),
    ];
    named(Schema::structure(fields), "io.debezium.data.geometry.Point").doc("Geometry (POINT)")
}

fn geometry(kind: &'static str) -> Schema {
    let fields = vec![Field::new("wkb", Schema::new(Kind::Bytes)), Field::new("srid", Schema::new(Kind::Int32).optional())];
    Schema::structure(fields).named(format!("io.debezium.data.geometry.{kind}")).versioned(1).doc(kind)
}

fn vector(kind: Kind, name: &'static str) -> Schema {
    named(Schema::new(Kind::Array(Schema::new(kind).shared())), name)
}

fn sparse_vector() -> Schema {
    let entries = Kind::Map(Schema::new(Kind::Int16).shared(), Schema::new(Kind::Float64).shared());
    let fields = vec![Field::new("dimensions", Schema::new(Kind::Int16)), Field::new("vector", Schema::new(entries))];
    named(Schema::structure(fields), "io.debezium.data.SparseDoubleVector").doc("Sparse double vector")
}

fn date(mode: TimeMode) -> Schema {
    match mode {
        TimeMode::Connect => named(Schema::new(Kind::Int32), "org.apache.kafka.connect.data.Date"),
        TimeMode::IsoString => named(Schema::new(Kind::String), "io.debezium.time.IsoDate"),
        _ => named(Schema::new(Kind::Int32), "io.debezium.time.Date"),
    }
}

fn time(mode: TimeMode, scale: i32) -> Schema {
    match mode {
        TimeMode::Connect => named(Schema::new(Kind::Int32), "org.apache.kafka.connect.data.Time"),
        TimeMode::IsoString => named(Schema::new(Kind::String), "io.debezium.time.IsoTime"),
        TimeMode::Nanoseconds => named(Schema::new(Kind::Int64), "io.debezium.time.NanoTime"),
        TimeMode::Adaptive if scale <= 3 => named(Schema::new(Kind::Int32), "io.debezium.time.Time"),
        _ => named(Schema::new(Kind::Int64), "io.debezium.time.MicroTime"),
    }
}

fn timestamp(mode: TimeMode, scale: i32) -> Schema {
    match mode {
        TimeMode::Connect => named(Schema::new(Kind::Int64), "org.apache.kafka.connect.data.Timestamp"),
        TimeMode::IsoString => named(Schema::new(Kind::String), "io.debezium.time.IsoTimestamp"),
        TimeMode::Nanoseconds => named(Schema::new(Kind::Int64), "io.debezium.time.NanoTimestamp"),
        TimeMode::Adaptive | TimeMode::AdaptiveTimeMicroseconds if scale <= 3 => {
            named(Schema::new(Kind::Int64), "io.debezium.time.Timestamp")
        }
        _ => named(Schema::new(Kind::Int64), "io.debezium.time.MicroTimestamp"),
    }
}

/// What stands for a value that is missing although the schema demands one.
pub(crate) fn zero(schema: &Schema) -> Value {
    let name = schema.name.as_deref().unwrap_or("");
    match &schema.kind {
        Kind::Int8 => Value::Int8(0),
        Kind::Int16 => Value::Int16(0),
        Kind::Int32 => Value::Int32(0),
        Kind::Int64 => Value::Int64(0),
        Kind::Float32 => Value::Float32(0.0),
        Kind::Float64 => Value::Float64(0.0),
        Kind::Boolean => Value::Boolean(false),
        Kind::String => Value::string(match name {
            "io.debezium.time.ZonedTimestamp" => "1970-01-01T00:00:00Z",
            "io.debezium.time.ZonedTime" => "00:00:00Z",
            "io.debezium.time.Interval" => "P0Y0M0DT0H0M0S",
            "io.debezium.time.IsoDate" => "1970-01-01Z",
            "io.debezium.time.IsoTime" => "00:00:00Z",
            "io.debezium.time.IsoTimestamp" => "1970-01-01T00:00:00Z",
            _ => "",
        }),
        Kind::Bytes if name == "org.apache.kafka.connect.data.Decimal" => Value::Bytes(bytes::Bytes::from_static(&[0])),
        Kind::Bytes => Value::Bytes(bytes::Bytes::new()),
        Kind::Array(_) => Value::Array(Vec::new()),
        Kind::Map(..) => Value::Map(Vec::new()),
        Kind::Struct(_) if name == "io.debezium.data.geometry.Point" => {
            crate::values::geometry::point(&schema.clone().shared(), 0.0, 0.0)
        }
        Kind::Struct(fields) => {
            let values =
                fields.iter().map(|field| if field.schema.optional { Value::Null } else { zero(&field.schema) }).collect();
            Value::Struct(rowtide_api::Struct::new(schema.clone().shared(), values))
        }
    }
}
