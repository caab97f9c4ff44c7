//! `point` and the other geometric types, PostGIS' shapes and pgvector's vectors.

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

/// PostGIS' hexadecimal EWKB, and the SRID that it holds. Debezium hands EWKB on as it is, SRID included, in the field
/// that it calls `wkb`.
pub fn ewkb(raw: &[u8], schema: &SchemaRef) -> Result<Value, ValueError> {
    let wrong = ValueError("a geometry in hexadecimal EWKB");
    let bytes = from_hex(raw)?;
    // the shortest geometry, an empty collection, takes nine bytes
    let Some([order, a, b, c, d, e, f, g, h]) = bytes.first_chunk::<9>().copied() else { return Err(wrong) };
    let read = |word: [u8; 4]| if order == 0 { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
    let has_srid = read([a, b, c, d]) & HAS_SRID != 0;
    let srid = if has_srid { Value::Int32(read([e, f, g, h]) as i32) } else { Value::Null };
    Ok(Value::Struct(Struct::new(schema.clone(), vec![Value::Bytes(Bytes::from(bytes)), srid])))
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

/// `box`, `circle`, `line`, `lseg`, `path` or `polygon` as the original's driver prints it: the server's text with
/// every number as Java writes a `double`.
pub fn driver_text(raw: &[u8]) -> Result<Bytes, ValueError> {
    let text = as_str(raw)?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digit = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.' | 'e' | 'E');
        let length = rest.find(|letter| !digit(letter)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(length.max(first.len_utf8()));
        match token.parse::<f64>() {
            Ok(number) => java_double(number, &mut out),
            Err(_) => out.push_str(token),
        }
        rest = after;
    }
    Ok(out.into())
}

/// Java's `Double.toString`: plain from 1E-3 up to 1E7, else with an exponent; always a digit after the point.
fn java_double(number: f64, out: &mut String) {
    let size = number.abs();
    let mut text = if size == 0.0 || (1e-3..1e7).contains(&size) { format!("{number}") } else { format!("{number:E}") };
    if !text.contains('.') {
        let end = text.find('E').unwrap_or(text.len());
        text.insert_str(end, ".0");
    }
    out.push_str(&text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rowtide_api::{Kind, Schema};

    use super::*;

    #[test]
    fn ewkb_keeps_its_srid_and_shows_it() {
        let schema = || {
            Schema::structure(["wkb", "srid"].map(|name| rowtide_api::Field::new(name, Schema::new(Kind::Bytes))).to_vec())
                .shared()
        };
        // SELECT ST_GeomFromText('POINT(174.9479 -36.7208)', 3187)
        let raw = b"0101000020730C00001C7C613255DE6540787AA52C435C42C0";
        let value = ewkb(raw, &schema()).unwrap();
        let fields = value.as_struct().unwrap();
        assert!(fields.values.iter().eq(&[Value::Bytes(from_hex(raw).unwrap().into()), Value::Int32(3187)]));
        let plain = ewkb(b"010700000000000000", &schema()).unwrap();
        assert_eq!(plain.as_struct().unwrap().values.get(1), Some(&Value::Null));
        assert!(ewkb(b"0107", &schema()).is_err() && ewkb(b"", &schema()).is_err());
    }

    #[test]
    fn shapes_have_javas_numbers() {
        let text = |raw: &str| String::from_utf8(driver_text(raw.as_bytes()).unwrap().to_vec()).unwrap();
        assert_eq!(text("<(0,-1.5),5>"), "<(0.0,-1.5),5.0>");
        assert_eq!(text("[(1e+20,0.0001),(NaN,-Infinity)]"), "[(1.0E20,1.0E-4),(NaN,-Infinity)]");
        assert_eq!(text("{12345678,-0,1234567}"), "{1.2345678E7,-0.0,1234567.0}");
    }

    #[test]
    fn vectors() {
        assert_eq!(vector(b"[1,2.5]", false), Ok(Value::Array(vec![Value::Float64(1.0), Value::Float64(2.5)])));
        assert_eq!(vector(b"[1,2.5]", true), Ok(Value::Array(vec![Value::Float32(1.0), Value::Float32(2.5)])));
        assert!(vector(b"1,2", true).is_err() && vector(b"[a]", true).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9.eE<>(){},\\[\\]:/ naN]{0,40}", raw: Vec<u8>) {
            for raw in [text.as_bytes(), &raw] {
                let _ = (driver_text(raw), vector(raw, true), vector(raw, false));
                let _ = point_text(raw, &point_schema());
            }
        }
    }

    fn point_schema() -> SchemaRef {
        Schema::structure(["x", "y", "wkb", "srid"].map(|name| rowtide_api::Field::new(name, Schema::new(Kind::Bytes))).to_vec())
            .shared()
    }
}
