//! How long the values of a typical row take: `cargo run --release -p rowtide-source-postgres --example decode_row`.
//!
//! Eight columns: int8, int4, numeric(10,2), text, varchar, timestamptz, bool, uuid. Beside the decoder in use, from text,
//! stands the least that one from the binary format would have to do for the same values.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use rowtide_api::{Props, Result, Value};
use rowtide_cdc::ColumnTypes;
use rowtide_source_postgres::decode::Part;
use rowtide_source_postgres::options::postgres_config_def;
use rowtide_source_postgres::slab::Slab;
use rowtide_source_postgres::types::{PgTypes, TypeOptions, TypeRegistry, oid};
use rowtide_source_postgres::values::ColumnDecoder;

const ROWS: u32 = 3_000_000;
/// The columns below as `binary 'true'` sends them.
const BINARY: [&[u8]; 8] = [
    &123_456_789_i64.to_be_bytes(),
    &4711_i32.to_be_bytes(),
    &[0, 2, 0, 0, 0, 0, 0, 2, 4, 210, 21, 224],
    b"a note of some forty letters, as many are",
    b"shipped",
    &762_527_655_123_456_i64.to_be_bytes(),
    &[1],
    &[0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11],
];
const COLUMNS: [(u32, i32, &str); 8] = [
    (oid::INT8, -1, "123456789"),
    (oid::INT4, -1, "4711"),
    (oid::NUMERIC, 655_366, "1234.56"),
    (oid::TEXT, -1, "a note of some forty letters, as many are"),
    (oid::VARCHAR, 24, "shipped"),
    (oid::TIMESTAMPTZ, -1, "2024-02-29 13:14:15.123456+00"),
    (oid::BOOL, -1, "t"),
    (oid::UUID, -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
];

fn main() -> Result<()> {
    let options = TypeOptions::read(&postgres_config_def().read(&Props::default()))?;
    let types = PgTypes::new(TypeRegistry::default(), options);
    let mut whole = String::new();
    let mut columns: Vec<(ColumnDecoder, Range<usize>)> = Vec::new();
    for (oid, modifier, text) in COLUMNS {
        let column = types.column("c", oid, modifier, None);
        let Some(schema) = types.schema(&column) else { continue };
        let decoder = types.decoder(&"s.t".into(), &column, &schema.shared());
        columns.push((decoder, whole.len()..whole.len() + text.len()));
        whole.push_str(text);
    }
    let mut slab = Slab::default();
    let buffer = Bytes::from(whole);
    for (column, (_, _, text)) in columns.chunks(1).zip(COLUMNS) {
        println!("{:6.1} ns  {text}", time(&buffer, column, |decoder, raw| decoder.text(raw, &mut slab))?);
    }
    println!("{:6.1} ns  the row", time(&buffer, &columns, |decoder, raw| decoder.text(raw, &mut slab))?);

    let buffer = Bytes::from(BINARY.concat());
    let mut at = 0;
    let ranges = BINARY.map(|value| (at, at += value.len()).0..at);
    let columns: Vec<_> = COLUMNS.iter().map(|(oid, ..)| *oid).zip(ranges).collect();
    println!("{:6.1} ns  the row from binary", time(&buffer, &columns, |oid, raw| Ok(binary(*oid, raw)))?);
    for (column, (_, _, text)) in columns.chunks(1).zip(COLUMNS) {
        println!(
            "{:6.1} ns  {text}, from binary: {:?}",
            time(&buffer, column, |oid, raw| Ok(binary(*oid, raw)))?,
            binary(column[0].0, Part::new(&buffer, column[0].1.clone()))
        );
    }
    Ok(())
}

/// Nanoseconds a row, its values slices of one buffer as a tuple has them.
fn time<D>(buffer: &Bytes, columns: &[(D, Range<usize>)], mut decode: impl FnMut(&D, Part<'_>) -> Result<Value>) -> Result<f64> {
    let mut row = vec![Value::Null; columns.len()];
    let start = Instant::now();
    for _ in 0..ROWS {
        for ((decoder, range), value) in columns.iter().zip(&mut row) {
            *value = decode(decoder, Part::new(buffer, range.clone()))?;
        }
        black_box(&row);
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(ROWS))
}

/// The value of a binary form, without the checks that a decoder in earnest needs.
fn binary(oid: u32, raw: Part<'_>) -> Value {
    match oid {
        oid::INT8 => Value::Int64(i64::from_be_bytes(raw[..].try_into().expect("8 bytes"))),
        oid::INT4 => Value::Int32(i32::from_be_bytes(raw[..].try_into().expect("4 bytes"))),
        oid::BOOL => Value::Boolean(raw[0] != 0),
        oid::NUMERIC => numeric(&raw),
        oid::TIMESTAMPTZ => timestamptz(i64::from_be_bytes(raw[..].try_into().expect("8 bytes"))),
        oid::UUID => uuid(&raw),
        _ => Value::String(raw.keep().try_into().expect("UTF-8")),
    }
}

/// Digits of base 10,000 to the fewest bytes of the unscaled value, at scale 2 and with at most one digit after the point.
fn numeric(raw: &[u8]) -> Value {
    let number =
        raw[8..].chunks(2).fold(0, |number, digit| number * 10_000 + i64::from(u16::from_be_bytes([digit[0], digit[1]])));
    let weight = i16::from_be_bytes([raw[2], raw[3]]);
    let number = if i16::from_be_bytes([raw[0], raw[1]]) > weight + 1 { number / 100 } else { number * 100 };
    let bits = 64 - (number ^ (number >> 63)).leading_zeros() + 1;
    Value::Bytes(Bytes::copy_from_slice(&number.to_be_bytes()[8 - bits.div_ceil(8) as usize..]))
}

/// ISO text of microseconds since 2000 (civil date after Hinnant).
fn timestamptz(micros: i64) -> Value {
    let (days, mut rest) = (micros.div_euclid(86_400_000_000) + 730_425, micros.rem_euclid(86_400_000_000));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year + era * 400) } else { (month - 9, year + era * 400 + 1) };
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |at: usize, width: usize, mut number: i64| {
        for digit in text[at..at + width].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(20, 6, rest % 1_000_000);
    rest /= 1_000_000;
    put(17, 2, rest % 60);
    put(14, 2, rest / 60 % 60);
    put(11, 2, rest / 3600);
    Value::String(Bytes::copy_from_slice(&text).try_into().expect("ASCII"))
}

fn uuid(raw: &[u8]) -> Value {
    let mut text = Vec::with_capacity(36);
    for (index, byte) in raw.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    Value::String(Bytes::from(text).try_into().expect("ASCII"))
}
