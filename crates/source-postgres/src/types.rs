//! PostgreSQL's types as its catalogs tell of them, and what the driver of the original says of their columns.
//!
//! Which Connect schema a type has belongs to `schema`; what its text means to `values`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rowtide_api::config::Config;
use rowtide_api::{Result, SchemaRef};
use rowtide_cdc::Column;

use crate::client::Row;
use crate::values::ColumnDecoder;

/// OIDs of built-in types (`pg_type.dat` of PostgreSQL's sources); they never change.
#[allow(missing_docs)]
pub mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const JSON: u32 = 114;
    pub const XML: u32 = 142;
    pub const POINT: u32 = 600;
    pub const LSEG: u32 = 601;
    pub const PATH: u32 = 602;
    pub const BOX: u32 = 603;
    pub const POLYGON: u32 = 604;
    pub const LINE: u32 = 628;
    pub const CIDR: u32 = 650;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const CIRCLE: u32 = 718;
    pub const MACADDR8: u32 = 774;
    pub const MONEY: u32 = 790;
    pub const MACADDR: u32 = 829;
    pub const INET: u32 = 869;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const TIMETZ: u32 = 1266;
    pub const BIT: u32 = 1560;
    pub const VARBIT: u32 = 1562;
    pub const NUMERIC: u32 = 1700;
    pub const UUID: u32 = 2950;
    pub const TSVECTOR: u32 = 3614;
    pub const JSONB: u32 = 3802;
    pub const INT4RANGE: u32 = 3904;
    pub const NUMRANGE: u32 = 3906;
    pub const TSRANGE: u32 = 3908;
    pub const TSTZRANGE: u32 = 3910;
    pub const DATERANGE: u32 = 3912;
    pub const INT8RANGE: u32 = 3926;
}

/// What the driver says where a type has no length: Java's largest `int`.
const UNLIMITED: i32 = i32::MAX;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub struct PgType {
    /// its OID
    pub oid: u32,
    /// its name, without schema
    pub name: Arc<str>,
    /// its name as the original's driver reports it: quoted and with its schema where that is not on the search path
    pub driver_name: Arc<str>,
    /// of an array, the OID of its elements; else 0
    pub element: u32,
    /// of a domain, the OID of the type that it is made from; else 0
    pub base: u32,
    /// of a domain, the modifier that it gives to that type
    pub modifier: i32,
    /// of an enumeration, its labels in their order
    pub labels: Arc<[Arc<str>]>,
}

/// Types of a database, by OID: those that were asked for so far.
#[derive(Clone, Debug, Default)]
pub struct TypeRegistry {
    types: HashMap<u32, PgType>,
}

impl TypeRegistry {
    /// Reads the types of the OIDs at `{}`, and those that they are made from. Labels are joined by a byte that no sane label holds.
    const SQL: &'static str = "WITH RECURSIVE wanted (oid) AS (SELECT pg_catalog.unnest('{{}}'::pg_catalog.oid[]) UNION SELECT made.oid \
         FROM wanted w JOIN pg_catalog.pg_type t ON t.oid = w.oid \
         CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) AS made (oid) WHERE made.oid <> 0) \
         SELECT t.oid, t.typname, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.typbasetype, t.typtypmod, \
         (SELECT string_agg(e.enumlabel, chr(1) ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), \
         CASE WHEN n.nspname <> ALL (pg_catalog.current_schemas(true)) THEN '\"' || n.nspname || '\".\"' || t.typname || '\"' END \
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace JOIN wanted w ON w.oid = t.oid";

    /// What to ask the server for, to know these types; none: all of them are known.
    pub fn missing(&self, oids: &[u32]) -> Option<String> {
        let unknown: BTreeSet<u32> = oids.iter().copied().filter(|oid| !self.types.contains_key(oid)).collect();
        let list = unknown.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        (!unknown.is_empty()).then(|| Self::SQL.replace("{}", &list))
    }

    /// Takes the answer to [`TypeRegistry::missing`].
    pub fn learn(&mut self, rows: &[Row]) {
        let number = |row: &Row, index: usize| row.text(index).parse().unwrap_or(0);
        let read = |row: &Row| PgType {
            oid: number(row, 0),
            name: row.text(1).into(),
            element: number(row, 2),
            base: number(row, 3),
            modifier: row.text(4).parse().unwrap_or(-1),
            labels: row.get(5).map(|labels| labels.split('\u{1}').map(Arc::from).collect()).unwrap_or_default(),
            driver_name: row.get(6).unwrap_or(row.text(1)).into(),
        };
        self.types.extend(rows.iter().map(read).map(|known| (known.oid, known)));
    }

    /// Of these types.
    pub fn of(types: impl IntoIterator<Item = PgType>) -> Self {
        Self { types: types.into_iter().map(|known| (known.oid, known)).collect() }
    }

    /// A type.
    pub fn get(&self, oid: u32) -> Option<&PgType> {
        self.types.get(&oid)
    }

    /// The type under all domains, and the modifier that the innermost of them to have one gives.
    pub fn root(&self, oid: u32, modifier: i32) -> (u32, i32) {
        let (mut oid, mut modifier) = (oid, modifier);
        // a chain of domains is short; the bound is for catalogs that are broken
        for _ in 0..64 {
            match self.get(oid).filter(|known| known.base != 0) {
                Some(domain) => {
                    modifier = if modifier == -1 { domain.modifier } else { modifier };
                    oid = domain.base;
                }
                None => break,
            }
        }
        (oid, modifier)
    }
}

/// `decimal.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DecimalMode {
    Precise,
    Double,
    String,
}

/// `time.precision.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TimeMode {
    Adaptive,
    AdaptiveTimeMicroseconds,
    Connect,
    IsoString,
    Microseconds,
    Nanoseconds,
}

/// `binary.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryMode {
    Bytes,
    Base64,
    Base64UrlSafe,
    Hex,
}

/// `event.converting.failure.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FailureMode {
    Fail,
    Warn,
    Skip,
}

/// The options that say how values are represented.
#[derive(Clone, Debug)]
pub struct TypeOptions {
    /// `decimal.handling.mode`
    pub decimal: DecimalMode,
    /// `time.precision.mode`
    pub time: TimeMode,
    /// `interval.handling.mode` = string
    pub interval_string: bool,
    /// `hstore.handling.mode` = map
    pub hstore_map: bool,
    /// `binary.handling.mode`
    pub binary: BinaryMode,
    /// `include.unknown.datatypes`
    pub unknown: bool,
    /// `unavailable.value.placeholder`
    pub placeholder: Arc<[u8]>,
    /// `money.fraction.digits`
    pub money_digits: u32,
    /// `event.converting.failure.handling.mode`
    pub failure: FailureMode,
}

impl TypeOptions {
    /// Reads them.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let word = |name: &str| config.opt(name).unwrap_or("").to_ascii_lowercase();
        let decimal = match word("decimal.handling.mode").as_str() {
            "double" => DecimalMode::Double,
            "string" => DecimalMode::String,
            _ => DecimalMode::Precise,
        };
        let time = match word("time.precision.mode").as_str() {
            "adaptive_time_microseconds" => TimeMode::AdaptiveTimeMicroseconds,
            "connect" => TimeMode::Connect,
            "isostring" => TimeMode::IsoString,
            "microseconds" => TimeMode::Microseconds,
            "nanoseconds" => TimeMode::Nanoseconds,
            _ => TimeMode::Adaptive,
        };
        let binary = match word("binary.handling.mode").as_str() {
            "base64" => BinaryMode::Base64,
            "base64-url-safe" => BinaryMode::Base64UrlSafe,
            "hex" => BinaryMode::Hex,
            _ => BinaryMode::Bytes,
        };
        let failure = match word("event.converting.failure.handling.mode").as_str() {
            "fail" => FailureMode::Fail,
            "skip" => FailureMode::Skip,
            _ => FailureMode::Warn,
        };
        Ok(Self {
            decimal,
            time,
            interval_string: word("interval.handling.mode") == "string",
            hstore_map: word("hstore.handling.mode") == "map",
            binary,
            unknown: config.flag("include.unknown.datatypes"),
            placeholder: placeholder(config.text("unavailable.value.placeholder")?)?,
            money_digits: config.size("money.fraction.digits")? as u32,
            failure,
        })
    }
}

/// Text, or with `hex:` in front the bytes that follow in hexadecimal digits.
fn placeholder(text: &str) -> Result<Arc<[u8]>> {
    match text.strip_prefix("hex:") {
        None => Ok(text.as_bytes().into()),
        Some(hex) => crate::values::bytes::from_hex(hex.as_bytes()).map(Into::into).map_err(|_| {
            rowtide_api::Error::configuration(
                "The 'unavailable.value.placeholder' value is invalid: after 'hex:' comes an even number of hexadecimal digits",
            )
        }),
    }
}

/// Types together with how the user wants their values.
#[derive(Debug)]
pub struct PgTypes {
    registry: TypeRegistry,
    options: Arc<TypeOptions>,
}

impl PgTypes {
    /// For these types and options.
    pub fn new(registry: TypeRegistry, options: TypeOptions) -> Self {
        Self { registry, options: Arc::new(options) }
    }

    /// The types.
    pub fn registry(&self) -> &TypeRegistry {
        &self.registry
    }

    /// The options.
    pub fn options(&self) -> &Arc<TypeOptions> {
        &self.options
    }

    /// The types, to learn more of them or to forget them.
    pub fn registry_mut(&mut self) -> &mut TypeRegistry {
        &mut self.registry
    }

    /// A column as the original's driver describes it. Null is a value and nothing else is known until the caller
    /// says so.
    pub fn column(&self, name: &str, type_oid: u32, modifier: i32, default: Option<&str>) -> Column {
        let known = self.registry.get(type_oid);
        let (root, modifier) = self.registry.root(type_oid, modifier);
        let element = self.registry.get(root).map_or(0, |known| known.element);
        let measured = if element == 0 { root } else { element };
        Column {
            name: name.into(),
            type_id: root,
            type_name: type_name(known.map_or("unknown", |known| &known.driver_name), default).into(),
            modifier,
            length: Some(length(measured, modifier)),
            scale: scale(root, measured, modifier),
            optional: true,
            generated: false,
            auto_increment: false,
            default: default.map(Arc::from),
            comment: None,
            textual: matches!(root, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::CHAR | oid::NAME),
        }
    }

    /// A column of a relation message. Debezium measures a number without precision there by the greatest one, which
    /// shows where source types are propagated.
    pub fn streamed_column(&self, name: &str, type_oid: u32, modifier: i32) -> Column {
        let mut column = self.column(name, type_oid, modifier, None);
        if column.type_id == oid::NUMERIC && column.modifier == -1 {
            column.length = Some(NUMERIC_DISPLAY);
            column.scale = Some(0);
        }
        column
    }

    /// How the text of a column of `table` (`schema.table`) becomes values of `schema`.
    pub fn decoder(&self, table: &Arc<str>, column: &Column, schema: &SchemaRef) -> ColumnDecoder {
        ColumnDecoder::new(table, column, schema, self)
    }
}

/// pgjdbc's display size of a `numeric` without precision: sign, 131,072 digits before the point and 16 thousand after.
const NUMERIC_DISPLAY: i32 = 131_089;

/// pgjdbc calls an integer that a sequence fills a serial.
fn type_name<'a>(name: &'a str, default: Option<&str>) -> &'a str {
    if !default.is_some_and(|default| default.contains("nextval(")) {
        return name;
    }
    match name {
        "int2" => "smallserial",
        "int4" => "serial",
        "int8" => "bigserial",
        _ => name,
    }
}

/// pgjdbc's `TypeInfoCache.getPrecision` (and `getDisplaySize`, which it falls back on).
fn length(oid: u32, modifier: i32) -> i32 {
    let fraction = match modifier {
        -1 => 7,
        0 => 0,
        1 => 3,
        digits => digits.clamp(0, 6) + 1,
    };
    match oid {
        oid::INT2 => 5,
        oid::INT4 | oid::OID => 10,
        oid::INT8 => 19,
        oid::FLOAT4 => 8,
        oid::FLOAT8 => 17,
        oid::NUMERIC if modifier == -1 => 0,
        oid::NUMERIC => (modifier.wrapping_sub(4) >> 16) & 0xFFFF,
        oid::BOOL | oid::CHAR => 1,
        oid::BPCHAR | oid::VARCHAR if modifier != -1 => modifier.wrapping_sub(4),
        oid::DATE => 13,
        oid::TIME => 8 + fraction,
        oid::TIMETZ => 14 + fraction,
        oid::TIMESTAMP => 22 + fraction,
        oid::TIMESTAMPTZ => 28 + fraction,
        oid::INTERVAL => 49,
        oid::BIT => modifier,
        oid::VARBIT if modifier != -1 => modifier,
        _ => UNLIMITED,
    }
}

/// pgjdbc's `TypeInfoCache.getScale`; a number without modifier has none.
fn scale(root: u32, measured: u32, modifier: i32) -> Option<i32> {
    Some(match measured {
        oid::FLOAT4 => 8,
        oid::FLOAT8 => 17,
        oid::NUMERIC if modifier == -1 => return if root == measured { None } else { Some(0) },
        // a negative scale shows as its eleven bits, as the driver has it
        oid::NUMERIC => modifier.wrapping_sub(4) & 0xFFFF,
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ if modifier == -1 => 6,
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ => modifier,
        oid::INTERVAL if modifier == -1 => 6,
        oid::INTERVAL => modifier & 0xFFFF,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use rowtide_cdc::ColumnTypes;

    use super::*;
    use crate::options::postgres_config_def;

    fn types() -> PgTypes {
        let options = TypeOptions::read(&postgres_config_def().read(&Default::default())).unwrap();
        PgTypes::new(TypeRegistry::of([]), options)
    }

    #[test]
    fn only_types_that_are_not_known_are_asked_for() {
        let known = |oid| PgType {
            oid,
            name: "t".into(),
            driver_name: "t".into(),
            element: 0,
            base: 0,
            modifier: -1,
            labels: Arc::new([]),
        };
        let registry = TypeRegistry::of([known(oid::INT4), known(oid::TEXT)]);
        assert_eq!(registry.missing(&[oid::TEXT, oid::INT4, oid::TEXT]), None);
        let asked = registry.missing(&[90_002, oid::TEXT, 90_001, 90_002]).unwrap();
        assert!(asked.contains("unnest('{90001,90002}'::pg_catalog.oid[])"), "{asked}");
    }

    #[test]
    fn a_number_without_precision_measures_differently_in_a_stream() {
        let (read, streamed) = (types().column("n", oid::NUMERIC, -1, None), types().streamed_column("n", oid::NUMERIC, -1));
        assert_eq!((read.length, read.scale), (Some(0), None));
        assert_eq!((streamed.length, streamed.scale), (Some(131_089), Some(0)));
        // both are of variable scale all the same
        assert_eq!(types().schema(&read), types().schema(&streamed));
        let sized = types().streamed_column("n", oid::NUMERIC, (5 << 16) + 2 + 4);
        assert_eq!((sized.length, sized.scale), (Some(5), Some(2)));
    }

    #[test]
    fn an_infinite_default_is_none() {
        let mut column = types().column("until", oid::TIMESTAMP, -1, Some("'infinity'::timestamp without time zone"));
        column.type_name = "timestamp".into();
        let schema = types().schema(&column).unwrap();
        assert_eq!(crate::defaults::of(&types(), &column, &schema), None);
        column.default = Some("'2024-01-01 00:00:00'::timestamp without time zone".into());
        assert_eq!(crate::defaults::of(&types(), &column, &schema), Some(rowtide_api::Value::Int64(1_704_067_200_000_000)));
    }
}
