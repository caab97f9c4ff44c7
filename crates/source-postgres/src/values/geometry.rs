//! `point`, PostGIS' shapes and pgvector's vectors.

use bytes::Bytes;
use rowtide_api::{SchemaRef, Struct, Value};

use super::{ValueError, as_str, bytes::from_hex};

/// Well-known binary of a little-endian point (OGC 06-103r4, section 8).
const WKB_POINT: [u8; 5] = [1, 1, 0, 0, 0];
/// Flag of EWKB: a spatial reference identifier follows the type.
const HAS_SRID: u32 = 0x2000_0000;

/// `(x,y)`
pub fn point_text(raw: &[u8], schema: &SchemaRef) -> Result<Value, ValueError> {
    let wrong = ValueError("a point");
    let inner = as_str(raw)?.strip_prefix('(').and_then(|text| text.strip_suffix(')')).ok_or(wrong)?;
    let (x, y) = inner.split_once(',').ok_or(wrong)?;
    let number = |text: &str| text.parse::<f64>().map_err(|_| wrong);
    Ok(point(schema, number(x)?, number(y)?))
}

/// Debezium's point.
pub fn point(schema: &SchemaRef, x: f64, y: f64) -> Value {
    let mut wkb = WKB_POINT.to_vec();
    wkb.extend_from_slice(&x.to_le_bytes());
    wkb.extend_from_slice(&y.to_le_bytes());
    let values = vec![Value::Float64(x), Value::Float64(y), Value::Bytes(wkb.into()), Value::Null];
    Value::Struct(Struct::new(schema.clone(), values))
}

/// PostGIS' hexadecimal EWKB as WKB and SRID.
pub fn ewkb(raw: &[u8], schema: &SchemaRef) -> Result<Value, ValueError> {
    let wrong = ValueError("a geometry in hexadecimal EWKB");
    let mut bytes = from_hex(raw)?;
    let header: [u8; 5] = bytes.get(..5).and_then(|head| head.try_into().ok()).ok_or(wrong)?;
    let little = header[0] == 1;
    let word = [header[1], header[2], header[3], header[4]];
    let read = |word: [u8; 4]| if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
    let kind = read(word);
    if kind & HAS_SRID == 0 {
        return Ok(Value::Struct(Struct::new(schema.clone(), vec![Value::Bytes(bytes.into()), Value::Null])));
    }
    let srid: [u8; 4] = bytes.get(5..9).and_then(|srid| srid.try_into().ok()).ok_or(wrong)?;
    let plain = kind & !HAS_SRID;
    let plain = if little { plain.to_le_bytes() } else { plain.to_be_bytes() };
    bytes[1..5].copy_from_slice(&plain);
    bytes.drain(5..9);
    let srid = read(srid) as i32;
    Ok(Value::Struct(Struct::new(schema.clone(), vec![Value::Bytes(Bytes::from(bytes)), Value::Int32(srid)])))
}

/// `[1,2,3]`, of numbers in single or double precision
pub fn vector(raw: &[u8], single: bool) -> Result<Value, ValueError> {
    let wrong = ValueError("a vector");
    let inner = as_str(raw)?.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or(wrong)?;
    let number = |text: &str| {
        let text = text.trim();
        if single {
            text.parse().map(Value::Float32).map_err(|_| wrong)
        } else {
            text.parse().map(Value::Float64).map_err(|_| wrong)
        }
    };
    inner.split(',').map(number).collect::<Result<_, _>>().map(Value::Array)
}

/// `{1:1.5,3:2}/5`: entries and dimensions.
pub fn sparse_vector(raw: &[u8], schema: &SchemaRef) -> Result<Value, ValueError> {
    let wrong = ValueError("a sparse vector");
    let (entries, dimensions) = as_str(raw)?.split_once('/').ok_or(wrong)?;
    let inner = entries.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or(wrong)?;
    let entry = |text: &str| {
        let (index, value) = text.split_once(':').ok_or(wrong)?;
        let index = index.trim().parse().map(Value::Int16).map_err(|_| wrong)?;
        Ok((index, value.trim().parse().map(Value::Float64).map_err(|_| wrong)?))
    };
    let entries = inner.split(',').filter(|text| !text.is_empty()).map(entry).collect::<Result<_, _>>()?;
    let dimensions = dimensions.trim().parse().map(Value::Int16).map_err(|_| wrong)?;
    Ok(Value::Struct(Struct::new(schema.clone(), vec![dimensions, Value::Map(entries)])))
}
